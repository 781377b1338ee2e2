#include "http/url.h"

#include <optional>

namespace octoscale::http {
namespace {

constexpr size_t kQueryPairsMax = 64;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

Status BadTarget(std::string_view why) {
  return InvalidArgument("request target: " + std::string(why));
}

Status ParseQuery(std::string_view text, std::vector<Field>* query) {
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    if (query->size() == kQueryPairsMax) return BadTarget("more than 64 query parameters");
    const size_t equals = pair.find('=');
    auto name = PercentDecode(pair.substr(0, equals), true);
    auto value = PercentDecode(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return BadTarget("broken % escape in the query");
    query->push_back({std::move(*name), std::move(*value)});
  }
  return OkStatus();
}

}  // namespace

Result<Target> ParseTarget(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() > scheme.size() &&
        EqualsIgnoreCase(target.substr(0, scheme.size()), scheme)) {
      const size_t slash = target.find('/', scheme.size());
      target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
      break;
    }
  }
  if (target.empty() || target.front() != '/') {
    return BadTarget("expected a path that starts with '/'");
  }
  if (target.find('#') != std::string_view::npos) return BadTarget("holds a fragment ('#')");
  const size_t question = target.find('?');
  auto path = PercentDecode(target.substr(0, question), false);
  if (!path) return BadTarget("broken % escape in the path");
  if (path->find('\0') != std::string::npos) return BadTarget("the path holds a NUL");
  Target result;
  result.path = std::move(*path);
  if (question != std::string_view::npos) {
    OCTO_RETURN_IF_ERROR(ParseQuery(target.substr(question + 1), &result.query));
  }
  return result;
}

}  // namespace octoscale::http
