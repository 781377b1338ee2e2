#include "http/transport.h"

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

namespace octoscale::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::ip::tcp::socket;

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}

  void Handshake(std::function<void(error_code)> done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done({}); });
  }
  void ReadSome(std::span<uint8_t> buffer, Done done) override {
    socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), std::move(done));
  }
  void WriteSome(std::vector<asio::const_buffer> buffers, Done done) override {
    socket_.async_write_some(buffers, std::move(done));
  }
  void ShutdownSend(std::shared_ptr<const void>) override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  Socket& socket() override { return socket_; }

 private:
  Socket socket_;
};

class TlsTransport : public Transport {
 public:
  TlsTransport(Socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  void Handshake(std::function<void(error_code)> done) override {
    stream_.async_handshake(asio::ssl::stream_base::server, std::move(done));
  }
  void ReadSome(std::span<uint8_t> buffer, Done done) override {
    stream_.async_read_some(asio::buffer(buffer.data(), buffer.size()), std::move(done));
  }
  void WriteSome(std::vector<asio::const_buffer> buffers, Done done) override {
    stream_.async_write_some(buffers, std::move(done));
  }
  // Sends close_notify; a pending read goes on until the peer closes too.
  void ShutdownSend(std::shared_ptr<const void> owner) override {
    stream_.async_shutdown([owner = std::move(owner)](error_code) {});
  }
  Socket& socket() override { return stream_.next_layer(); }

 private:
  asio::ssl::stream<Socket> stream_;
};

}  // namespace

void Transport::Close() {
  error_code ignored;
  socket().close(ignored);
}

void Transport::Reset() {
  error_code ignored;
  socket().set_option(asio::socket_base::linger(true, 0), ignored);
  socket().close(ignored);
}

std::unique_ptr<Transport> MakePlainTransport(Socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> MakeTlsTransport(Socket socket, asio::ssl::context& context) {
  return std::make_unique<TlsTransport>(std::move(socket), context);
}

Result<std::unique_ptr<asio::ssl::context>> MakeTlsContext(const std::string& cert_path,
                                                           const std::string& key_path) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                                    SSL_OP_CIPHER_SERVER_PREFERENCE |
                                                    SSL_OP_NO_TICKET);
  error_code code;
  context->use_certificate_chain_file(cert_path, code);
  if (code) {
    return InvalidArgument("TLS certificate " + cert_path + ": " + code.message() +
                           "; expected a PEM file with the chain");
  }
  context->use_private_key_file(key_path, asio::ssl::context::pem, code);
  if (code) {
    return InvalidArgument("TLS key " + key_path + ": " + code.message() +
                           "; expected an unencrypted PEM key of the certificate");
  }
  return context;
}

}  // namespace octoscale::http
