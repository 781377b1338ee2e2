#include "vidaio/s3_client.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

namespace octoscale {
namespace {

constexpr uint64_t kPutBytesMax = uint64_t{5} << 30;
constexpr std::chrono::milliseconds kPauseMax{8'000};

// Content of the first <name> element; S3's error documents are flat.
std::string XmlText(const std::string& xml, const std::string& name) {
  const size_t start = xml.find("<" + name + ">");
  if (start == std::string::npos) return {};
  const size_t from = start + name.size() + 2;
  const size_t end = xml.find("</" + name + ">", from);
  return end == std::string::npos ? std::string()
                                  : xml.substr(from, std::min<size_t>(end - from, 300));
}

bool MayPass(int status) { return status >= 500 || status == 429 || status == 408; }

bool MayPass(const Status& status) {
  return status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kDeadlineExceeded;
}

bool IsBucketName(const std::string& name) {
  return name.size() >= 3 && name.size() <= 63 &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyz0123456789.-_"
             "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos &&
         name.find("..") == std::string::npos && name.front() != '.';
}

// Full jitter (half to whole), in steps so that a stop is noticed.
Status Pause(std::chrono::milliseconds longest, const CancelToken& cancel) {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<int64_t> choose(longest.count() / 2, longest.count());
  const auto end = CancelToken::Clock::now() + std::chrono::milliseconds(choose(random));
  while (CancelToken::Clock::now() < end) {
    OCTO_RETURN_IF_ERROR(cancel.Check());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return cancel.Check();
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace

std::vector<std::string> S3Options::Missing() const {
  std::vector<std::string> missing;
  if (bucket.empty()) missing.push_back("MINER_STORAGE_S3_BUCKET_NAME");
  if (credentials.access_key_id.empty()) missing.push_back("MINER_STORAGE_S3_ACCESS_KEY_ID");
  if (credentials.secret_access_key.empty())
    missing.push_back("MINER_STORAGE_S3_SECRET_ACCESS_KEY");
  return missing;
}

Result<S3Client> S3Client::Create(const S3Options& options) {
  std::string missing;
  for (const std::string& name : options.Missing()) missing += (missing.empty() ? "" : ", ") + name;
  if (!missing.empty()) return InvalidArgument("the S3 storage is not set up; missing: " + missing);
  if (!IsBucketName(options.bucket)) {
    return InvalidArgument("\"" + options.bucket + "\" is not a bucket name");
  }
  S3Client client(options);
  const bool amazon = options.endpoint.empty();
  const std::string endpoint =
      amazon ? "https://s3." + options.credentials.region + ".amazonaws.com" : options.endpoint;
  auto base = http::ParseAbsoluteUrl(endpoint);
  if (!base.ok()) return base.status().WithContext("the S3 endpoint");
  if (base->text.find('?') != std::string::npos) {
    return InvalidArgument("the S3 endpoint has a query; expected https://HOST[:PORT]");
  }
  client.base_ = std::move(*base);
  client.host_ = client.base_.HostField();
  client.prefix_ = client.base_.path;
  while (client.prefix_.ends_with('/')) client.prefix_.pop_back();
  // The certificate of Amazon's wildcard doesn't cover names with dots.
  const bool in_host =
      amazon ? options.bucket.find('.') == std::string::npos : options.bucket_in_host;
  if (in_host) {
    client.host_ = options.bucket + "." + client.host_;
  } else {
    client.prefix_ += "/" + options.bucket;
  }
  return client;
}

std::string S3Client::PathOf(const std::string& key) const {
  return prefix_ + "/" + PercentEncode(key, true);
}

Result<http::TransferAnswer> S3Client::PutOnce(int fd, uint64_t bytes, const std::string& sha256,
                                               const std::string& key,
                                               const CancelToken& cancel) const {
  SignedRequest request;
  request.method = "PUT";
  request.host = host_;
  request.path = PathOf(key);
  request.fields = {{"content-type", "video/mp4"}};
  request.payload_sha256 = sha256;
  http::FileTransfer transfer;
  transfer.url = base_.scheme + "://" + host_ + request.path;
  transfer.fields = SignFields(request, options_.credentials, std::chrono::system_clock::now());
  transfer.upload = http::UploadBody{fd, bytes};
  transfer.ca_path = options_.ca_path;
  transfer.timeout = options_.timeout;
  transfer.rate_bytes_per_s_min = options_.rate_bytes_per_s_min;
  transfer.rate_window = options_.rate_window;
  return RunTransfer(transfer, cancel);
}

Status S3Client::Explain(const http::TransferAnswer& answer) const {
  const std::string code = XmlText(answer.text, "Code");
  std::string message = "S3 answered " + std::to_string(answer.status);
  if (!code.empty()) message += " " + code + ": " + XmlText(answer.text, "Message");
  if (code == "ExpiredToken" || code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" ||
      (code.empty() && answer.status == 403)) {
    message += "; check MINER_STORAGE_S3_ACCESS_KEY_ID and MINER_STORAGE_S3_SECRET_ACCESS_KEY";
  } else if (code == "RequestTimeTooSkewed") {
    message += "; set this machine's clock";
  } else if (code == "AccessDenied") {
    message += "; this key may not write to the bucket " + options_.bucket;
  } else if (code == "NoSuchBucket") {
    message += "; check MINER_STORAGE_S3_BUCKET_NAME";
  } else if (answer.status >= 300 && answer.status < 400) {
    message += "; check MINER_STORAGE_S3_REGION and MINER_STORAGE_S3_ENDPOINT_URL";
  }
  return MayPass(answer.status) ? Unavailable(message) : InvalidArgument(message);
}

Status S3Client::Put(const std::string& path, const std::string& key,
                     const CancelToken& cancel) const {
  const OpenFile file(path);
  struct stat info = {};
  if (file.fd() < 0 || fstat(file.fd(), &info) != 0) return ErrnoStatus(errno, path);
  const auto bytes = static_cast<uint64_t>(info.st_size);
  if (bytes > kPutBytesMax) {
    return InvalidArgument("the result has " + std::to_string(bytes >> 20) +
                           " MiB; S3 takes at most 5120 MiB in one PUT");
  }
  OCTO_ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(file.fd()));
  std::chrono::milliseconds pause = options_.first_pause;
  for (int attempt = 1;; ++attempt) {
    const auto answer = PutOnce(file.fd(), bytes, sha256, key, cancel);
    if (answer.ok() && answer->status / 100 == 2) return OkStatus();
    const Status failure = answer.ok() ? Explain(*answer) : answer.status();
    if (!MayPass(failure)) return failure;
    if (attempt == options_.attempts_max) {
      return failure.WithContext("after " + std::to_string(attempt) + " attempts");
    }
    OCTO_RETURN_IF_ERROR(Pause(pause, cancel));
    pause = std::min(pause * 2, kPauseMax);
  }
}

S3Client::PresignedUrl S3Client::Presign(const std::string& key, SystemTime now) const {
  const std::chrono::seconds expiry = std::min(options_.presigned_expiry, kPresignedExpiryMax);
  return {PresignGet(base_.scheme, host_, PathOf(key), options_.credentials, now, expiry),
          now + expiry};
}

std::string SafeKeyPart(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool safe = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    // A dot or slash where a segment starts could make "..", "." or an empty segment.
    const bool at_start = out.empty() || out.back() == '/';
    if (safe && !(c == '.' && at_start)) {
      out += c;
    } else if (c == '/' && !at_start) {
      out += c;
    } else {
      out += '-';
    }
  }
  return out;
}

}  // namespace octoscale
