// octoscale as a peer. VARIANT: a word of --precision.
#include <cstring>
#include <memory>
#include <span>
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

void Append(const Frame& frame, std::vector<uint8_t>* pixels) {
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < frame.height(); ++y) {
      pixels->insert(pixels->end(), frame.row(plane, y), frame.row(plane, y) + frame.width());
    }
  }
}

Peer MakePeer(const PeerArguments& arguments) {
  const LoadedModel model = ValueOrThrow(LoadModel(arguments.model, 4));
  const EngineOptions options{.scale = 4,
                              .batch_size = arguments.batch,
                              .precision = ValueOrThrow(ParsePrecision(arguments.variant)),
                              .threads = arguments.threads};
  const std::shared_ptr<Engine> engine = ValueOrThrow(Engine::Create(model.weights, options));
  return {[engine, arguments](const std::vector<uint8_t>& pixels) {
    const FrameSize size{arguments.width, arguments.height};
    const size_t frame_bytes = pixels.size() / static_cast<size_t>(arguments.frames);
    std::vector<Frame> frames;
    for (size_t at = 0; at < pixels.size(); at += frame_bytes) {
      frames.push_back(ToFrame(pixels.data() + at, size));
    }
    const std::vector<Frame> upscaled = ValueOrThrow(engine->PredictBatch(frames));
    std::vector<uint8_t> result;
    result.reserve(pixels.size() * 16);
    for (const Frame& frame : upscaled) Append(frame, &result);
    return result;
  }};
}

}  // namespace
}  // namespace octoscale::bench

int main(int argc, char** argv) {
  return octoscale::bench::ServePeer(argc, argv, octoscale::bench::MakePeer);
}
