#include "pipeline/sequence_sink.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/partial_file.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

Status PicturesAreThere(const FileSequence& sequence, int64_t number) {
  return AlreadyExists(sequence.Path(number) + " exists; use -y to replace the pictures of " +
                       sequence.path() + ", or choose another name");
}

bool SameFolder(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

std::string NamesOfLostStreams(const MediaInfo& source) {
  std::string names;
  for (const StreamInfo& stream : source.streams) {
    if (stream.kind == StreamKind::kVideo) continue;
    const std::string name = StreamKindName(stream.kind);
    if (names.find(name) != std::string::npos) continue;
    names += (names.empty() ? "" : ", ") + name;
  }
  if (source.chapters > 0) names += (names.empty() ? "" : ", ") + std::string("chapters");
  return names;
}

}  // namespace

bool IsPictureSequence(const std::string& path) {
  return FileSequence::Parse(path).has_value() && ImageFormatFromPath(path).has_value();
}

Status CheckSequenceOutput(const std::string& input, const std::string& output, bool overwrite) {
  const std::optional<FileSequence> sequence = FileSequence::Parse(output);
  if (!sequence || !ImageFormatFromPath(output)) {
    return InvalidArgument(output + ": expected numbered pictures such as frame_%06d.png");
  }
  const std::optional<FileSequence> source = FileSequence::Parse(input);
  if (source && source->Name(1) == sequence->Name(1) &&
      SameFolder(source->folder(), sequence->folder())) {
    return InvalidArgument(output + ": the output is the input; choose another name or folder");
  }
  OCTO_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, sequence->Numbers());
  if (!numbers.empty() && !overwrite) return PicturesAreThere(*sequence, numbers[0]);
  if (access(sequence->folder().c_str(), W_OK) == 0) return OkStatus();
  return ErrnoStatus(errno, output + ": can't write to the folder " + sequence->folder());
}

SequenceSink::SequenceSink(FileSequence sequence, const EncodeOptions& options, bool overwrite)
    : sequence_(std::move(sequence)), options_(options), overwrite_(overwrite) {}

SequenceSink::~SequenceSink() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Result<std::unique_ptr<SequenceSink>> SequenceSink::Open(const std::string& output,
                                                         const VideoReader& source, FrameSize size,
                                                         bool overwrite,
                                                         const EncodeOptions& options) {
  const MediaInfo& info = source.info();
  OCTO_RETURN_IF_ERROR(CheckSequenceOutput(info.path, output, overwrite));
  std::unique_ptr<SequenceSink> sink(
      new SequenceSink(*FileSequence::Parse(output), options, overwrite));
  if (IsInputSequence(info.path)) {
    OCTO_ASSIGN_OR_RETURN(const SequenceRange range, FindSequence(*FileSequence::Parse(info.path)));
    sink->first_number_ = range.first;
  }
  const std::optional<ImageFormat> format = ImageFormatFromPath(output);
  const bool png = format == ImageFormat::kPng;
  sink->format_.size = size;
  sink->format_.has_alpha = format != ImageFormat::kJpeg;
  const bool deep = png && info.video.sample_type == SampleType::kU16;
  sink->format_.pixel_format = deep ? "rgb48" : "rgb24";
  sink->WarnOfLosses(info);
  OCTO_RETURN_IF_ERROR(sink->MakeFolder());
  return sink;
}

Status SequenceSink::MakeFolder() {
  std::string name = sequence_.folder() + "/.frames.partial-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return ErrnoStatus(errno, name);
  folder_ = name;
  return OkStatus();
}

void SequenceSink::WarnOfLosses(const MediaInfo& source) {
  const VideoStreamInfo& video = source.video;
  const std::string streams = NamesOfLostStreams(source);
  if (!streams.empty()) {
    warnings_.push_back("left out, since pictures hold none: " + streams);
  }
  if (video.frame_rate.num == 0) {
    warnings_.push_back("the frame rate varies; pictures hold no times");
  }
  if (video.colour.hdr()) {
    warnings_.push_back("the video is HDR; pictures hold its pixels, but not how to show them");
  }
  if (video.sample_aspect.num > 0 && video.sample_aspect.num != video.sample_aspect.den) {
    warnings_.push_back("pixels are not square (" + std::to_string(video.sample_aspect.num) + ":" +
                        std::to_string(video.sample_aspect.den) + "); pictures don't say so");
  }
  if (video.bit_depth > 8 && format_.pixel_format == "rgb24") {
    warnings_.push_back("pixels are reduced from " + std::to_string(video.bit_depth) +
                        " to 8 bits; .png keeps them");
  }
}

Status SequenceSink::Write(int64_t, SinkFrame frame) {
  const std::string path = folder_ + "/" + sequence_.Name(first_number_ + frames_);
  ImageView view(frame.frame);
  if (frame.alpha) view.alpha = &*frame.alpha;
  OCTO_RETURN_IF_ERROR(WriteImageFile(path, view, options_));
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) bytes_ += info.st_size;
  ++frames_;
  return OkStatus();
}

Result<SinkReport> SequenceSink::Finish(bool) {
  const int64_t end = first_number_ + frames_;
  for (int64_t number = first_number_; number < end; ++number) {
    std::error_code error;
    const auto status = fs::status(sequence_.Path(number), error);
    if (fs::is_directory(status)) {
      return AlreadyExists(sequence_.Path(number) + ": is a folder; it can't be replaced");
    }
    if (!overwrite_ && fs::exists(status)) return PicturesAreThere(sequence_, number);
  }
  for (int64_t number = first_number_; number < end; ++number) {
    const Status named =
        MoveFile(folder_ + "/" + sequence_.Name(number), sequence_.Path(number), overwrite_);
    if (named.ok()) continue;
    // All or none; what was replaced is gone.
    for (int64_t done = first_number_; !overwrite_ && done < number; ++done) {
      std::error_code ignored;
      fs::remove(sequence_.Path(done), ignored);
    }
    return named;
  }
  OCTO_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, sequence_.Numbers());
  if (static_cast<int64_t>(numbers.size()) > frames_) {
    warnings_.push_back(std::to_string(static_cast<int64_t>(numbers.size()) - frames_) +
                        " other pictures of " + sequence_.path() + " were there before");
  }
  SinkReport report;
  report.writer.frames = frames_;
  report.writer.bytes = bytes_;
  report.warnings = warnings_;
  return report;
}

}  // namespace octoscale
