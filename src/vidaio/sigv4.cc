#include "vidaio/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <memory>

namespace octoscale {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr size_t kReadBytes = 256 * 1024;

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

std::string Sha256Hex(std::string_view text) {
  std::array<char, 32> digest = {};
  EVP_Digest(text.data(), text.size(), reinterpret_cast<uint8_t*>(digest.data()), nullptr,
             EVP_sha256(), nullptr);
  return Hex({digest.data(), digest.size()});
}

std::string Hmac(std::string_view key, std::string_view text) {
  std::string digest(32, '\0');
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const uint8_t*>(text.data()), text.size(),
       reinterpret_cast<uint8_t*>(digest.data()), nullptr);
  return digest;
}

struct Stamp {
  std::string time;  // "20130524T000000Z"
  std::string day;   // "20130524"
};

Stamp StampOf(SystemTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[20] = {};
  std::strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &utc);
  return {text, std::string(text, 8)};
}

std::string Scope(const Stamp& stamp, const S3Credentials& credentials) {
  return stamp.day + "/" + credentials.region + "/s3/aws4_request";
}

std::string Sign(const std::string& canonical_request, const Stamp& stamp,
                 const S3Credentials& credentials) {
  const std::string to_sign = std::string(kAlgorithm) + "\n" + stamp.time + "\n" +
                              Scope(stamp, credentials) + "\n" + Sha256Hex(canonical_request);
  std::string key = Hmac("AWS4" + credentials.secret_access_key, stamp.day);
  key = Hmac(key, credentials.region);
  key = Hmac(key, "s3");
  key = Hmac(key, "aws4_request");
  return Hex(Hmac(key, to_sign));
}

}  // namespace

std::string PercentEncode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved || (c == '/' && keep_slash)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<uint8_t>(c) >> 4];
      out += kDigits[static_cast<uint8_t>(c) & 15];
    }
  }
  return out;
}

std::vector<http::Field> SignFields(const SignedRequest& request, const S3Credentials& credentials,
                                    SystemTime now) {
  const Stamp stamp = StampOf(now);
  std::vector<http::Field> fields = request.fields;
  fields.push_back({"x-amz-content-sha256", request.payload_sha256});
  fields.push_back({"x-amz-date", stamp.time});
  std::vector<http::Field> all = fields;
  all.push_back({"host", request.host});
  std::sort(all.begin(), all.end(),
            [](const http::Field& a, const http::Field& b) { return a.name < b.name; });
  std::string lines;
  std::string names;
  for (const http::Field& field : all) {
    lines += field.name + ":" + field.value + "\n";
    names += (names.empty() ? "" : ";") + field.name;
  }
  const std::string canonical = request.method + "\n" + request.path + "\n\n" + lines + "\n" +
                                names + "\n" + request.payload_sha256;
  fields.push_back({"Authorization", std::string(kAlgorithm) +
                                         " Credential=" + credentials.access_key_id + "/" +
                                         Scope(stamp, credentials) + ",SignedHeaders=" + names +
                                         ",Signature=" + Sign(canonical, stamp, credentials)});
  return fields;
}

std::string PresignGet(std::string_view scheme, const std::string& host, const std::string& path,
                       const S3Credentials& credentials, SystemTime now,
                       std::chrono::seconds expiry) {
  const Stamp stamp = StampOf(now);
  // Sorted by name, as the canonical form wants it.
  const std::string query =
      "X-Amz-Algorithm=" + std::string(kAlgorithm) + "&X-Amz-Credential=" +
      PercentEncode(credentials.access_key_id + "/" + Scope(stamp, credentials), false) +
      "&X-Amz-Date=" + stamp.time + "&X-Amz-Expires=" + std::to_string(expiry.count()) +
      "&X-Amz-SignedHeaders=host";
  const std::string canonical =
      "GET\n" + path + "\n" + query + "\nhost:" + host + "\n\nhost\nUNSIGNED-PAYLOAD";
  return std::string(scheme) + "://" + host + path + "?" + query +
         "&X-Amz-Signature=" + Sign(canonical, stamp, credentials);
}

Result<std::string> Sha256OfFile(int fd) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return Internal("SHA-256 is not available");
  }
  std::string buffer(kReadBytes, '\0');
  off_t at = 0;
  for (;;) {
    const ssize_t got = pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "reading what is sent");
    if (got == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(got));
    at += got;
  }
  std::array<char, 32> digest = {};
  EVP_DigestFinal_ex(context.get(), reinterpret_cast<uint8_t*>(digest.data()), nullptr);
  return Hex({digest.data(), digest.size()});
}

}  // namespace octoscale
