// Bearer tokens (RFC 6750), compared in constant time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale::http {

// Holds only digests of the tokens. Thread-safe once made.
class BearerAuth {
 public:
  // No token: everybody is let in.
  BearerAuth() = default;

  // One token a line, 16..512 visible ASCII characters; blank lines and lines that start with '#'
  // are skipped. Errors: NotFound, IoError, InvalidArgument (no token, a bad one; never quotes it).
  static Result<BearerAuth> FromFile(const std::string& path);
  static Result<BearerAuth> FromTokens(const std::vector<std::string>& tokens);

  bool required() const { return !digests_.empty(); }

  // Index of the token in an Authorization field ("Bearer TOKEN"), or nothing. Takes the same time
  // whichever token matches and however much of it does.
  std::optional<size_t> Match(std::string_view authorization) const;

 private:
  using Digest = std::array<uint8_t, 32>;
  static Digest DigestOf(std::string_view token);
  std::vector<Digest> digests_;
};

}  // namespace octoscale::http
