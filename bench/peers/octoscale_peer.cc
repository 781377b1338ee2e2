// octoscale as a peer. VARIANT: a word of --precision.
#include <cstring>
#include <memory>
#include <stdexcept>

#include "bench/peers/peer_protocol.h"
#include "engine/engine.h"
#include "models/ncnn_loader.h"

namespace octoscale::bench {
namespace {

template <typename T>
T ValueOrThrow(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return std::move(result).value();
}

Frame ToFrame(const uint8_t* pixels, FrameSize size) {
  Frame frame(size, SampleType::kU8);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < size.height; ++y, pixels += size.width) {
      std::memcpy(frame.row(plane, y), pixels, static_cast<size_t>(size.width));
    }
  }
  return frame;
}

class OctoscalePeer : public Peer {
 public:
  OctoscalePeer(const PeerArguments& arguments, const std::vector<uint8_t>& pixels) {
    const LoadedModel model = ValueOrThrow(LoadModel(arguments.model, 4));
    const EngineOptions options{.scale = 4,
                                .batch_size = arguments.batch,
                                .precision = ValueOrThrow(ParsePrecision(arguments.variant)),
                                .threads = arguments.threads};
    engine_ = ValueOrThrow(Engine::Create(model.weights, options));
    const size_t frame_bytes = pixels.size() / static_cast<size_t>(arguments.frames);
    for (size_t at = 0; at < pixels.size(); at += frame_bytes) {
      frames_.push_back(ToFrame(pixels.data() + at, {arguments.width, arguments.height}));
    }
  }

  void Run() override { upscaled_ = ValueOrThrow(engine_->PredictBatch(frames_)); }

  std::vector<uint8_t> FirstResult() const override {
    const Frame& frame = upscaled_[0];
    std::vector<uint8_t> pixels;
    for (int plane = 0; plane < Frame::kPlanes; ++plane) {
      for (int y = 0; y < frame.height(); ++y) {
        pixels.insert(pixels.end(), frame.row(plane, y), frame.row(plane, y) + frame.width());
      }
    }
    return pixels;
  }

 private:
  std::unique_ptr<Engine> engine_;
  std::vector<Frame> frames_, upscaled_;
};

}  // namespace
}  // namespace octoscale::bench

int main(int argc, char** argv) {
  using namespace octoscale::bench;
  return ServePeer(argc, argv, [](const PeerArguments& arguments, const auto& pixels) {
    return std::make_unique<OctoscalePeer>(arguments, pixels);
  });
}
