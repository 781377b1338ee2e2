// What an HTTP handler sees of a request and what it answers: plain values, no sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/block_cache.h"

namespace octoscale::http {

struct Field {
  std::string name;
  std::string value;
};

// ASCII letters compared without case, as field names and tokens are (RFC 9110, 5.1).
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// The head of one request, checked: the path is percent-decoded, starts with '/' and holds no NUL.
struct RequestHead {
  std::string method;  // as sent, e.g. "POST"
  std::string target;  // as sent, for logs
  std::string path;    // decoded, without the query
  int version = 11;    // 10 or 11
  std::vector<Field> fields;
  std::vector<Field> query;            // decoded pairs in order
  std::vector<Field> path_parameters;  // "{model}" of the route
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string peer;        // address of the other end, without its port
  std::string peer_group;  // the addresses that count as the same peer; see address_group.h
  size_t token_index = 0;  // which line of the token file let it in

  // Value of the first field of this name, or empty.
  std::string_view Header(std::string_view name) const;
  std::optional<std::string_view> Query(std::string_view name) const;
  std::string_view PathParameter(std::string_view name) const;
  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// Bytes that stay alive as long as `owner`. Copies share the bytes, which never change.
struct BodyPiece {
  std::shared_ptr<const void> owner;
  std::span<const uint8_t> bytes;

  static BodyPiece Own(std::string text);
  static BodyPiece Own(std::vector<uint8_t> bytes);
  static BodyPiece Own(ByteBuffer bytes);
};

struct ResponseHead {
  int status = 200;
  std::string content_type;
  std::vector<Field> fields;  // beside content-type, content-length, date, server, connection
};

struct Response {
  ResponseHead head;
  std::vector<BodyPiece> body;
  bool close = false;  // end the connection after it
};

Response TextResponse(int status, std::string_view content_type, std::string text);

// "Not Found" for 404; "Unknown" for what RFC 9110 doesn't list.
std::string_view ReasonPhrase(int status);

}  // namespace octoscale::http
