// The coordinator against workers over real sockets, good ones and bad ones.
#include "coordinator/remote_upscaler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>

#include "coordinator/fake_worker.h"

namespace octoscale::coordinator {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Frame TestFrame(int number, FrameSize size = {10, 6}, SampleType type = SampleType::kU8) {
  Frame frame(size, type);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const int value = number * 7 + plane * 50 + y * 11 + x * 3;
        if (type == SampleType::kU8) {
          frame.row(plane, y)[x] = static_cast<uint8_t>(value % 200);
        } else {
          frame.row16(plane, y)[x] = static_cast<uint16_t>(value * 97);
        }
      }
    }
  }
  return frame;
}

Frame Enlarged(const Frame& in) {
  Frame out({in.width() * 2, in.height() * 2}, in.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < out.height(); ++y) {
      for (int x = 0; x < out.width(); ++x) {
        if (in.sample_type() == SampleType::kU8) {
          out.row(plane, y)[x] = in.row(plane, y / 2)[x / 2];
        } else {
          out.row16(plane, y)[x] = in.row16(plane, y / 2)[x / 2];
        }
      }
    }
  }
  return out;
}

std::vector<Frame> Batch(int first, int count) {
  std::vector<Frame> batch;
  for (int i = 0; i < count; ++i) batch.push_back(TestFrame(first + i));
  return batch;
}

// Takes connections and closes them.
class HangUpServer {
 public:
  HangUpServer() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, plain, size) != 0 || listen(listener_, 8) != 0 ||
        getsockname(listener_, plain, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int taken; (taken = accept(listener_, nullptr, nullptr)) >= 0;) close(taken);
    });
  }
  ~HangUpServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }

 private:
  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int port_ = 0;
  std::thread thread_;
};

// Several workers, and what the coordinator says about them.
class RemoteUpscalerTest : public testing::Test {
 protected:
  FakeWorker& Add(FakeWorkerSpec spec = {}) {
    workers_.push_back(std::make_unique<FakeWorker>(std::move(spec)));
    urls_.push_back(workers_.back()->url());
    return *workers_.back();
  }

  Status Connect() {
    options_.dispatch.model = "fake";
    options_.dispatch.on_event = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      events_ += line + '\n';
    };
    options_.dispatch.on_refused = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      refused_.push_back(text);
    };
    auto created = RemoteUpscaler::Create(options_, urls_, urls_);
    if (!created.ok()) return created.status();
    upscaler_ = std::move(created).value();
    return upscaler_->WaitReady({});
  }

  // Upscales batches 0, 1, ... from several threads, as a pipeline does; all must come back right.
  void ExpectGoodBatches(int batches, int frames = 8) {
    std::vector<std::thread> threads;
    std::atomic<int> next{0};
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&] {
        for (int number = next++; number < batches; number = next++) {
          const auto out = upscaler_->Upscale(Batch(number * frames, frames), {});
          ASSERT_TRUE(out.ok()) << out.status().message();
          ASSERT_EQ(out->size(), static_cast<size_t>(frames));
          for (int i = 0; i < frames; ++i) {
            EXPECT_TRUE(
                (*out)[static_cast<size_t>(i)].SamePixels(Enlarged(TestFrame(number * frames + i))))
                << "batch " << number << ", frame " << i;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  std::vector<std::string> refused() {
    const std::lock_guard lock(mutex_);
    return refused_;
  }
  std::string events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

  // False when `condition` doesn't come true within the tests' patience.
  static bool Wait(const std::function<bool()>& condition) {
    for (int tries = 0; tries < 12'000; ++tries) {
      if (condition()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }

  int Requests() const {
    int requests = 0;
    for (const auto& worker : workers_) requests += worker->requests();
    return requests;
  }

  RemoteOptions options_;
  std::vector<std::unique_ptr<FakeWorker>> workers_;
  std::vector<std::string> urls_;
  std::mutex mutex_;
  std::vector<std::string> refused_;
  std::string events_;
  std::unique_ptr<RemoteUpscaler> upscaler_;
};

TEST_F(RemoteUpscalerTest, ManyWorkersGiveTheFramesOfEachBatch) {
  for (int i = 0; i < 3; ++i) Add({.delay = milliseconds(2)});
  ASSERT_TRUE(Connect().ok());
  EXPECT_EQ(upscaler_->info().model, "fake");
  EXPECT_EQ(upscaler_->info().fingerprint, "fake x2");
  ExpectGoodBatches(30);
  int64_t frames = 0;
  for (const WorkerReport& report : upscaler_->Reports()) {
    EXPECT_EQ(report.state, "up");
    EXPECT_GT(report.batches, 0) << report.name;
    EXPECT_EQ(report.retries, 0) << report.name;
    frames += report.frames;
  }
  EXPECT_EQ(frames, 240);
}

TEST_F(RemoteUpscalerTest, ReportsHaveEveryBatchThatCameBack) {
  Add();
  ASSERT_TRUE(Connect().ok());
  for (int batches = 1; batches <= 200; ++batches) {
    ASSERT_TRUE(upscaler_->Upscale(Batch(batches, 1), {}).ok());
    ASSERT_EQ(upscaler_->Reports()[0].batches, batches);
  }
}

TEST_F(RemoteUpscalerTest, ReportsHaveTheFailureOfABatchThatIsGivenUp) {
  FakeWorkerSpec bad;
  bad.fault = [](int, std::span<const uint8_t>) { return Fault::kGarbage; };
  for (int i = 0; i < 3; ++i) Add(bad);
  ASSERT_TRUE(Connect().ok());
  ASSERT_FALSE(upscaler_->Upscale(Batch(0, 1), {}).ok());
  int64_t retries = 0;
  for (const WorkerReport& report : upscaler_->Reports()) retries += report.retries;
  EXPECT_EQ(retries, 3);
}

TEST_F(RemoteUpscalerTest, OneFrameAndAShortBatchAreOrdinary) {
  for (int i = 0; i < 4; ++i) Add();
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(1, 1);
  ExpectGoodBatches(2, 3);
}

TEST_F(RemoteUpscalerTest, MixedSizesAndSixteenBitsComeBackInOrder) {
  Add();
  Add();
  ASSERT_TRUE(Connect().ok());
  std::vector<Frame> batch;
  const auto make = [](int i) {
    const FrameSize size = i % 3 == 0 ? FrameSize{7, 5} : FrameSize{10, 6};
    return TestFrame(i, size, i >= 4 ? SampleType::kU16 : SampleType::kU8);
  };
  for (int i = 0; i < 7; ++i) batch.push_back(make(i));
  const auto out = upscaler_->Upscale(std::move(batch), {});
  ASSERT_TRUE(out.ok()) << out.status().message();
  ASSERT_EQ(out->size(), 7u);
  for (int i = 0; i < 7; ++i) {
    EXPECT_TRUE((*out)[static_cast<size_t>(i)].SamePixels(Enlarged(make(i)))) << i;
  }
}

TEST_F(RemoteUpscalerTest, RequestsCarryATraceOfTheRun) {
  FakeWorker& worker = Add();
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(1);
  const std::string first = worker.last_trace();
  ExpectGoodBatches(1);
  const std::string second = worker.last_trace();
  ASSERT_EQ(first.size(), 55u);
  EXPECT_THAT(first, StartsWith("00-"));
  EXPECT_EQ(first.substr(0, 36), second.substr(0, 36)) << "one trace for the run";
  EXPECT_NE(first.substr(36), second.substr(36)) << "one span for each request";
}

// One of three workers misbehaves at its first requests.
class FaultTest : public RemoteUpscalerTest, public testing::WithParamInterface<Fault> {};

TEST_P(FaultTest, OthersDoTheWorkAndNothingIsLost) {
  FakeWorkerSpec bad;
  bad.fault = [fault = GetParam()](int number, std::span<const uint8_t>) {
    return number < 3 ? fault : Fault::kNone;
  };
  Add(bad);
  Add({.delay = milliseconds(2)});
  Add({.delay = milliseconds(2)});
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(30);
  const WorkerReport report = upscaler_->Reports()[0];
  EXPECT_GT(report.retries, 0);
  EXPECT_EQ(report.state == "refused", GetParam() == Fault::kOtherNetwork);
}

INSTANTIATE_TEST_SUITE_P(Faults, FaultTest,
                         testing::Values(Fault::kError500, Fault::kBusy503, Fault::kBadRequest422,
                                         Fault::kGarbage, Fault::kTruncated, Fault::kShortTensor,
                                         Fault::kLongTensor, Fault::kWrongShape, Fault::kWrongType,
                                         Fault::kNoInferHeader, Fault::kOtherNetwork,
                                         Fault::kClose));

TEST_F(RemoteUpscalerTest, ABatchThatHangsGoesToAnotherWorker) {
  FakeWorkerSpec stuck;
  stuck.fault = [](int number, std::span<const uint8_t>) {
    return number == 0 ? Fault::kHang : Fault::kNone;
  };
  Add(stuck);
  Add();
  Add();
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(60);
  int64_t hedges = 0;
  for (const WorkerReport& report : upscaler_->Reports()) hedges += report.hedges;
  EXPECT_GE(hedges, 1);
}

TEST_F(RemoteUpscalerTest, AWorkerThatIsOftenBusyIsAskedAgain) {
  FakeWorkerSpec busy;
  busy.fault = [](int number, std::span<const uint8_t>) {
    return number % 3 != 2 ? Fault::kBusy503 : Fault::kNone;
  };
  Add(busy);
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(6);
  EXPECT_EQ(upscaler_->Reports()[0].state, "up");
}

TEST_F(RemoteUpscalerTest, AWorkerThatIsAlwaysBusyCountsAsNone) {
  FakeWorkerSpec busy;
  busy.fault = [](int, std::span<const uint8_t>) { return Fault::kBusy503; };
  Add(busy);
  options_.dispatch.worker_timeout = milliseconds(2000);
  ASSERT_TRUE(Connect().ok());
  const auto out = upscaler_->Upscale(Batch(0, 2), {});
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(out.status().message(), HasSubstr("503"));
}

TEST_F(RemoteUpscalerTest, TheFrameThatNoWorkerCanDoIsNamed) {
  const auto poisoned = [](int, std::span<const uint8_t> pixels) {
    return std::find(pixels.begin(), pixels.end(), uint8_t{255}) != pixels.end() ? Fault::kError500
                                                                                 : Fault::kNone;
  };
  for (int i = 0; i < 3; ++i) {
    FakeWorkerSpec spec;
    spec.fault = poisoned;
    Add(spec);
  }
  ASSERT_TRUE(Connect().ok());
  std::vector<Frame> batch = Batch(0, 8);
  batch[4].row(1, 2)[3] = 255;
  const auto out = upscaler_->Upscale(std::move(batch), {});
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.status().code(), StatusCode::kInternal);
  EXPECT_THAT(out.status().message(), HasSubstr("frame 5 of a batch of 8, 10x6"));
  EXPECT_THAT(out.status().message(), HasSubstr("on purpose"));
}

TEST_F(RemoteUpscalerTest, ABatchTooLargeForTheWorkersIsSentAsSingleFrames) {
  FakeWorkerSpec small;
  small.fault = [](int, std::span<const uint8_t> pixels) {
    return pixels.size() > 180 ? Fault::kBadRequest422 : Fault::kNone;
  };
  Add(small);
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(2);
}

TEST_F(RemoteUpscalerTest, AnotherNetworkOrVersionIsRefusedByName) {
  Add();
  const std::string other = Add({.fingerprint = "other x2"}).url();
  Add();
  const std::string newer = Add({.version = "2"}).url();
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(4);
  ASSERT_EQ(refused().size(), 2u);
  EXPECT_THAT(refused()[0], HasSubstr(other));
  EXPECT_THAT(refused()[0], HasSubstr("'other x2', expected 'fake x2'"));
  EXPECT_THAT(refused()[1], HasSubstr(newer));
  EXPECT_THAT(refused()[1], HasSubstr("version is '2', expected '1'"));
  EXPECT_EQ(workers_[1]->requests(), 0);
}

TEST_F(RemoteUpscalerTest, WorkersThatCannotBeUsedAreNamedWithTheReason) {
  Add({.model_status = 404});
  Add({.model_status = 422});
  Add({.token = "secret"});
  Add({.platform = "other"});
  urls_[0] += "/nothing/here";
  const Status status = Connect();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  for (const char* part : {"this is no octoscale worker", "can't serve model fake at scale 2",
                           "--token-file", "its platform is 'other'"}) {
    EXPECT_THAT(status.message(), HasSubstr(part));
  }
}

TEST_F(RemoteUpscalerTest, HttpsToAWorkerWithoutTlsIsRefusedAtOnce) {
  FakeWorker& plain = Add();
  urls_[0] = "https://" + plain.url().substr(7);
  const Status status = Connect();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("it answers without TLS; write http:// for https://"));
}

// A worker over its connection cap, or one that restarts: it may be well a moment later.
TEST_F(RemoteUpscalerTest, AHandshakeThatBreaksIsNotTheEnd) {
  Add();
  const HangUpServer hangs_up;
  urls_.push_back("https://127.0.0.1:" + std::to_string(hangs_up.port()));
  ASSERT_TRUE(Connect().ok());
  ASSERT_TRUE(Wait([&] { return upscaler_->Reports()[1].state == "down"; }));
  EXPECT_TRUE(refused().empty());
  ExpectGoodBatches(2);
}

TEST_F(RemoteUpscalerTest, TheTokenLetsIn) {
  Add({.token = "secret"});
  options_.dispatch.token = "secret";
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(2);
}

TEST_F(RemoteUpscalerTest, AWrongTokenIsSaid) {
  Add({.token = "secret"});
  options_.dispatch.token = "guess";
  EXPECT_THAT(Connect().message(), HasSubstr("doesn't accept the token of --token-file"));
}

TEST_F(RemoteUpscalerTest, NobodyThereIsUnavailableAfterTheTimeout) {
  Add();
  workers_.clear();
  options_.dispatch.worker_timeout = milliseconds(300);
  const Status status = Connect();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(urls_[0]));
}

TEST_F(RemoteUpscalerTest, WorkGoesOnWhenAWorkerGoes) {
  Add();
  Add({.delay = milliseconds(2)});
  ASSERT_TRUE(Connect().ok());
  std::thread end([this] {
    while (workers_[1]->requests() == 0) std::this_thread::sleep_for(milliseconds(1));
    workers_.pop_back();
  });
  ExpectGoodBatches(40);
  end.join();
}

TEST_F(RemoteUpscalerTest, AllGoneDuringTheWorkIsUnavailable) {
  Add();
  options_.dispatch.worker_timeout = milliseconds(2000);
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(2);
  workers_.clear();
  const auto out = upscaler_->Upscale(Batch(0, 8), {});
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(out.status().message(), HasSubstr(urls_[0]));
}

TEST_F(RemoteUpscalerTest, CancelEndsAWaitingBatch) {
  FakeWorkerSpec stuck;
  stuck.fault = [](int, std::span<const uint8_t>) { return Fault::kHang; };
  Add(stuck);
  ASSERT_TRUE(Connect().ok());
  CancelToken cancel;
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(100));
    cancel.Cancel();
  });
  const auto out = upscaler_->Upscale(Batch(0, 8), cancel);
  later.join();
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.status().code(), StatusCode::kCancelled);
}

TEST_F(RemoteUpscalerTest, ABatchPastItsDeadlineGoesToAnotherWorker) {
  FakeWorkerSpec stuck;
  stuck.fault = [](int, std::span<const uint8_t>) { return Fault::kHang; };
  Add(stuck);
  Add();
  options_.dispatch.batch_deadline = milliseconds(700);
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(4);
}

// Workers keep the deadline and answer 504: the worker is fine, and so is what else it has.
TEST_F(RemoteUpscalerTest, AWorkerThatSaysThatABatchIsLateStaysUp) {
  FakeWorkerSpec late;
  late.fault = [](int number, std::span<const uint8_t>) {
    return number == 0 ? Fault::kLate : Fault::kNone;
  };
  Add(late);
  options_.dispatch.batch_deadline = milliseconds(300);
  ASSERT_TRUE(Connect().ok());
  const auto out = upscaler_->Upscale(Batch(0, 8), {});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ(workers_[0]->requests(), 2);
  EXPECT_EQ(upscaler_->Reports()[0].retries, 1);
  EXPECT_THAT(events(), HasSubstr("it missed the deadline (HTTP 504"));
  EXPECT_THAT(events(), Not(HasSubstr("is down")));
}

// And one that forgets a batch but says that it lives.
TEST_F(RemoteUpscalerTest, ABatchWithoutAnAnswerCostsTheBatchOnly) {
  FakeWorkerSpec forgetful;
  forgetful.fault = [](int number, std::span<const uint8_t>) {
    return number == 0 ? Fault::kHang : Fault::kNone;
  };
  Add(forgetful);
  options_.dispatch.batch_deadline = milliseconds(300);
  options_.dispatch.deadline_grace = milliseconds(200);
  ASSERT_TRUE(Connect().ok());
  const auto out = upscaler_->Upscale(Batch(0, 8), {});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ(workers_[0]->requests(), 2);
  EXPECT_EQ(upscaler_->Reports()[0].retries, 1);
  EXPECT_THAT(events(), HasSubstr("no answer in time"));
  EXPECT_THAT(events(), Not(HasSubstr("is down")));
}

TEST_F(RemoteUpscalerTest, ABusyWorkerIsLeftAloneAsLongAsItAsks) {
  FakeWorkerSpec busy;
  busy.retry_after_s = 30;
  busy.fault = [](int, std::span<const uint8_t>) { return Fault::kBusy503; };
  Add(busy);
  Add({.delay = milliseconds(20)});
  options_.dispatch.batches_per_worker = 1;
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(20);
  EXPECT_EQ(workers_[0]->requests(), 1);
  EXPECT_EQ(upscaler_->Reports()[0].state, "up");
}

TEST_F(RemoteUpscalerTest, ABusyWorkerIsAskedAgainAfterThePause) {
  using Clock = std::chrono::steady_clock;
  std::atomic<Clock::time_point> refused_at{};
  std::atomic<Clock::time_point> again_at{};
  FakeWorkerSpec busy;
  busy.retry_after_s = 1;
  busy.fault = [&](int number, std::span<const uint8_t>) {
    (number == 0 ? refused_at : again_at) = Clock::now();
    return number == 0 ? Fault::kBusy503 : Fault::kNone;
  };
  Add(busy);
  ASSERT_TRUE(Connect().ok());
  ASSERT_TRUE(upscaler_->Upscale(Batch(0, 8), {}).ok());
  EXPECT_EQ(workers_[0]->requests(), 2);
  EXPECT_GE(again_at.load() - refused_at.load(), milliseconds(1000));
}

TEST_F(RemoteUpscalerTest, ABatchThatIsToBlameIsTriedOnThreeWorkers) {
  FakeWorkerSpec bad;
  bad.fault = [](int, std::span<const uint8_t>) { return Fault::kError500; };
  for (int i = 0; i < 5; ++i) Add(bad);
  ASSERT_TRUE(Connect().ok());
  const auto out = upscaler_->Upscale(Batch(0, 1), {});
  ASSERT_FALSE(out.ok());
  EXPECT_THAT(out.status().message(), HasSubstr("failed 3 times"));
  EXPECT_EQ(Requests(), 3);
  for (const auto& worker : workers_) EXPECT_LE(worker->requests(), 1) << worker->url();
}

// The breaker: three failures in a row open it, and only /v2/health/ready closes it.
TEST_F(RemoteUpscalerTest, AWorkerThatFailsThriceIsSentNothingUntilItIsReady) {
  std::atomic<FakeWorker*> self{nullptr};
  FakeWorkerSpec bad;
  bad.fault = [&self](int number, std::span<const uint8_t>) {
    if (number >= 3) return Fault::kNone;
    if (number == 2) self.load()->set_ready_status(503);
    return Fault::kError500;
  };
  FakeWorker& failing = Add(bad);
  self = &failing;
  Add({.delay = milliseconds(2)});
  options_.dispatch.batches_per_worker = 1;
  ASSERT_TRUE(Connect().ok());
  const int asked_to_join = failing.readiness_asked();
  ExpectGoodBatches(40);
  EXPECT_EQ(failing.requests(), 3);
  EXPECT_NE(upscaler_->Reports()[0].state, "up");
  EXPECT_THAT(events(), HasSubstr("3 failures in a row"));
  ASSERT_TRUE(Wait([&] { return failing.readiness_asked() >= asked_to_join + 2; }));
  EXPECT_EQ(failing.requests(), 3) << "asked whether it is ready, and sent nothing";

  failing.set_ready_status(200);
  ASSERT_TRUE(Wait([&] { return upscaler_->Reports()[0].state == "up"; }));
  ExpectGoodBatches(20);
  EXPECT_GT(failing.requests(), 3);
}

TEST_F(RemoteUpscalerTest, EqualWorkersGetTheirBatchesInTurn) {
  FakeWorkerSpec stuck;
  stuck.fault = [](int, std::span<const uint8_t>) { return Fault::kHang; };
  for (int i = 0; i < 4; ++i) Add(stuck);
  ASSERT_TRUE(Connect().ok());
  std::vector<std::future<JobOutcome>> outcomes;
  for (int i = 0; i < 4; ++i) {
    outcomes.push_back(upscaler_->dispatcher().Submit(TensorFromFrames(Batch(i, 2)), {}));
    ASSERT_TRUE(Wait([&] { return Requests() == i + 1; }));
    EXPECT_EQ(workers_[static_cast<size_t>(i)]->requests(), 1) << i;
  }
  // All are late by now, one as much as the other.
  std::this_thread::sleep_for(milliseconds(500));
  for (int i = 0; i < 4; ++i) {
    outcomes.push_back(upscaler_->dispatcher().Submit(TensorFromFrames(Batch(i, 2)), {}));
  }
  ASSERT_TRUE(Wait([&] { return Requests() == 8; }));
  for (const auto& worker : workers_) EXPECT_EQ(worker->requests(), 2) << worker->url();
}

TEST_F(RemoteUpscalerTest, BatchesAreSplitForTheSmallestWorker) {
  Add({.frames_max = 64});
  Add({.frames_max = 5});
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(6, 13);
  EXPECT_EQ(Requests(), 6 * 3);
  for (const WorkerReport& report : upscaler_->Reports()) EXPECT_EQ(report.retries, 0);
}

TEST_F(RemoteUpscalerTest, BatchesAreSplitForTheBytesOfABody) {
  constexpr uint64_t kFrameBytes = 10 * 6 * 3;
  Add({.body_bytes_max = 100 * kFrameBytes});
  ASSERT_TRUE(Connect().ok());
  ExpectGoodBatches(1, 120);
  EXPECT_EQ(Requests(), 2);
  EXPECT_EQ(upscaler_->Reports()[0].retries, 0);
}

TEST_F(RemoteUpscalerTest, AFrameThatNoWorkerTakesIsSaid) {
  Add({.body_bytes_max = 100});
  ASSERT_TRUE(Connect().ok());
  const auto out = upscaler_->Upscale(Batch(0, 2), {});
  ASSERT_FALSE(out.ok());
  EXPECT_THAT(out.status().message(), HasSubstr("frame 1 of a batch of 2, 10x6"));
  EXPECT_THAT(out.status().message(), HasSubstr("HTTP 413"));
}

TEST_F(RemoteUpscalerTest, AFileOfCertificatesThatIsNotThereIsRefused) {
  Add();
  options_.dispatch.ca_path = "/nonexistent/ca.pem";
  EXPECT_EQ(Connect().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octoscale::coordinator
