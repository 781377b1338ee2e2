#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <new>

#include "image/codecs.h"

namespace octoscale {
namespace {

// Closes on every way out.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() { Close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int get() const { return descriptor_; }
  int Close() {
    const int result = descriptor_ >= 0 ? ::close(descriptor_) : 0;
    descriptor_ = -1;
    return result;
  }

 private:
  int descriptor_;
};

Result<std::vector<uint8_t>> ReadBytes(const std::string& path, size_t bytes_max) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return ErrnoStatus(errno, path);
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(info.st_mode)) return InvalidArgument(path + ": not a regular file");
  const auto size = static_cast<size_t>(info.st_size);
  if (size > bytes_max) {
    return ResourceExhausted(path + ": the file has " + std::to_string(size) +
                             " bytes; the limit for a picture is " + std::to_string(bytes_max));
  }
  std::vector<uint8_t> bytes(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Status WriteBytes(int descriptor, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, "write");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return OkStatus();
}

// Makes the rename durable. A file system that can't sync a directory is no reason to fail.
void SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() >= 0) (void)::fsync(file.get());
}

// Creates a file beside `path` that no one else has; `name` becomes its name.
int CreateBeside(const std::string& path, std::string& name) {
  static std::atomic<unsigned> counter{0};
  constexpr int kAttempts = 100;
  for (int i = 0; i < kAttempts; ++i) {
    name = path + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

Status WriteAtomically(const std::string& path, std::span<const uint8_t> bytes) {
  std::string temporary;
  File file(CreateBeside(path, temporary));
  if (file.get() < 0) return ErrnoStatus(errno, path);
  Status status = WriteBytes(file.get(), bytes);
  if (status.ok() && (::fsync(file.get()) != 0 || file.Close() != 0 ||
                      std::rename(temporary.c_str(), path.c_str()) != 0)) {
    status = ErrnoStatus(errno, "write");
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status.WithContext(path);
  }
  SyncDirectoryOf(path);
  return OkStatus();
}

}  // namespace

Result<Image> ReadImageFile(const std::string& path, const ImageLimits& limits) {
  try {
    OCTO_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes,
                          ReadBytes(path, limits.encoded_bytes_max));
    Result<Image> image = DecodeImage(bytes, limits);
    if (!image.ok()) return image.status().WithContext(path);
    return image;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted(path + ": not enough memory to read the picture");
  }
}

Status WriteImageFile(const std::string& path, const ImageView& image,
                      const EncodeOptions& options) {
  const std::optional<ImageFormat> format = ImageFormatFromPath(path);
  if (!format) {
    return InvalidArgument(path + ": the name of a picture ends in .png, .jpg or .jpeg");
  }
  auto bytes =
      *format == ImageFormat::kPng ? EncodePng(image, options) : EncodeJpeg(image, options);
  if (!bytes.ok()) return bytes.status().WithContext(path);
  return WriteAtomically(path, *bytes);
}

}  // namespace octoscale
