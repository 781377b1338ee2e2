#include "http/chunk_decoder.h"

#include <algorithm>
#include <charconv>

namespace octoscale::http {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

}  // namespace

size_t ChunkDecoder::Feed(std::span<const uint8_t> bytes,
                          const std::function<void(std::span<const uint8_t>)>& on_body,
                          std::optional<ParseError>* error) {
  size_t used = 0;
  while (used < bytes.size() && state_ != State::kDone && !*error) {
    if (state_ == State::kData) {
      const size_t size = std::min<uint64_t>(chunk_left_, bytes.size() - used);
      on_body(bytes.subspan(used, size));
      used += size;
      chunk_left_ -= size;
      if (chunk_left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const size_t line_max = state_ == State::kTrailer ? limits_.header_bytes_max - trailer_bytes_
                                                      : limits_.chunk_line_bytes_max;
    if (TakeLineByte(bytes[used++], line_max, error)) {
      *error = OnLine();
      line_.clear();
    }
  }
  return used;
}

bool ChunkDecoder::TakeLineByte(uint8_t byte, size_t bytes_max, std::optional<ParseError>* error) {
  const bool after_cr = !line_.empty() && line_.back() == '\r';
  if (after_cr && byte == '\n') {
    line_.pop_back();
    return true;
  }
  if (after_cr || byte == '\n') {
    *error = ParseError{400, "chunked body: a line does not end in CRLF"};
  } else if (line_.size() >= bytes_max) {
    *error = ParseError{400, "chunked body: a line is too long"};
  }
  line_.push_back(static_cast<char>(byte));
  return false;
}

std::optional<ParseError> ChunkDecoder::OnLine() {
  if (std::any_of(line_.begin(), line_.end(), IsControl)) {
    return ParseError{400, "chunked body: a control character in a line"};
  }
  if (state_ == State::kSizeLine) return OnSizeLine();
  if (state_ == State::kDataEnd) {
    if (!line_.empty()) return ParseError{400, "chunked body: a chunk is longer than its size"};
    state_ = State::kSizeLine;
    return std::nullopt;
  }
  trailer_bytes_ += line_.size() + 2;
  if (line_.empty()) {
    state_ = State::kDone;
  } else if (trailer_bytes_ > limits_.header_bytes_max || line_.find(':') == std::string::npos ||
             line_[0] == ':') {
    return ParseError{400, "chunked body: a trailer line is no field, or they are too long"};
  }
  return std::nullopt;
}

std::optional<ParseError> ChunkDecoder::OnSizeLine() {
  uint64_t size = 0;
  const char* end = line_.data() + line_.size();
  const auto parsed = std::from_chars(line_.data(), end, size, 16);
  const char* rest = parsed.ptr;
  if (parsed.ec != std::errc()) return ParseError{400, "chunked body: expected a chunk size"};
  extension_bytes_ += static_cast<size_t>(end - rest);
  while (rest != end && (*rest == ' ' || *rest == '\t')) ++rest;
  if (rest != end && *rest != ';') return ParseError{400, "chunked body: expected a chunk size"};
  if (extension_bytes_ > limits_.chunk_extension_bytes_max) {
    return ParseError{400, "chunked body: the chunk extensions are too long"};
  }
  if (size > body_left_) return ParseError{413, "the body is longer than this route accepts"};
  body_left_ -= size;
  chunk_left_ = size;
  state_ = size == 0 ? State::kTrailer : State::kData;
  return std::nullopt;
}

}  // namespace octoscale::http
