// The worker's routes as a black box over loopback sockets.
#include "worker/worker_server.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "image/test_images.h"
#include "worker/server_fixture.h"

namespace octoscale::worker {
namespace {

// The problem's status, and the part it names.
std::pair<int, std::string> ProblemIn(const std::string& answer) {
  const auto json = nlohmann::json::parse(BodyOf(answer), nullptr, false);
  if (!json.is_object() || answer.find("application/problem+json") == std::string::npos ||
      json.value("status", 0) != StatusOf(answer) || json.value("detail", "").empty()) {
    return {StatusOf(answer), "not a problem: " + answer};
  }
  return {StatusOf(answer), json.value("part", "")};
}

TEST_F(WorkerServerTest, BatchesOfAnySizeComeBackInOrderAndUnderTheirNames) {
  StartWorker();
  for (const int count : {1, 7, 8, 9, 64}) {
    std::vector<FormPart> parts;
    for (int i = 0; i < count; ++i) {
      parts.push_back({"files", "f" + std::to_string(i) + ".png", Png(TestFrame(5, 3, i))});
    }
    const std::string answer = Ask(Form("/upscale_batch", parts));
    EXPECT_EQ(StatusOf(answer), 200);
    const auto entries = Zip(answer);
    ASSERT_EQ(entries.size(), static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      const auto& [name, bytes] = entries[static_cast<size_t>(i)];
      EXPECT_EQ(name, "f" + std::to_string(i) + ".png");
      auto image = Decoded(bytes);
      ASSERT_TRUE(image.ok());
      EXPECT_TRUE(image->frame.SamePixels(FakeUpscaler::Enlarge(TestFrame(5, 3, i), 2))) << i;
    }
  }
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, FormAndQueryOptionsWork) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  for (const std::string& request :
       {Form("/upscale_batch?scale=3", {{"files", "a.png", png}}),
        Form("/upscale_batch", {{"scale", std::nullopt, "3"}, {"files", "a.png", png}}),
        Form("/upscale_batch?model=alias&patch_size=64",
             {{"files", "a.png", png}, {"scale", std::nullopt, "3"}})}) {
    const std::string answer = Ask(request);
    EXPECT_NE(answer.find("X-Octoscale-Fingerprint: fake fake x3"), std::string::npos) << answer;
    ASSERT_EQ(Zip(answer).size(), 1u);
    EXPECT_EQ(Decoded(Zip(answer)[0].second)->frame.width(), 12);
  }
}

TEST_F(WorkerServerTest, OnePictureInTheBodyOrInAForm) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  for (const std::string& request :
       {Request("/upscale", png, "Content-Type: image/png\r\n"), Request("/upscale", png, ""),
        Form("/upscale", {{"file", "a.png", png}})}) {
    const std::string answer = Ask(request);
    EXPECT_EQ(StatusOf(answer), 200);
    EXPECT_NE(answer.find("Content-Type: image/png"), std::string::npos);
    EXPECT_TRUE(
        Decoded(BodyOf(answer))->frame.SamePixels(FakeUpscaler::Enlarge(TestFrame(4, 4, 1), 2)));
  }
}

TEST_F(WorkerServerTest, KeepsWhatPicturesBring) {
  StartWorker();
  Image with_alpha;
  with_alpha.frame = TestFrame(4, 4, 1);
  with_alpha.alpha.emplace(FrameSize{4, 4}, SampleType::kU8);
  std::fill_n(with_alpha.alpha->row(0), 16, uint8_t{0});
  std::fill_n(with_alpha.alpha->row(0), 8, uint8_t{77});
  std::vector<uint8_t> grey(16, 99);
  std::vector<uint8_t> palette_rows(16, 1);
  testing::PngSpec palette{4, 4, 8, PNG_COLOR_TYPE_PALETTE};
  palette.palette = {{1, 2, 3}, {10, 20, 30}};
  std::vector<uint8_t> cmyk(4 * 16, 128);
  // Big-endian TIFF with one tag: orientation 6 (rotate 90 degrees clockwise).
  const std::vector<uint8_t> exif = {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                                     1,   0x12, 0,   3,   0, 0, 0,   1,   0, 6,  0, 0, 0, 0, 0, 0};
  const std::string answer = Ask(Form(
      "/upscale_batch",
      {{"files", "alpha.png", Png(with_alpha)},
       {"files", "deep.png", Png(TestFrame(4, 4, 2, SampleType::kU16))},
       {"files", "grey.png", Text(testing::LibpngEncode({4, 4, 8, PNG_COLOR_TYPE_GRAY}, grey))},
       {"files", "palette.png", Text(testing::LibpngEncode(palette, palette_rows))},
       {"files", "cmyk.jpg", Text(testing::LibjpegEncode({4, 4, JCS_CMYK}, cmyk))},
       {"files", "turned.jpg",
        Text(testing::LibjpegEncode({8, 4, JCS_GRAYSCALE, exif}, std::vector<uint8_t>(32, 50)))},
       {"files", "wide.png", Png(TestFrame(9, 2, 3))}}));
  ASSERT_EQ(StatusOf(answer), 200) << answer;
  const auto entries = Zip(answer);
  ASSERT_EQ(entries.size(), 7u);
  auto alpha = Decoded(entries[0].second);
  ASSERT_TRUE(alpha.ok() && alpha->alpha);
  EXPECT_EQ(alpha->alpha->row(0)[0], 77);
  EXPECT_EQ(alpha->alpha->row(7)[0], 0);
  auto deep = Decoded(entries[1].second);
  EXPECT_TRUE(
      deep->frame.SamePixels(FakeUpscaler::Enlarge(TestFrame(4, 4, 2, SampleType::kU16), 2)));
  EXPECT_EQ(Decoded(entries[2].second)->frame.row(2, 7)[7], 99);
  EXPECT_EQ(Decoded(entries[3].second)->frame.row(1, 7)[7], 20);
  EXPECT_EQ(entries[4].first, "cmyk.png");
  EXPECT_EQ(Decoded(entries[5].second)->frame.size(), (FrameSize{8, 16})) << "turned upright";
  EXPECT_EQ(Decoded(entries[6].second)->frame.size(), (FrameSize{18, 4}));
}

TEST_F(WorkerServerTest, BadRequestsGetProblemsThatNameThePart) {
  WorkerOptions options = Options();
  options.pixels_max = 10'000;
  StartWorker(options);
  const std::string png = Png(TestFrame(4, 4, 1));
  const std::string bomb = Png(TestFrame(101, 100, 1));
  std::string huge = png;  // IHDR says 60000x60000; its checksum no longer fits, which comes later
  for (const size_t at : {16, 20}) huge.replace(at, 4, std::string("\0\0\xea\x60", 4));
  const FormPart good{"files", "good.png", png};
  using Expected = std::pair<int, std::string>;
  const std::vector<std::pair<std::string, Expected>> cases = {
      {Form("/upscale_batch", {}), {400, "files"}},
      {Form("/upscale_batch", {{"scale", std::nullopt, "2"}}), {400, "files"}},
      {Form("/upscale_batch", {{"file", "a.png", png}}), {400, "file"}},
      {Form("/upscale_batch", {{"sclae", std::nullopt, "2"}, good}), {422, "sclae"}},
      {Form("/upscale_batch", {good, {"files", "t.png", "only text"}}), {422, "t.png"}},
      {Form("/upscale_batch", {good, {"files", "cut.png", png.substr(0, png.size() - 20)}}),
       {422, "cut.png"}},
      {Form("/upscale_batch", {good, {"files", "none.png", ""}}), {422, "none.png"}},
      {Form("/upscale_batch", {{"files", "", ""}}), {422, "file 1"}},
      {Form("/upscale_batch", {{"files", "huge.png", huge}}), {422, "huge.png"}},
      {Form("/upscale_batch", {{"files", "bomb.png", bomb}}), {422, "bomb.png"}},
      {Form("/upscale_batch", std::vector<FormPart>(65, good)), {413, "files"}},
      {Form("/upscale_batch?scale=0", {good}), {422, "scale"}},
      {Form("/upscale_batch?scale=5", {good}), {422, "scale"}},
      {Form("/upscale_batch?scale=two", {good}), {422, "scale"}},
      {Form("/upscale_batch?model=../../etc/passwd", {good}), {422, "model"}},
      {Form("/upscale_batch", {{"model", std::nullopt, std::string(2000, 'x')}, good}),
       {413, "model"}},
      {Form("/upscale_batch?on_error=perhaps", {good}), {422, "on_error"}},
      {Form("/upscale_batch", {good}, "X-Deadline-Ms: soon\r\n"), {400, "X-Deadline-Ms"}},
      {Form("/upscale_batch", {good}, "X-Deadline-Ms: 0\r\n"), {504, "X-Deadline-Ms"}},
      {Request("/upscale_batch", png, "Content-Type: image/png\r\n"), {415, "Content-Type"}},
      {Request("/upscale_batch", png, ""), {415, "Content-Type"}},
      {Request("/upscale_batch", "", ""), {415, "Content-Type"}},
      {Request("/upscale_batch", FormBody({good}), "Content-Type: multipart/form-data\r\n"),
       {400, "Content-Type"}},
      {Request("/upscale_batch", FormBody({good}),
               "Content-Type: multipart/form-data; boundary=" + std::string(71, 'b') + "\r\n"),
       {400, "Content-Type"}},
      {Request("/upscale_batch", FormBody({good}).substr(0, 100),
               "Content-Type: multipart/form-data; boundary=frontier\r\n"),
       {400, ""}},
      {Request("/upscale", "only text", ""), {415, "file 1"}},
      {Request("/upscale", png.substr(0, 60), ""), {422, "file 1"}},
      {Form("/upscale", {{"file", "a.png", png}, {"file", "b.png", png}}), {413, "file"}},
      {Request("/upscale", png, "Content-Type: text/html\r\n"), {415, "Content-Type"}},
  };
  for (const auto& [request, expected] : cases) {
    EXPECT_EQ(ProblemIn(Ask(request)), expected) << request.substr(0, 300);
  }
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, BadFilesCanBeSkipped) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  const std::string answer =
      Ask(Form("/upscale_batch?on_error=skip",
               {{"files", "a.png", png}, {"files", "bad.png", "text"}, {"files", "b.png", png}}));
  EXPECT_EQ(StatusOf(answer), 200);
  const auto entries = Zip(answer);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].first, "a.png");
  EXPECT_EQ(entries[1].first, "b.png");
  EXPECT_EQ(entries[2].first, "errors.json");
  const auto errors = nlohmann::json::parse(entries[2].second);
  EXPECT_EQ(errors[0]["part"], "bad.png");
  EXPECT_EQ(errors[0]["index"], 1);
  EXPECT_EQ(ProblemIn(Ask(Form("/upscale_batch?on_error=skip", {{"files", "x.png", "text"}}))),
            std::make_pair(422, std::string("x.png")));
}

TEST_F(WorkerServerTest, HostileNamesBecomeHarmlessOnes) {
  StartWorker();
  const std::string png = Png(TestFrame(2, 2, 1));
  const auto entries = Zip(Ask(Form("/upscale_batch", {{"files", "../../etc/cron.d/x.png", png},
                                                       {"files", "..\\..\\x.png", png},
                                                       {"files", "\xf0\x9f\x90\x99.png", png},
                                                       {"files", std::string(4096, 'n'), png},
                                                       {"files", "x.png", png}})));
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[0].first, "x.png");
  EXPECT_EQ(entries[1].first, "x_2.png");
  EXPECT_EQ(entries[2].first, "\xf0\x9f\x90\x99.png");
  EXPECT_EQ(entries[3].first.size(), 204u);
  EXPECT_EQ(entries[4].first, "x_3.png");
  EXPECT_EQ(ProblemIn(Ask(Form("/upscale_batch", {{"files", std::string("a\0b", 3), png}}))).first,
            400);
}

TEST_F(WorkerServerTest, RawFramesInRawFramesOut) {
  StartWorker();
  for (const int count : {1, 8, 9, 64}) {
    std::string tensor;
    std::string expected;
    for (int i = 0; i < count; ++i) {
      const Frame frame = TestFrame(6, 4, i);
      std::string bytes(6 * 4 * 3, '\0');
      FrameToInterleaved(frame, bytes.data(), 6 * 3);
      tensor += bytes;
      std::string large(12 * 8 * 3, '\0');
      FrameToInterleaved(FakeUpscaler::Enlarge(frame, 2), large.data(), 12 * 3);
      expected += large;
    }
    const std::string answer = Ask(Infer(InferHeaderJson(count, 6, 4), tensor));
    ASSERT_EQ(StatusOf(answer), 200) << answer;
    const size_t at = answer.find("Inference-Header-Content-Length: ");
    ASSERT_NE(at, std::string::npos);
    const size_t json_size = std::strtoul(answer.c_str() + at + 33, nullptr, 10);
    const std::string body = BodyOf(answer);
    const auto json = nlohmann::json::parse(body.substr(0, json_size));
    EXPECT_EQ(json["outputs"][0]["shape"], (std::vector<int>{count, 8, 12, 3}));
    EXPECT_EQ(json["parameters"]["fingerprint"], "fake fake x2");
    EXPECT_EQ(body.substr(json_size), expected);
  }
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, BadInferRequestsGetProblems) {
  WorkerOptions options = Options();
  options.side_px_max = 100;
  StartWorker(options);
  const std::string json = InferHeaderJson(1, 2, 2);
  const std::string tensor(12, 'x');
  using Expected = std::pair<int, std::string>;
  const std::vector<std::pair<std::string, Expected>> cases = {
      {Infer(json, tensor, "", "nothing"), {404, "model"}},
      {Infer(json, tensor + "x"), {400, ""}},
      {Infer("{}", tensor), {400, "inputs"}},
      {Infer(InferHeaderJson(1, 2, 2, 5), tensor), {422, "scale"}},
      {Infer(InferHeaderJson(1, 101, 1), std::string(303, 'x')), {422, "inputs[0].shape"}},
      {Infer(InferHeaderJson(65, 1, 1), std::string(195, 'x')), {413, "inputs[0].shape"}},
      {Request("/v2/models/fake/infer", json + tensor, ""),
       {400, "Inference-Header-Content-Length"}},
      {Request("/v2/models/fake/infer", json, "Inference-Header-Content-Length: 9999\r\n"),
       {400, "Inference-Header-Content-Length"}},
      {"POST /v2/models/fake/infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
       "Inference-Header-Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       {411, ""}},
  };
  for (const auto& [request, expected] : cases) {
    EXPECT_EQ(ProblemIn(Ask(request)), expected) << request.substr(0, 300);
  }
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, TellsAboutItself) {
  StartWorker();
  EXPECT_EQ(StatusOf(Get("/v2/health/live")), 200);
  EXPECT_EQ(StatusOf(Get("/v2/health/ready")), 200);
  EXPECT_EQ(StatusOf(Get("/v2/models/fake/ready")), 200);
  EXPECT_EQ(StatusOf(Get("/v2/models/nothing")), 404);
  EXPECT_EQ(ProblemIn(Get("/v2/models/fake?scale=7")), std::make_pair(422, std::string("scale")));
  const auto json = [&](const std::string& path) {
    return nlohmann::json::parse(BodyOf(Get(path)));
  };
  EXPECT_EQ(json("/health")["status"], "ok");
  EXPECT_EQ(json("/health")["model_loaded"], true);
  EXPECT_EQ(json("/v2")["name"], "octoscale");
  EXPECT_EQ(json("/v2/models")["models"][0]["name"], "fake");
  EXPECT_EQ(json("/v2/models/alias")["parameters"]["fingerprints"]["2"], "fake fake x2");
  EXPECT_FALSE(json("/v2/models/fake")["parameters"]["fingerprints"].contains("3"));
  EXPECT_EQ(json("/v2/models/fake?scale=3")["parameters"]["fingerprints"]["3"], "fake fake x3");
  EXPECT_EQ(json("/status")["stage"], "ready");
  EXPECT_EQ(json("/status")["current_batch"], nullptr);
  EXPECT_EQ(json("/openapi.json")["openapi"].get<std::string>().substr(0, 2), "3.");
}

TEST_F(WorkerServerTest, ASingleFrameWaitsForOthersButNotForEver) {
  WorkerOptions options = Options();
  options.batch_delay_max = milliseconds(50);
  StartWorker(options);
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", Png(TestFrame(4, 4, 1)), ""))), 200);
  EXPECT_EQ(Metric("octoscale_executions_total"), 1);
  EXPECT_EQ(Metric("octoscale_merged_executions_total"), 0);
  EXPECT_GE(Metric("octoscale_queue_seconds_sum"), 0.05);
}

TEST_F(WorkerServerTest, CountsBytesSecondsAndMergedBatches) {
  WorkerOptions options = Options();
  options.batch_frames = 2;
  options.batch_delay_max = std::chrono::minutes(10);  // one alone would wait for ever
  StartWorker(options);
  const std::vector<std::string> names = {"octoscale_received_bytes_total",
                                          "octoscale_sent_bytes_total",
                                          "octoscale_inference_seconds_count",
                                          "octoscale_inference_seconds_sum",
                                          "octoscale_codec_cpu_seconds_total",
                                          "octoscale_merged_executions_total",
                                          "octoscale_request_seconds_count{route=\"/upscale\"}",
                                          "octoscale_request_seconds_sum{route=\"/upscale\"}"};
  const std::string request = Request("/upscale", Png(TestFrame(64, 64, 1)), "");
  std::map<std::string, double> before;
  for (int round = 0; round < 2; ++round) {
    TestClient a(server_->port());
    TestClient b(server_->port());
    a.Send(request);
    b.Send(request);
    const std::string answer = a.ReadAll();
    EXPECT_EQ(StatusOf(answer), 200);
    EXPECT_EQ(StatusOf(b.ReadAll()), 200);
    for (const std::string& name : names) {
      EXPECT_TRUE(Exceeds(name, before[name])) << name;
      before[name] = Metric(name);
    }
    EXPECT_EQ(before["octoscale_merged_executions_total"], round + 1);
    EXPECT_EQ(before["octoscale_inference_seconds_count"], round + 1);
    EXPECT_GE(before["octoscale_sent_bytes_total"], 2 * (round + 1) * BodyOf(answer).size());
  }
}

TEST_F(WorkerServerTest, CountsWhatItDoes) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  Ask(Form("/upscale_batch", std::vector<FormPart>(9, {"files", "a.png", png})));
  Ask(Form("/upscale_batch", {}));
  EXPECT_EQ(Metric("octoscale_frames_total"), 9);
  EXPECT_EQ(Metric("octoscale_executions_total"), 2);
  EXPECT_EQ(Metric("octoscale_decode_seconds_count"), 9);
  EXPECT_EQ(Metric("octoscale_encode_seconds_count"), 9);
  EXPECT_EQ(Metric("octoscale_queue_seconds_count"), 2);
  EXPECT_EQ(Metric("octoscale_requests_total{route=\"/upscale_batch\",code=\"400\"}"), 1);
  EXPECT_EQ(Metric("octoscale_ready"), 1);
  EXPECT_GT(Metric("octoscale_resident_bytes"), 1e6);
}

}  // namespace
}  // namespace octoscale::worker
