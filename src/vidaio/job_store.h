// Accepted tasks in an SQLite database: what a call here returned ok for survives a crash of the
// process and of the machine (WAL, synchronous=FULL).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "vidaio/job_record.h"

namespace octoscale {

// Thread-safe. Errors of all calls: ResourceExhausted (disk full), IoError, CorruptInput.
class JobStore {
 public:
  // Makes the file when it is missing and locks it against a second service. Further errors:
  // Unavailable (another service has it), Unsupported (of a newer version, or of another program).
  static Result<std::unique_ptr<JobStore>> Open(const std::string& path);
  ~JobStore();
  JobStore(const JobStore&) = delete;
  JobStore& operator=(const JobStore&) = delete;

  // AlreadyExists when there is a job of this id.
  Status Insert(const JobRecord& job);
  Result<std::optional<JobRecord>> Find(const std::string& id);
  // The task's own part of what changes, without its clips.
  Status SaveJob(const JobRecord& job);
  Status SaveClip(const JobRecord& job, size_t index);
  // Both, of all clips: everything or nothing.
  Status SaveAll(const JobRecord& job);
  // Clips that are being computed have one attempt less.
  Status UncountRunning();
  // Neither done nor failed, the oldest first.
  Result<std::vector<JobRecord>> Unfinished();

  // Sizes in bytes of the newest results, at most `most`.
  Result<std::vector<int64_t>> RecentSizes(int most);

  // Local results that are still there as far as is known, the oldest first.
  struct Published {
    std::string output;
    int64_t bytes = 0;
    int64_t finished_s = 0;
  };
  Result<std::vector<Published>> PublishedResults();
  // Nothing of ours is under this name any more (also before it is written anew). `removed_s`: Unix
  // time when the service removes it; 0: it does not.
  Status ForgetResult(const std::string& output, int64_t removed_s = 0);
  // Finished jobs that ended before then and have no published results left.
  Status RemoveJobs(int64_t finished_before_s);

 private:
  class Statement;
  JobStore(std::string path, void* database, int lock_fd);
  Status Prepare();
  Status CheckPages();
  Status Run(const char* sql);
  Status InTransaction(const std::function<Status()>& steps);
  Status InsertRows(const JobRecord& job);
  Status UpdateJob(const JobRecord& job);
  Status UpdateClip(const JobRecord& job, size_t index);
  Status ErrorOf(int code) const;
  Result<std::vector<JobRecord>> Load(const char* where, const std::string* id);
  Status LoadClips(JobRecord* job);

  const std::string path_;
  void* const database_;  // sqlite3*
  const int lock_fd_;
  std::mutex mutex_;
};

}  // namespace octoscale
