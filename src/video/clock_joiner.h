// ClockJoiner: one timeline for a recording whose clock starts anew. Included only by the .cc files
// of this folder.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "video/libav.h"

namespace octoscale {

// Transport and program streams may restart their clock anywhere, after a cut or where recordings
// were joined. The decoding times of the program's pictures and sound then jump back. All streams
// of the new part are moved by the same time, the least with which none of them overlaps the old
// part, so that they stay in sync. A jump forward is a gap, and stays one.
//
// Around a join packets are held back until each stream has reached the new part, at most a second
// of them. The result depends on the packets only: two readers of a file join it alike.
class ClockJoiner {
 public:
  // `context` outlives the joiner. `video`: the stream whose program counts.
  ClockJoiner(AVFormatContext* context, int video) : context_(context), video_(video) {}

  // Whether the stream's times decide, so that its packets have to be pushed.
  bool Counts(int stream) const;

  void Push(AvPacketPtr packet);
  // The next packet in the order they were pushed, in joined times; null when more are needed.
  AvPacketPtr Pop();
  // No more packets will come. True when some were held back and can be popped now.
  bool End();
  // After a seek.
  void Reset();

  int64_t joins() const { return joins_; }

 private:
  struct Clock {
    int64_t end_us = AV_NOPTS_VALUE;    // of the last packet, unjoined
    int64_t start_us = AV_NOPTS_VALUE;  // while joining: of the new part, unjoined
    int64_t last_dts_us = AV_NOPTS_VALUE;
  };
  struct Held {
    AvPacketPtr packet;
    bool in_new_part = false;
  };

  bool InNewPart(const AVPacket& packet);
  bool JoinIsClear() const;
  void Join();
  void Move(AVPacket* packet, int64_t offset_us) const;

  AVFormatContext* context_;
  int video_;
  std::vector<Clock> clocks_;  // by stream
  std::deque<Held> held_;      // while joining
  std::deque<AvPacketPtr> ready_;
  bool joining_ = false;
  int64_t offset_us_ = 0;  // added to every time
  int64_t joins_ = 0;
};

}  // namespace octoscale
