#include "http/connection.h"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cstring>
#include <utility>

namespace octoscale::http {

namespace {

constexpr size_t kHeadBufferBytes = 8 * 1024;
constexpr size_t kBodyBufferBytes = 128 * 1024;

bool WellFormedTraceparent(std::string_view value) {
  if (value.size() != 55) return false;
  for (size_t i = 0; i < value.size(); ++i) {
    const bool dash = i == 2 || i == 35 || i == 52;
    const bool hex = (value[i] >= '0' && value[i] <= '9') || (value[i] >= 'a' && value[i] <= 'f');
    if (dash ? value[i] != '-' : !hex) return false;
  }
  return true;
}

}  // namespace

// Forwards a handler's calls to the connection's strand; outlives the connection without harm.
class ConnectionExchange : public Exchange {
 public:
  ConnectionExchange(std::shared_ptr<ServerShared> shared, std::weak_ptr<Connection> connection,
                     uint64_t id, boost::asio::any_io_executor executor)
      : shared_(std::move(shared)),
        connection_(std::move(connection)),
        id_(id),
        executor_(std::move(executor)) {}

  void Send(Response response) override {
    Post([response = std::move(response)](Connection& c) mutable {
      if (!c.answer_started_) c.Answer(std::move(response));
    });
  }
  void Start(ResponseHead head, std::optional<uint64_t> content_length) override {
    Post([head = std::move(head), content_length](Connection& c) {
      if (!c.answer_started_) c.StartAnswer(head, content_length, false);
    });
  }
  void Write(BodyPiece piece) override {
    Post([piece = std::move(piece)](Connection& c) mutable { c.AppendBody(std::move(piece)); });
  }
  void Finish() override {
    Post([](Connection& c) { c.FinishAnswer(); });
  }
  void Abort() override {
    Post([](Connection& c) { c.AbortAnswer(); });
  }
  void SetDeadline(std::chrono::steady_clock::time_point deadline) override {
    Post([deadline](Connection& c) {
      c.handler_deadline_ = deadline;
      c.ArmTimer();
    });
  }

 private:
  template <typename Call>
  void Post(Call call) {
    boost::asio::post(executor_, [weak = connection_, id = id_, call = std::move(call)]() mutable {
      const auto connection = weak.lock();
      if (!connection || connection->exchange_id_ != id) return;
      if (!connection->exchange_open_) return;
      connection->Guarded([&] { call(*connection); });
    });
  }

  const std::shared_ptr<ServerShared> shared_;  // keeps the executor's context alive
  const std::weak_ptr<Connection> connection_;
  const uint64_t id_;
  const boost::asio::any_io_executor executor_;
};

Connection::Connection(std::shared_ptr<ServerShared> shared, std::unique_ptr<Transport> transport,
                       std::string peer, std::string address_group)
    : shared_(std::move(shared)),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      address_group_(std::move(address_group)),
      timer_(transport_->socket().get_executor()) {}

Connection::~Connection() { shared_->registry.Remove(this, address_group_); }

void Connection::Start() {
  boost::asio::dispatch(timer_.get_executor(), Held([this] {
                          self_ = shared_from_this();
                          phase_deadline_ = Clock::now() + shared_->limits.header_deadline;
                          ArmTimer();
                          transport_->Handshake(Held([this](boost::system::error_code error) {
                            if (phase_ != Phase::kHandshake) return;
                            if (error) return Close();
                            phase_ =
                                Phase::kIdle;  // the header deadline goes on: nothing was asked yet
                            ReadMore();
                          }));
                        }));
}

void Connection::Drain() {
  boost::asio::dispatch(timer_.get_executor(), Held([this] {
                          if (phase_ == Phase::kIdle && requests_ > 0) BeginLinger();
                        }));
}

void Connection::Stop() {
  boost::asio::dispatch(timer_.get_executor(), Held([this] {
                          Abandon(AbandonReason::kStopped);
                          Close();
                        }));
}

void Connection::ReadMore() {
  if (reading_ || phase_ == Phase::kClosed || phase_ == Phase::kHandshake) return;
  if (in_begin_ > 0) {
    std::memmove(in_.data(), in_.data() + in_begin_, unread());
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  const bool bulk = phase_ == Phase::kBody || phase_ == Phase::kLinger;
  const size_t pending_max = RequestParser::PendingBytesMax(shared_->limits) + kHeadBufferBytes;
  const size_t wanted = bulk ? std::max(kBodyBufferBytes, pending_max)
                             : std::min(std::max(in_end_ * 2, kHeadBufferBytes), pending_max);
  if (in_.size() < wanted) in_.resize(wanted);
  // While a request is handled, reading ahead only serves to notice that the peer leaves: it ends
  // when a peer that sends more requests meanwhile has filled the buffer.
  if (in_end_ == in_.size()) return;
  reading_ = true;
  transport_->ReadSome(
      {in_.data() + in_end_, in_.size() - in_end_},
      Held([this](boost::system::error_code error, size_t size) { OnRead(error, size); }));
}

void Connection::OnRead(const boost::system::error_code& error, size_t size) {
  reading_ = false;
  if (phase_ == Phase::kClosed) return;
  if (error) return OnReadFailed(error == boost::asio::error::eof);
  in_end_ += size;
  Process();
  ReadMore();
}

void Connection::OnReadFailed(bool clean_end) {
  if (phase_ == Phase::kBody && clean_end && !answer_started_) {
    // A peer that closed only its sending side still hears why.
    Abandon(AbandonReason::kBadBody);
    Problem problem = Problem::Make(400, "the body ends before its announced length");
    problem.close = true;
    return Answer(ToResponse(problem));
  }
  if (exchange_open_ && answer_finished_ && clean_end) {
    close_after_ = true;  // the whole answer is queued: let it go out
    return;
  }
  Abandon(AbandonReason::kPeerLeft);
  Close();
}

void Connection::Process() {
  for (bool progress = true; progress;) {
    switch (phase_) {
      case Phase::kIdle:
        // RFC 9112, 2.2: ignore empty lines before a request line.
        while (unread() > 0 && (in_[in_begin_] == '\r' || in_[in_begin_] == '\n')) Consume(1);
        progress = unread() > 0;
        if (progress) {
          phase_ = Phase::kHead;
          parser_.emplace(shared_->limits);
          if (requests_ > 0) {
            phase_deadline_ = Clock::now() + shared_->limits.header_deadline;
          }
          ArmTimer();
        }
        break;
      case Phase::kHead:
        progress = ProcessHead();
        break;
      case Phase::kBody:
        progress = ProcessBody();
        break;
      case Phase::kLinger:
        linger_bytes_ += unread();
        in_begin_ = in_end_ = 0;
        if (linger_bytes_ > shared_->limits.linger_bytes_max) Close();
        return;
      case Phase::kHandling:
      case Phase::kHandshake:
      case Phase::kClosed:
        return;
    }
  }
}

bool Connection::ProcessHead() {
  std::optional<ParseError> error;
  Consume(parser_->Feed(
      {in_.data() + in_begin_, unread()}, [](auto) {}, &error));
  if (!error && parser_->state() == RequestParser::State::kHead) return false;
  ++requests_;
  ++exchange_id_;
  exchange_open_ = true;
  exchange_start_ = Clock::now();
  shared_->registry.ExchangeBegins();
  head_ = std::move(parser_->head());
  head_.peer = peer_;
  head_.peer_group = address_group_;
  record_ = {};
  record_.method = head_.method;
  record_.target = head_.target;
  record_.peer = peer_;
  phase_deadline_ = Clock::time_point::max();
  request_deadline_ = exchange_start_ + shared_->limits.request_timeout;
  if (error) {
    phase_ = Phase::kHandling;
    Problem problem = Problem::Make(error->status, error->detail);
    problem.close = true;
    Answer(ToResponse(problem));
    return false;
  }
  OnHeadComplete();
  return true;
}

void Connection::OnHeadComplete() {
  const std::string_view traceparent = head_.Header("traceparent");
  if (WellFormedTraceparent(traceparent)) record_.traceparent = traceparent;
  head_only_ = head_.method == "HEAD";
  phase_ = Phase::kBody;
  continue_pending_ = head_.expects_continue;
  read_window_bytes_ = 0;
  read_window_end_ = exchange_start_ + shared_->limits.rate_window;

  Router::Match match = shared_->router.Find(head_.method, head_.path);
  std::optional<Response> answer = CheckHead(&match);
  if (!answer) {
    head_.path_parameters = std::move(match.path_parameters);
    parser_->SetBodyLimit(std::min(match.route->body_bytes_max, shared_->limits.body_bytes_max));
    handler_ = match.route->make_handler();
    answer = handler_->OnHead(
        head_, std::make_shared<ConnectionExchange>(shared_, weak_from_this(), exchange_id_,
                                                    timer_.get_executor()));
    if (answer) handler_.reset();
  }
  if (answer) {
    Answer(std::move(*answer));
  } else if (continue_pending_) {
    continue_pending_ = false;
    if (unread() == 0) Queue(BodyPiece::Own(std::string("HTTP/1.1 100 Continue\r\n\r\n")));
  }
  ArmTimer();
  if (parser_->state() == RequestParser::State::kDone) OnBodyComplete();
}

std::optional<Response> Connection::CheckHead(Router::Match* match) {
  if (match->route == nullptr) {
    if (match->allowed.empty()) {
      return ToResponse(Problem::Make(404, "no such path", head_.path));
    }
    std::string allow = "OPTIONS";
    for (const std::string& method : match->allowed) {
      allow += ", " + method;
      if (method == "GET") allow += ", HEAD";
    }
    if (head_.method == "OPTIONS") {
      Response response;
      response.head.status = 204;
      response.head.fields.push_back({"Allow", allow});
      return response;
    }
    Problem problem = Problem::Make(405, "this path answers " + allow, head_.method);
    problem.fields.push_back({"Allow", allow});
    return ToResponse(problem);
  }
  const Route& route = *match->route;
  record_.route = route.pattern;
  if (shared_->auth.required()) {
    const auto token = shared_->auth.Match(head_.Header("Authorization"));
    if (!token && !route.open) {
      Problem problem = Problem::Make(401, "expected Authorization: Bearer with a known token");
      problem.fields.push_back({"WWW-Authenticate", "Bearer realm=\"octoscale\""});
      return ToResponse(problem);
    }
    head_.token_index = token.value_or(0);
  }
  const std::string_view encoding = head_.Header("Content-Encoding");
  if (!encoding.empty() && !EqualsIgnoreCase(encoding, "identity")) {
    return ToResponse(
        Problem::Make(415, "compressed request bodies are not accepted", "Content-Encoding"));
  }
  const uint64_t body_max = std::min(route.body_bytes_max, shared_->limits.body_bytes_max);
  if (head_.content_length.value_or(0) > body_max || (body_max == 0 && head_.has_body())) {
    return ToResponse(Problem::Make(413, "the body may have " + std::to_string(body_max) + " bytes",
                                    "Content-Length"));
  }
  if (body_max > 0 && !head_.content_length && !head_.chunked) {
    return ToResponse(Problem::Make(411, "expected Content-Length or Transfer-Encoding: chunked"));
  }
  return std::nullopt;
}

bool Connection::ProcessBody() {
  std::optional<ParseError> error;
  std::optional<Response> answer;
  const std::shared_ptr<RequestHandler> handler = handler_;
  const size_t used = parser_->Feed(
      {in_.data() + in_begin_, unread()},
      [&](std::span<const uint8_t> bytes) {
        body_bytes_ += bytes.size();
        read_window_bytes_ += bytes.size();
        if (!discard_body_ && !answer && handler) answer = handler->OnBody(bytes);
      },
      &error);
  Consume(used);
  if (error) {
    close_after_ = true;
    if (answer_started_) {
      if (!answer_finished_) {
        AbortAnswer();
      } else if (!exchange_open_) {
        BeginLinger();  // the answer is out already
      } else {
        phase_ = Phase::kHandling;  // lingers once the answer is out
      }
      return phase_ == Phase::kLinger;
    }
    Abandon(AbandonReason::kBadBody);
    Problem problem = Problem::Make(error->status, error->detail);
    problem.close = true;
    phase_ = Phase::kHandling;
    Answer(ToResponse(problem));
    return false;
  }
  if (answer) {
    handler_.reset();
    Answer(std::move(*answer));
  }
  if (parser_->state() != RequestParser::State::kDone) return false;
  OnBodyComplete();
  return phase_ != Phase::kHandling;
}

void Connection::OnBodyComplete() {
  read_window_end_ = Clock::time_point::max();
  phase_ = Phase::kHandling;
  record_.bytes_in = body_bytes_;
  if (unread() == 0 && !reading_) {  // an idle connection needn't keep a body's buffer
    std::vector<uint8_t>().swap(in_);
    in_begin_ = in_end_ = 0;
  }
  if (!exchange_open_) return ResetForNextRequest();  // the answer went out before
  if (handler_ && !discard_body_) {
    const std::shared_ptr<RequestHandler> handler = handler_;
    handler->OnBodyEnd();
  }
}

void Connection::ResetForNextRequest() {
  parser_.reset();
  handler_.reset();
  head_ = {};
  body_bytes_ = 0;
  discard_body_ = false;
  continue_pending_ = false;
  answer_started_ = answer_finished_ = answer_chunked_ = head_only_ = false;
  answer_left_.reset();
  close_after_ = false;
  request_deadline_ = handler_deadline_ = Clock::time_point::max();
  read_window_end_ = write_window_end_ = Clock::time_point::max();
  if (shared_->draining) return BeginLinger();
  phase_ = Phase::kIdle;
  phase_deadline_ = Clock::now() + shared_->limits.idle_timeout;
  ArmTimer();
}

}  // namespace octoscale::http
