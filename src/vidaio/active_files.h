// Which files tasks in progress use, so that nothing removes or replaces them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "vidaio/job_record.h"
#include "vidaio/shared_volume.h"

namespace octoscale {

// Paths are absolute and without links: two names of one file are the same here.
struct ActiveFiles {
  std::set<std::string> folders;               // names in the work folder
  std::map<std::string, std::string> inputs;   // path, and what it is for people
  std::map<std::string, std::string> results;  // the same, of files that will be written

  bool Contains(const std::string& path) const {
    return inputs.contains(path) || results.contains(path);
  }
};

// Those of tasks. Results whose folder is gone can't be written any more and are left out.
ActiveFiles FilesOf(const std::vector<JobRecord>& jobs, const SharedVolume& volume);

}  // namespace octoscale
