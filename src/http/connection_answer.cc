#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <cstdio>
#include <ctime>
#include <utility>

#include "http/connection.h"

namespace octoscale::http {
namespace {

constexpr size_t kWritePiecesMax = 16;

std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  const size_t size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, size);
}

// A field value from outside must not begin another field.
std::string SafeValue(std::string value) {
  for (char& c : value) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return value;
}

std::string ChunkHead(size_t size) {
  char text[24];
  std::snprintf(text, sizeof(text), "%zx\r\n", size);
  return text;
}

}  // namespace

void Connection::Answer(Response response) {
  uint64_t length = 0;
  for (const BodyPiece& piece : response.body) length += piece.bytes.size();
  StartAnswer(response.head, length, response.close);
  for (BodyPiece& piece : response.body) AppendBody(std::move(piece));
  FinishAnswer();
}

bool Connection::BodyLeftIsSmall() const {
  if (phase_ != Phase::kBody || !head_.has_body()) return true;
  if (continue_pending_) return false;  // whether the peer sends the body now is unknowable
  if (!head_.content_length) return false;
  return *head_.content_length - body_bytes_ <= shared_->limits.drain_bytes_max;
}

void Connection::StartAnswer(const ResponseHead& head, std::optional<uint64_t> length, bool close) {
  answer_started_ = true;
  answer_left_ = length;
  record_.status = head.status;
  if (phase_ == Phase::kBody) {
    discard_body_ = true;
    read_window_end_ = Clock::time_point::max();
  }
  answer_chunked_ = !length && head_.version == 11;
  close_after_ = close_after_ || close || !head_.keep_alive || shared_->draining ||
                 !BodyLeftIsSmall() || (!length && !answer_chunked_) ||
                 requests_ >= shared_->limits.requests_per_connection_max;
  std::string text = "HTTP/1.1 " + std::to_string(head.status) + " " +
                     std::string(ReasonPhrase(head.status)) + "\r\nDate: " + HttpDate() +
                     "\r\nServer: octoscale\r\n";
  if (!head.content_type.empty()) text += "Content-Type: " + head.content_type + "\r\n";
  if (answer_chunked_) {
    text += "Transfer-Encoding: chunked\r\n";
  } else if (length && head.status != 204) {
    text += "Content-Length: " + std::to_string(*length) + "\r\n";
  }
  for (const Field& field : head.fields) {
    text += field.name + ": " + SafeValue(field.value) + "\r\n";
  }
  text += close_after_ ? "Connection: close\r\n" : "Connection: keep-alive\r\n";
  text += "X-Content-Type-Options: nosniff\r\n\r\n";
  Queue(BodyPiece::Own(std::move(text)));
}

void Connection::AppendBody(BodyPiece piece) {
  if (!answer_started_ || answer_finished_ || piece.bytes.empty()) return;
  const size_t size = piece.bytes.size();
  if (answer_left_) {
    if (size > *answer_left_) return AbortAnswer();  // our defect: never send more than announced
    *answer_left_ -= size;
  }
  if (head_only_) return;
  if (answer_chunked_) Queue(BodyPiece::Own(ChunkHead(size)));
  Queue(std::move(piece));
  if (answer_chunked_) Queue(BodyPiece::Own(std::string("\r\n")));
}

void Connection::FinishAnswer() {
  if (!answer_started_ || answer_finished_) return;
  if (answer_left_.value_or(0) > 0) return AbortAnswer();
  answer_finished_ = true;
  if (answer_chunked_ && !head_only_) Queue(BodyPiece::Own(std::string("0\r\n\r\n")));
  if (out_.empty() && !writing_) OnAnswerSent();
}

void Connection::AbortAnswer() {
  EndExchange(false);
  Close(/*reset=*/true);
}

void Connection::Queue(BodyPiece piece) {
  if (phase_ == Phase::kClosed) return;
  if (out_.empty()) {
    write_window_end_ = Clock::now() + shared_->limits.rate_window;
    write_window_bytes_ = 0;
  }
  out_bytes_ += piece.bytes.size();
  out_.push_back(std::move(piece));
  WriteMore();
  ArmTimer();
}

void Connection::WriteMore() {
  if (writing_ || out_.empty()) return;
  writing_ = true;
  std::vector<boost::asio::const_buffer> buffers;
  for (size_t i = 0; i < out_.size() && i < kWritePiecesMax; ++i) {
    const std::span<const uint8_t> bytes = out_[i].bytes.subspan(i == 0 ? out_offset_ : 0);
    buffers.emplace_back(bytes.data(), bytes.size());
  }
  transport_->WriteSome(std::move(buffers), Held([this](boost::system::error_code error,
                                                        size_t size) { OnWritten(error, size); }));
}

void Connection::OnWritten(const boost::system::error_code& error, size_t size) {
  writing_ = false;
  if (phase_ == Phase::kClosed) return;
  if (error) {
    Abandon(AbandonReason::kPeerLeft);
    return Close();
  }
  record_.bytes_out += size;
  write_window_bytes_ += size;
  out_bytes_ -= size;
  size += out_offset_;
  while (!out_.empty() && size >= out_.front().bytes.size()) {
    size -= out_.front().bytes.size();
    out_.pop_front();
  }
  out_offset_ = size;
  if (out_.empty()) write_window_end_ = Clock::time_point::max();
  if (handler_ && answer_started_) {
    const std::shared_ptr<RequestHandler> handler = handler_;
    handler->OnSent(out_bytes_);
  }
  if (!out_.empty()) return WriteMore();
  if (phase_ == Phase::kLinger) return transport_->ShutdownSend(self_);
  if (answer_finished_ && exchange_open_) OnAnswerSent();
}

void Connection::OnAnswerSent() {
  EndExchange(true);
  if (close_after_) return BeginLinger();
  if (phase_ == Phase::kBody) {  // the small rest of the body is read and dropped first
    phase_deadline_ = Clock::now() + shared_->limits.linger_timeout;
    return ArmTimer();
  }
  ResetForNextRequest();
  // Bytes of the next request may have come already.
  Process();
  ReadMore();
}

void Connection::Abandon(AbandonReason reason) {
  if (!exchange_open_ || !handler_) return;
  const std::shared_ptr<RequestHandler> handler = std::exchange(handler_, nullptr);
  discard_body_ = true;
  handler->OnAbandoned(reason);
}

void Connection::EndExchange(bool complete) {
  if (!exchange_open_) return;
  if (!complete) Abandon(AbandonReason::kPeerLeft);
  exchange_open_ = false;
  record_.complete = complete;
  record_.bytes_in = body_bytes_;
  record_.duration =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - exchange_start_);
  if (shared_->observer.on_exchange) shared_->observer.on_exchange(record_);
  handler_.reset();
  shared_->registry.ExchangeEnds();
}

// Sends the end of our side and waits for the peer's: closing with unread input would make TCP
// reset the connection, and the answer could be lost on its way.
void Connection::BeginLinger() {
  phase_ = Phase::kLinger;
  phase_deadline_ = Clock::now() + shared_->limits.linger_timeout;
  request_deadline_ = handler_deadline_ = Clock::time_point::max();
  read_window_end_ = Clock::time_point::max();
  linger_bytes_ = unread();
  in_begin_ = in_end_ = 0;
  if (out_.empty() && !writing_) transport_->ShutdownSend(self_);
  ArmTimer();
  ReadMore();
}

void Connection::Close(bool reset) {
  if (phase_ == Phase::kClosed) return;
  EndExchange(false);
  phase_ = Phase::kClosed;
  timer_.cancel();
  if (reset) {
    transport_->Reset();
  } else {
    transport_->Close();
  }
  self_.reset();  // the caller, and what is pending, still hold the connection and its buffers
}

void Connection::StartRefusing(const char* reason) {
  boost::asio::dispatch(timer_.get_executor(), Held([this, reason] {
                          self_ = shared_from_this();
                          phase_ = Phase::kHandling;
                          exchange_open_ = true;
                          exchange_start_ = Clock::now();
                          head_.keep_alive = false;
                          record_.peer = peer_;
                          shared_->registry.ExchangeBegins();
                          request_deadline_ = exchange_start_ + std::chrono::seconds(1);
                          Problem problem = Problem::Make(503, reason);
                          problem.retry_after_s = 1;
                          Answer(ToResponse(problem));
                          ReadMore();
                        }));
}

std::optional<Connection::Clock::time_point> Connection::NextDeadline() const {
  const Clock::time_point next = std::min(
      {phase_deadline_, request_deadline_, handler_deadline_, read_window_end_, write_window_end_});
  if (next == Clock::time_point::max()) return std::nullopt;
  return next;
}

void Connection::ArmTimer() {
  if (phase_ == Phase::kClosed) return;
  const auto next = NextDeadline();
  // A timer that fires early is harmless, one that fires late isn't.
  if (!next || timer_at_ <= *next) return;
  timer_at_ = *next;
  timer_.expires_at(*next);
  timer_.async_wait(Held([this](boost::system::error_code error) {
    if (error || phase_ == Phase::kClosed) return;
    timer_at_ = Clock::time_point::max();
    OnTimer();
    ArmTimer();
  }));
}

void Connection::OnTimer() {
  const Clock::time_point now = Clock::now();
  if (now >= phase_deadline_) {
    if (phase_ != Phase::kHead) return Close();
    ++requests_;
    ++exchange_id_;
    exchange_open_ = true;
    exchange_start_ = now;
    head_ = {};
    head_.keep_alive = false;
    record_ = {};
    record_.peer = peer_;
    shared_->registry.ExchangeBegins();
    phase_ = Phase::kHandling;
    phase_deadline_ = Clock::time_point::max();
    request_deadline_ = now + shared_->limits.request_timeout;
    return Answer(ToResponse(Problem::Make(408, "the request's head took too long")));
  }
  if (now >= handler_deadline_) {
    handler_deadline_ = Clock::time_point::max();
    return OnTimedOut(504, "the request's deadline passed before its answer was complete");
  }
  if (now >= request_deadline_) {
    request_deadline_ = Clock::time_point::max();
    return OnTimedOut(phase_ == Phase::kBody ? 408 : 504, "the request took too long");
  }
  CheckRates(now);
}

void Connection::OnTimedOut(int status, const char* what) {
  if (!exchange_open_) return Close();
  const bool reading_body = phase_ == Phase::kBody;
  Abandon(AbandonReason::kTimedOut);
  if (answer_started_) return AbortAnswer();
  request_deadline_ = Clock::now() + shared_->limits.linger_timeout;
  Problem problem = Problem::Make(status, what);
  problem.close = reading_body;
  Answer(ToResponse(problem));
}

void Connection::CheckRates(Clock::time_point now) {
  const Limits& limits = shared_->limits;
  const auto least = static_cast<uint64_t>(static_cast<double>(limits.rate_bytes_per_s_min) *
                                           static_cast<double>(limits.rate_window.count()) / 1000);
  if (now >= read_window_end_) {
    read_window_end_ = now + limits.rate_window;
    if (std::exchange(read_window_bytes_, 0) < least) {
      return OnTimedOut(408, "the body came slower than the least rate");
    }
  }
  if (now >= write_window_end_) {
    write_window_end_ = now + limits.rate_window;
    if (std::exchange(write_window_bytes_, 0) < least) {
      Abandon(AbandonReason::kTimedOut);
      Close(/*reset=*/true);
    }
  }
}

}  // namespace octoscale::http
