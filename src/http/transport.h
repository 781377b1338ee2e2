// One byte stream to a peer, plain or TLS. Private to src/http (it includes Boost.Asio).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace octoscale::http {

// Every completion runs on the socket's executor (a strand), never inside the call. At most one
// read and one write at a time. Close() and Reset() make pending operations complete with an error.
class Transport {
 public:
  using Done = std::function<void(boost::system::error_code, size_t)>;

  virtual ~Transport() = default;
  virtual void Handshake(std::function<void(boost::system::error_code)> done) = 0;
  virtual void ReadSome(std::span<uint8_t> buffer, Done done) = 0;
  virtual void WriteSome(std::vector<boost::asio::const_buffer> buffers, Done done) = 0;
  // Tells the peer that nothing more will be sent. No write may be pending. `owner` of this object
  // is held until that is done, which with TLS is when the peer has said the same or Close() is
  // called.
  virtual void ShutdownSend(std::shared_ptr<const void> owner) = 0;
  virtual boost::asio::ip::tcp::socket& socket() = 0;

  void Close();
  // Closes with a TCP reset, so that the peer sees a failure and not an end.
  void Reset();
};

std::unique_ptr<Transport> MakePlainTransport(boost::asio::ip::tcp::socket socket);
std::unique_ptr<Transport> MakeTlsTransport(boost::asio::ip::tcp::socket socket,
                                            boost::asio::ssl::context& context);

// TLS 1.2 and 1.3 with the certificate chain and key of two PEM files.
// Errors: InvalidArgument (names the file and says what OpenSSL found).
Result<std::unique_ptr<boost::asio::ssl::context>> MakeTlsContext(const std::string& cert_path,
                                                                  const std::string& key_path);

}  // namespace octoscale::http
