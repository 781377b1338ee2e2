#include "engine/engine.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <new>
#include <utility>

#include "base/content_hash.h"
#include "engine/pack_network.h"
#include "engine/session.h"

namespace octoscale {
namespace {

constexpr std::array<std::string_view, 4> kPrecisionNames = {"auto", "fp32", "bf16", "int16"};

// Measured on the golden crops; see docs/performance.md.
Precision ResolvePrecision(Precision precision, CpuLevel level) {
  if (precision != Precision::kAuto) return precision;
  return level >= CpuLevel::kAmx ? Precision::kBf16 : Precision::kInt16;
}

Status CheckRange(const char* name, long long value, long long low, long long high) {
  if (value >= low && value <= high) return OkStatus();
  return InvalidArgument(std::string(name) + " is " + std::to_string(value) + "; expected " +
                         std::to_string(low) + " to " + std::to_string(high));
}

Status CheckOptions(const EngineOptions& options) {
  OCTO_RETURN_IF_ERROR(CheckRange("scale", options.scale, 2, 4));
  OCTO_RETURN_IF_ERROR(CheckRange("batch size", options.batch_size, 1, 1024));
  OCTO_RETURN_IF_ERROR(CheckRange("patch size", options.patch_size, 0, kFrameSideMax));
  return CheckRange("thread count", options.threads, 0, 1024);
}

// Of the numbers that decide pixels.
std::string HashWeights(const NetworkWeights& weights) {
  ContentHasher hasher;
  for (const ConvWeights& conv : weights.convs) {
    for (const std::vector<float>* values : {&conv.weight, &conv.bias, &conv.slope}) {
      hasher.Update(values->data(), values->size() * sizeof(float));
    }
  }
  return HashText(hasher.Digest());
}

class CpuEngine : public Engine {
 public:
  CpuEngine(const NetworkWeights& weights, EngineOptions options, CpuLevel level,
            PackedNetwork network)
      : weights_(weights),
        options_(options),
        level_(level),
        network_(std::move(network)),
        pool_(options.threads) {
    fingerprint_ = weights.model + " x" + std::to_string(options.scale) + " " +
                   std::string(PrecisionName(options.precision)) + " " + HashWeights(weights);
    // fp32 and int16 give the same bits on every CPU, bf16 depends on the instruction.
    if (options.precision == Precision::kBf16) {
      fingerprint_ += " " + std::string(network_.conv_kernel->name);
    }
  }

  Result<std::vector<Frame>> PredictBatch(std::span<const Frame> frames,
                                          const CancelToken& cancel) override {
    const std::lock_guard lock(mutex_);
    std::vector<Frame> outputs;
    try {
      for (const Frame& frame : frames) {
        outputs.emplace_back(
            FrameSize{frame.width() * options_.scale, frame.height() * options_.scale},
            frame.sample_type());
      }
    } catch (const std::bad_alloc&) {
      return ResourceExhausted("no memory for " + std::to_string(frames.size()) + " output frames");
    }
    size_t first = 0;
    while (first < frames.size()) {
      size_t end = first + 1;
      while (end < frames.size() && end - first < static_cast<size_t>(options_.batch_size) &&
             frames[end].size() == frames[first].size()) {
        ++end;
      }
      OCTO_RETURN_IF_ERROR(RunBatch(frames, &outputs, first, end, cancel));
      first = end;
    }
    return outputs;
  }

  Result<std::vector<float>> PredictUnrounded(const Frame& frame) override {
    const std::lock_guard lock(mutex_);
    const size_t pixels =
        static_cast<size_t>(frame.width()) * frame.height() * options_.scale * options_.scale;
    std::vector<float> planes(pixels * 3);
    FrameJob job{.in = &frame, .out = nullptr, .out_f32 = planes.data()};
    OCTO_RETURN_IF_ERROR(RunJobs(std::span(&job, 1), {}));
    std::vector<float> interleaved(planes.size());
    for (size_t i = 0; i < pixels; ++i) {
      for (size_t p = 0; p < 3; ++p) interleaved[i * 3 + p] = planes[p * pixels + i];
    }
    return interleaved;
  }

  const EngineOptions& options() const override { return options_; }
  CpuLevel cpu_level() const override { return level_; }
  std::string_view conv_kernel() const override { return network_.conv_kernel->name; }
  std::string fingerprint() const override { return fingerprint_; }

  double FlopsPerFrame(FrameSize size) const override {
    double per_pixel = 0;
    for (const PlanSegment& segment : network_.plan.segments) {
      for (const PlanNode& node : segment.nodes) {
        if (node.weights < 0) continue;
        const ConvWeights& conv = weights_.convs[node.weights];
        const double enlarged = 1 << (2 * network_.plan.tensors[node.output].enlargement);
        per_pixel += 2.0 * 9 * conv.in_channels * conv.out_channels * enlarged;
      }
    }
    return per_pixel * size.width * size.height;
  }

 private:
  Status RunBatch(std::span<const Frame> frames, std::vector<Frame>* outputs, size_t first,
                  size_t end, const CancelToken& cancel) {
    std::vector<FrameJob> jobs;
    for (size_t i = first; i < end; ++i) {
      jobs.push_back({.in = &frames[i], .out = &(*outputs)[i]});
    }
    OCTO_RETURN_IF_ERROR(RunJobs(jobs, cancel));
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (jobs[i].finite && !jobs[i].black) continue;
      OCTO_RETURN_IF_ERROR(Recompute(first + i, frames[first + i], &(*outputs)[first + i], cancel));
    }
    return OkStatus();
  }

  Status RunJobs(std::span<FrameJob> jobs, const CancelToken& cancel) {
    const FrameSize size = jobs.front().in->size();
    // A thread for each frame, or several: the tiles differ.
    const int frames = std::min(static_cast<int>(jobs.size()), options_.threads);
    if (session_ == nullptr || session_->options().size != size ||
        session_->options().frames != frames) {
      session_.reset();
      OCTO_ASSIGN_OR_RETURN(session_, CreateSession(network_, size, frames));
    }
    return session_->Run(jobs, &pool_, cancel);
  }

  Result<std::unique_ptr<Session>> CreateSession(const PackedNetwork& network, FrameSize size,
                                                 int frames) const {
    return Session::Create(network, {.size = size,
                                     .scale = options_.scale,
                                     .frames = frames,
                                     .patch_size = options_.patch_size,
                                     .threads = options_.threads,
                                     .memory_bytes_max = options_.memory_bytes_max});
  }

  // A frame that came out black or not finite once more in fp32; what stays wrong is an error.
  Status Recompute(size_t index, const Frame& in, Frame* out, const CancelToken& cancel) {
    FrameJob job{.in = &in, .out = out};
    if (options_.precision == Precision::kFp32) {
      job.finite = false;
    } else {
      if (fallback_ == nullptr) {
        OCTO_ASSIGN_OR_RETURN(PackedNetwork packed,
                              PackNetwork(weights_, Precision::kFp32, level_));
        fallback_ = std::make_unique<PackedNetwork>(std::move(packed));
      }
      OCTO_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                            CreateSession(*fallback_, in.size(), 1));
      OCTO_RETURN_IF_ERROR(session->Run(std::span(&job, 1), &pool_, cancel));
    }
    if (job.finite && !job.black) return OkStatus();
    return Internal("frame " + std::to_string(index) + " of the batch comes out " +
                    (job.finite ? "black" : "as values that are not numbers") +
                    " even in fp32; the weights of " + weights_.model + " are damaged");
  }

  const NetworkWeights weights_;
  const EngineOptions options_;
  const CpuLevel level_;
  const PackedNetwork network_;
  std::string fingerprint_;
  std::mutex mutex_;
  ThreadPool pool_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<PackedNetwork> fallback_;
};

}  // namespace

std::string_view PrecisionName(Precision precision) {
  return kPrecisionNames[static_cast<size_t>(precision)];
}

Result<Precision> ParsePrecision(std::string_view name) {
  for (size_t i = 0; i < kPrecisionNames.size(); ++i) {
    if (kPrecisionNames[i] == name) return static_cast<Precision>(i);
  }
  return InvalidArgument("precision '" + std::string(name) +
                         "' is unknown; expected auto, fp32, bf16 or int16");
}

Result<std::unique_ptr<Engine>> Engine::Create(const NetworkWeights& weights,
                                               const EngineOptions& options) {
  OCTO_RETURN_IF_ERROR(CheckOptions(options));
  OCTO_ASSIGN_OR_RETURN(const CpuLevel level, ActiveCpuLevel());
  EngineOptions resolved = options;
  if (resolved.threads == 0) resolved.threads = AvailableCores();
  resolved.precision = ResolvePrecision(options.precision, level);
  OCTO_ASSIGN_OR_RETURN(PackedNetwork network, PackNetwork(weights, resolved.precision, level));
  return std::unique_ptr<Engine>(
      std::make_unique<CpuEngine>(weights, resolved, level, std::move(network)));
}

}  // namespace octoscale
