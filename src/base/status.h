// Errors as values: Status (code and message) and Result<T> (a value or a Status).
//
// A message names the thing, what was expected, what was found and what to do. Libraries return
// these; only src/cli prints them and only src/http turns them into answers.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace octoscale {

enum class StatusCode {
  kOk = 0,
  kInvalidArgument,    // the caller asked for something that cannot be (usage; HTTP 422, exit 2)
  kNotFound,           // a file, model or worker that is not there
  kAlreadyExists,      // an output that would be overwritten
  kUnsupported,        // well-formed, but nothing here can do it
  kCorruptInput,       // a file or message that breaks its own format
  kResourceExhausted,  // memory, disk space, queue or quota
  kUnavailable,        // may work later: worker down, draining
  kDeadlineExceeded,
  kCancelled,  // the user or caller asked to stop
  kIoError,    // the operating system refused a read or write
  kInternal,   // our defect
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same code with "prefix: " in front of the message; ok stays ok.
  Status WithContext(std::string_view prefix) const;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status OkStatus() { return {}; }
Status InvalidArgument(std::string message);
Status NotFound(std::string message);
Status AlreadyExists(std::string message);
Status Unsupported(std::string message);
Status CorruptInput(std::string message);
Status ResourceExhausted(std::string message);
Status Unavailable(std::string message);
Status DeadlineExceeded(std::string message);
Status Cancelled(std::string message);
Status IoError(std::string message);
Status Internal(std::string message);

// An IoError (NotFound for ENOENT, ResourceExhausted for ENOSPC, EDQUOT and ENOMEM) that says
// "what: text of error_number".
Status ErrnoStatus(int error_number, std::string_view what);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}        // NOLINT(google-explicit-constructor)
  Result(Status status) : state_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    assert(!std::get<Status>(state_).ok());
  }

  bool ok() const { return std::holds_alternative<T>(state_); }
  // Ok when there is a value.
  Status status() const { return ok() ? Status() : std::get<Status>(state_); }

  T& value() & { return std::get<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace octoscale

// Returns the status of an expression from the enclosing function if it is not ok.
#define OCTO_RETURN_IF_ERROR(expression)             \
  do {                                               \
    ::octoscale::Status octo_status_ = (expression); \
    if (!octo_status_.ok()) return octo_status_;     \
  } while (false)

#define OCTO_CONCAT_INNER_(a, b) a##b
#define OCTO_CONCAT_(a, b) OCTO_CONCAT_INNER_(a, b)

// OCTO_ASSIGN_OR_RETURN(auto value, Compute()): assigns, or returns the error.
#define OCTO_ASSIGN_OR_RETURN(declaration, expression) \
  OCTO_ASSIGN_OR_RETURN_IMPL_(OCTO_CONCAT_(octo_result_, __LINE__), declaration, expression)
#define OCTO_ASSIGN_OR_RETURN_IMPL_(result, declaration, expression) \
  auto result = (expression);                                        \
  if (!result.ok()) return result.status();                          \
  declaration = std::move(result).value()
