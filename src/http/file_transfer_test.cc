// Downloads from a peer that sends exactly the bytes it is given.
#include "http/file_transfer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>
#include <string>
#include <thread>
#include <utility>

namespace octoscale::http {
namespace {

// Takes one connection on a loopback port, reads a request's head and sends `answer`.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
    if (::listen(listener_, 1) != 0) std::abort();
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this] { Serve(); });
  }
  ~OneAnswer() {
    thread_.join();
    ::close(listener_);
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  const std::string& url() const { return url_; }

 private:
  void Serve() {
    const int peer = ::accept(listener_, nullptr, nullptr);
    std::string head;
    char byte = 0;
    while (head.find("\r\n\r\n") == std::string::npos && ::recv(peer, &byte, 1, 0) == 1) {
      head += byte;
    }
    static_cast<void>(::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL));
    ::close(peer);
  }

  const std::string answer_;
  int listener_ = -1;
  std::string url_;
  std::thread thread_;
};

TEST(FileTransferTest, ReportsTheHeadOnceAndWithoutTrailers) {
  const OneAnswer peer(
      "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
      "HTTP/1.1 200 OK\r\nX-Kind: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n");
  int heads = 0;
  std::string body;
  FileTransfer transfer;
  transfer.url = peer.url();
  transfer.on_head = [&](const TransferAnswer& head) {
    ++heads;
    EXPECT_EQ(head.Header("X-Kind"), "a");
    EXPECT_EQ(head.Header("X-Early"), "");
    return OkStatus();
  };
  transfer.on_body = [&](std::span<const uint8_t> bytes) {
    body.append(bytes.begin(), bytes.end());
    return OkStatus();
  };
  const auto answer = RunTransfer(transfer, {});
  ASSERT_TRUE(answer.ok()) << answer.status().message();
  EXPECT_EQ(heads, 1);
  EXPECT_EQ(body, "abc");
  EXPECT_EQ(answer->Header("X-Late"), "");
}

TEST(FileTransferTest, ACallbackWithoutMemoryEndsTheTransfer) {
  for (const bool in_head : {true, false}) {
    const OneAnswer peer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    FileTransfer transfer;
    transfer.url = peer.url();
    transfer.on_head = [&](const TransferAnswer&) {
      if (in_head) throw std::bad_alloc();
      return OkStatus();
    };
    transfer.on_body = [](std::span<const uint8_t>) -> Status { throw std::bad_alloc(); };
    EXPECT_EQ(RunTransfer(transfer, {}).status().code(), StatusCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace octoscale::http
