#include "video/zimg_graph.h"

#include <string>

namespace octoscale {
namespace {

Status ZimgError(const char* what) {
  char text[256] = {};
  zimg_get_last_error(text, sizeof(text));
  zimg_clear_last_error();
  return Unsupported(std::string(what) + ": " + text);
}

}  // namespace

Result<std::unique_ptr<ZimgGraph>> ZimgGraph::Build(const zimg_image_format& in,
                                                    const zimg_image_format& out) {
  zimg_graph_builder_params params;
  zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
  params.resample_filter_uv = ZIMG_RESIZE_BICUBIC;
  params.filter_param_a_uv = 0.0;
  params.filter_param_b_uv = 0.5;
  params.dither_type = ZIMG_DITHER_NONE;
  auto graph = std::make_unique<ZimgGraph>();
  graph->graph_.reset(zimg_filter_graph_build(&in, &out, &params));
  if (!graph->graph_) return ZimgError("colour conversion");
  size_t bytes = 0;
  if (zimg_filter_graph_get_tmp_size(graph->graph_.get(), &bytes) != ZIMG_ERROR_SUCCESS) {
    return ZimgError("colour conversion");
  }
  graph->scratch_ = AlignedBuffer<uint8_t>(bytes);
  return graph;
}

Status ZimgGraph::Process(const ZimgPlanes& in, const ZimgPlanes& out) {
  zimg_image_buffer_const source = {};
  zimg_image_buffer target = {};
  source.version = ZIMG_API_VERSION;
  target.version = ZIMG_API_VERSION;
  for (int p = 0; p < 3; ++p) {
    source.plane[p].data = in.data[p];
    source.plane[p].stride = in.stride_bytes[p];
    source.plane[p].mask = ZIMG_BUFFER_MAX;
    target.plane[p].data = out.data[p];
    target.plane[p].stride = out.stride_bytes[p];
    target.plane[p].mask = ZIMG_BUFFER_MAX;
  }
  const zimg_error_code_e error = zimg_filter_graph_process(
      graph_.get(), &source, &target, scratch_.data(), nullptr, nullptr, nullptr, nullptr);
  if (error != ZIMG_ERROR_SUCCESS) return ZimgError("colour conversion");
  return OkStatus();
}

}  // namespace octoscale
