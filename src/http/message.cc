#include "http/message.h"

#include <algorithm>

#include "base/ascii.h"

namespace octoscale::http {
namespace {

const Field* FindExact(const std::vector<Field>& fields, std::string_view name) {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [name](const Field& field) { return field.name == name; });
  return it == fields.end() ? nullptr : &*it;
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return AsciiLower(x) == AsciiLower(y); });
}

std::string_view RequestHead::Header(std::string_view name) const {
  for (const Field& field : fields) {
    if (EqualsIgnoreCase(field.name, name)) return field.value;
  }
  return {};
}

std::optional<std::string_view> RequestHead::Query(std::string_view name) const {
  const Field* field = FindExact(query, name);
  if (field == nullptr) return std::nullopt;
  return field->value;
}

std::string_view RequestHead::PathParameter(std::string_view name) const {
  const Field* field = FindExact(path_parameters, name);
  return field == nullptr ? std::string_view() : std::string_view(field->value);
}

BodyPiece BodyPiece::Own(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const auto* data = reinterpret_cast<const uint8_t*>(owner->data());
  const size_t size = owner->size();
  return {std::move(owner), {data, size}};
}

BodyPiece BodyPiece::Own(std::vector<uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  const std::span<const uint8_t> view(*owner);
  return {std::move(owner), view};
}

BodyPiece BodyPiece::Own(ByteBuffer bytes) {
  auto owner = std::make_shared<const ByteBuffer>(std::move(bytes));
  const std::span<const uint8_t> view(*owner);
  return {std::move(owner), view};
}

Response TextResponse(int status, std::string_view content_type, std::string text) {
  Response response;
  response.head.status = status;
  response.head.content_type = content_type;
  response.body.push_back(BodyPiece::Own(std::move(text)));
  return response;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace octoscale::http
