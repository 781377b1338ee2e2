#include "http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <charconv>
#include <thread>
#include <utility>
#include <vector>

#include "http/address_group.h"
#include "http/connection.h"

namespace octoscale::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

// Connections over a cap that may wait for their 503 at the same time.
constexpr int kRefusingMax = 64;

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Router router)
      : shared_(std::make_shared<ServerShared>(options.limits)),
        options_(std::move(options)),
        acceptor_(asio::make_strand(shared_->context)),
        retry_timer_(acceptor_.get_executor()),
        work_(asio::make_work_guard(shared_->context)) {
    shared_->router = std::move(router);
    shared_->auth = std::move(options_.auth);
    shared_->observer = std::move(options_.observer);
  }

  ~Impl() { Stop(); }

  Status Bind() {
    if (options_.tls_cert_path.empty() != options_.tls_key_path.empty()) {
      return InvalidArgument("TLS needs both a certificate and a key");
    }
    if (!options_.tls_cert_path.empty()) {
      OCTO_ASSIGN_OR_RETURN(tls_, MakeTlsContext(options_.tls_cert_path, options_.tls_key_path));
    }
    error_code code;
    const auto address = asio::ip::make_address(options_.address, code);
    if (code) {
      return InvalidArgument("listen address \"" + options_.address +
                             "\": expected a numeric IPv4 or IPv6 address");
    }
    const Tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), code);
    if (!code) acceptor_.set_option(Tcp::acceptor::reuse_address(true), code);
    if (!code) acceptor_.bind(endpoint, code);
    if (!code) acceptor_.listen(asio::socket_base::max_listen_connections, code);
    if (code) {
      const std::string where = options_.address + ":" + std::to_string(options_.port);
      if (code == asio::error::address_in_use) {
        return Unavailable("listening on " + where + ": the port is in use by another program");
      }
      return ErrnoStatus(code.value(), "listening on " + where);
    }
    port_ = acceptor_.local_endpoint(code).port();
    return OkStatus();
  }

  void Start() {
    asio::post(acceptor_.get_executor(), [this] { AcceptNext(); });
    for (int i = 0; i < std::max(1, options_.io_threads); ++i) {
      threads_.emplace_back([this] { shared_->context.run(); });
    }
  }

  void BeginDrain() {
    shared_->draining = true;
    for (const auto& connection : shared_->registry.All()) connection->Drain();
  }

  bool WaitDrained(std::chrono::milliseconds timeout) {
    const auto now = std::chrono::steady_clock::now();
    if (!shared_->registry.WaitIdle(now + timeout, false)) return false;
    // Peers that still read their last answer close by themselves.
    static_cast<void>(shared_->registry.WaitIdle(
        std::chrono::steady_clock::now() + std::chrono::seconds(1), true));
    return true;
  }

  void Stop() {
    if (stopped_) return;
    stopped_ = true;
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
      retry_timer_.cancel();
      // Every pending operation now ends with an error, and run() returns for want of work.
      for (const auto& connection : shared_->registry.All()) connection->Stop();
      work_.reset();
    });
    if (threads_.empty()) shared_->context.run();
    for (std::thread& thread : threads_) thread.join();
  }

  uint16_t port() const { return port_; }
  int active_requests() const { return shared_->registry.exchanges(); }

 private:
  void AcceptNext() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept(
        asio::make_strand(shared_->context),
        [this](error_code error, Tcp::socket socket) { OnAccept(error, std::move(socket)); });
  }

  void OnAccept(error_code error, Tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (error) {
      // Out of descriptors or memory: wait for some to come free.
      retry_timer_.expires_after(std::chrono::milliseconds(50));
      return retry_timer_.async_wait([this](error_code aborted) {
        if (!aborted) AcceptNext();
      });
    }
    error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    const auto endpoint = socket.remote_endpoint(error);
    if (!error) Admit(std::move(socket), endpoint.address().to_string());
    AcceptNext();
  }

  void Admit(Tcp::socket socket, const std::string& address) {
    const std::string group = AddressGroup(address);
    const char* refusal = shared_->registry.Admit(group);
    if (refusal != nullptr) {
      if (shared_->observer.on_refused) shared_->observer.on_refused("connections");
      if (tls_ || *refusing_ >= kRefusingMax) return;  // closes the socket
    }
    auto transport =
        tls_ ? MakeTlsTransport(std::move(socket), *tls_) : MakePlainTransport(std::move(socket));
    if (refusal == nullptr) {
      auto connection = std::make_shared<Connection>(shared_, std::move(transport), address, group);
      shared_->registry.Add(connection);
      return connection->Start();
    }
    ++*refusing_;
    // An address group of its own keeps it out of the counts of admitted connections.
    std::shared_ptr<Connection> connection(
        new Connection(shared_, std::move(transport), address, std::string()),
        [refusing = refusing_](Connection* c) {
          delete c;
          --*refusing;
        });
    shared_->registry.Add(connection);
    connection->StartRefusing(refusal);
  }

  const std::shared_ptr<ServerShared> shared_;
  ServerOptions options_;
  std::unique_ptr<asio::ssl::context> tls_;
  Tcp::acceptor acceptor_;
  asio::steady_timer retry_timer_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
  std::shared_ptr<std::atomic<int>> refusing_ = std::make_shared<std::atomic<int>>(0);
  uint16_t port_ = 0;
  bool stopped_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Create(ServerOptions options, Router router) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(router));
  OCTO_RETURN_IF_ERROR(impl->Bind());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::Start() { impl_->Start(); }
uint16_t Server::port() const { return impl_->port(); }
void Server::BeginDrain() { impl_->BeginDrain(); }
bool Server::WaitDrained(std::chrono::milliseconds timeout) { return impl_->WaitDrained(timeout); }
void Server::Stop() { impl_->Stop(); }
int Server::active_requests() const { return impl_->active_requests(); }

Result<ListenAddress> ParseListenAddress(const std::string& text) {
  const Status bad = InvalidArgument(
      "listen address \"" + text + "\": expected ADDRESS:PORT, e.g. 127.0.0.1:8090 or [::1]:8090");
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return bad;
  std::string host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return bad;
  }
  if (host == "localhost") host = "127.0.0.1";
  ListenAddress result;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, result.port);
  error_code code;
  const auto address = asio::ip::make_address(host, code);
  if (code || parsed.ec != std::errc() || parsed.ptr != end) return bad;
  result.address = host;
  result.loopback = address.is_loopback();
  return result;
}

Result<ServerOptions> GuardedServerOptions(const std::string& listen, const std::string& token_path,
                                           bool insecure) {
  OCTO_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(listen));
  ServerOptions server;
  server.address = address.address;
  server.port = address.port;
  if (!token_path.empty()) {
    OCTO_ASSIGN_OR_RETURN(server.auth, BearerAuth::FromFile(token_path));
  } else if (!address.loopback && !insecure) {
    return InvalidArgument("listening on " + listen +
                           " lets other machines in: give --token-file, or --insecure to allow it");
  }
  return server;
}

}  // namespace octoscale::http
