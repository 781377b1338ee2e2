#include "engine/engine.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <new>
#include <system_error>
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

// A frame this bright on average cannot come out black.
constexpr double kBlackInputMean = 1.0 / 16;

double MeanOf(const Frame& frame) {
  const bool bytes = frame.sample_type() == SampleType::kU8;
  double sum = 0;
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < frame.height(); ++y) {
      uint64_t row = 0;
      for (int x = 0; x < frame.width(); ++x) {
        row += bytes ? frame.row(plane, y)[x] : frame.row16(plane, y)[x];
      }
      sum += static_cast<double>(row);
    }
  }
  const double samples = 3.0 * frame.width() * frame.height();
  return sum / samples / (bytes ? 255 : 65535);
}

// By whole frames: what a tile holds depends on the patch size and the threads.
bool IsWrong(const FrameJob& job) {
  return !job.finite || (!job.lit && MeanOf(*job.in) > kBlackInputMean);
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
    try {
      return Predict(frames, cancel);
    } catch (const std::bad_alloc&) {
      session_.reset();
      return ResourceExhausted("no memory to upscale " + std::to_string(frames.size()) +
                               " frames of " + std::to_string(frames[0].width()) + "x" +
                               std::to_string(frames[0].height()));
    }
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
  Result<std::vector<Frame>> Predict(std::span<const Frame> frames, const CancelToken& cancel) {
    std::vector<Frame> outputs;
    for (const Frame& frame : frames) {
      outputs.emplace_back(
          FrameSize{frame.width() * options_.scale, frame.height() * options_.scale},
          frame.sample_type());
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

  Status RunBatch(std::span<const Frame> frames, std::vector<Frame>* outputs, size_t first,
                  size_t end, const CancelToken& cancel) {
    std::vector<FrameJob> jobs;
    for (size_t i = first; i < end; ++i) {
      jobs.push_back({.in = &frames[i], .out = &(*outputs)[i]});
    }
    OCTO_RETURN_IF_ERROR(RunJobs(jobs, cancel));
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (!IsWrong(jobs[i])) continue;
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
                                     .threads = options_.threads});
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
      session_.reset();  // not twice the memory
      OCTO_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                            CreateSession(*fallback_, in.size(), 1));
      OCTO_RETURN_IF_ERROR(session->Run(std::span(&job, 1), &pool_, cancel));
    }
    if (!IsWrong(job)) return OkStatus();
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
  try {
    OCTO_ASSIGN_OR_RETURN(PackedNetwork network, PackNetwork(weights, resolved.precision, level));
    return std::unique_ptr<Engine>(
        std::make_unique<CpuEngine>(weights, resolved, level, std::move(network)));
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("no memory for the weights of " + weights.model);
  } catch (const std::system_error& error) {
    return ResourceExhausted("can't start " + std::to_string(resolved.threads) +
                             " threads: " + error.code().message() +
                             "; use fewer, or raise the limit of processes");
  }
}

}  // namespace octoscale
