#include "coordinator/worker_url.h"

#include <algorithm>
#include <utility>

#include "http/absolute_url.h"

namespace octoscale::coordinator {
namespace {

constexpr size_t kUrlBytesMax = 2048;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
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
  if (text.find_first_of("?#") != std::string_view::npos) return bad("it has a query or fragment");
  const size_t scheme_end = text.find("://");
  const bool has_scheme = scheme_end != std::string_view::npos;
  const std::string_view rest = has_scheme ? text.substr(scheme_end + 3) : text;
  if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos) {
    return InvalidArgument(
        "a worker's address (not shown) has a user name or password; a token goes into "
        "--token-file");
  }
  const auto url = http::ParseAbsoluteUrl((has_scheme ? "" : "http://") + std::string(text));
  if (!url.ok()) return url.status().WithContext("--workers");
  std::string_view path = url->path;
  while (path.ends_with('/')) path.remove_suffix(1);
  return url->scheme + "://" + url->host + ":" + std::to_string(url->port) + std::string(path);
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
