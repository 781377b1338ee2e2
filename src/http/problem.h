// Error answers as problem details (RFC 9457), and the table from Status codes to HTTP codes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "http/message.h"

namespace octoscale::http {

struct Problem {
  int status = 500;
  std::string detail;                // one sentence: what was found, what was expected
  std::string part;                  // the offending file, field or header; may be empty
  std::optional<int> retry_after_s;  // sent as Retry-After
  std::vector<Field> fields;         // further response fields
  bool close = false;                // end the connection after it

  static Problem Make(int status, std::string detail, std::string part = {});
};

// application/problem+json with type, title, status, detail and, if set, part. Bytes of `detail`
// and `part` that are not UTF-8 are replaced, so the body is always valid JSON.
Response ToResponse(const Problem& problem);

// The HTTP code of a Status: InvalidArgument and CorruptInput 422, NotFound 404, Unsupported 415,
// ResourceExhausted and Unavailable 503, DeadlineExceeded 504, everything else 500.
int HttpStatusOf(StatusCode code);
Problem ProblemOf(const Status& status, std::string part = {});

}  // namespace octoscale::http
