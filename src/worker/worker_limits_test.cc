// The worker's limits and life: full queues, deadlines, callers that leave, failures, the drain.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <future>
#include <stdexcept>

#include "worker/server_fixture.h"

namespace octoscale::worker {
namespace {

TEST_F(WorkerServerTest, AFullQueueRefusesBeforeTheBody) {
  WorkerOptions options = Options();
  options.frames_max = 8;
  options.queue_frames_max = 8;
  StartWorker(options);
  provider_->At(2).Hold();
  server_->context().speed.Add(8, 32);  // a quarter of a frame per second
  const std::string png = Png(TestFrame(4, 4, 1));
  TestClient busy(server_->port());
  busy.Send(Form("/upscale_batch", std::vector<FormPart>(8, {"files", "a.png", png})));
  ASSERT_TRUE(provider_->At(2).WaitForBatches(2)) << "the warm-up's and ours";
  TestClient client(server_->port());
  client.Send(
      "POST /upscale HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
  const std::string refused = client.ReadAnswer();
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("Retry-After: 8\r\n"), std::string::npos)
      << "a quarter of 8 frames: " << refused;
  EXPECT_EQ(Metric("octoscale_rejected_total{reason=\"queue_full\"}"), 1);
  provider_->At(2).LetGo();
  EXPECT_EQ(Zip(busy.ReadAll()).size(), 8u);
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, APictureWithAlphaIsTwoFramesInEveryCount) {
  WorkerOptions options = Options();
  options.frames_max = options.queue_frames_max = 8;
  StartWorker(options);
  Image image;
  image.frame = TestFrame(4, 4, 1);
  image.alpha.emplace(FrameSize{4, 4}, SampleType::kU8);
  std::fill_n(image.alpha->row(0), 16, uint8_t{77});
  const FormPart part{"files", "a.png", Png(image)};
  const std::string refused = Ask(Form("/upscale_batch", std::vector<FormPart>(5, part)));
  EXPECT_EQ(StatusOf(refused), 413) << "10 frames never fit, so 503 would be the wrong answer";
  EXPECT_NE(refused.find("10 frames"), std::string::npos) << refused;
  provider_->At(2).Hold();
  TestClient client(server_->port());
  client.Send(Form("/upscale_batch", std::vector<FormPart>(4, part)));
  ASSERT_TRUE(provider_->At(2).WaitForBatches(2)) << "the warm-up's and ours";
  EXPECT_EQ(provider_->At(2).batches().back(), 8u);
  EXPECT_EQ(Metric("octoscale_queue_frames"), 8);
  EXPECT_EQ(Metric("octoscale_queue_bytes"), 4 * (3 + 1 + 3) * 4 * 4)
      << "pixels, alpha, and alpha as a frame";
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", part.content, ""))), 503);
  provider_->At(2).LetGo();
  EXPECT_EQ(Zip(client.ReadAll()).size(), 4u);
  EXPECT_EQ(Metric("octoscale_frames_total"), 8);
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, CallerQuotaAndMemoryAreBounded) {
  WorkerOptions options = Options();
  options.frames_max = 4;
  options.caller_frames_max = 4;
  options.queue_bytes_max = options.body_bytes_max = 100'000;
  options.caller_field = "X-Real-IP";
  StartWorker(options);
  provider_->At(2).Hold();
  const std::string png = Png(TestFrame(4, 4, 1));
  const std::vector<FormPart> four(4, {"files", "a.png", png});
  TestClient busy(server_->port());
  busy.Send(Form("/upscale_batch", four, "X-Real-IP: 10.0.0.1\r\n"));
  ASSERT_TRUE(provider_->At(2).WaitForBatches(2));
  const std::string refused = Ask(Request("/upscale", png, "X-Real-IP: 10.0.0.1\r\n"));
  EXPECT_EQ(StatusOf(refused), 429);
  EXPECT_NE(refused.find("Retry-After: "), std::string::npos);
  TestClient other(server_->port());
  other.Send(Request("/upscale", png, "X-Real-IP: 10.0.0.2\r\n"));
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", std::string(99'999, 'x'), "X-Real-IP: 10.0.0.3\r\n"))),
            503)
      << "no memory left";
  provider_->At(2).LetGo();
  EXPECT_EQ(StatusOf(other.ReadAll()), 200);
  EXPECT_EQ(Zip(busy.ReadAll()).size(), 4u);
}

TEST_F(WorkerServerTest, EachRequestLimitIsHit) {
  WorkerOptions options = Options();
  options.body_bytes_max = 100'000;
  options.part_bytes_max = 5'000;
  options.decoded_bytes_max = 10'000;
  options.output_pixels_max = 2'000;
  options.frames_max = 3;
  StartWorker(options);
  const auto one = [&](const std::string& content) {
    return StatusOf(Ask(Form("/upscale_batch", {{"files", "a.png", content}})));
  };
  EXPECT_EQ(one(std::string(100'000, 'x')), 413) << "body";
  EXPECT_EQ(one(std::string(6'000, 'x')), 413) << "part";
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", std::string(6'000, 'x'), ""))), 413);
  EXPECT_EQ(one(Png(TestFrame(30, 30, 1))), 422) << "60x60 is over 2000 output pixels";
  const FormPart part{"files", "a.png", Png(TestFrame(41, 41, 1))};
  EXPECT_EQ(StatusOf(Ask(Form("/upscale_batch", {part, part}))), 413) << "decoded bytes";
  const FormPart small{"files", "a.png", Png(TestFrame(4, 4, 1))};
  EXPECT_EQ(StatusOf(Ask(Form("/upscale_batch", {small, small, small, small}))), 413);
}

TEST_F(WorkerServerTest, ARefusedRequestIsDecodedNoFurther) {
  WorkerOptions options = Options();
  options.codec_threads = 1;
  options.queue_bytes_max = options.body_bytes_max = 3 << 19;  // a body grows by 1 MiB at a time
  StartWorker(options);
  TaskPool& pool = server_->context().pool;
  std::promise<void> go;
  pool.Post([may_go = go.get_future().share()] { may_go.wait(); });
  const FormPart part{"files", "a.png", Png(TestFrame(4, 4, 1))};
  const std::string form = FormBody({part, part, {"files", "b.png", std::string(1'200'000, 'x')}});
  const std::string type = "Content-Type: multipart/form-data; boundary=frontier\r\n";
  const std::string without_end = form.substr(0, form.size() - 20);
  EXPECT_EQ(StatusOf(Ask(Request("/upscale_batch", without_end, type))), 400);
  char size[20];
  std::snprintf(size, sizeof(size), "%zx", form.size());
  EXPECT_EQ(
      StatusOf(Ask("POST /upscale_batch HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + type +
                   "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + form + "\r\n0\r\n\r\n")),
      503)
      << "no memory for its second mebibyte";
  EXPECT_TRUE(Empties()) << "although its pictures still wait for the decoder";
  go.set_value();
  std::promise<void> decoded;
  pool.Post([&] { decoded.set_value(); });
  decoded.get_future().wait();
  EXPECT_EQ(Metric("octoscale_decode_seconds_count"), 0);
}

TEST_F(WorkerServerTest, ADeadlineStopsTheWork) {
  StartWorker();
  provider_->At(2).Hold();
  const std::string png = Png(TestFrame(4, 4, 1));
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", png, "X-Deadline-Ms: 100\r\n"))), 504);
  EXPECT_TRUE(provider_->At(2).WaitForCancelled(1));
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, WhoLeavesStopsTheWork) {
  StartWorker();
  provider_->At(2).Hold();
  const std::string png = Png(TestFrame(4, 4, 1));
  const std::string request =
      Form("/upscale_batch", std::vector<FormPart>(16, {"files", "a.png", png}));
  for (const size_t sent :
       {size_t{10}, request.find("\r\n\r\n") + 4, request.size() / 2, request.size() - 1}) {
    TestClient client(server_->port());
    client.Send(request.substr(0, sent));
  }
  {
    TestClient client(server_->port());
    client.Send(request);
    ASSERT_TRUE(provider_->At(2).WaitForBatches(2));
  }
  EXPECT_TRUE(provider_->At(2).WaitForCancelled(1)) << "between two tiles of the running batch";
  EXPECT_TRUE(Empties());
  provider_->At(2).LetGo();
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", png, ""))), 200);
}

TEST_F(WorkerServerTest, OurFailuresAre500) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  provider_->At(2).FailWhen([](const auto&) { return Internal("not finite"); });
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", png, ""))), 500);
  EXPECT_EQ(StatusOf(Ask(Infer(InferHeaderJson(1, 2, 2), std::string(12, 'x')))), 500);
  EXPECT_EQ(Metric("octoscale_failed_executions_total"), 2);
  EXPECT_EQ(Metric("octoscale_executions_total"), 0);
  EXPECT_EQ(Metric("octoscale_frames_total"), 0);
  EXPECT_EQ(Metric("octoscale_inference_seconds_count"), 0);
  EXPECT_TRUE(Empties());
}

TEST_F(WorkerServerTest, AFailureInTheMiddleOfAnAnswerNeverEndsItCleanly) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  const std::string tensor(16 * 8 * 8 * 3, 'x');
  for (const std::string& request :
       {Form("/upscale_batch", std::vector<FormPart>(16, {"files", "a.png", png})),
        Infer(InferHeaderJson(16, 8, 8), tensor)}) {
    std::promise<void> begun;
    const std::shared_future<void> answer_begun = begun.get_future().share();
    std::atomic<int> batches{0};
    provider_->At(2).FailWhen([&, answer_begun](const auto&) {
      if (batches++ == 0) return OkStatus();
      answer_begun.wait();
      return Internal("the second batch fails");
    });
    TestClient client(server_->port());
    client.Send(request);
    std::string answer = client.ReadSome(10);
    begun.set_value();
    answer += client.ReadAll();
    EXPECT_EQ(StatusOf(answer), 200);
    EXPECT_TRUE(client.reset()) << "no clean end";
    const std::string body = BodyOf(answer);
    if (answer.find("Transfer-Encoding: chunked") != std::string::npos) {
      EXPECT_TRUE(Unchunk(body).empty());
    } else {
      const size_t at = answer.find("\r\nContent-Length: ");
      ASSERT_NE(at, std::string::npos) << answer;
      EXPECT_LT(body.size(), std::strtoul(answer.c_str() + at + 18, nullptr, 10));
    }
    EXPECT_TRUE(Empties());
  }
}

TEST_F(WorkerServerTest, IsNotReadyBeforeItsWarmUpAndFailsWithIt) {
  provider_->At(2).Hold();
  StartWorker(Options(), /*wait_ready=*/false);
  EXPECT_EQ(StatusOf(Get("/v2/health/live")), 200);
  EXPECT_EQ(StatusOf(Get("/v2/health/ready")), 503);
  EXPECT_EQ(StatusOf(Get("/health")), 503);
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", Png(TestFrame(4, 4, 1)), ""))), 503);
  provider_->At(2).LetGo();
  server_.reset();
  provider_->SetMakeError(NotFound("weights"));
  StartWorker();
  EXPECT_EQ(server_->context().stage, LifeStage::kFailed);
  EXPECT_EQ(StatusOf(Get("/v2/health/ready")), 503);
}

TEST_F(WorkerServerTest, RotatingPatchSizesLoadsNoEngineAgainAndAgain) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  const int before = provider_->made();
  for (int i = 0; i < 3; ++i) {
    for (const char* size : {"auto", "1", "2", "3", "64", "200", "256", "511", "600", "32768"}) {
      EXPECT_EQ(StatusOf(Ask(Request(std::string("/upscale?patch_size=") + size, png, ""))), 200);
    }
  }
  EXPECT_EQ(provider_->made(), before + 3) << "32, 128 and 512; automatic is there";
}

TEST_F(WorkerServerTest, ModelsThatCannotBeLoadedAreOurFailure) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  for (const Status& error :
       {CorruptInput("/models/x.bin: damaged"), NotFound("/models/x.bin: missing")}) {
    provider_->SetMakeError(error);
    for (const std::string& answer :
         {Get("/v2/models/fake?scale=3"), Ask(Request("/upscale?scale=3", png, "")),
          Ask(Infer(InferHeaderJson(1, 2, 2, 3), std::string(12, 'x')))}) {
      EXPECT_EQ(StatusOf(answer), 500) << answer;
      EXPECT_EQ(answer.find("/models/x.bin"), std::string::npos) << answer;
    }
  }
}

TEST_F(WorkerServerTest, SurvivesWhatLoadingAModelThrows) {
  StartWorker();
  const std::string png = Png(TestFrame(4, 4, 1));
  provider_->OnMake([] { throw std::runtime_error("thrown"); });
  EXPECT_EQ(StatusOf(Get("/v2/models/fake?scale=3")), 500);
  EXPECT_EQ(StatusOf(Ask(Request("/upscale?scale=3", png, ""))), 500);
  provider_->OnMake({});
  EXPECT_EQ(StatusOf(Ask(Request("/upscale?scale=3", png, ""))), 200);
  provider_->OnMake([] { throw std::runtime_error("thrown"); });
  server_.reset();
  StartWorker();
  EXPECT_EQ(server_->context().stage, LifeStage::kFailed);
}

TEST_F(WorkerServerTest, DrainsWithoutLosingAnAcceptedRequest) {
  StartWorker();
  provider_->At(2).Hold();
  const std::string png = Png(TestFrame(4, 4, 1));
  TestClient busy(server_->port());
  busy.Send(Form("/upscale_batch", std::vector<FormPart>(20, {"files", "a.png", png})));
  ASSERT_TRUE(provider_->At(2).WaitForBatches(2));
  server_->BeginDrain();
  EXPECT_EQ(StatusOf(Get("/v2/health/ready")), 503);
  EXPECT_EQ(StatusOf(Ask(Request("/upscale", png, ""))), 503);
  EXPECT_FALSE(server_->WaitDrained(milliseconds(10)));
  provider_->At(2).LetGo();
  EXPECT_EQ(Zip(busy.ReadAll()).size(), 20u);
  EXPECT_TRUE(server_->WaitDrained(milliseconds(20'000)));
}

TEST_F(WorkerServerTest, RefusesOptionsThatContradictEachOther) {
  const auto error = [&](auto change) {
    WorkerOptions options = Options();
    change(options);
    return WorkerServer::Create(options, provider_, {}).status().message();
  };
  EXPECT_NE(error([](auto& o) { o.model = "nothing"; }).find("nothing"), std::string::npos);
  EXPECT_NE(error([](auto& o) { o.scale = 7; }).find("scale 7"), std::string::npos);
  EXPECT_NE(error([](auto& o) { o.listen = "0.0.0.0:0"; }).find("--token-file"), std::string::npos);
  EXPECT_EQ(error([](auto& o) {
              o.listen = "0.0.0.0:0";
              o.insecure = true;
            }),
            "");
  EXPECT_NE(error([](auto& o) { o.token_path = "/nonexistent"; }).find("/nonexistent"),
            std::string::npos);
  EXPECT_NE(error([](auto& o) { o.queue_frames_max = 10; }), "");
  EXPECT_NE(error([](auto& o) { o.queue_bytes_max = 10; }), "");
}

TEST_F(WorkerServerTest, AThousandRequestsLeaveNothingBehind) {
  StartWorker();
  const std::string png = Png(TestFrame(16, 16, 1));
  const std::string request =
      "POST /upscale HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(png.size()) +
      "\r\n\r\n" + png;
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  const auto call = [&](int count) {
    TestClient client(server_->port());
    for (int i = 0; i < count; ++i) {
      client.Send(request);
      if (StatusOf(client.ReadAnswer()) == 200) ++good;
    }
  };
  call(50);
  const double before = Metric("octoscale_resident_bytes");
  for (int t = 0; t < 4; ++t) callers.emplace_back(call, 250);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, 1050);
  EXPECT_TRUE(Empties());
  EXPECT_LT(Metric("octoscale_resident_bytes"), before + (64 << 20));
  EXPECT_LT(Metric("octoscale_executions_total"), 1050) << "some were merged";
}

}  // namespace
}  // namespace octoscale::worker
