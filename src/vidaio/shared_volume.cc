#include "vidaio/shared_volume.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

namespace octoscale {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> RealPath(const std::string& path) {
  char buffer[PATH_MAX];
  if (realpath(path.c_str(), buffer) == nullptr) return std::nullopt;
  return std::string(buffer);
}

bool HasDotDot(std::string_view path) {
  for (size_t at = 0; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    if (path.substr(at, slash - at) == "..") return true;
    at = slash + 1;
  }
  return false;
}

}  // namespace

Result<SharedVolume> SharedVolume::Open(const std::string& path) {
  if (path.empty()) return InvalidArgument("SHARED_VOLUME_PATH is empty; expected a folder");
  std::error_code error;
  const std::string root = fs::absolute(path, error).lexically_normal().string();
  fs::create_directories(root, error);
  const auto real = RealPath(root);
  if (!real) return ErrnoStatus(errno, "the shared volume " + root);
  if (!fs::is_directory(*real, error)) {
    return InvalidArgument("the shared volume " + root + " is not a folder");
  }
  if (*real == "/") return InvalidArgument("the shared volume may not be the whole disk, /");
  if (access(real->c_str(), W_OK | X_OK) != 0) {
    return ErrnoStatus(errno, "the shared volume " + root + " can't be written to");
  }
  return SharedVolume(
      root.size() > 1 && root.ends_with('/') ? root.substr(0, root.size() - 1) : root, *real);
}

bool SharedVolume::Contains(std::string_view real) const {
  return real.size() > real_.size() + 1 && real.starts_with(real_) && real[real_.size()] == '/' &&
         !real.starts_with(work_folder() + "/");
}

Result<std::string> SharedVolume::Absolute(std::string_view path) const {
  if (path.empty()) return InvalidArgument("a path is empty");
  if (path.find('\0') != std::string_view::npos) return InvalidArgument("a path holds a NUL");
  if (path.size() >= PATH_MAX) return InvalidArgument("a path is longer than 4095 bytes");
  if (HasDotDot(path)) {
    return InvalidArgument(std::string(path) + " holds \"..\"; give the path without it");
  }
  return path.front() == '/' ? std::string(path) : real_ + "/" + std::string(path);
}

Result<std::string> SharedVolume::FindInput(std::string_view path) const {
  OCTO_ASSIGN_OR_RETURN(const std::string absolute, Absolute(path));
  const auto real = RealPath(absolute);
  const int error = errno;
  if (!real) {
    return InvalidArgument("Input file not found: " + std::string(path) +
                           (error == ENOENT ? "" : ": " + ErrnoStatus(error, "").message()));
  }
  if (!Contains(*real)) {
    return InvalidArgument(std::string(path) + " is outside the shared volume " + root_);
  }
  struct stat info = {};
  if (stat(real->c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return InvalidArgument(std::string(path) + " is not a regular file");
  }
  return *real;
}

Result<std::string> SharedVolume::PlaceOutput(std::string_view path) const {
  OCTO_ASSIGN_OR_RETURN(const std::string absolute, Absolute(path));
  const size_t slash = absolute.rfind('/');
  const std::string name = absolute.substr(slash + 1);
  if (!name.ends_with(".mp4") || name.size() <= 4 || name.size() > NAME_MAX) {
    return InvalidArgument("output " + std::string(path) + ": expected a name that ends in .mp4");
  }
  const auto folder = RealPath(slash == 0 ? "/" : absolute.substr(0, slash));
  if (!folder)
    return InvalidArgument("the folder of the output " + std::string(path) + " is missing");
  std::string real = *folder + "/" + name;
  if (!Contains(real)) {
    return InvalidArgument("output " + std::string(path) + " is outside the shared volume " +
                           root_);
  }
  struct stat info = {};
  if (lstat(real.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return InvalidArgument("output " + std::string(path) + " is a folder");
  }
  return real;
}

}  // namespace octoscale
