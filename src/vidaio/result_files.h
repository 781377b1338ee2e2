// Results on the shared volume: giving them their name, and removing what is old.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "base/status.h"
#include "vidaio/active_files.h"
#include "vidaio/job_store.h"
#include "vidaio/service_options.h"
#include "vidaio/shared_volume.h"

namespace octoscale {

// Whether a local result is where it was put, and nobody replaced it since. `changed_s`: gets the
// Unix time of its last change, if given.
bool IsThere(const std::string& output, int64_t bytes, int64_t* changed_s = nullptr);

// Thread-safe.
class ResultFiles {
 public:
  ResultFiles(const SharedVolume& volume, JobStore& store, const TempFileRules& rules)
      : volume_(volume), store_(store), rules_(rules) {}

  // Moves a complete file to where a clip's result goes, in place of what is there; durable when it
  // returns.
  // Errors: InvalidArgument (the place is gone or leads outside now), IoError, ResourceExhausted.
  Status Publish(const std::string& finished, const std::string& output);

  struct Swept {
    int files = 0;  // a folder counts as one
    uint64_t bytes = 0;
  };
  // Removes what this service made and is no longer needed: folders of tasks that ended, and
  // published results, when they are older than age_max or, the oldest first, while all together
  // are above bytes_max. A result that someone replaced is left alone. `active` is asked under the
  // lock that Publish() takes.
  Swept Sweep(int64_t now_s, const std::function<ActiveFiles()>& active);

 private:
  struct Candidate {
    std::string path;
    uint64_t bytes = 0;
    int64_t changed_s = 0;
    bool active = false;
    bool folder = false;
  };
  void FindFolders(const ActiveFiles& active, std::vector<Candidate>* found) const;
  void FindResults(const ActiveFiles& active, std::vector<Candidate>* found);
  bool Remove(const Candidate& candidate, int64_t now_s);

  const SharedVolume& volume_;
  JobStore& store_;
  const TempFileRules rules_;
  std::mutex mutex_;
};

}  // namespace octoscale
