#include "worker/upscale_job.h"

#include <gtest/gtest.h>

#include <future>

#include "worker/test_support.h"

namespace octoscale::worker {
namespace {

// Sees the job's calls.
struct Seen {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<size_t> units;  // in the order emitted
  size_t frames_done = 0;
  bool done = false;
  Status error;

  template <typename Condition>
  bool Wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), condition);
  }
};

class UpscaleJobTest : public testing::Test {
 protected:
  void SetUp() override { Start({}); }
  void Start(SchedulerOptions options) { scheduler_.emplace(options, &cache_, SchedulerMetrics{}); }

  std::shared_ptr<UpscaleJob> Job(UpscaleJob::Options options) {
    options.key = {"fake", 2, 0};
    options.caller = "a";
    UpscaleJob::Sink sink;
    const auto note = [this](auto change) {
      const std::lock_guard lock(seen_.mutex);
      change();
      seen_.changed.notify_all();
    };
    sink.on_output = [=, this](size_t unit, http::BodyPiece) {
      note([&] { seen_.units.push_back(unit); });
    };
    sink.on_done = [=, this] { note([&] { seen_.done = true; }); };
    sink.on_error = [=, this](size_t, const Status& status) {
      note([&] { seen_.error = status; });
    };
    sink.on_frames_done = [=, this](size_t frames, uint64_t) {
      note([&] { seen_.frames_done += frames; });
    };
    return std::make_shared<UpscaleJob>(std::move(options), &*scheduler_, &pool_, CancelToken(),
                                        std::move(sink));
  }
  // Units of one 4x4 frame each, or of these many.
  static std::vector<JobUnit> Units(int count, int frames_each = 1) {
    std::vector<JobUnit> units;
    for (int i = 0; i < count; ++i) {
      JobUnit unit;
      for (int f = 0; f < frames_each; ++f) unit.frames.push_back(TestFrame(4, 4, i));
      unit.encode = [](std::vector<Frame>) -> Result<http::BodyPiece> {
        return http::BodyPiece::Own(std::string("x"));
      };
      units.push_back(std::move(unit));
    }
    return units;
  }

  std::shared_ptr<FakeProvider> provider_ = std::make_shared<FakeProvider>();
  FakeUpscaler& upscaler_ = provider_->At(2);
  UpscalerCache cache_{provider_, 4};
  Seen seen_;
  TaskPool pool_{2};
  std::optional<BatchScheduler> scheduler_;  // stopped first
};

constexpr uint64_t kResultBytes = 8 * 8 * 3;  // of a 4x4 frame, doubled

// So that tickets of so many frames are not merged.
SchedulerOptions AllowingBatchesOf(int frames) {
  SchedulerOptions options;
  options.output_bytes_max = 4 * static_cast<uint64_t>(frames) * kResultBytes;
  return options;
}

TEST_F(UpscaleJobTest, ATicketIsBoundedInFramesAndInBytesOfResults) {
  UpscaleJob::Options options;
  options.batch_output_bytes_max = 3 * kResultBytes;
  Start(AllowingBatchesOf(3));
  Job(options)->Start(Units(7));
  ASSERT_TRUE(seen_.Wait([&] { return seen_.done; }));
  EXPECT_EQ(upscaler_.batches(), (std::vector<size_t>{3, 3, 1}));
  EXPECT_EQ(seen_.units, (std::vector<size_t>{0, 1, 2, 3, 4, 5, 6}));
}

// The 64 frames of a request, of which none can be encoded: no more than two batches are computed.
TEST_F(UpscaleJobTest, ComputesAtMostTwoBatchesAheadOfWhatIsEmitted) {
  std::promise<void> go;
  const std::shared_future<void> may_encode = go.get_future().share();
  std::vector<JobUnit> units = Units(64);
  for (JobUnit& unit : units) {
    unit.encode = [may_encode](std::vector<Frame>) -> Result<http::BodyPiece> {
      may_encode.wait();
      return http::BodyPiece::Own(std::string("x"));
    };
  }
  const auto job = Job({});
  job->Start(std::move(units));
  EXPECT_TRUE(seen_.Wait([&] { return seen_.frames_done == 16; }));
  job->SetUnsentBytes(0);  // after the second ticket has been dealt with
  // Queued behind whatever the job has submitted.
  Ticket last;
  last.key = {"fake", 2, 0};
  last.caller = "a";
  for (int i = 0; i < 8; ++i) last.frames.push_back(TestFrame(4, 4, i));
  std::promise<void> computed;
  last.done = [&](const Result<Ticket::Output>&) { computed.set_value(); };
  EXPECT_TRUE(scheduler_->Submit(std::move(last)).ok());
  EXPECT_EQ(computed.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_EQ(upscaler_.batches().size(), 3u) << "two and the one of this test";
  go.set_value();
  EXPECT_TRUE(seen_.Wait([&] { return seen_.done; }));
  EXPECT_EQ(seen_.units.size(), 64u);
}

TEST_F(UpscaleJobTest, AUnitLargerThanTheBoundIsATicketOfItsOwn) {
  UpscaleJob::Options options;
  options.batch_output_bytes_max = 1;
  Start(AllowingBatchesOf(2));
  Job(options)->Start(Units(3, 2));
  ASSERT_TRUE(seen_.Wait([&] { return seen_.done; }));
  EXPECT_EQ(upscaler_.batches(), (std::vector<size_t>{2, 2, 2}));
}

}  // namespace
}  // namespace octoscale::worker
