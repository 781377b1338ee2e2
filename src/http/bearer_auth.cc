#include "http/bearer_auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/token_file.h"
#include "http/message.h"

namespace octoscale::http {
namespace {

constexpr size_t kTokenBytesMin = 16;
constexpr size_t kTokenBytesMax = 512;
constexpr size_t kTokensMax = 1000;

bool Visible(char c) { return c > 0x20 && c < 0x7f; }

}  // namespace

BearerAuth::Digest BearerAuth::DigestOf(std::string_view token) {
  Digest digest;
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(), digest.data());
  return digest;
}

Result<BearerAuth> BearerAuth::FromTokens(const std::vector<std::string>& tokens) {
  if (tokens.empty()) return InvalidArgument("no token given: expected at least one");
  if (tokens.size() > kTokensMax) return InvalidArgument("more than 1000 tokens");
  BearerAuth auth;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string& token = tokens[i];
    if (token.size() < kTokenBytesMin || token.size() > kTokenBytesMax ||
        !std::all_of(token.begin(), token.end(), Visible)) {
      return InvalidArgument("token " + std::to_string(i + 1) +
                             ": expected 16 to 512 visible ASCII characters");
    }
    auth.digests_.push_back(DigestOf(token));
  }
  return auth;
}

Result<BearerAuth> BearerAuth::FromFile(const std::string& path) {
  OCTO_ASSIGN_OR_RETURN(const std::vector<std::string> tokens, ReadTokenFile(path, kTokensMax + 1));
  auto auth = FromTokens(tokens);
  if (!auth.ok()) return auth.status().WithContext("token file " + path);
  return auth;
}

std::optional<size_t> BearerAuth::Match(std::string_view authorization) const {
  constexpr std::string_view kScheme = "Bearer ";
  const bool bearer = authorization.size() > kScheme.size() &&
                      EqualsIgnoreCase(authorization.substr(0, kScheme.size()), kScheme);
  std::string_view token = bearer ? authorization.substr(kScheme.size()) : std::string_view();
  while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
  const Digest digest = DigestOf(token);
  std::optional<size_t> found;
  for (size_t i = 0; i < digests_.size(); ++i) {
    if (CRYPTO_memcmp(digests_[i].data(), digest.data(), digest.size()) == 0) found = i;
  }
  return found;
}

}  // namespace octoscale::http
