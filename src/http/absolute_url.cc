#include "http/absolute_url.h"

#include <curl/curl.h>

#include <charconv>
#include <memory>

#include "base/ascii.h"

namespace octoscale::http {
namespace {

constexpr size_t kUrlBytesMax = 8 * 1024;
constexpr size_t kShownBytesMax = 200;

struct UrlCloser {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlCloser>;

// Empty when the part is missing.
std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

Status BadUrl(std::string_view text, const std::string& why) {
  return InvalidArgument("the URL " + WithoutQuery(text) + " " + why);
}

Result<AbsoluteUrl> Read(CURLU* url, std::string_view text) {
  AbsoluteUrl result;
  result.scheme = AsciiLower(Part(url, CURLUPART_SCHEME));
  if (result.scheme != "http" && result.scheme != "https") {
    return BadUrl(text, "has the scheme " + result.scheme + "; expected http or https");
  }
  if (!Part(url, CURLUPART_USER).empty() || !Part(url, CURLUPART_PASSWORD).empty()) {
    return BadUrl("(not shown)", "holds a user name or password, which is not supported");
  }
  result.host = AsciiLower(Part(url, CURLUPART_HOST));
  const std::string port = Part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (result.host.empty() || result.port == 0) return BadUrl(text, "names no host and port");
  result.path = Part(url, CURLUPART_PATH);
  curl_url_set(url, CURLUPART_FRAGMENT, nullptr, 0);
  result.text = Part(url, CURLUPART_URL);
  return result;
}

}  // namespace

std::string AbsoluteUrl::HostField() const {
  const bool own = port == (scheme == "https" ? 443 : 80);
  return own ? host : host + ":" + std::to_string(port);
}

std::string AbsoluteUrl::ForPeople() const { return WithoutQuery(text); }

Result<AbsoluteUrl> ParseAbsoluteUrl(const std::string& text) {
  if (text.size() > kUrlBytesMax) return BadUrl(text, "is longer than 8192 bytes");
  const UrlHandle url(curl_url());
  if (!url) return Internal("no memory for a URL");
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0);
  if (code == CURLUE_UNSUPPORTED_SCHEME) {
    return BadUrl(text, "has a scheme that is not supported; expected http or https");
  }
  if (code != CURLUE_OK) {
    return BadUrl(text, std::string("is not one: ") + curl_url_strerror(code));
  }
  return Read(url.get(), text);
}

Result<AbsoluteUrl> ResolveLocation(const AbsoluteUrl& base, const std::string& location) {
  if (location.size() > kUrlBytesMax) return BadUrl(location, "is longer than 8192 bytes");
  const UrlHandle url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, base.text.c_str(), 0) != CURLUE_OK) {
    return Internal("no memory for a URL");
  }
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0);
  if (code != CURLUE_OK) {
    return BadUrl(location, std::string("can't be followed: ") + curl_url_strerror(code));
  }
  return Read(url.get(), location);
}

std::string_view BeforeQuery(std::string_view text) {
  return text.substr(0, text.find_first_of("?#"));
}

std::string WithoutQuery(std::string_view text) {
  text = BeforeQuery(text);
  if (text.size() <= kShownBytesMax) return std::string(text);
  return std::string(text.substr(0, kShownBytesMax)) + "...";
}

}  // namespace octoscale::http
