#include "video/video_compare.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "base/file_bytes.h"
#include "video/colour.h"
#include "video/picture_compare.h"
#include "video/video_reader.h"

namespace octoscale {
namespace {

constexpr int kFactorMax = 16;
// Sums of seconds as doubles.
constexpr double kRoundingSeconds = 1e-6;
// Longer ticks are those of containers that count whole frames.
constexpr double kFineTickSeconds = 0.002;

// One of the two files, a picture at a time.
class Side {
 public:
  Status Open(const std::string& path, int threads, const CancelToken& cancel) {
    ReaderOptions options;
    options.threads = threads;
    options.drop_alpha = true;
    OCTO_ASSIGN_OR_RETURN(reader_, VideoReader::Open(path, options, cancel));
    colour_.emplace(info().video.sample_type, /*drop_alpha=*/true);
    return Advance();
  }

  const MediaInfo& info() const { return reader_->info(); }
  bool at_end() const { return !picture_.has_value(); }
  int64_t index() const { return index_; }  // of the picture at hand; the count at the end
  double tick() const { return info().video.time_base.value(); }
  double start() const { return static_cast<double>(start_) * tick(); }
  // Of the picture at hand, from the first one.
  double seconds() const { return static_cast<double>(picture_->time().pts - start_) * tick(); }
  // 0 when the file does not say.
  double duration() const {
    const FrameTime time = picture_->time();
    return time.duration_guessed ? 0 : static_cast<double>(time.duration) * tick();
  }
  double length() const { return static_cast<double>(end_ - start_) * tick(); }
  double track_length() const {
    const bool has_header = info().container.find("mp4") != std::string::npos;
    return has_header ? info().video.duration_seconds : length();
  }
  bool last_duration_known() const { return last_duration_known_; }
  FrameSpot spot() const { return {index_, start() + seconds()}; }
  // What is done to frames so that both files' can be compared.
  void set_turn(Orientation turn) { turn_ = turn; }
  FrameSize size() const { return TurnedSize(info().video.size, turn_); }
  Result<Frame> ToFrame() {
    OCTO_ASSIGN_OR_RETURN(Frame frame, colour_->Convert(*picture_));
    if (turn_.upright()) return frame;
    return TurnFrame(frame, turn_);
  }

  Status Advance() {
    if (picture_) ++index_;
    OCTO_ASSIGN_OR_RETURN(picture_, reader_->Next());
    if (!picture_) return OkStatus();
    const FrameTime time = picture_->time();
    if (index_ == 0) start_ = time.pts;
    end_ = time.pts + time.duration;
    last_duration_known_ = !time.duration_guessed;
    return OkStatus();
  }

  // What the decoder complained about; several video streams are not a complaint.
  std::string Damage() const {
    std::string text;
    for (const std::string& warning : reader_->warnings()) {
      if (warning.find("video streams") != std::string::npos) continue;
      text += (text.empty() ? "" : "; ") + warning;
    }
    return text;
  }

 private:
  std::unique_ptr<VideoReader> reader_;
  std::optional<ColourToRgb> colour_;
  std::optional<Picture> picture_;
  Orientation turn_;
  int64_t index_ = 0;
  int64_t start_ = 0;
  int64_t end_ = 0;
  bool last_duration_known_ = false;
};

// Both the first picture's time and another's may be rounded, by half a tick each. Where a tick is
// a whole frame nothing is rounded, and a full tick apart is another picture.
double TimeTolerance(double tick) {
  return (tick <= kFineTickSeconds ? tick : tick / 2) + kRoundingSeconds;
}

int WholeFactor(FrameSize input, FrameSize output) {
  const int factor = output.width / input.width;
  const bool whole = factor >= 1 && factor <= kFactorMax && output.width == factor * input.width &&
                     output.height == factor * input.height;
  return whole ? factor : 0;
}

int64_t BytesOrNone(const std::string& path) {
  const auto bytes = FileBytes(path);
  return bytes.ok() ? *bytes : 0;
}

double LengthError(const Side& input, const Side& output) {
  if (!input.last_duration_known() || !output.last_duration_known()) return 0;
  double least = std::abs(input.length() - output.length());
  for (const double in : {input.length(), input.track_length()}) {
    for (const double out : {output.length(), output.track_length()}) {
      least = std::min(least, std::abs(in - out));
    }
  }
  return least;
}

void Worse(double error, FrameSpot spot, double* worst, FrameSpot* where) {
  if (error <= *worst) return;
  *worst = error;
  *where = spot;
}

class Comparison {
 public:
  explicit Comparison(const CompareOptions& options) : options_(options) {}

  Result<VideoComparison> Run(const std::string& input, const std::string& output,
                              const CancelToken& cancel);

 private:
  Status Step();
  Status Pair();
  Status SkipInput();
  Status AdvanceOutput();
  void FinishFacts();

  CompareOptions options_;
  Side input_;
  Side output_;
  std::optional<PictureComparer> pictures_;
  VideoComparison facts_;
};

// Errors of the output are facts; they come back as ok with output_error set.
Status Comparison::AdvanceOutput() {
  const Status status = output_.Advance();
  if (status.code() == StatusCode::kCancelled) return status;
  facts_.output_error = status;
  return OkStatus();
}

Status Comparison::Pair() {
  const FrameSpot spot = input_.spot();
  TimeFacts& times = facts_.times;
  Worse(std::abs(input_.seconds() - output_.seconds()), spot, &times.worst_time_error,
        &times.worst_time);
  const bool known = input_.duration() > 0 && output_.duration() > 0;
  const double duration_error = known ? std::abs(input_.duration() - output_.duration()) : 0;
  if (pictures_) {
    OCTO_ASSIGN_OR_RETURN(const Frame input, input_.ToFrame());
    const Result<Frame> output = output_.ToFrame();
    if (!output.ok()) {
      facts_.output_error = output.status();
      return OkStatus();
    }
    pictures_->Add(spot, input, &*output);
  }
  OCTO_RETURN_IF_ERROR(input_.Advance());
  OCTO_RETURN_IF_ERROR(AdvanceOutput());
  // The last picture's duration counts in the lengths.
  if (input_.at_end() || output_.at_end()) return OkStatus();
  Worse(duration_error, spot, &times.worst_duration_error, &times.worst_duration);
  return OkStatus();
}

Status Comparison::SkipInput() {
  Faults& missing = facts_.times.missing;
  if (missing.count++ == 0) missing.first = input_.spot();
  if (pictures_) {
    OCTO_ASSIGN_OR_RETURN(const Frame input, input_.ToFrame());
    pictures_->Add(input_.spot(), input, nullptr);
  }
  return input_.Advance();
}

Status Comparison::Step() {
  if (output_.at_end()) return SkipInput();
  const double apart = input_.at_end() ? 0 : output_.seconds() - input_.seconds();
  const bool together =
      options_.pairing == FramePairing::kByIndex || std::abs(apart) <= facts_.times.tolerance;
  if (!input_.at_end() && together) return Pair();
  if (!input_.at_end() && apart > 0) return SkipInput();
  Faults& extra = facts_.times.extra;
  if (extra.count++ == 0) extra.first = output_.spot();
  return AdvanceOutput();
}

void Comparison::FinishFacts() {
  facts_.input_frames = input_.index();
  facts_.output_frames = output_.index();
  facts_.output_damage = output_.Damage();
  TimeFacts& times = facts_.times;
  times.input_start = input_.start();
  times.output_start = output_.start();
  times.input_length = input_.length();
  times.output_length = output_.length();
  times.length_error = LengthError(input_, output_);
  if (pictures_) facts_.pictures = pictures_->Finish();
}

Result<VideoComparison> Comparison::Run(const std::string& input, const std::string& output,
                                        const CancelToken& cancel) {
  OCTO_RETURN_IF_ERROR(input_.Open(input, options_.decoder_threads, cancel));
  facts_.input = input_.info();
  facts_.input_bytes = BytesOrNone(input);
  facts_.output_bytes = BytesOrNone(output);
  facts_.output_error = output_.Open(output, options_.decoder_threads, cancel);
  if (facts_.output_error.code() == StatusCode::kCancelled) return facts_.output_error;
  if (!facts_.output_error.ok()) return std::move(facts_);
  facts_.output = output_.info();
  facts_.times.tolerance = TimeTolerance(std::max(input_.tick(), output_.tick()));
  facts_.turn = Then(facts_.input.video.orientation, Inverse(facts_.output.video.orientation));
  input_.set_turn(facts_.turn);
  const int factor = WholeFactor(input_.size(), output_.size());
  if (factor > 0) pictures_.emplace(factor);
  while (!input_.at_end() || !output_.at_end()) {
    OCTO_RETURN_IF_ERROR(cancel.Check());
    OCTO_RETURN_IF_ERROR(Step());
    if (!facts_.output_error.ok()) return std::move(facts_);
  }
  FinishFacts();
  return std::move(facts_);
}

}  // namespace

Result<VideoComparison> CompareVideos(const std::string& input, const std::string& output,
                                      const CompareOptions& options, const CancelToken& cancel) {
  try {
    return Comparison(options).Run(input, output, cancel);
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("out of memory while comparing " + input + " and " + output);
  } catch (const std::exception& e) {
    return Internal(std::string("comparing videos: ") + e.what());
  }
}

}  // namespace octoscale
