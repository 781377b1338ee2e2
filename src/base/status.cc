#include "base/status.h"

#include <cerrno>
#include <system_error>

namespace octoscale {

Status Status::WithContext(std::string_view prefix) const {
  if (ok()) return *this;
  return Status(code_, std::string(prefix) + ": " + message_);
}

Status InvalidArgument(std::string m) { return {StatusCode::kInvalidArgument, std::move(m)}; }
Status NotFound(std::string m) { return {StatusCode::kNotFound, std::move(m)}; }
Status AlreadyExists(std::string m) { return {StatusCode::kAlreadyExists, std::move(m)}; }
Status Unsupported(std::string m) { return {StatusCode::kUnsupported, std::move(m)}; }
Status CorruptInput(std::string m) { return {StatusCode::kCorruptInput, std::move(m)}; }
Status ResourceExhausted(std::string m) { return {StatusCode::kResourceExhausted, std::move(m)}; }
Status Unavailable(std::string m) { return {StatusCode::kUnavailable, std::move(m)}; }
Status DeadlineExceeded(std::string m) { return {StatusCode::kDeadlineExceeded, std::move(m)}; }
Status Cancelled(std::string m) { return {StatusCode::kCancelled, std::move(m)}; }
Status IoError(std::string m) { return {StatusCode::kIoError, std::move(m)}; }
Status Internal(std::string m) { return {StatusCode::kInternal, std::move(m)}; }

Status ErrnoStatus(int error_number, std::string_view what) {
  StatusCode code = StatusCode::kIoError;
  if (error_number == ENOENT) code = StatusCode::kNotFound;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == ENOMEM) {
    code = StatusCode::kResourceExhausted;
  }
  return {code, std::string(what) + ": " + std::generic_category().message(error_number)};
}

}  // namespace octoscale
