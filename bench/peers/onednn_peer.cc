// SRVGGNetCompact on oneDNN: convolution and PReLU primitives in the memory layouts that oneDNN
// chooses. VARIANT: fp32 or bf16. PReLU is not fused: with it as a post-operation of the
// convolution, oneDNN 2.6 falls back to its slow reference code.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>

#include "bench/peers/peer_protocol.h"
#include "models/ncnn_loader.h"

namespace octoscale::bench {
namespace {

using dnnl::memory;

class Network {
 public:
  Network(const NetworkWeights& weights, const PeerArguments& arguments)
      : arguments_(arguments),
        type_(arguments.variant == "bf16" ? memory::data_type::bf16 : memory::data_type::f32) {
    const memory::dims dims = {arguments.batch, 3, arguments.height, arguments.width};
    input_ = memory({dims, memory::data_type::f32, memory::format_tag::nchw}, engine_);
    memory source = input_;
    for (const ConvWeights& conv : weights.convs) source = AddConv(conv, source);
    output_ = memory({source.get_desc().dims(), memory::data_type::f32, memory::format_tag::nchw},
                     engine_);
    AddReorder(source, output_);
  }

  // Pictures as in Peer, arguments.batch of them at most.
  void Upscale(const uint8_t* pixels, size_t count, uint8_t* result) {
    auto* in = static_cast<float*>(input_.get_data_handle());
    const size_t samples = static_cast<size_t>(3 * arguments_.width * arguments_.height);
#pragma omp parallel for simd
    for (size_t i = 0; i < count * samples; ++i) in[i] = static_cast<float>(pixels[i]) / 255.f;
    for (size_t i = 0; i < primitives_.size(); ++i)
      primitives_[i].execute(stream_, primitive_args_[i]);
    stream_.wait();
    for (size_t frame = 0; frame < count; ++frame) {
      Shuffle(static_cast<const float*>(output_.get_data_handle()) + frame * samples * 16,
              in + frame * samples, result + frame * samples * 16);
    }
  }

 private:
  memory AddConv(const ConvWeights& conv, const memory& source) {
    const memory::dim in = conv.in_channels, out = conv.out_channels;
    const memory::dims to = {arguments_.batch, out, arguments_.height, arguments_.width};
    const auto any = [&](const memory::dims& dims) {
      return memory::desc(dims, type_, memory::format_tag::any);
    };
    const dnnl::convolution_forward::desc description(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto,
        any({arguments_.batch, in, arguments_.height, arguments_.width}), any({out, in, 3, 3}),
        memory::desc({out}, memory::data_type::f32, memory::format_tag::x), any(to), {1, 1}, {1, 1},
        {1, 1});
    const dnnl::convolution_forward::primitive_desc primitive(description, engine_);

    const memory input = Converted(source, primitive.src_desc());
    memory packed(primitive.weights_desc(), engine_);
    memory raw = Plain(conv.weight, {out, in, 3, 3}, memory::format_tag::oihw);
    dnnl::reorder(raw, packed).execute(stream_, raw, packed);
    stream_.wait();
    const memory output(primitive.dst_desc(), engine_);
    std::unordered_map<int, memory> args = {
        {DNNL_ARG_SRC, input},
        {DNNL_ARG_WEIGHTS, packed},
        {DNNL_ARG_BIAS, Plain(conv.bias, {out}, memory::format_tag::x)},
        {DNNL_ARG_DST, output}};
    primitives_.push_back(dnnl::convolution_forward(primitive));
    primitive_args_.push_back(args);
    if (!conv.slope.empty()) AddPrelu(conv.slope, output);
    return output;
  }

  // In place.
  void AddPrelu(const std::vector<float>& slopes, const memory& data) {
    const memory::dims dims = {1, static_cast<memory::dim>(slopes.size()), 1, 1};
    memory raw = Plain(slopes, dims, memory::format_tag::nchw);
    const dnnl::prelu_forward::desc description(dnnl::prop_kind::forward_inference, data.get_desc(),
                                                memory::desc(dims, type_, memory::format_tag::any));
    const dnnl::prelu_forward::primitive_desc primitive(description, engine_);
    memory packed(primitive.weights_desc(), engine_);
    dnnl::reorder(raw, packed).execute(stream_, raw, packed);
    stream_.wait();
    primitives_.push_back(dnnl::prelu_forward(primitive));
    primitive_args_.push_back(
        {{DNNL_ARG_SRC, data}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, data}});
  }

  memory Plain(const std::vector<float>& values, const memory::dims& dims,
               memory::format_tag tag) const {
    memory result({dims, memory::data_type::f32, tag}, engine_);
    std::copy(values.begin(), values.end(), static_cast<float*>(result.get_data_handle()));
    return result;
  }

  memory Converted(const memory& from, const memory::desc& wanted) {
    if (from.get_desc() == wanted) return from;
    memory to(wanted, engine_);
    AddReorder(from, to);
    return to;
  }

  void AddReorder(const memory& from, const memory& to) {
    primitives_.push_back(dnnl::reorder(from, to));
    primitive_args_.push_back({{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  }

  // Pixel shuffle by four, plus the nearest x4 of the picture, to 8 bits.
  void Shuffle(const float* channels, const float* picture, uint8_t* result) const {
    const int width = arguments_.width, height = arguments_.height;
    const size_t plane = static_cast<size_t>(width) * static_cast<size_t>(height);
#pragma omp parallel for collapse(2)
    for (int p = 0; p < 3; ++p) {
      for (int y = 0; y < 4 * height; ++y) {
        uint8_t* row = result + (static_cast<size_t>(p) * 4 * height + y) * 4 * width;
        const size_t line = static_cast<size_t>(y / 4) * width;
        const float* base = picture + static_cast<size_t>(p) * plane + line;
        const float* from = channels + static_cast<size_t>(p * 16 + y % 4 * 4) * plane + line;
        for (int x = 0; x < width; ++x) {
          for (int k = 0; k < 4; ++k) {
            const float v = (from[static_cast<size_t>(k) * plane + x] + base[x]) * 255.f + .5f;
            row[4 * x + k] = static_cast<uint8_t>(std::clamp(v, 0.f, 255.f));
          }
        }
      }
    }
  }

  PeerArguments arguments_;
  memory::data_type type_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  memory input_, output_;
  std::vector<dnnl::primitive> primitives_;
  std::vector<std::unordered_map<int, memory>> primitive_args_;
};

class OnednnPeer : public Peer {
 public:
  OnednnPeer(const PeerArguments& arguments, const std::vector<uint8_t>& pixels)
      : arguments_(arguments), pixels_(pixels), result_(pixels.size() * 16) {
    omp_set_num_threads(arguments.threads);
    const Result<LoadedModel> model = LoadModel(arguments.model, 4);
    if (!model.ok()) throw std::runtime_error(model.status().message());
    if (model->weights.kind != NetworkKind::kSrvggCompact) {
      throw std::runtime_error(arguments.model + " is not SRVGGNetCompact");
    }
    network_ = std::make_unique<Network>(model->weights, arguments);
  }

  void Run() override {
    const size_t frames = static_cast<size_t>(arguments_.frames);
    const size_t batch = static_cast<size_t>(arguments_.batch);
    const size_t frame_bytes = pixels_.size() / frames;
    for (size_t first = 0; first < frames; first += batch) {
      network_->Upscale(pixels_.data() + first * frame_bytes, std::min(batch, frames - first),
                        result_.data() + first * frame_bytes * 16);
    }
  }

  std::vector<uint8_t> FirstResult() const override {
    const auto end = result_.begin() + static_cast<ptrdiff_t>(
                                           result_.size() / static_cast<size_t>(arguments_.frames));
    return {result_.begin(), end};
  }

 private:
  PeerArguments arguments_;
  std::vector<uint8_t> pixels_, result_;
  std::unique_ptr<Network> network_;
};

}  // namespace
}  // namespace octoscale::bench

int main(int argc, char** argv) {
  using namespace octoscale::bench;
  return ServePeer(argc, argv, [](const PeerArguments& arguments, const auto& pixels) {
    return std::make_unique<OnednnPeer>(arguments, pixels);
  });
}
