// Trace contexts (W3C Trace Context, level 1).
#pragma once

#include <string>

namespace octoscale::coordinator {

// One per run; thread-compatible.
class TraceId {
 public:
  TraceId();
  // 32 hexadecimal digits, never all zero.
  const std::string& id() const { return id_; }
  // A new span: the value of a `traceparent` field, "00-<trace id>-<span id>-01".
  std::string NextParent() const;

 private:
  std::string id_;
};

}  // namespace octoscale::coordinator
