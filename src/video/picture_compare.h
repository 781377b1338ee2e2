// The pictures' part of a comparison. Included only by the .cc files of this folder.
#pragma once

#include <optional>

#include "image/picture_metrics.h"
#include "video/video_compare.h"

namespace octoscale {

// Collects PictureFacts from pairs in order. Not thread-safe.
class PictureComparer {
 public:
  // `factor`: of the output's size, at least 1.
  explicit PictureComparer(int factor);

  // Every input picture passes here once, in order, with the output picture that belongs to it if
  // there is one.
  void Add(FrameSpot spot, const Frame& input, const Frame* output);
  PictureFacts Finish();

 private:
  struct Entry {
    FrameSpot spot;
    MetricPicture input;
    std::optional<MetricPicture> output;
  };
  void Judge(const Entry& entry, const Entry* previous, const Entry* next);
  static bool ShowsNeighbour(const Entry& entry, const Entry* neighbour);
  void SampleShifts(const Entry& entry, const Frame& output);
  void FindShift();

  PictureFacts facts_;
  std::optional<Entry> previous_;
  std::optional<Entry> current_;  // judged when its successor is known
  double error_sum_ = 0;
  double ssim_sum_ = 0;
  double shift_errors_[3][3] = {};  // [dy + 1][dx + 1]; only the cross is used
};

}  // namespace octoscale
