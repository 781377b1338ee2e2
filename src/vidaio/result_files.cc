#include "vidaio/result_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/partial_file.h"
#include "base/sync.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

// On another file system under the same volume a rename can't do it.
Status CopyAndRemove(const std::string& from, const std::string& to) {
  OCTO_ASSIGN_OR_RETURN(PartialFile copy, PartialFile::Create(to));
  std::error_code error;
  fs::copy_file(from, copy.path(), fs::copy_options::overwrite_existing, error);
  if (error) return ErrnoStatus(error.value(), to);
  OCTO_RETURN_IF_ERROR(copy.Commit(true));
  unlink(from.c_str());
  return OkStatus();
}

struct TreeFacts {
  uint64_t bytes = 0;
  int64_t changed_s = 0;
};

TreeFacts MeasureTree(const std::string& path) {
  TreeFacts facts;
  const auto add = [&facts](const std::string& entry) {
    struct stat info = {};
    if (lstat(entry.c_str(), &info) != 0) return;
    facts.bytes += static_cast<uint64_t>(info.st_size);
    facts.changed_s = std::max<int64_t>(facts.changed_s, info.st_mtime);
  };
  add(path);
  std::error_code error;
  fs::recursive_directory_iterator entries(path, error);
  while (!error && entries != fs::recursive_directory_iterator()) {
    add(entries->path().string());
    entries.increment(error);
  }
  return facts;
}

}  // namespace

bool IsThere(const std::string& output, int64_t bytes, int64_t* changed_s) {
  struct stat info = {};
  if (lstat(output.c_str(), &info) != 0) return false;
  if (changed_s != nullptr) *changed_s = info.st_mtime;
  return S_ISREG(info.st_mode) && info.st_size == bytes;
}

Status ResultFiles::Publish(const std::string& finished, const std::string& output) {
  const std::lock_guard lock(mutex_);
  OCTO_ASSIGN_OR_RETURN(const std::string place, volume_.PlaceOutput(output));
  OCTO_RETURN_IF_ERROR(store_.ForgetResult(output));
  if (rename(finished.c_str(), place.c_str()) == 0) return SyncDirectoryOf(place);
  if (errno == EXDEV) return CopyAndRemove(finished, place);
  return ErrnoStatus(errno, place);
}

void ResultFiles::FindFolders(const ActiveFiles& active, std::vector<Candidate>* found) const {
  std::error_code error;
  fs::directory_iterator entries(volume_.work_folder(), error);
  while (!error && entries != fs::directory_iterator()) {
    const std::string path = entries->path().string();
    const TreeFacts facts = MeasureTree(path);
    const bool used = active.folders.contains(entries->path().filename().string());
    found->push_back({path, facts.bytes, facts.changed_s, used, true});
    entries.increment(error);
  }
}

void ResultFiles::FindResults(const ActiveFiles& active, std::vector<Candidate>* found) {
  const auto results = store_.PublishedResults();
  if (!results.ok()) return;
  for (const JobStore::Published& result : *results) {
    int64_t changed_s = 0;
    if (!IsThere(result.output, result.bytes, &changed_s)) {
      static_cast<void>(store_.ForgetResult(result.output));
      continue;
    }
    const auto place = volume_.PlaceOutput(result.output);
    const bool used = !place.ok() || active.Contains(*place);
    found->push_back({result.output, static_cast<uint64_t>(result.bytes), changed_s, used, false});
  }
}

bool ResultFiles::Remove(const Candidate& candidate, int64_t now_s) {
  if (candidate.folder) {
    std::error_code error;
    fs::remove_all(candidate.path, error);
    return !error;
  }
  // Forgotten first: a crash between the two leaves a file, never a claim on somebody else's.
  return store_.ForgetResult(candidate.path, now_s).ok() && unlink(candidate.path.c_str()) == 0;
}

ResultFiles::Swept ResultFiles::Sweep(int64_t now_s, const std::function<ActiveFiles()>& active) {
  const std::lock_guard lock(mutex_);
  const ActiveFiles used = active();
  std::vector<Candidate> candidates;
  FindFolders(used, &candidates);
  FindResults(used, &candidates);
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.changed_s < b.changed_s; });
  uint64_t total = 0;
  for (const Candidate& candidate : candidates) total += candidate.bytes;
  Swept swept;
  for (const Candidate& candidate : candidates) {
    const int64_t age_s = now_s - candidate.changed_s;
    const bool old = age_s >= rules_.age_max.count();
    const bool above = total > rules_.bytes_max && age_s >= rules_.age_min.count();
    if (candidate.active || !(old || above) || !Remove(candidate, now_s)) continue;
    total -= candidate.bytes;
    swept.bytes += candidate.bytes;
    ++swept.files;
  }
  return swept;
}

}  // namespace octoscale
