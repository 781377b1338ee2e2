#include "coordinator/worker_url.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace octoscale::coordinator {
namespace {

constexpr size_t kUrlBytesMax = 2048;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool IsHostByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool IsHost(const std::string& host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return std::all_of(host.begin() + 1, host.end() - 1, [](char c) {
      return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
    });
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), IsHostByte);
}

// The host and the port of "HOST", "HOST:PORT", "[IPv6]" or "[IPv6]:PORT"; the port may be empty.
std::pair<std::string, std::string_view> SplitAuthority(std::string_view authority, bool* colon) {
  size_t end = authority.find(':');
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    end = bracket == std::string_view::npos ? authority.size() : bracket + 1;
  }
  if (end >= authority.size()) return {Lower(authority), {}};
  *colon = authority[end] == ':';
  return {Lower(authority.substr(0, end)), authority.substr(end + 1)};
}

}  // namespace

Result<std::string> NormaliseWorkerUrl(std::string_view text) {
  const auto bad = [text](const std::string& why) {
    return InvalidArgument("worker '" + std::string(text.substr(0, 200)) + "': " + why +
                           "; expected http://HOST:PORT or https://HOST:PORT");
  };
  if (text.empty() || text.size() > kUrlBytesMax) return bad("this is no address");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      return bad("blanks, control characters and bytes that aren't ASCII can't be in it");
    }
  }
  std::string scheme = "http";
  std::string_view rest = text;
  if (const size_t mark = text.find("://"); mark != std::string_view::npos) {
    scheme = Lower(text.substr(0, mark));
    rest = text.substr(mark + 3);
  }
  if (scheme != "http" && scheme != "https") return bad("the scheme is '" + scheme + "'");
  if (rest.find_first_of("?#") != std::string_view::npos) return bad("it has a query or fragment");
  const std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view path = rest.substr(authority.size());
  while (path.ends_with('/')) path.remove_suffix(1);
  if (authority.find('@') != std::string_view::npos) {
    return bad("it has a user name; a token goes into --token-file");
  }
  bool colon = true;
  const auto [host, port_text] = SplitAuthority(authority, &colon);
  if (!IsHost(host)) return bad("it has no valid host");
  int port = scheme == "https" ? 443 : 80;
  if (!port_text.empty() || authority.ends_with(':')) {
    const char* end = port_text.data() + port_text.size();
    const auto parsed = std::from_chars(port_text.data(), end, port);
    if (!colon || parsed.ec != std::errc() || parsed.ptr != end || port < 1 || port > 65535) {
      return bad("its port is '" + std::string(port_text) + "', ports are 1 to 65535");
    }
  }
  return scheme + "://" + host + ":" + std::to_string(port) + std::string(path);
}

Result<std::vector<std::string>> ParseWorkerList(std::string_view text) {
  std::vector<std::string> urls;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view entry = Trim(text.substr(0, comma));
    if (entry.empty()) {
      return InvalidArgument("--workers: an entry is empty; expected URL,URL,...");
    }
    OCTO_ASSIGN_OR_RETURN(std::string url, NormaliseWorkerUrl(entry));
    if (std::find(urls.begin(), urls.end(), url) != urls.end()) {
      return InvalidArgument("--workers names " + url + " twice; name each worker once");
    }
    urls.push_back(std::move(url));
    if (urls.size() > kWorkersMax) {
      return InvalidArgument("--workers: at most " + std::to_string(kWorkersMax) + " workers");
    }
    if (comma == std::string_view::npos) return urls;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace octoscale::coordinator
