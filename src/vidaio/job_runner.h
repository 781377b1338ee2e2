// Does one task: fetches its clips, upscales them, and puts the results where they belong.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "metrics/metrics.h"
#include "vidaio/engine_gate.h"
#include "vidaio/job_record.h"
#include "vidaio/job_store.h"
#include "vidaio/result_files.h"
#include "vidaio/s3_client.h"
#include "vidaio/service_options.h"
#include "vidaio/shared_volume.h"

namespace octoscale {

// Where a clip's files lie while its task runs.
std::string JobFolder(const SharedVolume& volume, const JobRecord& job);

// Thread-safe. What it refers to must outlive it.
class JobRunner {
 public:
  struct Parts {
    const ServiceOptions* options;
    const SharedVolume* volume;
    JobStore* store;
    ResultFiles* files;
    const S3Client* s3;  // null: not set up
    metrics::Registry* metrics;
    std::function<void(const std::string&)> log;  // lines for people; from several threads
  };
  explicit JobRunner(Parts parts) : parts_(std::move(parts)) {}

  // Until every clip is done or failed, or `cancel`; each step is stored, so that a later call goes
  // on from there. Downloads and uploads run beside the computing. False: stopped, not finished.
  // The end of a finished task is the caller's to store; its folder is needed until then.
  bool Run(JobRecord* job, const CancelToken& cancel);

  // The process was told to end: however it does, that is no fault of the clip that is computed.
  void BeginDrain();

 private:
  class Task;

  const Parts parts_;
  EngineGate gate_;
  std::mutex attempts_mutex_;  // for the stored attempts of the clip in the gate
  bool draining_ = false;
};

}  // namespace octoscale
