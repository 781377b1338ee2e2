// One call to run a test clip through the whole pipeline. For tests only.
#pragma once

#include <string>

#include "gtest/gtest.h"
#include "pipeline/pipeline.h"
#include "pipeline/test_upscalers.h"
#include "video/test_media.h"

namespace octoscale {

// Doubles the clip by pixel repetition.
inline Result<PipelineReport> Double(const std::string& input, const std::string& output,
                                     const PipelineOptions& options = {}) {
  NearestUpscaler upscaler(2);
  return RunPipeline(input, output, upscaler, options);
}

// The same for clips that must work.
inline PipelineReport DoubleOk(const std::string& input, const std::string& output,
                               const PipelineOptions& options = {}) {
  const Result<PipelineReport> report = Double(input, output, options);
  EXPECT_TRUE(report.ok()) << report.status().message();
  return report.ok() ? *report : PipelineReport();
}

inline PipelineOptions WithCodec(const std::string& codec) {
  PipelineOptions options;
  options.writer.encoder.codec = codec;
  return options;
}

inline std::string AllText(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace octoscale
