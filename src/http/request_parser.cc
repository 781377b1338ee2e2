#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "http/chunk_decoder.h"
#include "http/url.h"

namespace octoscale::http {
namespace {

namespace beast_http = boost::beast::http;
using beast_http::error;
using boost::beast::error_code;
using BeastString = boost::beast::string_view;

std::string ToString(BeastString text) { return {text.data(), text.size()}; }

// Fields that decide framing, routing or rights: twice is an attack or a defect.
constexpr std::string_view kSingleFields[] = {"host",
                                              "content-length",
                                              "transfer-encoding",
                                              "content-type",
                                              "expect",
                                              "authorization",
                                              "content-encoding",
                                              "x-deadline-ms",
                                              "traceparent",
                                              "inference-header-content-length"};

ParseError ErrorOf(const error_code& code, const Limits& limits) {
  if (code == error::header_limit) {
    return {431, "the request head is longer than " + std::to_string(limits.header_bytes_max) +
                     " bytes"};
  }
  if (code == error::bad_version) {
    return {400, "request line: expected HTTP/1.0 or HTTP/1.1 and CRLF"};
  }
  if (code == error::bad_content_length || code == error::multiple_content_length) {
    return {400, "Content-Length is not one number, or stands beside Transfer-Encoding"};
  }
  if (code == error::bad_transfer_encoding) {
    return {400, "Transfer-Encoding is repeated, or stands beside Content-Length"};
  }
  return {400, "malformed request: " + code.message()};
}

}  // namespace

class RequestParser::Impl : public beast_http::basic_parser<true> {
 public:
  explicit Impl(const Limits& limits) : limits_(limits) {
    header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
    body_limit(boost::none);
  }

  size_t Feed(std::span<const uint8_t> bytes,
              const std::function<void(std::span<const uint8_t>)>& on_body,
              std::optional<ParseError>* error) {
    if (!is_header_done()) return FeedHead(bytes, error);
    if (chunks_) return chunks_->Feed(bytes, on_body, error);
    const size_t size = std::min<uint64_t>(body_left_, bytes.size());
    if (size > 0) on_body(bytes.first(size));
    body_left_ -= size;
    return size;
  }

  State state() const {
    if (!is_header_done()) return State::kHead;
    if (chunks_) return chunks_->done() ? State::kDone : State::kBody;
    return body_left_ == 0 ? State::kDone : State::kBody;
  }

  void SetBodyLimit(uint64_t bytes_max) {
    if (chunks_) chunks_.emplace(limits_, bytes_max);
  }

  RequestHead head_;

 private:
  size_t FeedHead(std::span<const uint8_t> bytes, std::optional<ParseError>* error) {
    size_t used = 0;
    error_code code;
    while (!is_header_done() && !code) {
      const size_t step = put({bytes.data() + used, bytes.size() - used}, code);
      used += step;
      head_bytes_ += step;
    }
    if (is_header_done() && (!code || code == beast_http::error::need_more)) {
      *error = CheckHead();
    } else if (code != beast_http::error::need_more) {
      *error = own_error_ ? *own_error_ : ErrorOf(code, limits_);
    } else if (head_bytes_ + bytes.size() - used >= limits_.header_bytes_max) {
      *error = ErrorOf(beast_http::error::header_limit, limits_);
    }
    return used;
  }

  std::optional<ParseError> CheckHead() {
    if (head_bytes_ > limits_.header_bytes_max) {
      return ErrorOf(beast_http::error::header_limit, limits_);
    }
    const int hosts = static_cast<int>(
        std::count_if(head_.fields.begin(), head_.fields.end(),
                      [](const Field& field) { return EqualsIgnoreCase(field.name, "host"); }));
    if (hosts == 0 && head_.version == 11) return ParseError{400, "the Host field is missing"};
    if (auto error = CheckFraming()) return error;
    if (head_.target.size() > limits_.target_bytes_max) {
      return ParseError{414, "the request target is longer than " +
                                 std::to_string(limits_.target_bytes_max) + " bytes"};
    }
    auto target = ParseTarget(head_.target);
    if (!target.ok()) return ParseError{400, target.status().message()};
    head_.path = std::move(target->path);
    head_.query = std::move(target->query);
    head_.keep_alive = keep_alive();
    return std::nullopt;
  }

  std::optional<ParseError> CheckFraming() {
    const std::string_view coding = head_.Header("Transfer-Encoding");
    if (!coding.empty() || HasField("Transfer-Encoding")) {
      if (head_.version != 11) return ParseError{400, "HTTP/1.0 has no Transfer-Encoding"};
      if (!EqualsIgnoreCase(coding, "chunked")) {
        return ParseError{501, "Transfer-Encoding: only \"chunked\" is supported"};
      }
      head_.chunked = true;
      chunks_.emplace(limits_, UINT64_MAX);
    }
    if (HasField("Content-Length")) {
      const std::string_view length = head_.Header("Content-Length");
      if (length.empty() || length.size() > 18 ||
          length.find_first_not_of("0123456789") != std::string_view::npos) {
        return ParseError{400, "Content-Length: expected one decimal number"};
      }
      head_.content_length = body_left_ = std::stoull(std::string(length));
    }
    const std::string_view expect = head_.Header("Expect");
    if (!expect.empty()) {
      if (!EqualsIgnoreCase(expect, "100-continue")) {
        return ParseError{417, "Expect: only \"100-continue\" is supported"};
      }
      head_.expects_continue = head_.version == 11 && head_.has_body();
    }
    return std::nullopt;
  }

  bool HasField(std::string_view name) const {
    return std::any_of(head_.fields.begin(), head_.fields.end(),
                       [name](const Field& field) { return EqualsIgnoreCase(field.name, name); });
  }

  void Refuse(int status, std::string detail, error_code& code) {
    own_error_ = ParseError{status, std::move(detail)};
    code = beast_http::error::bad_field;
  }

  void on_request_impl(beast_http::verb, BeastString method, BeastString target, int version,
                       error_code& code) override {
    head_.method = ToString(method);
    head_.target = ToString(target);
    head_.version = version;
    if (head_.method.size() > 32) Refuse(501, "unknown method", code);
  }

  void on_response_impl(int, BeastString, int, error_code&) override {}

  void on_field_impl(beast_http::field, BeastString name, BeastString value,
                     error_code& code) override {
    if (static_cast<int>(head_.fields.size()) >= limits_.header_fields_max) {
      return Refuse(431, "more than " + std::to_string(limits_.header_fields_max) + " fields",
                    code);
    }
    Field field{ToString(name), ToString(value)};
    for (const std::string_view single : kSingleFields) {
      if (EqualsIgnoreCase(single, field.name) && HasField(single)) {
        return Refuse(400, "the field " + std::string(single) + " is repeated", code);
      }
    }
    head_.fields.push_back(std::move(field));
  }

  // The body is not Beast's: it only ever sees the head.
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(BeastString, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastString, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastString, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}

  const Limits limits_;
  std::optional<ParseError> own_error_;
  size_t head_bytes_ = 0;
  uint64_t body_left_ = 0;
  std::optional<ChunkDecoder> chunks_;
};

RequestParser::RequestParser(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

size_t RequestParser::Feed(std::span<const uint8_t> bytes,
                           const std::function<void(std::span<const uint8_t>)>& on_body,
                           std::optional<ParseError>* error) {
  return impl_->Feed(bytes, on_body, error);
}

RequestParser::State RequestParser::state() const { return impl_->state(); }
RequestHead& RequestParser::head() { return impl_->head_; }
void RequestParser::SetBodyLimit(uint64_t bytes_max) { impl_->SetBodyLimit(bytes_max); }

}  // namespace octoscale::http
