#include "vidaio/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "http/absolute_url.h"
#include "http/file_transfer.h"
#include "vidaio/video_container.h"

namespace octoscale {
namespace {

using http::AbsoluteUrl;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kFreeBytesMin = uint64_t{64} << 20;  // left to others on the disk

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string Mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

// The file that is being written, "PATH.part"; removed unless it is kept.
class PartFile {
 public:
  explicit PartFile(std::string path) : final_(std::move(path)), path_(final_ + ".part") {}
  ~PartFile() {
    if (fd_ < 0) return;
    close(fd_);
    if (!kept_) unlink(path_.c_str());
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  Status Open() {
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd_ < 0 ? ErrnoStatus(errno, path_) : OkStatus();
  }
  Status Write(std::span<const uint8_t> bytes);
  Status Keep();
  uint64_t FreeBytes() const {
    struct statvfs info = {};
    if (fstatvfs(fd_, &info) != 0) return UINT64_MAX;
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }
  uint64_t bytes() const { return bytes_; }
  std::span<const uint8_t> start() const {
    return {start_, std::min<uint64_t>(bytes_, kContainerBytes)};
  }

 private:
  const std::string final_;
  const std::string path_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
  uint8_t start_[kContainerBytes] = {};
  bool kept_ = false;
};

Status PartFile::Write(std::span<const uint8_t> bytes) {
  for (size_t i = 0; i < bytes.size() && bytes_ + i < kContainerBytes; ++i) {
    start_[bytes_ + i] = bytes[i];
  }
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, "writing the download");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return OkStatus();
}

Status PartFile::Keep() {
  if (fsync(fd_) != 0) return ErrnoStatus(errno, "writing the download");
  if (rename(path_.c_str(), final_.c_str()) != 0) return ErrnoStatus(errno, final_);
  kept_ = true;
  return OkStatus();
}

class Downloader {
 public:
  Downloader(const DownloadOptions& options, const CancelToken& cancel, PartFile& file)
      : options_(options), cancel_(cancel), file_(file), end_(Clock::now() + options.timeout) {}

  Status Run(const std::string& url);

 private:
  Status CheckUrl(const AbsoluteUrl& url) const;
  Status CheckHead(const http::TransferAnswer& head) const;
  Status TakeBody(std::span<const uint8_t> bytes);
  Result<http::TransferAnswer> Fetch(const AbsoluteUrl& url);

  const DownloadOptions& options_;
  const CancelToken& cancel_;
  PartFile& file_;
  const Clock::time_point end_;
};

Status Downloader::CheckUrl(const AbsoluteUrl& url) const {
  if (options_.only_hosts.empty() || AnyMatches(options_.only_hosts, url.host, url.port) ||
      AnyMatches(options_.allowed_hosts, url.host, url.port)) {
    return OkStatus();
  }
  return InvalidArgument("the host " + url.HostField() + " is not on the list of download hosts");
}

Status Downloader::CheckHead(const http::TransferAnswer& head) const {
  const std::string_view announced = head.Header("Content-Length");
  uint64_t bytes = 0;
  std::from_chars(announced.data(), announced.data() + announced.size(), bytes);
  if (bytes > options_.bytes_max) {
    return ResourceExhausted("the file has " + Mebibytes(bytes) + "; the limit is " +
                             Mebibytes(options_.bytes_max));
  }
  const uint64_t free = file_.FreeBytes();
  if (bytes + kFreeBytesMin > free) {
    return ResourceExhausted("no space on the disk: the file has " + Mebibytes(bytes) + ", " +
                             Mebibytes(free) + " are free");
  }
  const std::string_view type = head.Header("Content-Type");
  if (type.size() >= 9 && http::EqualsIgnoreCase(type.substr(0, 9), "text/html")) {
    return CorruptInput("the answer is a web page (text/html), not a video");
  }
  return OkStatus();
}

Status Downloader::TakeBody(std::span<const uint8_t> bytes) {
  if (file_.bytes() + bytes.size() > options_.bytes_max) {
    return ResourceExhausted("the file is larger than the limit of " +
                             Mebibytes(options_.bytes_max));
  }
  const bool judged = file_.bytes() >= kContainerBytes;
  OCTO_RETURN_IF_ERROR(file_.Write(bytes));
  return !judged && file_.bytes() >= kContainerBytes ? CheckVideoContainer(file_.start())
                                                     : OkStatus();
}

Result<http::TransferAnswer> Downloader::Fetch(const AbsoluteUrl& url) {
  http::FileTransfer transfer;
  transfer.url = url.text;
  transfer.ca_path = options_.ca_path;
  transfer.connect_timeout = options_.connect_timeout;
  transfer.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now());
  if (transfer.timeout.count() <= 0) return DeadlineExceeded("too slow: the time is over");
  transfer.rate_bytes_per_s_min = options_.rate_bytes_per_s_min;
  transfer.rate_window = options_.rate_window;
  if (!AnyMatches(options_.allowed_hosts, url.host, url.port)) {
    transfer.check_address = [&url](const sockaddr* address) -> Status {
      const std::string_view kind = SpecialAddressKind(address);
      if (kind.empty()) return OkStatus();
      return InvalidArgument("the host " + url.HostField() + " has the " + std::string(kind) +
                             " address " + AddressText(address) +
                             "; only public addresses are fetched from");
    };
  }
  transfer.on_head = [this](const http::TransferAnswer& head) { return CheckHead(head); };
  transfer.on_body = [this](std::span<const uint8_t> bytes) { return TakeBody(bytes); };
  return RunTransfer(transfer, cancel_);
}

Status Downloader::Run(const std::string& text) {
  OCTO_ASSIGN_OR_RETURN(AbsoluteUrl url, http::ParseAbsoluteUrl(text));
  for (int hop = 0;; ++hop) {
    OCTO_RETURN_IF_ERROR(CheckUrl(url));
    OCTO_ASSIGN_OR_RETURN(const http::TransferAnswer answer, Fetch(url));
    if (answer.status == 200) return CheckVideoContainer(file_.start());
    if (!IsRedirect(answer.status)) {
      const std::string what = "the server answered " + std::to_string(answer.status) + " " +
                               std::string(http::ReasonPhrase(answer.status));
      return answer.status == 404 || answer.status == 410 ? NotFound(what) : Unavailable(what);
    }
    if (hop == options_.redirects_max) {
      return Unavailable("more than " + std::to_string(options_.redirects_max) + " redirects");
    }
    OCTO_ASSIGN_OR_RETURN(AbsoluteUrl next,
                          http::ResolveLocation(url, std::string(answer.Header("Location"))));
    if (url.scheme == "https" && next.scheme == "http") {
      return InvalidArgument("a redirect leads from https to http, " + next.ForPeople());
    }
    url = std::move(next);
  }
}

}  // namespace

Status Download(const std::string& url, const std::string& path, const DownloadOptions& options,
                const CancelToken& cancel) {
  PartFile file(path);
  OCTO_RETURN_IF_ERROR(file.Open());
  OCTO_RETURN_IF_ERROR(Downloader(options, cancel, file).Run(url));
  return file.Keep();
}

}  // namespace octoscale
