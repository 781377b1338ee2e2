#include "vidaio/job_runner.h"

#include <sys/stat.h>

#include <filesystem>
#include <stdexcept>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_upscalers.h"
#include "vidaio/fsync_hook.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

class JobRunnerTest : public ::testing::Test {
 protected:
  JobRunnerTest() {
    std::filesystem::create_directories(volume_.work_folder());
    options_.clip.make_upscaler = [this](const ModelRequest& request) {
      if (++upscalers_ == throwing_upscaler_) throw std::runtime_error("no memory");
      return Result<std::unique_ptr<FrameUpscaler>>(
          std::make_unique<NearestUpscaler>(request.engine.scale));
    };
  }

  // A stored task with clips of these names, which are made.
  JobRecord Accept(const std::vector<std::string>& names) {
    JobRecord job;
    job.id = "t";
    job.folder = "folder";
    job.created_ms = 1;
    for (const std::string& name : names) {
      ClipRecord clip;
      clip.source = clip.input = volume_.real() + "/" + name + ".mp4";
      clip.output = volume_.real() + "/" + name + "_upscaled_2x.mp4";
      Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=30 -frames:v 2 -c:v libx264 -pix_fmt yuv420p " +
             Quote(clip.input));
      job.clips.push_back(clip);
    }
    EXPECT_TRUE(store_->Insert(job).ok());
    return job;
  }
  bool Run(JobRecord* job) { return runner_.Run(job, cancel_); }

  TempDir dir_;
  const SharedVolume volume_ = *SharedVolume::Open(dir_ / "volume");
  const std::unique_ptr<JobStore> store_ = std::move(*JobStore::Open(dir_ / "jobs.sqlite"));
  ServiceOptions options_;
  ResultFiles files_{volume_, *store_, options_.temp};
  metrics::Registry metrics_;
  JobRunner runner_{
      {&options_, &volume_, store_.get(), &files_, nullptr, &metrics_, [](const std::string&) {}}};
  CancelToken cancel_;
  int upscalers_ = 0;
  int throwing_upscaler_ = 0;
};

TEST_F(JobRunnerTest, WhatOneClipThrowsIsItsErrorAlone) {
  JobRecord job = Accept({"a", "b"});
  throwing_upscaler_ = 1;
  ASSERT_TRUE(Run(&job));
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_GT(job.finished_s, 1);
  EXPECT_EQ(job.clips[0].state, JobState::kFailed);
  EXPECT_THAT(job.clips[0].error, HasSubstr("a.mp4: could not make the result: no memory"));
  EXPECT_EQ(job.clips[1].state, JobState::kDone);
  EXPECT_TRUE(std::filesystem::exists(job.clips[1].output));
  EXPECT_THAT((*store_->Find("t"))->clips[0].error, HasSubstr("no memory")) << "stored, too";
}

TEST_F(JobRunnerTest, WhatPublishingThrowsIsTheClipsError) {
  JobRecord job = Accept({"a"});
  // The result has its name, and its folder is about to be synced.
  const FsyncHook hook([&job](int descriptor) {
    struct stat info = {};
    const bool folder = fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode);
    if (folder && std::filesystem::exists(job.clips[0].output)) {
      throw std::runtime_error("no memory");
    }
  });
  ASSERT_TRUE(Run(&job))
      << "else it is done again after a restart, and asked for in vain until then";
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.clips[0].error, HasSubstr("a.mp4: could not publish the result: no memory"));
}

}  // namespace
}  // namespace octoscale
