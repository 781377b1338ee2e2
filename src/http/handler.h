// The two sides of one request: the server calls a RequestHandler, the handler answers through an
// Exchange.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "http/message.h"

namespace octoscale::http {

// Where the answer goes. Thread-safe, never blocks; calls after the end are ignored. Exactly one
// answer: either Send(), or Start(), Write()... and Finish() or Abort().
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual void Send(Response response) = 0;

  // Without a length the body is sent in chunks. Finish() before `content_length` bytes aborts.
  virtual void Start(ResponseHead head, std::optional<uint64_t> content_length) = 0;
  virtual void Write(BodyPiece piece) = 0;
  virtual void Finish() = 0;
  // Breaks the connection off, so that a started answer can never be taken for a whole one.
  virtual void Abort() = 0;

  // When the answer isn't finished by then: 504 if nothing was sent yet, else Abort().
  virtual void SetDeadline(std::chrono::steady_clock::time_point deadline) = 0;
};

enum class AbandonReason {
  kPeerLeft,  // the connection closed or failed
  kTimedOut,  // a deadline or minimum rate was missed; the server answered if it still could
  kBadBody,   // the body broke its framing; the server answered 400 or 413
  kStopped,   // the server is going down at once
};

// One per request; holds its state. The server calls it from its I/O threads, never two calls at
// the same time, so no call may block or compute for long. Other threads may hold references.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  // The head is checked and the body not read yet. A returned answer is sent instead of reading
  // the body (the connection then closes unless the rest is small).
  virtual std::optional<Response> OnHead(const RequestHead& head,
                                         std::shared_ptr<Exchange> exchange) = 0;
  // Some bytes of the body, in order. A returned answer ends the reading.
  virtual std::optional<Response> OnBody(std::span<const uint8_t> bytes) = 0;
  // The body is complete; the handler answers now or later, from any thread.
  virtual void OnBodyEnd() = 0;
  // The answer can't be delivered any more; release what is held and stop the work.
  virtual void OnAbandoned(AbandonReason reason) = 0;
  // Bytes of the answer moved to the peer; `unsent_bytes` still wait here.
  virtual void OnSent(size_t unsent_bytes) { static_cast<void>(unsent_bytes); }
};

}  // namespace octoscale::http
