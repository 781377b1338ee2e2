#include "http/router.h"

#include <algorithm>
#include <utility>

namespace octoscale::http {
namespace {

class ReadyAnswerHandler : public RequestHandler {
 public:
  explicit ReadyAnswerHandler(const std::function<Response(const RequestHead&)>& answer)
      : answer_(answer) {}

  std::optional<Response> OnHead(const RequestHead& head, std::shared_ptr<Exchange>) override {
    return answer_(head);
  }
  std::optional<Response> OnBody(std::span<const uint8_t>) override { return std::nullopt; }
  void OnBodyEnd() override {}
  void OnAbandoned(AbandonReason) override {}

 private:
  const std::function<Response(const RequestHead&)>& answer_;
};

std::string_view TakeSegment(std::string_view* path) {
  path->remove_prefix(1);
  const std::string_view segment = path->substr(0, path->find('/'));
  path->remove_prefix(segment.size());
  return segment;
}

bool Matches(std::string_view pattern, std::string_view path, std::vector<Field>* parameters) {
  parameters->clear();
  while (!pattern.empty() && !path.empty()) {
    if (pattern.front() != '/' || path.front() != '/') return false;
    const std::string_view expected = TakeSegment(&pattern);
    const std::string_view found = TakeSegment(&path);
    if (expected.size() > 2 && expected.front() == '{') {
      if (found.empty()) return false;
      parameters->push_back(
          {std::string(expected.substr(1, expected.size() - 2)), std::string(found)});
    } else if (expected != found) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

void Router::Add(Route route) { routes_.push_back(std::move(route)); }

void Router::AddGet(std::string pattern, std::function<Response(const RequestHead&)> answer,
                    bool open) {
  auto shared = std::make_shared<std::function<Response(const RequestHead&)>>(std::move(answer));
  Route route;
  route.method = "GET";
  route.pattern = std::move(pattern);
  route.open = open;
  route.make_handler = [shared] { return std::make_shared<ReadyAnswerHandler>(*shared); };
  Add(std::move(route));
}

Router::Match Router::Find(std::string_view method, std::string_view path) const {
  Match match;
  std::vector<Field> parameters;
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  for (const Route& route : routes_) {
    if (!Matches(route.pattern, path, &parameters)) continue;
    if (route.method == wanted) {
      match.route = &route;
      match.path_parameters = parameters;
      return match;
    }
    match.allowed.push_back(route.method);
  }
  return match;
}

}  // namespace octoscale::http
