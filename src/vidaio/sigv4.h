// AWS Signature Version 4 for S3: signed header fields and presigned URLs. Source: "Authenticating
// Requests (AWS Signature Version 4)" of Amazon's S3 API reference. libcurl 7.88 signs fields too,
// but can't presign; one signer does both.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "http/message.h"

namespace octoscale {

struct S3Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string region;
};

struct SignedRequest {
  std::string method;  // "PUT"
  std::string host;    // value of the Host field
  std::string path;    // percent-encoded as it goes over the wire
  // Beside Host, all signed; names in lower case.
  std::vector<http::Field> fields;
  std::string payload_sha256;  // 64 hexadecimal digits
};

using SystemTime = std::chrono::system_clock::time_point;

// The fields to send: those of the request, x-amz-content-sha256, x-amz-date and Authorization.
std::vector<http::Field> SignFields(const SignedRequest& request, const S3Credentials& credentials,
                                    SystemTime now);

// A URL that lets anyone GET `path` from `host` (value of the Host field) for `expiry`.
std::string PresignGet(std::string_view scheme, const std::string& host, const std::string& path,
                       const S3Credentials& credentials, SystemTime now,
                       std::chrono::seconds expiry);

// RFC 3986 percent-encoding of everything but unreserved characters and, if asked, '/'.
std::string PercentEncode(std::string_view text, bool keep_slash);

// Lower-case hexadecimal SHA-256 of a file from its start. Errors: IoError.
Result<std::string> Sha256OfFile(int fd);

}  // namespace octoscale
