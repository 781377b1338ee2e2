#include "planner/encoder_speed.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/process_usage.h"
#include "frame/synthetic_picture.h"
#include "planner/stopwatch.h"
#include "video/colour.h"

namespace octoscale {
namespace {

// The short run is as long as it takes until an encoder's look-ahead does most of its work.
constexpr size_t kFramesFew = 8;
// A longer run that was over sooner is done again, with more frames.
constexpr double kSecondsMin = 0.4;
constexpr size_t kFramesMax = 4 * kEncoderFramesMin;
constexpr double kCpuMin = 1e-12;     // nothing, but a positive number
constexpr FrameSize kTiny{192, 144};  // encoders of graphics cards have a least size

struct EncodeTimes {
  Times encoder;
  double colour_cpu = 0;
};

// Frame i of a film that runs through `frames` forwards and backwards.
const Frame& BackAndForth(std::span<const Frame> frames, size_t i) {
  if (frames.size() == 1) return frames[0];
  const size_t turn = 2 * (frames.size() - 1);
  return frames[std::min(i % turn, turn - i % turn)];
}

// Encodes `count` frames.
Result<EncodeTimes> Encode(std::span<const Frame> frames, size_t count, const VideoReader& source,
                           const EncoderOptions& options, const TemporaryFolder& folder,
                           const CancelToken& cancel) {
  WriterOptions writer_options;
  writer_options.encoder = options;
  writer_options.overwrite = true;
  writer_options.copy_audio = false;
  writer_options.copy_subtitles = false;
  writer_options.copy_attachments = false;
  writer_options.copy_chapters = false;
  writer_options.copy_metadata = false;
  const std::string path = (folder.path() / "encoded.mkv").string();
  const Times start = Now();
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<VideoWriter> writer,
                        VideoWriter::Open(path, source, frames[0].size(), writer_options, cancel));
  ColourFromRgb colour(writer->format());
  EncodeTimes times;
  for (size_t i = 0; i < count; ++i) {
    const double before = ThreadCpuSeconds();
    OCTO_ASSIGN_OR_RETURN(Picture picture, colour.Convert(BackAndForth(frames, i),
                                                          {static_cast<int64_t>(i), 1, false}));
    times.colour_cpu += ThreadCpuSeconds() - before;
    OCTO_RETURN_IF_ERROR(writer->Write(std::move(picture)));
  }
  OCTO_RETURN_IF_ERROR(writer->Finish(false).status());
  const Times all = Now() - start;
  times.encoder = {all.cpu - times.colour_cpu, all.wall - times.colour_cpu};
  return times;
}

}  // namespace

Result<EncoderSpeed> MeasureEncoder(std::span<const Frame> frames, const VideoReader& source,
                                    const EncoderOptions& options, const TemporaryFolder& folder,
                                    const CancelToken& cancel) {
  const auto encode = [&](std::span<const Frame> film, size_t count) {
    return Encode(film, count, source, options, folder, cancel);
  };
  const Frame tiny = SyntheticPicture(kTiny, 0);
  OCTO_ASSIGN_OR_RETURN(const EncodeTimes open, encode({&tiny, 1}, 1));
  OCTO_ASSIGN_OR_RETURN(const EncodeTimes few, encode(frames, kFramesFew));
  size_t count = kEncoderFramesMin;
  OCTO_ASSIGN_OR_RETURN(EncodeTimes many, encode(frames, count));
  if (const double wall = many.encoder.wall; wall < kSecondsMin) {
    const double fitting = static_cast<double>(count) * kSecondsMin / std::max(wall, 1e-3);
    count = std::min(kFramesMax, static_cast<size_t>(fitting));
    OCTO_ASSIGN_OR_RETURN(many, encode(frames, count));
  }
  const double pixels = PixelsOf(frames[0].size());
  const double total = static_cast<double>(count) * pixels;
  const double more = static_cast<double>(count - kFramesFew) * pixels;
  Times difference = many.encoder - few.encoder;
  // A machine that stumbled in the short run.
  if (difference.cpu <= 0) difference.cpu = many.encoder.cpu * more / total;
  if (difference.wall <= 0) difference.wall = many.encoder.wall * more / total;
  EncoderSpeed speed;
  speed.speed = {difference.cpu / more, difference.wall / more};
  speed.open_cpu = std::max(kCpuMin, open.encoder.cpu);
  const double begin = (few.encoder.cpu - open.encoder.cpu) / pixels - kFramesFew * speed.speed.cpu;
  speed.begin_frames = std::max(0.0, begin / speed.speed.cpu);
  speed.colour_cpu = many.colour_cpu / total;
  return speed;
}

}  // namespace octoscale
