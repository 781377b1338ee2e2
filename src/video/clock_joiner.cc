#include "video/clock_joiner.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

namespace octoscale {
namespace {

constexpr int64_t kBackwardJumpMicroseconds = 500'000;
// Streams that reach the new part later than this are not waited for.
constexpr int64_t kWaitMicroseconds = 1'000'000;
constexpr size_t kHeldPacketsMax = 4096;

}  // namespace

bool ClockJoiner::Counts(int stream) const {
  const AVMediaType type = context_->streams[stream]->codecpar->codec_type;
  if (type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO) return false;
  // The programs of a broadcast have clocks of their own.
  const AVProgram* program = av_find_program_from_stream(context_, nullptr, video_);
  if (program == nullptr) return true;
  const std::span streams(program->stream_index, program->nb_stream_indexes);
  return std::find(streams.begin(), streams.end(), static_cast<unsigned>(stream)) != streams.end();
}

void ClockJoiner::Push(AvPacketPtr packet) {
  clocks_.resize(context_->nb_streams);
  const bool in_new_part = InNewPart(*packet);
  if (!joining_) {
    Move(packet.get(), offset_us_);
    ready_.push_back(std::move(packet));
    return;
  }
  held_.push_back({std::move(packet), in_new_part});
  if (JoinIsClear() || held_.size() >= kHeldPacketsMax) Join();
}

// Keeps the clocks, and sets `joining_` at the first jump.
bool ClockJoiner::InNewPart(const AVPacket& packet) {
  Clock& clock = clocks_[packet.stream_index];
  const bool in_new_part = clock.start_us != AV_NOPTS_VALUE;
  if (packet.dts == AV_NOPTS_VALUE) return in_new_part;
  const AVRational base = context_->streams[packet.stream_index]->time_base;
  const int64_t dts = av_rescale_q(packet.dts, base, AV_TIME_BASE_Q);
  if (!Counts(packet.stream_index)) {
    // Sparse streams belong to the part whose clock is nearer.
    for (const Clock& other : clocks_) {
      if (other.start_us == AV_NOPTS_VALUE) continue;
      return std::abs(dts - other.last_dts_us) < std::abs(dts - other.end_us);
    }
    return false;
  }
  const bool jumps = !in_new_part && clock.end_us != AV_NOPTS_VALUE &&
                     dts - clock.end_us < -kBackwardJumpMicroseconds;
  if (jumps) {
    joining_ = true;
    clock.start_us = dts;
  } else if (!in_new_part) {
    int64_t duration = av_rescale_q(packet.duration, base, AV_TIME_BASE_Q);
    if (duration <= 0 && clock.last_dts_us != AV_NOPTS_VALUE) duration = dts - clock.last_dts_us;
    clock.end_us = dts + std::max<int64_t>(0, duration);
  }
  clock.last_dts_us = dts;
  return jumps || in_new_part;
}

// Whether each stream that was running has come to the new part, or one has come so far that the
// others are not waited for.
bool ClockJoiner::JoinIsClear() const {
  int64_t latest = AV_NOPTS_VALUE;
  for (const Clock& clock : clocks_) latest = std::max(latest, clock.end_us);
  bool all = true;
  for (const Clock& clock : clocks_) {
    const bool jumped = clock.start_us != AV_NOPTS_VALUE;
    if (jumped && clock.last_dts_us - clock.start_us > kWaitMicroseconds) return true;
    const bool running =
        clock.end_us != AV_NOPTS_VALUE && clock.end_us >= latest - kWaitMicroseconds;
    all = all && (jumped || !running);
  }
  return all;
}

void ClockJoiner::Join() {
  int64_t first = INT64_MAX;
  for (const Clock& clock : clocks_) {
    if (clock.start_us != AV_NOPTS_VALUE) first = std::min(first, clock.start_us);
  }
  int64_t shift = 0;
  for (Clock& clock : clocks_) {
    if (clock.end_us == AV_NOPTS_VALUE) continue;
    const bool jumped = clock.start_us != AV_NOPTS_VALUE;
    shift = std::max(shift, clock.end_us - (jumped ? clock.start_us : first));
  }
  for (Held& held : held_) {
    Move(held.packet.get(), offset_us_ + (held.in_new_part ? shift : 0));
    ready_.push_back(std::move(held.packet));
  }
  held_.clear();
  // The clocks of the new part; how long its last packets are is not known any more.
  for (Clock& clock : clocks_) {
    const bool jumped = clock.start_us != AV_NOPTS_VALUE;
    clock.end_us = jumped ? clock.last_dts_us : AV_NOPTS_VALUE;
    clock.start_us = AV_NOPTS_VALUE;
  }
  offset_us_ += shift;
  joining_ = false;
  ++joins_;
}

void ClockJoiner::Move(AVPacket* packet, int64_t offset_us) const {
  const AVRational base = context_->streams[packet->stream_index]->time_base;
  const int64_t offset = av_rescale_q(offset_us, AV_TIME_BASE_Q, base);
  if (packet->dts != AV_NOPTS_VALUE) packet->dts += offset;
  if (packet->pts != AV_NOPTS_VALUE) packet->pts += offset;
}

AvPacketPtr ClockJoiner::Pop() {
  if (ready_.empty()) return AvPacketPtr();
  AvPacketPtr packet = std::move(ready_.front());
  ready_.pop_front();
  return packet;
}

bool ClockJoiner::End() {
  if (joining_) Join();
  return !ready_.empty();
}

void ClockJoiner::Reset() {
  clocks_.clear();
  held_.clear();
  ready_.clear();
  joining_ = false;
  offset_us_ = 0;
  joins_ = 0;
}

}  // namespace octoscale
