#include "base/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace octoscale {
namespace {

constexpr size_t kFileNameMax = 255;  // bytes, of every Linux file system in use

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Status SyncPath(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  // Some file systems can't sync directories; that is not the file's fault.
  if (error != 0 && error != EINVAL) return ErrnoStatus(error, path);
  return OkStatus();
}

}  // namespace

PartialFile::PartialFile(std::string path, std::string final_path)
    : path_(std::move(path)), final_path_(std::move(final_path)) {}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), final_path_(std::move(other.final_path_)) {}

PartialFile::~PartialFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<PartialFile> PartialFile::Create(const std::string& final_path,
                                        const std::string& directory) {
  const std::string suffix = ".partial-XXXXXX";
  const std::string name = NameOf(final_path).substr(0, kFileNameMax - suffix.size() - 1);
  std::string path =
      (directory.empty() ? DirectoryOf(final_path) : directory) + "/." + name + suffix;
  const int fd = mkstemp(path.data());
  if (fd < 0) return ErrnoStatus(errno, final_path + ": can't create a file in its directory");
  const mode_t mask = umask(0);
  umask(mask);
  const int error = fchmod(fd, 0666 & ~mask) == 0 ? 0 : errno;
  close(fd);
  PartialFile file(path, final_path);
  if (error != 0) return ErrnoStatus(error, path);
  return file;
}

Status PartialFile::Commit(bool overwrite) {
  OCTO_RETURN_IF_ERROR(SyncPath(path_, O_RDONLY));
  const unsigned flags = overwrite ? 0 : RENAME_NOREPLACE;
  int error =
      renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, final_path_.c_str(), flags) == 0 ? 0 : errno;
  if (error == EINVAL && !overwrite) {
    // A file system without RENAME_NOREPLACE: a link refuses existing names just as well.
    error = link(path_.c_str(), final_path_.c_str()) == 0 ? 0 : errno;
    if (error == 0) unlink(path_.c_str());
  }
  if (error == EEXIST)
    return AlreadyExists(final_path_ + ": was created by someone else meanwhile");
  if (error != 0) return ErrnoStatus(error, final_path_ + ": renaming the finished file");
  path_.clear();
  return SyncPath(DirectoryOf(final_path_), O_RDONLY | O_DIRECTORY);
}

Status CheckOutputPath(const std::string& input_path, const std::string& output_path,
                       bool overwrite) {
  if (NameOf(output_path).empty()) {
    return InvalidArgument("'" + output_path + "': expected the name of an output file");
  }
  const std::string directory = DirectoryOf(output_path);
  struct stat info {};
  if (stat(directory.c_str(), &info) != 0) {
    return ErrnoStatus(errno, output_path + ": directory '" + directory + "'");
  }
  if (!S_ISDIR(info.st_mode)) {
    return InvalidArgument(output_path + ": '" + directory + "' is not a directory");
  }
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    return ErrnoStatus(errno, output_path + ": directory '" + directory + "' is not writable");
  }
  if (NameOf(output_path).size() > kFileNameMax) {
    return InvalidArgument(output_path + ": the file name is longer than 255 bytes");
  }
  struct stat output {};
  if (stat(output_path.c_str(), &output) != 0) return OkStatus();
  struct stat input {};
  if (stat(input_path.c_str(), &input) == 0 && input.st_dev == output.st_dev &&
      input.st_ino == output.st_ino) {
    return InvalidArgument(output_path + ": the output is the input file; choose another name");
  }
  if (S_ISDIR(output.st_mode)) return InvalidArgument(output_path + ": is a directory");
  if (!S_ISREG(output.st_mode)) {
    return InvalidArgument(output_path + ": is not a regular file; it can't be replaced whole");
  }
  if (!overwrite) {
    return AlreadyExists(output_path +
                         ": already exists; ask to overwrite it, or choose another "
                         "name");
  }
  return OkStatus();
}

}  // namespace octoscale
