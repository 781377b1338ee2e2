#include "http/problem.h"

#include <nlohmann/json.hpp>

namespace octoscale::http {

Problem Problem::Make(int status, std::string detail, std::string part) {
  Problem problem;
  problem.status = status;
  problem.detail = std::move(detail);
  problem.part = std::move(part);
  return problem;
}

Response ToResponse(const Problem& problem) {
  nlohmann::ordered_json json = {{"type", "about:blank"},
                                 {"title", ReasonPhrase(problem.status)},
                                 {"status", problem.status},
                                 {"detail", problem.detail}};
  if (!problem.part.empty()) json["part"] = problem.part;
  Response response =
      TextResponse(problem.status, "application/problem+json",
                   json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  response.head.fields = problem.fields;
  response.close = problem.close;
  if (problem.retry_after_s) {
    response.head.fields.push_back({"Retry-After", std::to_string(*problem.retry_after_s)});
  }
  return response;
}

int HttpStatusOf(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 200;
    case StatusCode::kInvalidArgument:
    case StatusCode::kCorruptInput:
      return 422;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kUnsupported:
      return 415;
    case StatusCode::kResourceExhausted:
    case StatusCode::kUnavailable:
      return 503;
    case StatusCode::kDeadlineExceeded:
      return 504;
    case StatusCode::kAlreadyExists:
    case StatusCode::kCancelled:
    case StatusCode::kIoError:
    case StatusCode::kInternal:
      return 500;
  }
  return 500;
}

Problem ProblemOf(const Status& status, std::string part) {
  Problem problem = Problem::Make(HttpStatusOf(status.code()), status.message(), std::move(part));
  if (problem.status == 503) problem.retry_after_s = 1;
  return problem;
}

}  // namespace octoscale::http
