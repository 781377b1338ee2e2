// A blocking TCP client for tests: sends exactly the bytes it is given.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace octoscale::http {

// Waits at most 20 s for anything, so that a broken server fails a test instead of hanging it.
class TestClient {
 public:
  explicit TestClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~TestClient() { Close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }

  // False when the peer is gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      pollfd poll_fd{fd_, POLLOUT, 0};
      if (::poll(&poll_fd, 1, kWaitMs) <= 0) return false;
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EAGAIN) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  void ShutdownSend() { ::shutdown(fd_, SHUT_WR); }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // Some bytes; empty at the end (see reset()) or when nothing came in time.
  std::string ReadSome(size_t max = 65536) {
    pollfd poll_fd{fd_, POLLIN, 0};
    if (::poll(&poll_fd, 1, kWaitMs) <= 0) {
      timed_out_ = true;
      return {};
    }
    std::string bytes(max, '\0');
    const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (size < 0) reset_ = true;
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return bytes;
  }

  // Everything until the server closes.
  std::string ReadAll() {
    std::string all = std::exchange(ahead_, {});
    for (std::string some = ReadSome(); !some.empty(); some = ReadSome()) all += some;
    return all;
  }

  // One answer with a Content-Length, or an interim one; keeps what follows for the next call.
  std::string ReadAnswer(bool head_only = false) {
    size_t end = std::string::npos;
    while ((end = ahead_.find("\r\n\r\n")) == std::string::npos) {
      const std::string some = ReadSome();
      if (some.empty()) return std::exchange(ahead_, {});
      ahead_ += some;
    }
    size_t size = end + 4;
    const size_t length = ahead_.find("Content-Length: ");
    if (length < end && !head_only) size += std::strtoul(ahead_.c_str() + length + 16, nullptr, 10);
    while (ahead_.size() < size) {
      const std::string some = ReadSome();
      if (some.empty()) return std::exchange(ahead_, {});
      ahead_ += some;
    }
    std::string answer = ahead_.substr(0, size);
    ahead_.erase(0, size);
    return answer;
  }

  bool reset() const { return reset_; }          // the connection broke
  bool timed_out() const { return timed_out_; }  // the server kept silent

 private:
  static constexpr int kWaitMs = 20'000;
  int fd_;
  bool connected_ = false;
  bool reset_ = false;
  bool timed_out_ = false;
  std::string ahead_;
};

// The status of an answer, 0 when it is none.
inline int StatusOf(std::string_view answer) {
  if (answer.size() < 12 || answer.substr(0, 9) != "HTTP/1.1 ") return 0;
  return std::atoi(std::string(answer.substr(9, 3)).c_str());
}

}  // namespace octoscale::http
