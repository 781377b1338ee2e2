#include "video/picture_compare.h"

#include <algorithm>
#include <utility>

namespace octoscale {
namespace {

// A picture whose mean luma is below the first is black; one above the second certainly isn't.
constexpr double kBlackLuma = 2;
constexpr double kNotBlackLuma = 4;
// The input moves when neighbours differ by more than this squared error; the output stands still
// when it changes by less than this share of the input's change.
constexpr double kMovingError = 2;
constexpr double kFrozenShare = 0.02;
// Where one of two input pictures is shown, and not the other, the difference of the output's
// errors against the two is the squared difference between them, whatever else a network changes.
// More than this share of it towards the neighbour counts.
constexpr double kNeighbourShare = 0.6;
// A moved picture fits clearly better when less than this share of the error is left.
constexpr double kBetterShare = 0.6;
// Errors below this are the rounding of codecs; nothing is read into them.
constexpr double kNoiseError = 1.5;
// Shifts are looked for in one of so many pictures.
constexpr int64_t kShiftSampling = 8;

void Count(Faults* faults, FrameSpot spot) {
  if (faults->count++ == 0) faults->first = spot;
}

bool FitsBetter(double other, double own) {
  return own > kNoiseError && other < kBetterShare * own;
}

}  // namespace

PictureComparer::PictureComparer(int factor) { facts_.factor = factor; }

void PictureComparer::Add(FrameSpot spot, const Frame& input, const Frame* output) {
  Entry entry{spot, AreaDownscale(input, 1), std::nullopt};
  if (output != nullptr) {
    entry.output = AreaDownscale(*output, facts_.factor);
    if (facts_.factor > 1 && facts_.pairs % kShiftSampling == 0) SampleShifts(entry, *output);
    ++facts_.pairs;
  }
  if (current_) {
    Judge(*current_, previous_ ? &*previous_ : nullptr, &entry);
    previous_ = std::move(current_);
  }
  current_ = std::move(entry);
}

void PictureComparer::Judge(const Entry& entry, const Entry* previous, const Entry* next) {
  if (!entry.output) return;
  const double own = MeanSquaredError(*entry.output, entry.input);
  const double ssim = Ssim(*entry.output, entry.input);
  const double psnr = PsnrDb(own);
  if (facts_.psnr_worst.index < 0 || psnr < facts_.psnr_db_worst) {
    facts_.psnr_db_worst = psnr;
    facts_.psnr_worst = entry.spot;
  }
  if (facts_.ssim_worst_at.index < 0 || ssim < facts_.ssim_worst) {
    facts_.ssim_worst = ssim;
    facts_.ssim_worst_at = entry.spot;
  }
  error_sum_ += own;
  ssim_sum_ += ssim;

  if (MeanLuma(*entry.output) < kBlackLuma && MeanLuma(entry.input) > kNotBlackLuma) {
    Count(&facts_.black, entry.spot);
  }
  if (previous != nullptr && previous->output) {
    const double input_change = MeanSquaredError(entry.input, previous->input);
    const double output_change = MeanSquaredError(*entry.output, *previous->output);
    if (input_change > kMovingError && output_change < kFrozenShare * input_change) {
      Count(&facts_.frozen, entry.spot);
    }
  }
  const bool misplaced = ShowsNeighbour(entry, previous) || ShowsNeighbour(entry, next);
  if (misplaced) Count(&facts_.misplaced, entry.spot);
}

bool PictureComparer::ShowsNeighbour(const Entry& entry, const Entry* neighbour) {
  if (neighbour == nullptr) return false;
  const double apart = MeanSquaredError(entry.input, neighbour->input);
  if (apart < kMovingError) return false;
  const double own = MeanSquaredError(*entry.output, entry.input);
  const double other = MeanSquaredError(*entry.output, neighbour->input);
  return own - other > kNeighbourShare * apart;
}

void PictureComparer::SampleShifts(const Entry& entry, const Frame& output) {
  for (const auto& [dx, dy] : {std::pair{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
    const std::vector<float> luma = ShiftedLuma(output, facts_.factor, dx, dy);
    shift_errors_[dy + 1][dx + 1] += MeanSquaredError(luma, entry.input.luma);
  }
}

// A picture that lies to the right fits when squares are taken from further right.
void PictureComparer::FindShift() {
  const int64_t samples = (facts_.pairs + kShiftSampling - 1) / kShiftSampling;
  if (samples == 0) return;
  const double own = shift_errors_[1][1] / samples;
  const auto better = [&](int dx, int dy) {
    return FitsBetter(shift_errors_[dy + 1][dx + 1] / samples, own);
  };
  for (const int step : {-1, 1}) {
    if (better(step, 0)) facts_.moved_x = step;
    if (better(0, step)) facts_.moved_y = step;
  }
}

PictureFacts PictureComparer::Finish() {
  if (current_) Judge(*current_, previous_ ? &*previous_ : nullptr, nullptr);
  if (facts_.pairs > 0) {
    facts_.psnr_db_mean = PsnrDb(error_sum_ / static_cast<double>(facts_.pairs));
    facts_.ssim_mean = ssim_sum_ / static_cast<double>(facts_.pairs);
  }
  FindShift();
  return facts_;
}

}  // namespace octoscale
