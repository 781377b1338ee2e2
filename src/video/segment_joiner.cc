#include "video/segment_joiner.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace octoscale {

Result<std::unique_ptr<SegmentJoiner>> SegmentJoiner::Open(std::vector<std::string> paths,
                                                           const Encoder& encoder) {
  if (paths.empty()) return InvalidArgument("no segments to join");
  std::unique_ptr<SegmentJoiner> joiner(new SegmentJoiner(std::move(paths)));
  for (const std::string& path : joiner->paths_) {
    OCTO_RETURN_IF_ERROR(joiner->Scan(path, encoder));
  }
  return joiner;
}

Status SegmentJoiner::Scan(const std::string& path, const Encoder& encoder) {
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<SegmentFileReader> reader,
                        SegmentFileReader::Open(path));
  const SegmentHeader& header = reader->header();
  const AVCodecContext& codec = encoder.context();
  const std::string_view extradata(reinterpret_cast<const char*>(codec.extradata),
                                   static_cast<size_t>(codec.extradata_size));
  if (header.codec != avcodec_get_name(codec.codec_id) ||
      av_cmp_q(header.time_base, encoder.time_base()) != 0 || header.extradata != extradata) {
    return Unsupported(path + ": the segment's codec headers are not those that encoder '" +
                       codec.codec->name + "' makes now; was FFmpeg updated in between?");
  }
  const std::vector<SegmentPacket>& index = reader->index();
  std::vector<int64_t> sorted;
  for (const SegmentPacket& packet : index) sorted.push_back(packet.pts);
  std::sort(sorted.begin(), sorted.end());
  if (!times_.empty() && sorted.front() <= times_.back()) {
    return CorruptInput(path + ": its pictures are not later than those of the segment before");
  }
  for (size_t i = 0; i < index.size(); ++i) {
    const auto rank = static_cast<size_t>(
        std::lower_bound(sorted.begin(), sorted.end(), index[i].pts) - sorted.begin());
    if (i > rank) delay_ = std::max(delay_, i - rank);
    end_pts_ = std::max(end_pts_, index[i].pts + index[i].duration);
  }
  times_.insert(times_.end(), sorted.begin(), sorted.end());
  pictures_ += reader->pictures();
  return OkStatus();
}

// A stream whose pictures come at most `delay_` places early is decoded on time when packet n is
// decoded at the time of picture n - delay_. Only the first ones need times of before the start.
int64_t SegmentJoiner::DecodingTime(size_t position) const {
  if (position >= delay_) return times_[position - delay_];
  return times_[position] - (times_[delay_] - times_[0]);
}

Result<AvPacketPtr> SegmentJoiner::Next() {
  while (true) {
    if (!reader_) {
      if (next_path_ == paths_.size()) return AvPacketPtr();
      OCTO_ASSIGN_OR_RETURN(reader_, SegmentFileReader::Open(paths_[next_path_++]));
    }
    OCTO_ASSIGN_OR_RETURN(AvPacketPtr packet, reader_->Next());
    if (!packet) {
      reader_.reset();
      continue;
    }
    if (position_ >= times_.size()) return CorruptInput(paths_.back() + ": segments changed");
    packet->dts = DecodingTime(position_++);
    return packet;
  }
}

}  // namespace octoscale
