// Puts results into an S3 bucket and makes URLs from which others fetch them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "http/absolute_url.h"
#include "http/file_transfer.h"
#include "vidaio/sigv4.h"

namespace octoscale {

struct S3Options {
  std::string endpoint;  // "https://HOST[:PORT][/PREFIX]"; empty: Amazon's of the region
  std::string bucket;
  S3Credentials credentials = {"", "", "us-east-1"};
  bool bucket_in_host = false;  // "BUCKET.HOST/key"; else "HOST/BUCKET/key". Amazon: always in host
  std::chrono::seconds presigned_expiry{3600};  // at most kPresignedExpiryMax counts
  std::string ca_path;                          // PEM; empty: the system's
  std::chrono::milliseconds timeout{600'000};   // of one attempt
  uint64_t rate_bytes_per_s_min = 10 * 1024;
  std::chrono::seconds rate_window{30};
  int attempts_max = 4;
  std::chrono::milliseconds first_pause{500};  // before the second attempt; doubles each time

  // Names of the environment variables that are still to be set; empty: none.
  std::vector<std::string> Missing() const;
};

constexpr std::chrono::seconds kPresignedExpiryMax{604'800};  // what S3 takes at most

// Thread-safe.
class S3Client {
 public:
  // Errors: InvalidArgument (endpoint, bucket name, or options.Missing()).
  static Result<S3Client> Create(const S3Options& options);

  // Uploads a file (at most 5 GiB, S3's limit for one PUT); its SHA-256 is part of the signature,
  // so the bucket holds exactly it. Network errors, 5xx and 429 are tried again after a pause.
  // Errors: InvalidArgument (refused: credentials, bucket, clock), Unavailable, DeadlineExceeded,
  // Cancelled, NotFound, IoError.
  Status Put(const std::string& path, const std::string& key, const CancelToken& cancel) const;

  struct PresignedUrl {
    std::string url;
    SystemTime expires;
  };
  PresignedUrl Presign(const std::string& key, SystemTime now) const;

 private:
  explicit S3Client(const S3Options& options) : options_(options) {}
  std::string PathOf(const std::string& key) const;
  Result<http::TransferAnswer> PutOnce(int fd, uint64_t bytes, const std::string& sha256,
                                       const std::string& key, const CancelToken& cancel) const;
  Status Explain(const http::TransferAnswer& answer) const;

  S3Options options_;
  http::AbsoluteUrl base_;
  std::string host_;    // value of the Host field
  std::string prefix_;  // of every path
};

// Letters, digits, '.', '_', '-' and '/' stay; everything else becomes '-'. No "//", "." or ".."
// segments come out.
std::string SafeKeyPart(std::string_view text);

}  // namespace octoscale
