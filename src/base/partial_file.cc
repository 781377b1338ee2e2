#include "base/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <string_view>
#include <utility>

#include "base/sync.h"

namespace octoscale {
namespace {

constexpr size_t kFileNameMax = 255;  // bytes, of every Linux file system in use
constexpr std::string_view kSuffix = ".partial-";
constexpr size_t kRandomLetters = 6;
constexpr int kNameAttempts = 100;

std::string RandomName() {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::uniform_int_distribution<size_t> letter(0, kLetters.size() - 1);
  std::string name;
  for (size_t i = 0; i < kRandomLetters; ++i) name += kLetters[letter(random)];
  return name;
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

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
  const std::string name =
      NameOf(final_path).substr(0, kFileNameMax - kSuffix.size() - kRandomLetters - 1);
  const std::string begin = (directory.empty() ? DirectoryOf(final_path) : directory) + "/." +
                            name + std::string(kSuffix);
  // Not mkstemp(): its files have mode 0600, and the umask can't be asked without changing it for
  // all threads.
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    const std::string path = begin + RandomName();
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) return ErrnoStatus(errno, final_path + ": can't create a file in its directory");
    close(fd);
    return PartialFile(path, final_path);
  }
  return AlreadyExists(final_path + ": no free name for a file in its directory");
}

Status MoveFile(const std::string& from, const std::string& to, bool overwrite) {
  const unsigned flags = overwrite ? 0 : RENAME_NOREPLACE;
  int error = renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0 ? 0 : errno;
  if (error == EINVAL && !overwrite) {
    // A file system without RENAME_NOREPLACE: a link refuses existing names just as well.
    error = link(from.c_str(), to.c_str()) == 0 ? 0 : errno;
    if (error == 0) unlink(from.c_str());
  }
  if (error == EEXIST) return AlreadyExists(to + ": was created by someone else meanwhile");
  if (error != 0) return ErrnoStatus(error, to + ": renaming the finished file");
  return OkStatus();
}

Status PartialFile::Commit(bool overwrite) {
  OCTO_RETURN_IF_ERROR(SyncPath(path_, O_RDONLY));
  OCTO_RETURN_IF_ERROR(MoveFile(path_, final_path_, overwrite));
  path_.clear();
  return SyncDirectoryOf(final_path_);
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
