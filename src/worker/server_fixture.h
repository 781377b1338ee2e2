// A running worker for tests, with an upscaler that repeats pixels, and what its callers need.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/test_client.h"
#include "image/image.h"
#include "worker/test_support.h"
#include "worker/worker_server.h"

namespace octoscale::worker {

using http::StatusOf;
using http::TestClient;
using std::chrono::milliseconds;

inline std::string Png(const ImageView& image) {
  auto bytes = EncodePng(image);
  return bytes.ok() ? std::string(bytes->begin(), bytes->end()) : std::string();
}

inline std::string Text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

inline Result<Image> Decoded(const std::string& bytes) {
  return DecodeImage({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

inline std::string BodyOf(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? std::string() : answer.substr(end + 4);
}

// The body of a chunked answer; empty when it isn't ended cleanly.
inline std::string Unchunk(const std::string& body) {
  std::string out;
  for (size_t at = 0; at < body.size();) {
    const size_t size = std::strtoul(body.c_str() + at, nullptr, 16);
    at = body.find("\r\n", at);
    if (at == std::string::npos) return {};
    if (size == 0) return body.substr(at) == "\r\n\r\n" ? out : std::string();
    out += body.substr(at + 2, size);
    at += 2 + size + 2;
  }
  return {};
}

class WorkerServerTest : public ::testing::Test {
 protected:
  static WorkerOptions Options() {
    WorkerOptions options;
    options.listen = "127.0.0.1:0";
    options.model = "fake";
    options.codec_threads = 2;
    options.batch_delay_max = milliseconds(1);
    return options;
  }

  void StartWorker(const WorkerOptions& options = Options(), bool wait_ready = true) {
    auto server = WorkerServer::Create(options, provider_, {});
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(*server);
    server_->Start({});
    for (int i = 0; wait_ready && i < 4000 && server_->context().stage == LifeStage::kStarting;
         ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
  }

  static std::string Request(const std::string& target, const std::string& body,
                             const std::string& fields) {
    return "POST " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
  }
  static std::string Form(const std::string& target, const std::vector<FormPart>& parts,
                          const std::string& fields = {}) {
    return Request(target, FormBody(parts),
                   "Content-Type: multipart/form-data; boundary=frontier\r\n" + fields);
  }
  static std::string Infer(const std::string& header, const std::string& tensor,
                           const std::string& fields = {}, const std::string& model = "fake") {
    return Request(
        "/v2/models/" + model + "/infer", header + tensor,
        "Inference-Header-Content-Length: " + std::to_string(header.size()) + "\r\n" + fields);
  }
  static std::string InferHeaderJson(int frames, int width, int height, int scale = 2) {
    const auto n = [](int value) { return std::to_string(value); };
    return "{\"inputs\":[{\"name\":\"frames\",\"datatype\":\"UINT8\",\"shape\":[" + n(frames) +
           "," + n(height) + "," + n(width) +
           ",3],\"parameters\":{\"binary_data_size\":" + n(frames * width * height * 3) +
           "}}],\"parameters\":{\"scale\":" + n(scale) + "}}";
  }

  std::string Ask(const std::string& request) {
    TestClient client(server_->port());
    client.Send(request);
    return client.ReadAll();
  }
  std::string Get(const std::string& path, const std::string& fields = {}) {
    return Ask("GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + fields + "\r\n");
  }
  std::vector<std::pair<std::string, std::string>> Zip(const std::string& answer) {
    return ReadStoredZip(Unchunk(BodyOf(answer)));
  }
  double Metric(const std::string& name) {
    const std::string text = BodyOf(Get("/metrics"));
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::atof(text.c_str() + at + name.size() + 2);
  }
  // True once it does; a request is counted after its answer is out.
  bool Exceeds(const std::string& name, double value) {
    for (int i = 0; i < 4000; ++i) {
      if (Metric(name) > value) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  // True once all queues and buffers are empty again.
  bool Empties() {
    for (int i = 0; i < 4000; ++i) {
      WorkerContext& context = server_->context();
      if (context.admission.frames() == 0 && context.admission.bytes() == 0 &&
          context.scheduler.output_bytes() == 0) {
        return true;
      }
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }

  std::shared_ptr<FakeProvider> provider_ = std::make_shared<FakeProvider>();
  std::unique_ptr<WorkerServer> server_;
};

}  // namespace octoscale::worker
