// What decides the output of a job, for comparing a journal with the job that wants to go on.
#pragma once

#include <string>

#include "base/status.h"
#include "pipeline/journal.h"
#include "pipeline/pipeline.h"

namespace octoscale {

// `output`: only its container counts. `encoder_threads`: decided, since some encoders' output
// depends on it. Errors: NotFound, IoError (the input can't be read), Unsupported (not one file).
Result<JobFacts> DescribeJob(const std::string& input, const std::string& output,
                             const PipelineOptions& options, const UpscalerInfo& upscaler,
                             int encoder_threads, int64_t segment_frames);

}  // namespace octoscale
