// Reading and hashing whole model files, with a bound on their size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"

namespace octoscale {

// Size in bytes of a regular file (symbolic links followed). NotFound, IoError, or InvalidArgument
// when the path is a directory, a pipe or a device.
Result<uint64_t> RegularFileSize(const std::filesystem::path& path);

// The bytes of a regular file. CorruptInput when it holds more than `size_bytes_max`; the file is
// not read then.
Result<std::string> ReadWholeFile(const std::filesystem::path& path, uint64_t size_bytes_max);

// SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace octoscale
