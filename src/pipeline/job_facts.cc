#include "pipeline/job_facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "base/content_hash.h"
#include "base/file_sequence.h"
#include "video/segment.h"

namespace octoscale {
namespace {

constexpr int64_t kSampleBytes = int64_t{1} << 20;
constexpr int64_t kSamples = 16;

std::string NumberText(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

std::string YesNo(bool value) { return value ? "yes" : "no"; }
std::string Or(const std::string& value, const char* other) {
  return value.empty() ? other : value;
}
std::string NumberOr(int64_t value, int64_t unset) {
  return value == unset ? "default" : std::to_string(value);
}

std::string TimeText(const struct timespec& time) {
  struct tm parts {};
  gmtime_r(&time.tv_sec, &parts);
  std::array<char, 64> text{};
  const size_t size = strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(text.data() + size, text.size() - size, ".%09ld UTC", time.tv_nsec);
  return text.data();
}

// Hash of up to 16 pieces of 1 MiB, evenly spread, the head and the tail among them; with size and
// time of change it tells inputs apart without reading them whole.
Result<uint64_t> SampleHash(int fd, int64_t size, const std::string& path) {
  ContentHasher hasher;
  std::string piece(kSampleBytes, '\0');
  const int64_t pieces = std::clamp<int64_t>((size + kSampleBytes - 1) / kSampleBytes, 1, kSamples);
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t last = std::max<int64_t>(0, size - kSampleBytes);
    const int64_t offset =
        pieces == 1 ? 0 : static_cast<int64_t>(last * (double(i) / (pieces - 1)));
    const ssize_t got = pread(fd, piece.data(), piece.size(), offset);
    if (got < 0) return ErrnoStatus(errno, path);
    hasher.Update(piece.data(), static_cast<size_t>(got));
  }
  return hasher.Digest();
}

// Names, sizes and times of change of every picture.
Status AddSequence(const FileSequence& sequence, JobFacts* facts) {
  OCTO_ASSIGN_OR_RETURN(const SequenceRange range, FindSequence(sequence));
  ContentHasher hasher;
  for (int64_t number = range.first; number < range.first + range.count; ++number) {
    struct stat info {};
    const std::string path = sequence.Path(number);
    if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
    const std::string line =
        path + " " + std::to_string(info.st_size) + " " + TimeText(info.st_mtim) + "\n";
    hasher.Update(line.data(), line.size());
  }
  facts->emplace_back("pictures of the input", std::to_string(range.count));
  facts->emplace_back("sizes and times of the input's pictures", HashText(hasher.Digest()));
  return OkStatus();
}

Status AddInput(const std::string& path, JobFacts* facts) {
  if (IsInputSequence(path)) return AddSequence(*FileSequence::Parse(path), facts);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoStatus(errno, path);
  struct stat info {};
  Status status = fstat(fd, &info) == 0 ? OkStatus() : ErrnoStatus(errno, path);
  if (status.ok() && !S_ISREG(info.st_mode)) {
    status = Unsupported(path + ": only a regular file can be gone on with");
  }
  Result<uint64_t> hash =
      status.ok() ? SampleHash(fd, info.st_size, path) : Result<uint64_t>(status);
  close(fd);
  OCTO_RETURN_IF_ERROR(hash.status());
  facts->emplace_back("size of the input", std::to_string(info.st_size));
  facts->emplace_back("time of the input's last change", TimeText(info.st_mtim));
  facts->emplace_back("content of the input", HashText(*hash));
  return OkStatus();
}

void AddReader(const ReaderOptions& reader, JobFacts* facts) {
  facts->emplace_back("--start", NumberText(reader.start_seconds));
  facts->emplace_back("--duration", NumberText(reader.duration_seconds));
  facts->emplace_back("--frames", NumberOr(reader.frames, 0));
  facts->emplace_back("--allow-truncated", YesNo(reader.allow_truncated));
  facts->emplace_back("--drop-alpha", YesNo(reader.drop_alpha));
  facts->emplace_back("--deinterlace", reader.deinterlace == Deinterlace::kAuto ? "auto"
                                       : reader.deinterlace == Deinterlace::kOn ? "on"
                                                                                : "off");
  const Rational rate = reader.sequence_rate.value_or(Rational{0, 1});
  facts->emplace_back("--rate", std::to_string(rate.num) + "/" + std::to_string(rate.den));
}

void AddEncoder(const EncoderOptions& encoder, int threads, JobFacts* facts) {
  facts->emplace_back("codec", encoder.codec);
  facts->emplace_back("pixel format", encoder.pixel_format);
  facts->emplace_back("crf", encoder.crf ? NumberText(*encoder.crf) : "default");
  facts->emplace_back("rate cap", NumberOr(encoder.rate_cap, 0));
  facts->emplace_back("square pixels", YesNo(encoder.square_pixels));
  facts->emplace_back("limited range", YesNo(encoder.limited_range));
  facts->emplace_back("preset", Or(encoder.preset, "default"));
  facts->emplace_back("qmin", NumberOr(encoder.qmin, -1));
  facts->emplace_back("qmax", NumberOr(encoder.qmax, -1));
  facts->emplace_back("GOP size", NumberOr(encoder.gop_size, -1));
  facts->emplace_back("least GOP size", NumberOr(encoder.keyint_min, -1));
  facts->emplace_back("B-frames", NumberOr(encoder.max_b_frames, -1));
  facts->emplace_back("reference frames", NumberOr(encoder.refs, -1));
  facts->emplace_back("delay", std::to_string(encoder.delay));
  std::string extra;
  for (const auto& [key, value] : encoder.extra) {
    extra += (extra.empty() ? "" : " ") + key + "=" + value;
  }
  facts->emplace_back("encoder options", Or(extra, "none"));
  facts->emplace_back("encoder threads", std::to_string(threads));
}

}  // namespace

Result<JobFacts> DescribeJob(const std::string& input, const std::string& output,
                             const PipelineOptions& options, const UpscalerInfo& upscaler,
                             int encoder_threads, int64_t segment_frames) {
  JobFacts facts;
  facts.emplace_back("program", options.journal.program);
  facts.emplace_back("codec library", CodecLibraryVersion());
  OCTO_RETURN_IF_ERROR(AddInput(input, &facts));
  facts.emplace_back("model", upscaler.model);
  facts.emplace_back("scale", std::to_string(upscaler.scale));
  facts.emplace_back("upscaler", upscaler.fingerprint);
  const std::string name = output.substr(output.rfind('/') + 1);
  facts.emplace_back("container", name.substr(name.rfind('.') + 1));
  AddReader(options.reader, &facts);
  AddEncoder(options.writer.encoder, encoder_threads, &facts);
  const WriterOptions& writer = options.writer;
  facts.emplace_back("copy audio", YesNo(writer.copy_audio));
  facts.emplace_back("copy subtitles", YesNo(writer.copy_subtitles));
  facts.emplace_back("copy attachments", YesNo(writer.copy_attachments));
  facts.emplace_back("copy chapters", YesNo(writer.copy_chapters));
  facts.emplace_back("copy metadata", YesNo(writer.copy_metadata));
  facts.emplace_back("frames in a segment", std::to_string(segment_frames));
  return facts;
}

}  // namespace octoscale
