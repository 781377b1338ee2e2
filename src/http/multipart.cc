#include "http/multipart.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/message.h"

namespace octoscale::http {
namespace {

constexpr size_t kBoundaryBytesMax = 70;
constexpr std::string_view kBoundaryCharacters =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ";

void TrimLeft(std::string_view* text) {
  while (!text->empty() && (text->front() == ' ' || text->front() == '\t')) text->remove_prefix(1);
}

std::string_view Trim(std::string_view text) {
  TrimLeft(&text);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct Parameter {
  std::string name;
  std::string value;
};

// Takes one `; name=value` or `; name="value"` off the front. Inside quotes a backslash escapes a
// quote or a backslash and is an ordinary character otherwise (old browsers send Windows paths).
std::optional<Parameter> TakeParameter(std::string_view* text) {
  TrimLeft(text);
  if (text->empty() || text->front() != ';') return std::nullopt;
  text->remove_prefix(1);
  TrimLeft(text);
  const size_t equals = text->find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  Parameter parameter;
  parameter.name = Trim(text->substr(0, equals));
  text->remove_prefix(equals + 1);
  TrimLeft(text);
  if (text->empty() || text->front() != '"') {
    const size_t end = text->find(';');
    parameter.value = Trim(text->substr(0, end));
    text->remove_prefix(end == std::string_view::npos ? text->size() : end);
    return parameter;
  }
  for (size_t i = 1; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '"') {
      text->remove_prefix(i + 1);
      return parameter;
    }
    const bool escape =
        c == '\\' && i + 1 < text->size() && ((*text)[i + 1] == '"' || (*text)[i + 1] == '\\');
    parameter.value.push_back(escape ? (*text)[++i] : c);
  }
  return std::nullopt;  // the quote is never closed
}

Status ParseDisposition(std::string_view value, PartHead* head) {
  const size_t end = value.find(';');
  if (!EqualsIgnoreCase(Trim(value.substr(0, end)), "form-data") || end == std::string_view::npos) {
    return CorruptInput("multipart: a part's Content-Disposition is not form-data with a name");
  }
  std::string_view rest = value.substr(end);
  bool named = false;
  while (!Trim(rest).empty()) {
    auto parameter = TakeParameter(&rest);
    if (!parameter) return CorruptInput("multipart: broken Content-Disposition parameters");
    if (EqualsIgnoreCase(parameter->name, "name")) {
      if (named) return CorruptInput("multipart: a part has two names");
      head->name = std::move(parameter->value);
      named = true;
    } else if (EqualsIgnoreCase(parameter->name, "filename")) {
      if (head->filename) return CorruptInput("multipart: a part has two file names");
      head->filename = std::move(parameter->value);
    }
  }
  if (!named) return CorruptInput("multipart: a part has no name");
  return OkStatus();
}

}  // namespace

Result<std::string> MultipartBoundary(std::string_view content_type) {
  const size_t end = content_type.find(';');
  if (!EqualsIgnoreCase(Trim(content_type.substr(0, end)), "multipart/form-data")) {
    return InvalidArgument("Content-Type: expected multipart/form-data");
  }
  std::string_view rest =
      end == std::string_view::npos ? std::string_view() : content_type.substr(end);
  while (auto parameter = TakeParameter(&rest)) {
    if (!EqualsIgnoreCase(parameter->name, "boundary")) continue;
    const std::string& boundary = parameter->value;
    if (boundary.empty() || boundary.size() > kBoundaryBytesMax || boundary.back() == ' ' ||
        boundary.find_first_not_of(kBoundaryCharacters) != std::string::npos) {
      return InvalidArgument(
          "Content-Type: expected a multipart boundary of 1 to 70 characters of RFC 2046");
    }
    return boundary;
  }
  return InvalidArgument("Content-Type: the multipart boundary is missing");
}

Result<PartHead> ParsePartHead(std::string_view lines) {
  PartHead head;
  bool disposition = false;
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    for (const char c : line) {
      if ((static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f) {
        return CorruptInput("multipart: a control character in a part's header");
      }
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return CorruptInput("multipart: a part's header line has no name");
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trim(line.substr(colon + 1));
    if (EqualsIgnoreCase(name, "content-disposition")) {
      if (disposition) return CorruptInput("multipart: a part has two Content-Dispositions");
      disposition = true;
      OCTO_RETURN_IF_ERROR(ParseDisposition(value, &head));
    } else if (EqualsIgnoreCase(name, "content-type")) {
      head.content_type = value;
    } else if (EqualsIgnoreCase(name, "content-transfer-encoding") &&
               !EqualsIgnoreCase(value, "binary") && !EqualsIgnoreCase(value, "8bit") &&
               !EqualsIgnoreCase(value, "7bit")) {
      return CorruptInput("multipart: Content-Transfer-Encoding is not supported (RFC 7578, 4.7)");
    }
  }
  if (!disposition) return CorruptInput("multipart: a part has no Content-Disposition");
  return head;
}

MultipartParser::MultipartParser(std::string boundary, MultipartLimits limits, Callbacks callbacks)
    : delimiter_("\r\n--" + std::move(boundary)),
      limits_(limits),
      callbacks_(std::move(callbacks)) {
  buffer_ = "\r\n";  // so that a body may begin with its first boundary
}

Status MultipartParser::Feed(std::span<const uint8_t> bytes) {
  if (state_ == State::kEpilogue) return OkStatus();
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (;;) {
    OCTO_ASSIGN_OR_RETURN(const bool progress, Step());
    if (!progress) break;
  }
  if (state_ == State::kEpilogue) start_ = buffer_.size();
  buffer_.erase(0, start_);
  start_ = 0;
  return OkStatus();
}

Status MultipartParser::Finish() const {
  if (state_ == State::kEpilogue) return OkStatus();
  return CorruptInput("multipart: the body ends before the closing boundary");
}

Result<bool> MultipartParser::Step() {
  switch (state_) {
    case State::kPreamble:
      return StepPreamble();
    case State::kAfterBoundary:
      return StepAfterBoundary();
    case State::kHeaders:
      return StepHeaders();
    case State::kData:
      return StepData();
    case State::kEpilogue:
      return false;
  }
  return false;
}

Result<bool> MultipartParser::StepPreamble() {
  const std::string_view text = pending();
  const size_t at = text.find(delimiter_);
  const bool found = at != std::string_view::npos;
  const size_t held = std::min(text.size(), delimiter_.size() - 1);  // maybe of a delimiter
  const size_t before = found ? at : text.size() - held;
  preamble_bytes_ += before;
  if (preamble_bytes_ > limits_.preamble_bytes_max) {
    return CorruptInput("multipart: the boundary is not at the start of the body");
  }
  Consume(before);
  if (!found) return false;
  Consume(delimiter_.size());
  state_ = State::kAfterBoundary;
  return true;
}

// "--" closes the body; otherwise blanks and CRLF lead to a part's header.
Result<bool> MultipartParser::StepAfterBoundary() {
  const std::string_view text = pending();
  if (text.size() < 2) return false;
  if (text.substr(0, 2) == "--") {
    state_ = State::kEpilogue;
    return false;
  }
  const size_t end = text.find_first_not_of(" \t");
  if ((end == std::string_view::npos ? text.size() : end) > kBoundaryBytesMax) {
    return CorruptInput("multipart: too many blanks after a boundary");
  }
  if (end == std::string_view::npos || end + 2 > text.size()) return false;
  if (text.substr(end, 2) != "\r\n") {
    return CorruptInput("multipart: expected CRLF or \"--\" after a boundary");
  }
  if (++parts_ > limits_.parts_max) {
    return ResourceExhausted("multipart: more than " + std::to_string(limits_.parts_max) +
                             " parts");
  }
  Consume(end);  // the CRLF stays: a part without header lines is then "CRLF CRLF"
  state_ = State::kHeaders;
  return true;
}

Result<bool> MultipartParser::StepHeaders() {
  const std::string_view text = pending();
  const size_t end = text.find("\r\n\r\n");
  // While it isn't found it may still begin within the limit, cut off by the end of what has come.
  if (end == std::string_view::npos ? text.size() > limits_.part_header_bytes_max + 3
                                    : end > limits_.part_header_bytes_max) {
    return ResourceExhausted("multipart: a part's header is longer than " +
                             std::to_string(limits_.part_header_bytes_max) + " bytes");
  }
  if (end == std::string_view::npos) return false;
  OCTO_ASSIGN_OR_RETURN(PartHead head, ParsePartHead(text.substr(2, end < 2 ? 0 : end - 2)));
  Consume(end + 4);
  part_bytes_ = 0;
  OCTO_RETURN_IF_ERROR(callbacks_.on_part(std::move(head)));
  state_ = State::kData;
  return true;
}

Status MultipartParser::Deliver(size_t size) {
  if (size == 0) return OkStatus();
  part_bytes_ += size;
  if (part_bytes_ > limits_.part_bytes_max) {
    return ResourceExhausted("multipart: a part is longer than " +
                             std::to_string(limits_.part_bytes_max) + " bytes");
  }
  const std::string_view text = pending().substr(0, size);
  Consume(size);
  return callbacks_.on_data({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

Result<bool> MultipartParser::StepData() {
  const std::string_view text = pending();
  const void* found = memmem(text.data(), text.size(), delimiter_.data(), delimiter_.size());
  if (found == nullptr) {
    // What may be the beginning of a delimiter waits for more bytes.
    if (text.size() >= delimiter_.size()) {
      OCTO_RETURN_IF_ERROR(Deliver(text.size() - delimiter_.size() + 1));
    }
    return false;
  }
  OCTO_RETURN_IF_ERROR(Deliver(static_cast<size_t>(static_cast<const char*>(found) - text.data())));
  Consume(delimiter_.size());
  OCTO_RETURN_IF_ERROR(callbacks_.on_part_end());
  state_ = State::kAfterBoundary;
  return true;
}

}  // namespace octoscale::http
