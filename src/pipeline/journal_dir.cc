#include "pipeline/journal_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/content_hash.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFileNameMax = 255;  // bytes
constexpr int64_t kJournalBytesMax = int64_t{1} << 32;

Result<std::string> ReadWhole(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  struct stat info {};
  std::string text;
  int error = fstat(fd, &info) == 0 ? 0 : errno;
  if (error == 0 && (!S_ISREG(info.st_mode) || info.st_size > kJournalBytesMax)) error = EFBIG;
  if (error == 0) text.resize(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (error == 0 && done < text.size()) {
    const ssize_t got = read(fd, text.data() + done, text.size() - done);
    if (got < 0 && errno != EINTR) error = errno;
    if (got == 0) break;
    if (got > 0) done += static_cast<size_t>(got);
  }
  close(fd);
  if (error != 0) return ErrnoStatus(error, path);
  text.resize(done);
  return text;
}

}  // namespace

bool IsJoinedOutput(const std::string& output, const Journal& journal) {
  struct stat info {};
  return journal.join && stat(output.c_str(), &info) == 0 && info.st_dev == journal.join->device &&
         info.st_ino == journal.join->inode;
}

std::string JournalDirectory(const std::string& output) {
  const size_t slash = output.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : output.substr(0, slash + 1);
  std::string name = output.substr(slash == std::string::npos ? 0 : slash + 1);
  const std::string suffix = ".octoscale";
  if (name.size() + suffix.size() + 1 > kFileNameMax) {
    // Long names stay different from each other.
    const std::string hash = HashText(ContentHash(name));
    name = name.substr(0, kFileNameMax - suffix.size() - hash.size() - 2) + "-" + hash;
  }
  return folder + "." + name + suffix;
}

JournalDir::JournalDir(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

JournalDir::~JournalDir() {
  if (fd_ >= 0) close(fd_);
  rmdir(path_.c_str());  // only when nothing is in it
  close(lock_);
}

Result<std::unique_ptr<JournalDir>> JournalDir::Open(const std::string& output) {
  const std::string path = JournalDirectory(output);
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, path + ": can't make the journal's directory");
  }
  const int lock = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return ErrnoStatus(errno, path + ": can't open the journal's directory");
  // Without a name the directory is not removed: until the lock is ours it is another's.
  std::unique_ptr<JournalDir> dir(new JournalDir(std::string(), lock));
  const std::string busy =
      output + ": another octoscale is writing it (" + path + " is in use); wait for it or stop it";
  // A file system without locks gives none; that is no reason to refuse the job.
  if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return Unavailable(busy);
  struct stat held {};
  struct stat named {};
  // Its owner may have removed it before the lock was ours.
  if (fstat(lock, &held) != 0 || stat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino) {
    return Unavailable(busy);
  }
  dir->path_ = path;
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    return ErrnoStatus(errno, path + ": the journal's directory is not writable");
  }
  return dir;
}

std::string JournalDir::SegmentPath(size_t number) const {
  return path_ + "/" + SegmentName(number);
}

Result<std::optional<Journal>> JournalDir::Load() const {
  const Result<std::string> text = ReadWhole(JournalPath());
  if (text.status().code() == StatusCode::kNotFound) return std::optional<Journal>();
  OCTO_RETURN_IF_ERROR(text.status());
  return ParseJournal(*text, JournalPath());
}

// Everything but the journal and its first segments.
void JournalDir::RemoveStrangers(size_t segments) {
  std::vector<std::string> kept = {"journal"};
  for (size_t i = 0; i < segments; ++i) kept.push_back(SegmentName(i));
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (std::find(kept.begin(), kept.end(), name) == kept.end()) {
      std::error_code failed;
      fs::remove(entry.path(), failed);
    }
  }
}

Status JournalDir::OpenJournal(int flags) {
  fd_ = open(JournalPath().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
  return fd_ >= 0 ? OkStatus() : ErrnoStatus(errno, JournalPath());
}

Status JournalDir::Start(const JournalHeader& header) {
  RemoveStrangers(0);
  OCTO_RETURN_IF_ERROR(OpenJournal(O_TRUNC));
  OCTO_RETURN_IF_ERROR(Write(JournalStart(header, &last_hash_)));
  return Sync();
}

Status JournalDir::Continue(const Journal& journal, size_t segments) {
  if (segments == journal.segments.size()) {
    OCTO_RETURN_IF_ERROR(OpenJournal(0));
    bytes_ = static_cast<int64_t>(journal.valid_bytes);
    last_hash_ = journal.last_hash;
    if (ftruncate(fd_, bytes_) != 0 || lseek(fd_, bytes_, SEEK_SET) < 0) {
      return ErrnoStatus(errno, JournalPath());
    }
  } else {
    // A shorter journal, whole under its name or not at all.
    const std::string fresh = path_ + "/journal.new";
    fd_ = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) return ErrnoStatus(errno, fresh);
    std::string text = JournalStart(journal.header, &last_hash_);
    for (size_t i = 0; i < segments; ++i) text += JournalLine(journal.segments[i], &last_hash_);
    OCTO_RETURN_IF_ERROR(Write(text));
    if (rename(fresh.c_str(), JournalPath().c_str()) != 0) return ErrnoStatus(errno, fresh);
  }
  RemoveStrangers(segments);
  return Sync();
}

Status JournalDir::Write(const std::string& text) {
  size_t done = 0;
  int error = 0;
  while (done < text.size() && error == 0) {
    const ssize_t wrote = write(fd_, text.data() + done, text.size() - done);
    if (wrote >= 0) {
      done += static_cast<size_t>(wrote);
    } else if (errno != EINTR) {
      error = errno == EFBIG ? ENOSPC : errno;
    }
  }
  if (error == 0 && fdatasync(fd_) != 0) error = errno;
  if (error != 0) {
    // Whoever reads it drops a record that was cut off; this only keeps it tidy.
    if (ftruncate(fd_, bytes_) != 0) return ErrnoStatus(error, JournalPath());
    return ErrnoStatus(error, JournalPath());
  }
  bytes_ += static_cast<int64_t>(text.size());
  return OkStatus();
}

Status JournalDir::Append(const SegmentRecord& record) {
  return Write(JournalLine(record, &last_hash_));
}

Status JournalDir::Append(const JoinRecord& record) {
  return Write(JournalLine(record, &last_hash_));
}

Status JournalDir::Sync() const {
  // Some file systems can't sync directories.
  if (fsync(lock_) != 0 && errno != EINVAL) return ErrnoStatus(errno, path_);
  return OkStatus();
}

void JournalDir::Remove() {
  RemoveStrangers(0);
  unlink(JournalPath().c_str());
}

void RemoveEmptyJournalDirectory(const std::string& output) {
  const std::string path = JournalDirectory(output);
  std::error_code error;
  if (!fs::is_directory(path, error) || !fs::is_empty(path, error) || error) return;
  // Opened for its lock; the destructor removes it.
  static_cast<void>(JournalDir::Open(output));
}

Result<std::optional<KeptWork>> FindKeptWork(const std::string& output) {
  const std::string directory = JournalDirectory(output);
  const std::string path = directory + "/journal";
  const Result<std::string> text = ReadWhole(path);
  if (text.status().code() == StatusCode::kNotFound) return std::optional<KeptWork>();
  OCTO_RETURN_IF_ERROR(text.status());
  OCTO_ASSIGN_OR_RETURN(const std::optional<Journal> journal, ParseJournal(*text, path));
  if (!journal || journal->segments.empty()) return std::optional<KeptWork>();
  KeptWork kept;
  kept.directory = directory;
  kept.input = journal->header.input;
  kept.started = journal->header.started;
  kept.frames = journal->frames();
  kept.joined = IsJoinedOutput(output, *journal);
  return std::optional<KeptWork>(std::move(kept));
}

}  // namespace octoscale
