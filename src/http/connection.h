// One accepted connection: reads requests, calls handlers, writes answers, keeps the time limits.
// Private to src/http (it includes Boost.Asio).
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/bearer_auth.h"
#include "http/exchange_log.h"
#include "http/handler.h"
#include "http/limits.h"
#include "http/problem.h"
#include "http/request_parser.h"
#include "http/router.h"
#include "http/transport.h"

namespace octoscale::http {

class Connection;

// Every open connection, by address, and how many requests are being answered. Thread-safe.
class ConnectionRegistry {
 public:
  explicit ConnectionRegistry(const Limits& limits) : limits_(limits) {}

  // Null, or the reason why one more connection from this address is over a cap.
  const char* Admit(const std::string& address_group);
  void Add(const std::shared_ptr<Connection>& connection);
  void Remove(Connection* connection, const std::string& address_group);
  std::vector<std::shared_ptr<Connection>> All() const;

  void ExchangeBegins();
  void ExchangeEnds();
  int exchanges() const;
  // Waits until no request is being answered (and, with `closed`, no connection is open).
  bool WaitIdle(std::chrono::steady_clock::time_point until, bool closed) const;

 private:
  const Limits limits_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<Connection*, std::weak_ptr<Connection>> connections_;
  std::map<std::string, int> by_address_;
  int admitted_ = 0;
  int exchanges_ = 0;
};

// What all connections of a server and the exchanges that handlers still hold share.
struct ServerShared {
  explicit ServerShared(const Limits& l) : limits(l), registry(l) {}
  boost::asio::io_context context;
  Limits limits;
  Router router;
  BearerAuth auth;
  ServerObserver observer;
  std::atomic<bool> draining{false};
  ConnectionRegistry registry;
};

// Everything runs on the transport's strand. A connection owns itself from Start() to Close(), so
// that a request is answered even while nothing is read or written; what is pending then holds it
// (Held).
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerShared> shared, std::unique_ptr<Transport> transport,
             std::string peer, std::string address_group);
  ~Connection();

  // Any thread.
  void Start();
  // Answers 503 without reading a request, then closes.
  void StartRefusing(const char* reason);
  void Drain();  // closes once idle
  void Stop();   // closes now

 private:
  friend class ConnectionExchange;
  using Clock = std::chrono::steady_clock;
  enum class Phase { kHandshake, kIdle, kHead, kBody, kHandling, kLinger, kClosed };

  // Runs a step; a failure to get memory in it ends this connection, not the process.
  template <typename Step>
  void Guarded(Step step) {
    try {
      step();
    } catch (const std::exception&) {
      Abandon(AbandonReason::kStopped);
      Close(/*reset=*/true);
    }
  }

  // A completion that keeps the connection, and so the buffers in use, until it has run.
  template <typename Step>
  auto Held(Step step) {
    return [self = shared_from_this(), step = std::move(step)](auto... arguments) {
      self->Guarded([&] { step(arguments...); });
    };
  }

  // connection.cc: reading
  void ReadMore();
  void OnRead(const boost::system::error_code& error, size_t size);
  void OnReadFailed(bool clean_end);
  void Process();
  bool ProcessHead();
  bool ProcessBody();
  void OnHeadComplete();
  std::optional<Response> CheckHead(Router::Match* match);
  void OnBodyComplete();
  void Consume(size_t size) { in_begin_ += size; }
  size_t unread() const { return in_end_ - in_begin_; }
  void ResetForNextRequest();

  // connection_answer.cc: answering, time limits, the end
  void Answer(Response response);
  void StartAnswer(const ResponseHead& head, std::optional<uint64_t> length, bool close);
  void AppendBody(BodyPiece piece);
  void FinishAnswer();
  void AbortAnswer();
  bool BodyLeftIsSmall() const;
  void Queue(BodyPiece piece);
  void WriteMore();
  void OnWritten(const boost::system::error_code& error, size_t size);
  void OnAnswerSent();
  void Abandon(AbandonReason reason);
  void EndExchange(bool complete);
  void BeginLinger();
  void Close(bool reset = false);
  void ArmTimer();
  std::optional<Clock::time_point> NextDeadline() const;
  void OnTimer();
  void OnTimedOut(int status, const char* what);
  void CheckRates(Clock::time_point now);

  const std::shared_ptr<ServerShared> shared_;
  const std::unique_ptr<Transport> transport_;
  const std::string peer_;
  const std::string address_group_;
  std::shared_ptr<Connection> self_;  // from Start() to Close()
  boost::asio::steady_timer timer_;
  Clock::time_point timer_at_ = Clock::time_point::max();
  Phase phase_ = Phase::kHandshake;

  std::vector<uint8_t> in_;
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  bool reading_ = false;
  std::optional<RequestParser> parser_;
  int requests_ = 0;

  // The current exchange; `exchange_id_` tells late calls of an earlier one apart.
  uint64_t exchange_id_ = 0;
  bool exchange_open_ = false;
  std::shared_ptr<RequestHandler> handler_;
  RequestHead head_;
  ExchangeRecord record_;
  Clock::time_point exchange_start_;
  uint64_t body_bytes_ = 0;
  bool discard_body_ = false;
  bool continue_pending_ = false;  // the peer waits for 100 Continue, which wasn't sent
  bool answer_started_ = false;
  bool answer_finished_ = false;
  bool answer_chunked_ = false;
  bool head_only_ = false;
  std::optional<uint64_t> answer_left_;  // bytes still owed of the announced length
  bool close_after_ = false;

  std::deque<BodyPiece> out_;
  size_t out_offset_ = 0;  // bytes of out_.front() that are written
  size_t out_bytes_ = 0;
  bool writing_ = false;

  Clock::time_point phase_deadline_ = Clock::time_point::max();
  Clock::time_point request_deadline_ = Clock::time_point::max();
  Clock::time_point handler_deadline_ = Clock::time_point::max();
  Clock::time_point read_window_end_ = Clock::time_point::max();
  Clock::time_point write_window_end_ = Clock::time_point::max();
  uint64_t read_window_bytes_ = 0;
  uint64_t write_window_bytes_ = 0;
  uint64_t linger_bytes_ = 0;
};

}  // namespace octoscale::http
