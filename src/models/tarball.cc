#include "models/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace octoscale {
namespace {

constexpr size_t kBlockBytes = 1 << 16;

using ArchivePtr = std::unique_ptr<archive, int (*)(archive*)>;

class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path)
      : path_(path), fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {}
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() {
    if (fd_ >= 0) close(fd_);
  }

  Status status() const { return fd_ >= 0 ? OkStatus() : ErrnoStatus(errno, path_.string()); }

  Status Write(const char* data, size_t size) {
    while (size > 0) {
      const ssize_t count = write(fd_, data, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoStatus(errno, path_.string());
      data += count;
      size -= static_cast<size_t>(count);
    }
    return OkStatus();
  }

  Status Sync() const {
    // EINVAL: the destination (a pipe, a device) cannot be synced and need not be.
    if (fsync(fd_) != 0 && errno != EINVAL) return ErrnoStatus(errno, path_.string());
    return OkStatus();
  }

 private:
  std::filesystem::path path_;
  int fd_;
};

std::string ArchiveMessage(archive* reader) {
  const char* text = archive_error_string(reader);
  return text == nullptr ? "unknown error" : text;
}

Status ExtractEntry(archive* reader, archive_entry* entry, const TarMember& member,
                    const std::string& where) {
  if (archive_entry_filetype(entry) != AE_IFREG) {
    return CorruptInput(where + ": expected a regular file, found another kind of entry");
  }
  const int64_t size = archive_entry_size(entry);
  if (size < 0 || static_cast<uint64_t>(size) != member.size_bytes) {
    return CorruptInput(where + ": expected " + std::to_string(member.size_bytes) +
                        " bytes, found " + std::to_string(size));
  }
  OutputFile file(member.destination);
  OCTO_RETURN_IF_ERROR(file.status());
  std::vector<char> block(kBlockBytes);
  uint64_t left = member.size_bytes;
  while (left > 0) {
    const la_ssize_t count =
        archive_read_data(reader, block.data(), std::min<uint64_t>(left, block.size()));
    if (count <= 0) {
      return CorruptInput(where + ": ends " + std::to_string(left) + " bytes early (" +
                          ArchiveMessage(reader) + ")");
    }
    OCTO_RETURN_IF_ERROR(file.Write(block.data(), static_cast<size_t>(count)));
    left -= static_cast<uint64_t>(count);
  }
  return file.Sync();
}

}  // namespace

Status ExtractTarMembers(const std::filesystem::path& archive_path,
                         const std::vector<TarMember>& members) {
  const ArchivePtr reader(archive_read_new(), &archive_read_free);
  if (!reader) return ResourceExhausted("no memory to read " + archive_path.string());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), archive_path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return CorruptInput(archive_path.string() + ": " + ArchiveMessage(reader.get()));
  }
  std::vector<bool> extracted(members.size(), false);
  size_t missing = members.size();
  while (missing > 0) {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) break;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) {
      return CorruptInput(archive_path.string() + ": " + ArchiveMessage(reader.get()));
    }
    const char* path = archive_entry_pathname(entry);
    for (size_t i = 0; path != nullptr && i < members.size(); ++i) {
      if (extracted[i] || members[i].path != path) continue;
      OCTO_RETURN_IF_ERROR(ExtractEntry(reader.get(), entry, members[i],
                                        archive_path.string() + ": " + members[i].path));
      extracted[i] = true;
      --missing;
      break;
    }
  }
  for (size_t i = 0; i < members.size(); ++i) {
    if (!extracted[i]) {
      return CorruptInput(archive_path.string() + ": expected to hold " + members[i].path +
                          ", it does not");
    }
  }
  return OkStatus();
}

}  // namespace octoscale
