// The last look at an answer before it gets its name: is it small enough, and as large as no other?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "video/video_writer.h"

namespace octoscale {

struct AnswerSizeRules {
  int64_t bytes_max = 0;
  std::vector<int64_t> taken;  // the sizes of a bundle's other answers
  EncoderOptions encoder;      // what the answer was encoded with
};

// Makes the MP4 file at `path`, which nobody else has open, obey the rules: encodes it again with
// fewer bits, up to three times, and adds an empty box. `encoded_again` may be null.
// Errors: ResourceExhausted (it can't be made that small), and those of RunPipeline.
Status FitAnswer(const std::string& path, const AnswerSizeRules& rules, const CancelToken& cancel,
                 bool* encoded_again);

}  // namespace octoscale
