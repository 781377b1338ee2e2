// For tests: a worker that enlarges by repeating pixels, and misbehaves when it is told to.
#pragma once

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/problem.h"
#include "http/server.h"

namespace octoscale::coordinator {

enum class Fault {
  kNone,
  kError500,
  kBusy503,
  kBadRequest422,
  kGarbage,
  kTruncated,
  kShortTensor,
  kLongTensor,
  kWrongShape,
  kWrongType,
  kNoInferHeader,
  kOtherNetwork,
  kHang,
  kLate,  // 504 at the end of X-Deadline-Ms
  kClose,
};

struct FakeWorkerSpec {
  std::string fingerprint = "fake x2";
  std::string version = "1";
  std::string platform = "octoscale";
  std::string token = {};
  int model_status = 200;  // of GET /v2/models/{model}
  int retry_after_s = 0;   // of kBusy503
  // Limits of a request, told and kept; 0: none.
  int frames_max = 0;
  uint64_t body_bytes_max = 0;
  std::chrono::milliseconds delay{0};
  // What to do with the inference request of this number (from 0) and these pixels.
  std::function<Fault(int number, std::span<const uint8_t> pixels)> fault = {};
};

class FakeWorker {
 public:
  static constexpr int kScale = 2;

  explicit FakeWorker(FakeWorkerSpec spec) : spec_(std::move(spec)) {
    http::Router router;
    router.AddGet(
        "/v2/health/live", [](const auto&) { return Json(200, "{}"); }, true);
    router.AddGet(
        "/v2/health/ready",
        [this](const auto&) {
          ++readiness_asked_;
          return Json(ready_status_, "{}");
        },
        true);
    router.AddGet("/v2/models/{model}", [this](const auto& head) { return ModelInfo(head); });
    router.Add({"POST", "/v2/models/{model}/infer",
                [this] { return std::make_shared<Handler>(this); }, 64 << 20, false});
    http::ServerOptions options;
    options.io_threads = 1;
    server_ = std::move(http::Server::Create(std::move(options), std::move(router))).value();
    server_->Start();
  }
  ~FakeWorker() { server_->Stop(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  int requests() const { return requests_; }  // for inference
  int frames() const { return frames_; }
  // Of GET /v2/health/ready.
  void set_ready_status(int status) { ready_status_ = status; }
  int readiness_asked() const { return readiness_asked_; }
  std::string last_trace() const {
    const std::lock_guard lock(mutex_);
    return last_trace_;
  }

 private:
  static http::Response Json(int status, std::string text) {
    return http::TextResponse(status, "application/json", std::move(text));
  }

  http::Response ModelInfo(const http::RequestHead& head) const {
    if (!Allowed(head)) return http::ToResponse(http::Problem::Make(401, "expected a token"));
    if (spec_.model_status != 200) {
      return http::ToResponse(http::Problem::Make(spec_.model_status, "no such thing"));
    }
    std::string limits;
    if (spec_.frames_max > 0) limits += ",\"frames_max\":" + std::to_string(spec_.frames_max);
    if (spec_.body_bytes_max > 0) {
      limits += ",\"body_bytes_max\":" + std::to_string(spec_.body_bytes_max);
    }
    return Json(200, "{\"name\":\"fake\",\"platform\":\"" + spec_.platform +
                         "\",\"parameters\":{\"octoscale_version\":\"" + spec_.version +
                         "\",\"fingerprints\":{\"2\":\"" + spec_.fingerprint + "\"}" + limits +
                         "}}");
  }

  bool Allowed(const http::RequestHead& head) const {
    return spec_.token.empty() || head.Header("Authorization") == "Bearer " + spec_.token;
  }

  // The numbers in "shape":[N,H,W,3].
  static std::vector<int> ShapeOf(const std::string& json) {
    std::vector<int> shape;
    size_t at = json.find("\"shape\":[") + 9;
    while (shape.size() < 4) {
      int value = 0;
      const auto parsed = std::from_chars(json.data() + at, json.data() + json.size(), value);
      shape.push_back(value);
      at = static_cast<size_t>(parsed.ptr - json.data()) + 1;
    }
    return shape;
  }

  class Handler : public http::RequestHandler {
   public:
    explicit Handler(FakeWorker* worker) : worker_(worker) {}

    std::optional<http::Response> OnHead(const http::RequestHead& head,
                                         std::shared_ptr<http::Exchange> exchange) override {
      exchange_ = std::move(exchange);
      const std::string length(head.Header("Inference-Header-Content-Length"));
      json_bytes_ = static_cast<size_t>(std::atoi(length.c_str()));
      deadline_ =
          std::chrono::milliseconds(std::atoi(std::string(head.Header("X-Deadline-Ms")).c_str()));
      const std::lock_guard lock(worker_->mutex_);
      worker_->last_trace_ = head.Header("traceparent");
      return std::nullopt;
    }
    std::optional<http::Response> OnBody(std::span<const uint8_t> bytes) override {
      body_.insert(body_.end(), bytes.begin(), bytes.end());
      return std::nullopt;
    }
    void OnBodyEnd() override {
      if (worker_->spec_.delay.count() > 0) std::this_thread::sleep_for(worker_->spec_.delay);
      const int number = worker_->requests_++;
      const std::span<const uint8_t> pixels = std::span(body_).subspan(json_bytes_);
      if (TooLarge()) return Refuse(413);
      const auto& choose = worker_->spec_.fault;
      Answer(choose ? choose(number, pixels) : Fault::kNone, pixels);
    }
    void OnAbandoned(http::AbandonReason) override {}

   private:
    void Refuse(int status, std::optional<int> retry_after = std::nullopt) {
      http::Problem problem = http::Problem::Make(status, "on purpose");
      problem.retry_after_s = retry_after;
      exchange_->Send(http::ToResponse(problem));
    }

    std::string HeadJson() const {
      return {body_.begin(), body_.begin() + static_cast<ptrdiff_t>(json_bytes_)};
    }

    bool TooLarge() const {
      const FakeWorkerSpec& spec = worker_->spec_;
      return (spec.frames_max > 0 && ShapeOf(HeadJson())[0] > spec.frames_max) ||
             (spec.body_bytes_max > 0 && body_.size() > spec.body_bytes_max);
    }

    void Answer(Fault fault, std::span<const uint8_t> pixels) {
      if (fault == Fault::kError500) return Refuse(500);
      if (fault == Fault::kBusy503) return Refuse(503, worker_->spec_.retry_after_s);
      if (fault == Fault::kBadRequest422) return Refuse(422);
      if (fault == Fault::kHang) return;  // the exchange is never ended
      if (fault == Fault::kLate) {
        return exchange_->SetDeadline(std::chrono::steady_clock::now() + deadline_);
      }
      if (fault == Fault::kClose) return exchange_->Abort();
      const std::string json = HeadJson();
      const std::vector<int> shape = ShapeOf(json);
      const bool wide = json.find("UINT16") != std::string::npos;
      std::vector<uint8_t> out = Enlarge(pixels, shape, wide ? 2 : 1);
      worker_->frames_ += shape[0];
      if (fault == Fault::kGarbage) std::fill(out.begin(), out.end(), uint8_t{'x'});
      if (fault == Fault::kShortTensor) out.pop_back();
      if (fault == Fault::kLongTensor) out.push_back(0);
      const int width = shape[2] * kScale + (fault == Fault::kWrongShape ? 1 : 0);
      const std::string network =
          fault == Fault::kOtherNetwork ? "other" : worker_->spec_.fingerprint;
      const std::string head_json =
          fault == Fault::kGarbage
              ? std::string(100, '{')
              : "{\"model_name\":\"fake\",\"parameters\":{\"fingerprint\":\"" + network +
                    "\"},\"outputs\":[{\"name\":\"frames\",\"datatype\":\"" +
                    (wide ? "UINT16" : "UINT8") + "\",\"shape\":[" + std::to_string(shape[0]) +
                    "," + std::to_string(shape[1] * kScale) + "," + std::to_string(width) +
                    ",3]}]}";
      http::ResponseHead head;
      head.content_type = fault == Fault::kWrongType ? "text/html" : "application/octet-stream";
      if (fault != Fault::kNoInferHeader) {
        head.fields.push_back(
            {"Inference-Header-Content-Length", std::to_string(head_json.size())});
      }
      exchange_->Start(std::move(head), head_json.size() + out.size());
      exchange_->Write(http::BodyPiece::Own(head_json));
      if (fault == Fault::kTruncated) {
        out.resize(out.size() / 2);
        exchange_->Write(http::BodyPiece::Own(std::move(out)));
        return exchange_->Abort();
      }
      exchange_->Write(http::BodyPiece::Own(std::move(out)));
      exchange_->Finish();
    }

    static std::vector<uint8_t> Enlarge(std::span<const uint8_t> in, const std::vector<int>& shape,
                                        int sample_bytes) {
      const size_t rows = static_cast<size_t>(shape[0]) * static_cast<size_t>(shape[1]);
      const size_t pixel = static_cast<size_t>(3 * sample_bytes);
      const size_t row = static_cast<size_t>(shape[2]) * pixel;
      std::vector<uint8_t> out;
      for (size_t y = 0; y < rows; ++y) {
        for (int i = 0; i < kScale; ++i) {
          for (size_t x = 0; x < row; x += pixel) {
            const auto from = in.begin() + static_cast<ptrdiff_t>(y * row + x);
            for (int j = 0; j < kScale; ++j) {
              out.insert(out.end(), from, from + static_cast<ptrdiff_t>(pixel));
            }
          }
        }
      }
      return out;
    }

    FakeWorker* const worker_;
    std::shared_ptr<http::Exchange> exchange_;
    size_t json_bytes_ = 0;
    std::chrono::milliseconds deadline_{0};
    std::vector<uint8_t> body_;
  };

  const FakeWorkerSpec spec_;
  std::atomic<int> requests_{0};
  std::atomic<int> frames_{0};
  std::atomic<int> ready_status_{200};
  std::atomic<int> readiness_asked_{0};
  mutable std::mutex mutex_;
  std::string last_trace_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace octoscale::coordinator
