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

Deinterlacer::~Deinterlacer() { avfilter_graph_free(&graph_); }

Result<std::unique_ptr<Deinterlacer>> Deinterlacer::Open(const AVFrame& first, AVRational time_base,
                                                         bool all) {
  std::unique_ptr<Deinterlacer> deinterlacer(new Deinterlacer());
  OCTO_RETURN_IF_ERROR(deinterlacer->Build(first, time_base, all));
  return deinterlacer;
}

Status Deinterlacer::Build(const AVFrame& first, AVRational time_base, bool all) {
  time_base_ = time_base;
  graph_ = avfilter_graph_alloc();
  if (graph_ == nullptr) throw std::bad_alloc();
  graph_->nb_threads = 1;
  const std::string input =
      "video_size=" + std::to_string(first.width) + "x" + std::to_string(first.height) +
      ":pix_fmt=" + std::to_string(first.format) + ":time_base=" + std::to_string(time_base.num) +
      "/" + std::to_string(time_base.den);
  int error = avfilter_graph_create_filter(&source_, avfilter_get_by_name("buffer"), "in",
                                           input.c_str(), nullptr, graph_);
  if (error < 0) return AvStatus(error, "deinterlacing");
  const AVFilter* bwdif = avfilter_get_by_name("bwdif");
  if (bwdif == nullptr) return Unsupported("this FFmpeg was built without the filter 'bwdif'");
  AVFilterContext* filter = nullptr;
  const std::string which =
      std::string("mode=send_frame:parity=auto:deint=") + (all ? "all" : "interlaced");
  error = avfilter_graph_create_filter(&filter, bwdif, "bwdif", which.c_str(), nullptr, graph_);
  if (error < 0) return AvStatus(error, "deinterlacing");
  error = avfilter_graph_create_filter(&sink_, avfilter_get_by_name("buffersink"), "out", nullptr,
                                       nullptr, graph_);
  if (error >= 0) error = avfilter_link(source_, 0, filter, 0);
  if (error >= 0) error = avfilter_link(filter, 0, sink_, 0);
  if (error >= 0) error = avfilter_graph_config(graph_, nullptr);
  if (error < 0) return AvStatus(error, "deinterlacing");
  return OkStatus();
}

Status Deinterlacer::Push(AvFramePtr frame) {
  if (frame) frame->pts = frame->best_effort_timestamp;
  const int error = av_buffersrc_add_frame(source_, frame.get());
  if (error < 0) return AvStatus(error, "deinterlacing");
  return OkStatus();
}

Result<AvFramePtr> Deinterlacer::Pull() {
  AvFramePtr frame = NewAvFrame();
  const int error = av_buffersink_get_frame(sink_, frame.get());
  if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return AvFramePtr();
  if (error < 0) return AvStatus(error, "deinterlacing");
  // bwdif counts in half ticks.
  frame->best_effort_timestamp =
      frame->pts == AV_NOPTS_VALUE
          ? AV_NOPTS_VALUE
          : av_rescale_q(frame->pts, av_buffersink_get_time_base(sink_), time_base_);
  return frame;
}

}  // namespace octoscale
