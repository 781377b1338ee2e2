#include "vidaio/result_files.h"

#include <sys/stat.h>
#include <utime.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vidaio/fsync_hook.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNow = 2'000'000'000;

class ResultFilesTest : public ::testing::Test {
 protected:
  ResultFilesTest() {
    fs::create_directories(volume_.work_folder() + "/folder");
    rules_.age_max = std::chrono::seconds(1000);
    rules_.bytes_max = 1'000'000;
  }

  std::string Path(const std::string& name) const { return volume_.real() + "/" + name; }

  // A result of a finished task, made so many seconds ago.
  std::string MakeResult(const std::string& name, size_t bytes, int64_t age_s) {
    const std::string output = Path(name);
    dir_.Write("volume/" + name, std::string(bytes, 'x'));
    SetAge(output, age_s);
    JobRecord job;
    job.id = job.folder = name;
    job.state = JobState::kDone;
    job.finished_s = kNow - age_s;
    job.clips.resize(1);
    job.clips[0].output = output;
    job.clips[0].state = JobState::kDone;
    job.clips[0].bytes = static_cast<int64_t>(bytes);
    EXPECT_TRUE(store_->Insert(job).ok());
    EXPECT_TRUE(store_->SaveAll(job).ok());
    return output;
  }
  static void SetAge(const std::string& path, int64_t age_s) {
    const utimbuf times{kNow - age_s, kNow - age_s};
    ASSERT_EQ(utime(path.c_str(), &times), 0);
  }
  int Sweep(const ActiveFiles& active = {}) {
    ResultFiles files(volume_, *store_, rules_);
    return files.Sweep(kNow, [&active] { return active; }).files;
  }

  TempDir dir_;
  const SharedVolume volume_ = *SharedVolume::Open(dir_ / "volume");
  const std::unique_ptr<JobStore> store_ = std::move(*JobStore::Open(dir_ / "jobs.sqlite"));
  TempFileRules rules_;
};

TEST_F(ResultFilesTest, APublishedResultSurvivesAPowerCut) {
  fs::create_directories(Path("out"));
  const std::string finished = dir_.Write("volume/.octoscale/folder/0.mp4", "result").string();
  struct stat folder = {};
  ASSERT_EQ(stat(Path("out").c_str(), &folder), 0);
  std::mutex mutex;
  std::vector<ino_t> synced;
  const FsyncHook hook([&](int descriptor) {
    struct stat info = {};
    if (fstat(descriptor, &info) != 0 || !fs::exists(Path("out/a.mp4"))) return;
    const std::lock_guard lock(mutex);
    synced.push_back(info.st_ino);
  });
  ResultFiles files(volume_, *store_, rules_);
  ASSERT_TRUE(files.Publish(finished, Path("out/a.mp4")).ok());
  EXPECT_EQ(std::ranges::count(synced, folder.st_ino), 1) << "the name itself is on the disk";
  EXPECT_FALSE(fs::exists(finished));
}

TEST_F(ResultFilesTest, OldResultsAndFoldersGo) {
  const std::string young = MakeResult("young.mp4", 10, 999);
  const std::string old = MakeResult("old.mp4", 10, 1000);
  const std::string theirs = Path("theirs.mp4");
  dir_.Write("volume/theirs.mp4", "x");
  const std::string folder = volume_.work_folder() + "/folder";
  for (const std::string& path : {theirs, folder}) SetAge(path, 5000);
  EXPECT_EQ(Sweep(), 2);
  EXPECT_TRUE(fs::exists(young));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(theirs));
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_EQ(store_->PublishedResults()->size(), 1u);
  EXPECT_EQ((*store_->Find("old.mp4"))->clips[0].removed_s, kNow);
  EXPECT_EQ((*store_->Find("young.mp4"))->clips[0].removed_s, 0);
}

TEST_F(ResultFilesTest, ActiveFilesStayHoweverOldAndLarge) {
  rules_.bytes_max = 1;
  const std::string input = MakeResult("input.mp4", 1000, 5000);
  const std::string result = MakeResult("result.mp4", 1000, 5000);
  const std::string unused = MakeResult("unused.mp4", 1000, 5000);
  const std::string folder = volume_.work_folder() + "/folder";
  SetAge(folder, 5000);
  ActiveFiles active;
  active.folders = {"folder"};
  active.inputs = {{input, ""}};
  active.results = {{result, ""}};
  EXPECT_EQ(Sweep(active), 1);
  EXPECT_TRUE(fs::exists(input));
  EXPECT_TRUE(fs::exists(result));
  EXPECT_FALSE(fs::exists(unused));
  EXPECT_TRUE(fs::exists(folder));
  EXPECT_EQ(Sweep(), 3) << "when no task uses them any more";
}

TEST_F(ResultFilesTest, AboveTheCapTheOldestGoButNoneThatIsNew) {
  rules_.bytes_max = 1500;
  rules_.age_min = std::chrono::seconds(60);
  const std::string new_one = MakeResult("new.mp4", 1000, 10);
  const std::string younger = MakeResult("younger.mp4", 1000, 100);
  const std::string older = MakeResult("older.mp4", 1000, 200);
  fs::remove_all(volume_.work_folder() + "/folder");
  EXPECT_EQ(Sweep(), 2);
  EXPECT_TRUE(fs::exists(new_one));
  EXPECT_FALSE(fs::exists(younger));
  EXPECT_FALSE(fs::exists(older));
  rules_.bytes_max = 1;
  EXPECT_EQ(Sweep(), 0);
  EXPECT_TRUE(fs::exists(new_one));
}

TEST_F(ResultFilesTest, AResultThatSomebodyReplacedIsTheirs) {
  const std::string result = MakeResult("a.mp4", 10, 5000);
  dir_.Write("volume/a.mp4", "another");
  SetAge(result, 5000);
  fs::remove_all(volume_.work_folder() + "/folder");
  EXPECT_EQ(Sweep(), 0);
  EXPECT_TRUE(fs::exists(result));
  EXPECT_TRUE(store_->PublishedResults()->empty());
  EXPECT_EQ((*store_->Find("a.mp4"))->clips[0].removed_s, 0);
}

}  // namespace
}  // namespace octoscale
