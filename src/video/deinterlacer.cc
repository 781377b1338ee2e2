#include "video/deinterlacer.h"

#include <new>
#include <string>
#include <utility>

extern "C" {
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
}

namespace octoscale {
namespace {

constexpr int kPlaneColumnsMin = 3;
constexpr int kPlaneLinesMin = 4;

bool TooSmall(const AVFrame& frame) {
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  if (format == nullptr) return true;
  return AV_CEIL_RSHIFT(frame.width, format->log2_chroma_w) < kPlaneColumnsMin ||
         AV_CEIL_RSHIFT(frame.height, format->log2_chroma_h) < kPlaneLinesMin;
}

bool SameShape(const AVFrame& a, const AVFrame& b) {
  return a.format == b.format && a.width == b.width && a.height == b.height;
}

}  // namespace

Deinterlacer::Deinterlacer(AVRational time_base, bool all) : time_base_(time_base), all_(all) {}
Deinterlacer::~Deinterlacer() { avfilter_graph_free(&graph_); }

Status Deinterlacer::Open(const AVFrame& frame) {
  graph_ = avfilter_graph_alloc();
  if (graph_ == nullptr) throw std::bad_alloc();
  graph_->nb_threads = 1;
  format_ = frame.format;
  width_ = frame.width;
  height_ = frame.height;
  const std::string input = "video_size=" + std::to_string(width_) + "x" + std::to_string(height_) +
                            ":pix_fmt=" + std::to_string(format_) +
                            ":time_base=" + std::to_string(time_base_.num) + "/" +
                            std::to_string(time_base_.den);
  int error = avfilter_graph_create_filter(&source_, avfilter_get_by_name("buffer"), "in",
                                           input.c_str(), nullptr, graph_);
  if (error < 0) return AvStatus(error, "deinterlacing");
  const AVFilter* bwdif = avfilter_get_by_name("bwdif");
  if (bwdif == nullptr) return Unsupported("this FFmpeg was built without the filter 'bwdif'");
  AVFilterContext* filter = nullptr;
  const std::string which =
      std::string("mode=send_frame:parity=auto:deint=") + (all_ ? "all" : "interlaced");
  error = avfilter_graph_create_filter(&filter, bwdif, "bwdif", which.c_str(), nullptr, graph_);
  if (error < 0) return AvStatus(error, "deinterlacing");
  error = avfilter_graph_create_filter(&sink_, avfilter_get_by_name("buffersink"), "out", nullptr,
                                       nullptr, graph_);
  if (error >= 0) error = avfilter_link(source_, 0, filter, 0);
  if (error >= 0) error = avfilter_link(filter, 0, sink_, 0);
  if (error >= 0) error = avfilter_graph_config(graph_, nullptr);
  if (error < 0) return AvStatus(error, "deinterlacing");
  // The picture before is what the filter looks back at.
  if (previous_ && SameShape(*previous_, frame)) {
    skip_first_ = true;
    OCTO_RETURN_IF_ERROR(Send(std::move(previous_)));
  }
  previous_.reset();
  return OkStatus();
}

Status Deinterlacer::Send(AvFramePtr frame) {
  if (frame) frame->pts = frame->best_effort_timestamp;
  const int error = av_buffersrc_add_frame(source_, frame.get());
  if (error < 0) return AvStatus(error, "deinterlacing");
  return OkStatus();
}

Result<AvFramePtr> Deinterlacer::Receive() {
  AvFramePtr frame = NewAvFrame();
  int error = av_buffersink_get_frame(sink_, frame.get());
  if (error >= 0 && skip_first_) {
    skip_first_ = false;
    av_frame_unref(frame.get());
    error = av_buffersink_get_frame(sink_, frame.get());
  }
  if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return AvFramePtr();
  if (error < 0) return AvStatus(error, "deinterlacing");
  // bwdif counts in half ticks.
  frame->best_effort_timestamp =
      frame->pts == AV_NOPTS_VALUE
          ? AV_NOPTS_VALUE
          : av_rescale_q(frame->pts, av_buffersink_get_time_base(sink_), time_base_);
  return frame;
}

// Ends the filter; what it held becomes ready.
Status Deinterlacer::Drain() {
  if (graph_ == nullptr) return OkStatus();
  OCTO_RETURN_IF_ERROR(Send(nullptr));
  while (true) {
    OCTO_ASSIGN_OR_RETURN(AvFramePtr frame, Receive());
    if (!frame) break;
    ready_.push_back(std::move(frame));
  }
  avfilter_graph_free(&graph_);
  return OkStatus();
}

Status Deinterlacer::Push(AvFramePtr frame) {
  if (!frame) return Drain();
  const bool changed = graph_ != nullptr && (frame->format != format_ || frame->width != width_ ||
                                             frame->height != height_);
  if (changed) OCTO_RETURN_IF_ERROR(Drain());
  if (graph_ == nullptr && (all_ || frame->interlaced_frame != 0) && !TooSmall(*frame)) {
    OCTO_RETURN_IF_ERROR(Open(*frame));
  }
  if (graph_ != nullptr) return Send(std::move(frame));
  previous_.reset(av_frame_clone(frame.get()));
  if (!previous_) throw std::bad_alloc();
  ready_.push_back(std::move(frame));
  return OkStatus();
}

Result<AvFramePtr> Deinterlacer::Pull() {
  if (!ready_.empty()) {
    AvFramePtr frame = std::move(ready_.front());
    ready_.pop_front();
    return frame;
  }
  if (graph_ == nullptr) return AvFramePtr();
  return Receive();
}

}  // namespace octoscale
