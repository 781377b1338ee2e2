#include "vidaio/active_files.h"

namespace octoscale {

ActiveFiles FilesOf(const std::vector<JobRecord>& jobs, const SharedVolume& volume) {
  ActiveFiles files;
  for (const JobRecord& job : jobs) {
    files.folders.insert(job.folder);
    for (const ClipRecord& clip : job.clips) {
      if (clip.remote) continue;
      files.inputs.emplace(clip.input, "the input " + clip.source + " of the task " + job.id);
      const auto place = volume.PlaceOutput(clip.output);
      if (!place.ok()) continue;
      files.results.emplace(*place, "the result " + clip.output + " of the task " + job.id);
    }
  }
  return files;
}

}  // namespace octoscale
