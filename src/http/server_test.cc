// The server as a black box over loopback sockets.
#include "http/server.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "http/problem.h"
#include "http/test_client.h"

namespace octoscale::http {
namespace {

using std::chrono::milliseconds;

// What handlers saw, for all connections of one server.
struct Seen {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<AbandonReason> abandoned;
  std::vector<ExchangeRecord> records;
  std::shared_ptr<Exchange> exchange;  // of the last request to /wait

  void Abandon(AbandonReason reason) {
    const std::lock_guard lock(mutex);
    abandoned.push_back(reason);
    changed.notify_all();
  }
  template <typename Predicate>
  bool Wait(Predicate predicate) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), predicate);
  }
};

// Answers with the body it got ("/echo"), with a stream ("/stream"), or only when told ("/wait").
class EchoHandler : public RequestHandler {
 public:
  explicit EchoHandler(Seen* seen) : seen_(seen) {}

  std::optional<Response> OnHead(const RequestHead& head,
                                 std::shared_ptr<Exchange> exchange) override {
    path_ = head.path;
    exchange_ = std::move(exchange);
    if (!head.Header("X-Deadline-Ms").empty()) {
      exchange_->SetDeadline(
          std::chrono::steady_clock::now() +
          milliseconds(std::atoi(std::string(head.Header("X-Deadline-Ms")).c_str())));
    }
    if (!head.Header("X-Refuse").empty()) return ToResponse(Problem::Make(503, "refused"));
    return std::nullopt;
  }
  std::optional<Response> OnBody(std::span<const uint8_t> bytes) override {
    body_.append(bytes.begin(), bytes.end());
    if (body_.find("stop") != std::string::npos) return ToResponse(Problem::Make(422, "stop"));
    return std::nullopt;
  }
  void OnBodyEnd() override {
    if (path_ == "/wait") {
      const std::lock_guard lock(seen_->mutex);
      seen_->exchange = exchange_;
      seen_->changed.notify_all();
    } else if (path_ == "/stream" || path_ == "/broken") {
      exchange_->Start({200, "text/plain", {}}, std::nullopt);
      exchange_->Write(BodyPiece::Own("got " + body_));
      exchange_->Write(BodyPiece::Own(std::string(" and more")));
      if (path_ == "/broken") return exchange_->Abort();
      exchange_->Finish();
    } else if (path_ == "/big") {
      exchange_->Send(TextResponse(200, "text/plain", std::string(32 << 20, 'x')));
    } else {
      exchange_->Send(TextResponse(200, "text/plain", body_));
    }
  }
  void OnAbandoned(AbandonReason reason) override { seen_->Abandon(reason); }

 private:
  Seen* const seen_;
  std::string path_;
  std::string body_;
  std::shared_ptr<Exchange> exchange_;
};

class ServerTest : public testing::Test {
 protected:
  void StartServer(ServerOptions options = {}) {
    Router router;
    router.AddGet("/hello",
                  [](const RequestHead&) { return TextResponse(200, "text/plain", "hello"); });
    router.AddGet("/peer", [](const RequestHead& head) {
      return TextResponse(200, "text/plain", head.peer + " of " + head.peer_group);
    });
    router.AddGet(
        "/open", [](const RequestHead&) { return TextResponse(200, "text/plain", "o"); }, true);
    for (const char* path : {"/echo", "/stream", "/broken", "/wait", "/big"}) {
      router.Add(
          {"POST", path, [this] { return std::make_shared<EchoHandler>(&seen_); }, 1 << 20, false});
    }
    options.observer.on_exchange = [this](const ExchangeRecord& record) {
      const std::lock_guard lock(seen_.mutex);
      seen_.records.push_back(record);
      seen_.changed.notify_all();
    };
    auto server = Server::Create(std::move(options), std::move(router));
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(*server);
    server_->Start();
  }

  std::string Ask(const std::string& text) {
    TestClient client(server_->port());
    client.Send(text);
    return client.ReadAnswer();
  }
  static std::string Post(const std::string& path, const std::string& body,
                          const std::string& fields = {}) {
    return "POST " + path +
           " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           fields + "\r\n" + body;
  }

  Seen seen_;
  std::unique_ptr<Server> server_;
};

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

TEST_F(ServerTest, AnswersSeveralRequestsOnOneConnection) {
  StartServer();
  TestClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    client.Send(Post("/echo", "body " + std::to_string(i)));
    const std::string answer = client.ReadAnswer();
    EXPECT_EQ(StatusOf(answer), 200);
    EXPECT_TRUE(EndsWith(answer, "\r\n\r\nbody " + std::to_string(i))) << answer;
  }
  // Pipelined, and an empty line before a request.
  client.Send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n\r\n" + Post("/echo", "x") +
              "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string all = client.ReadAll();
  EXPECT_NE(all.find("\r\n\r\nx"), std::string::npos) << all;
  EXPECT_TRUE(EndsWith(all, "hello"));
}

TEST_F(ServerTest, AnswersHeadOptionsAndWrongMethods) {
  StartServer();
  TestClient client(server_->port());
  client.Send("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string head = client.ReadAnswer(true);
  EXPECT_NE(head.find("Content-Length: 5"), std::string::npos);
  EXPECT_TRUE(EndsWith(head, "\r\n\r\n"));
  EXPECT_EQ(StatusOf(Ask("OPTIONS /echo HTTP/1.1\r\nHost: h\r\n\r\n")), 204);
  const std::string wrong = Ask("DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(StatusOf(wrong), 405);
  EXPECT_NE(wrong.find("Allow: OPTIONS, POST"), std::string::npos);
  EXPECT_EQ(StatusOf(Ask("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n")), 404);
  EXPECT_EQ(StatusOf(Ask("nonsense\r\n\r\n")), 400);
}

TEST_F(ServerTest, ChecksBodiesBeforeReadingThem) {
  StartServer();
  const std::string post = "POST /echo HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(StatusOf(Ask(post + "Content-Length: 1048577\r\n\r\n")), 413);
  EXPECT_EQ(StatusOf(Ask(post + "\r\n")), 411);
  EXPECT_EQ(StatusOf(Ask(Post("/echo", "x", "Content-Encoding: gzip\r\n"))), 415);
  EXPECT_EQ(StatusOf(Ask("GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")), 413);
  EXPECT_EQ(StatusOf(Ask(post + "Transfer-Encoding: chunked\r\n\r\n200000\r\n")), 413);
  EXPECT_EQ(StatusOf(Ask(post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")), 400);
}

TEST_F(ServerTest, SendsContinueOnlyWhenItWantsTheBody) {
  StartServer();
  TestClient client(server_->port());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 100);
  client.Send("ok");
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 200);
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
      "X-Refuse: 1\r\n\r\n");
  const std::string refused = client.ReadAnswer();
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, KeepsTheConnectionAfterARefusalWithASmallBody) {
  StartServer();
  TestClient client(server_->port());
  client.Send(Post("/echo", std::string(100'000, 'x'), "X-Refuse: 1\r\n"));
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 503);
  client.Send(Post("/echo", "again"));
  EXPECT_TRUE(EndsWith(client.ReadAnswer(), "again"));
  client.Send(Post("/echo", "please stop" + std::string(100'000, 'x')));
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 422);
  client.Send(Post("/echo", "again"));
  EXPECT_TRUE(EndsWith(client.ReadAnswer(), "again"));
}

TEST_F(ServerTest, ARefusalReachesAPeerThatIsStillSending) {
  StartServer();
  TestClient client(server_->port());
  // Far over the limit, sent to the end before reading, as simple clients do.
  EXPECT_TRUE(client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n"));
  EXPECT_TRUE(client.Send(std::string(20'000'000, 'x')));
  client.ShutdownSend();
  EXPECT_EQ(StatusOf(client.ReadAll()), 413);
}

TEST_F(ServerTest, StreamsInChunksAndBreaksOffWithoutACleanEnd) {
  StartServer();
  TestClient client(server_->port());
  client.Send(Post("/stream", "x", "Connection: close\r\n"));
  const std::string whole = client.ReadAll();
  EXPECT_NE(whole.find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_TRUE(EndsWith(whole, "\r\n\r\n5\r\ngot x\r\n9\r\n and more\r\n0\r\n\r\n")) << whole;

  TestClient broken(server_->port());
  broken.Send(Post("/broken", "x"));
  EXPECT_FALSE(EndsWith(broken.ReadAll(), "0\r\n\r\n"));
  EXPECT_TRUE(broken.reset()) << "even a peer that reads until the end must notice";

  TestClient old(server_->port());
  old.Send("POST /stream HTTP/1.0\r\nContent-Length: 1\r\n\r\nx");
  const std::string plain = old.ReadAll();
  EXPECT_EQ(plain.find("chunked"), std::string::npos);
  EXPECT_TRUE(EndsWith(plain, "\r\n\r\ngot x and more"));
}

TEST_F(ServerTest, AnswersAPeerThatFillsTheReadAheadBuffer) {
  StartServer();
  const std::string next(200 * 1024, 'n');
  for (int i = 0; i < 10; ++i) {
    TestClient client(server_->port());
    EXPECT_TRUE(client.Send(Post("/wait", "x") + Post("/echo", next)));
    ASSERT_TRUE(seen_.Wait([&] { return seen_.exchange != nullptr; }));
    // Another request's round trip gives the server time to read all that it takes.
    EXPECT_EQ(StatusOf(Ask(Post("/echo", next))), 200);
    std::exchange(seen_.exchange, nullptr)->Send(TextResponse(200, "text/plain", "waited"));
    EXPECT_TRUE(EndsWith(client.ReadAnswer(), "\r\n\r\nwaited"));
    EXPECT_TRUE(EndsWith(client.ReadAnswer(), next));
  }
  EXPECT_TRUE(server_->WaitDrained(milliseconds(20'000)));
  EXPECT_EQ(server_->active_requests(), 0);
}

TEST_F(ServerTest, TellsTheHandlerWhenThePeerLeaves) {
  StartServer();
  {
    TestClient client(server_->port());
    client.Send(Post("/wait", "x"));
    ASSERT_TRUE(seen_.Wait([&] { return seen_.exchange != nullptr; }));
  }
  ASSERT_TRUE(seen_.Wait([&] { return seen_.abandoned.size() == 1; }));
  EXPECT_EQ(seen_.abandoned[0], AbandonReason::kPeerLeft);
  seen_.exchange->Send(TextResponse(200, "text/plain", "too late"));  // harmless
  {
    TestClient client(server_->port());
    client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    client.Close();
  }
  ASSERT_TRUE(seen_.Wait([&] { return seen_.abandoned.size() == 2; }));
}

TEST_F(ServerTest, ABodyOneByteShortIsABadRequest) {
  StartServer();
  TestClient client(server_->port());
  client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nshort");
  client.ShutdownSend();
  EXPECT_EQ(StatusOf(client.ReadAll()), 400);
  ASSERT_TRUE(seen_.Wait([&] { return !seen_.abandoned.empty(); }));
  EXPECT_EQ(seen_.abandoned[0], AbandonReason::kBadBody);
}

TEST_F(ServerTest, SlowPeersAreCutOff) {
  ServerOptions options;
  options.limits.header_deadline = milliseconds(100);
  options.limits.rate_window = milliseconds(100);
  options.limits.idle_timeout = milliseconds(100);
  options.limits.rate_bytes_per_s_min = 1000;
  StartServer(std::move(options));
  TestClient head(server_->port());
  head.Send("GET /hello HTTP/1.1\r\nHo");
  EXPECT_EQ(StatusOf(head.ReadAll()), 408);
  TestClient body(server_->port());
  body.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
  EXPECT_EQ(StatusOf(body.ReadAll()), 408);
  TestClient silent(server_->port());
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_FALSE(silent.timed_out());
  TestClient idle(server_->port());
  idle.Send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(StatusOf(idle.ReadAll()), 200);
  EXPECT_FALSE(idle.timed_out());
}

TEST_F(ServerTest, ASlowReaderIsCutOff) {
  ServerOptions options;
  options.limits.rate_window = milliseconds(200);
  StartServer(std::move(options));
  TestClient client(server_->port());
  client.Send(Post("/big", "x"));
  ASSERT_TRUE(seen_.Wait([&] { return !seen_.abandoned.empty(); })) << "it never reads";
  EXPECT_EQ(seen_.abandoned[0], AbandonReason::kTimedOut);
  EXPECT_LT(client.ReadAll().size(), size_t{32} << 20);
}

TEST_F(ServerTest, ADeadlineEndsARequest) {
  StartServer();
  EXPECT_EQ(StatusOf(Ask(Post("/wait", "x", "X-Deadline-Ms: 50\r\n"))), 504);
  ASSERT_TRUE(seen_.Wait([&] { return !seen_.abandoned.empty(); }));
  EXPECT_EQ(seen_.abandoned[0], AbandonReason::kTimedOut);
  ServerOptions options;
  options.limits.request_timeout = milliseconds(50);
  StartServer(std::move(options));
  EXPECT_EQ(StatusOf(Ask(Post("/wait", "x"))), 504);
  EXPECT_EQ(StatusOf(Ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")), 408);
}

TEST_F(ServerTest, CapsConnectionsPerAddressAndInTotal) {
  for (const bool total : {false, true}) {
    ServerOptions options;
    (total ? options.limits.connections_max : options.limits.connections_per_address_max) = 2;
    StartServer(std::move(options));
    auto first = std::make_unique<TestClient>(server_->port());
    TestClient second(server_->port());
    for (TestClient* client : {first.get(), &second}) {
      client->Send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
      EXPECT_EQ(StatusOf(client->ReadAnswer()), 200);
    }
    const std::string refused = Ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(StatusOf(refused), 503);
    EXPECT_NE(refused.find("Retry-After: 1"), std::string::npos);
    first.reset();
    int status = 0;
    for (int i = 0; i < 1000 && status != 200; ++i) {
      status = StatusOf(Ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"));
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_EQ(status, 200) << "a place that came free is used again";
  }
}

TEST_F(ServerTest, TellsHandlersWhoAsks) {
  StartServer();
  EXPECT_TRUE(EndsWith(Ask("GET /peer HTTP/1.1\r\nHost: h\r\n\r\n"), "127.0.0.1 of 127.0.0.1"));
}

TEST_F(ServerTest, WantsATokenExceptOnOpenRoutes) {
  ServerOptions options;
  options.auth = *BearerAuth::FromTokens({"0123456789abcdef"});
  StartServer(std::move(options));
  EXPECT_EQ(StatusOf(Ask("GET /open HTTP/1.1\r\nHost: h\r\n\r\n")), 200);
  const std::string refused = Ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(StatusOf(refused), 401);
  EXPECT_NE(refused.find("WWW-Authenticate: Bearer"), std::string::npos);
  EXPECT_EQ(StatusOf(Ask("GET /hello HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer wrong\r\n\r\n")),
            401);
  EXPECT_EQ(StatusOf(Ask("GET /hello HTTP/1.1\r\nHost: h\r\n"
                         "Authorization: Bearer 0123456789abcdef\r\n\r\n")),
            200);
}

TEST_F(ServerTest, DrainsFinishesAndStops) {
  StartServer();
  TestClient idle(server_->port());
  idle.Send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.ReadAnswer();
  TestClient busy(server_->port());
  busy.Send(Post("/wait", "x"));
  ASSERT_TRUE(seen_.Wait([&] { return seen_.exchange != nullptr; }));
  EXPECT_EQ(server_->active_requests(), 1);
  server_->BeginDrain();
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_FALSE(server_->WaitDrained(milliseconds(20)));
  const std::string late = Ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(late.find("Connection: close"), std::string::npos);
  seen_.exchange->Send(TextResponse(200, "text/plain", "done"));
  EXPECT_TRUE(EndsWith(busy.ReadAll(), "done"));
  EXPECT_TRUE(server_->WaitDrained(milliseconds(20'000)));
  server_->Stop();
}

TEST_F(ServerTest, StopAbandonsWhatIsLeft) {
  StartServer();
  TestClient busy(server_->port());
  busy.Send(Post("/wait", "x"));
  ASSERT_TRUE(seen_.Wait([&] { return seen_.exchange != nullptr; }));
  server_->Stop();
  EXPECT_EQ(busy.ReadAll(), "");
  ASSERT_EQ(seen_.abandoned.size(), 1u);
  EXPECT_EQ(seen_.abandoned[0], AbandonReason::kStopped);
  server_.reset();
  seen_.exchange->Finish();  // an exchange outlives its server without harm
  seen_.exchange.reset();
}

TEST_F(ServerTest, ReportsEveryExchange) {
  StartServer();
  const std::string trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
  Ask(Post("/echo", "12345", "traceparent: " + trace + "\r\n"));
  ASSERT_TRUE(seen_.Wait([&] { return seen_.records.size() == 1; }));
  const ExchangeRecord& record = seen_.records[0];
  EXPECT_EQ(record.method, "POST");
  EXPECT_EQ(record.route, "/echo");
  EXPECT_EQ(record.status, 200);
  EXPECT_EQ(record.bytes_in, 5u);
  EXPECT_GT(record.bytes_out, 5u);
  EXPECT_EQ(record.traceparent, trace);
  EXPECT_EQ(record.peer, "127.0.0.1");
  EXPECT_TRUE(record.complete);
}

TEST_F(ServerTest, RefusesBadOptionsByName) {
  ServerOptions options;
  options.address = "not-an-address";
  EXPECT_EQ(Server::Create(options, {}).status().code(), StatusCode::kInvalidArgument);
  StartServer();
  options.address = "127.0.0.1";
  options.port = server_->port();
  EXPECT_EQ(Server::Create(options, {}).status().code(), StatusCode::kUnavailable);
  options.port = 0;
  options.tls_cert_path = "/nonexistent/cert.pem";
  EXPECT_EQ(Server::Create(options, {}).status().code(), StatusCode::kInvalidArgument);
  options.tls_key_path = "/nonexistent/key.pem";
  const Status missing = Server::Create(options, {}).status();
  EXPECT_NE(missing.message().find("/nonexistent/cert.pem"), std::string::npos);
}

}  // namespace
}  // namespace octoscale::http
