#include "models/file_io.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace octoscale {

Result<uint64_t> RegularFileSize(const std::filesystem::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path.string());
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(path.string() + ": expected a regular file, found " +
                           (S_ISDIR(info.st_mode) ? "a directory" : "a pipe or device"));
  }
  return static_cast<uint64_t>(info.st_size);
}

Result<std::string> ReadWholeFile(const std::filesystem::path& path, uint64_t size_bytes_max) {
  OCTO_ASSIGN_OR_RETURN(const uint64_t size, RegularFileSize(path));
  if (size > size_bytes_max) {
    return CorruptInput(path.string() + ": expected at most " + std::to_string(size_bytes_max) +
                        " bytes, found " + std::to_string(size));
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (!file) return ErrnoStatus(errno, path.string());
  std::string bytes(size, '\0');
  const size_t count = std::fread(bytes.data(), 1, size, file.get());
  if (count != size) {
    if (std::ferror(file.get())) return ErrnoStatus(errno, path.string());
    return CorruptInput(path.string() + ": shrank while it was read, from " + std::to_string(size) +
                        " to " + std::to_string(count) + " bytes");
  }
  return bytes;
}

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  // Fails only without a SHA-256 provider; the empty string then matches no hash.
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
    return "";
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace octoscale
