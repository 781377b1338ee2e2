#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "base/partial_file.h"
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

Status WriteAtomically(const std::string& path, std::span<const uint8_t> bytes, bool overwrite) {
  OCTO_ASSIGN_OR_RETURN(PartialFile partial, PartialFile::Create(path));
  File file(::open(partial.path().c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return ErrnoStatus(errno, path);
  Status status = WriteBytes(file.get(), bytes);
  if (status.ok() && file.Close() != 0) status = ErrnoStatus(errno, "write");
  if (!status.ok()) return status.WithContext(path);
  return partial.Commit(overwrite);
}

}  // namespace

Result<Image> ReadImageFile(const std::string& path, const ImageLimits& limits) {
  try {
    OCTO_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes,
                          ReadBytes(path, limits.encoded_bytes_max));
    Result<Image> image =
        LooksLikeWebp(bytes) ? DecodeWebp(bytes, limits) : DecodeImage(bytes, limits);
    if (!image.ok()) return image.status().WithContext(path);
    return image;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted(path + ": not enough memory to read the picture");
  }
}

Status WriteImageFile(const std::string& path, const ImageView& image, const EncodeOptions& options,
                      bool overwrite) {
  const std::optional<ImageFormat> format = ImageFormatFromPath(path);
  if (!format) {
    return InvalidArgument(path + ": the name of a picture ends in .png, .jpg, .jpeg or .webp");
  }
  auto bytes = *format == ImageFormat::kPng    ? EncodePng(image, options)
               : *format == ImageFormat::kWebp ? EncodeWebp(image)
                                               : EncodeJpeg(image, options);
  if (!bytes.ok()) return bytes.status().WithContext(path);
  return WriteAtomically(path, *bytes, overwrite);
}

}  // namespace octoscale
