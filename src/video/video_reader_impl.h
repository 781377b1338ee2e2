// Inside of VideoReader. Included only by the .cc files of this folder.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "video/decoder.h"
#include "video/deinterlacer.h"
#include "video/demuxer.h"
#include "video/video_reader.h"

namespace octoscale {

struct VideoReader::Impl {
  Status Start(const std::string& path, const ReaderOptions& reader_options,
               const CancelToken& token);
  Result<std::optional<Picture>> Next();
  std::vector<std::string> Warnings() const;

  // The source's stream, for tags and side data; alive as long as the reader.
  const AVStream& stream() const { return *demuxer->context()->streams[info.video.stream_index]; }

  ReaderOptions options;
  CancelToken cancel;
  std::unique_ptr<Demuxer> demuxer;
  std::unique_ptr<Decoder> decoder;
  MediaInfo info;
  SourceWindow window;
  // The stream's own fields change while packets are read on another thread; this one doesn't.
  AVRational average_rate{0, 1};
  AvFramePtr first;  // the first picture's properties and side data, without planes
  int64_t pictures = 0;
  std::set<std::string> lost_metadata;
  bool stopped_at_limit = false;

 private:
  Status OpenFile();
  Status OpenDecoder();
  Result<AvFramePtr> FindStart();
  Status FindFirst();
  Result<AvFramePtr> FirstFrom(double seek_seconds, double target_seconds, bool* too_late);
  Result<AvFramePtr> Fetch();
  Status DescribeFirst(const AVFrame& found);
  void PlaceOrigin(int64_t first_pts);
  Status CheckGeometry(const AVFrame& frame);
  int64_t PlaceInTime(const AVFrame& frame);
  bool LimitReached(const AVFrame& next) const;

  std::unique_ptr<Deinterlacer> deinterlacer_;
  bool deinterlacer_drained_ = false;
  int64_t interlaced_pictures_ = 0;  // passed on as they are
  AvFramePtr pending_;               // decoded, returned by the next Next()
  bool ended_ = false;
  int64_t origin_ = 0;     // source ticks that became 0
  int64_t end_ticks_ = 0;  // first source tick past the asked part; 0: none
  int64_t last_pts_ = AV_NOPTS_VALUE;
  int64_t last_duration_ = 0;
  int64_t last_gap_ = 0;  // between the last two pictures
  int64_t repaired_times_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace octoscale
