#include "vidaio/job_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>

#include "base/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

JobRecord Job(const std::string& id, size_t clips = 2) {
  JobRecord job;
  job.id = id;
  job.folder = "folder-" + id;
  job.scale = 4;
  job.model = "m";
  job.codec = "hevc";
  job.created_ms = 1'000'000;
  job.deadline_ms = 40'000;
  for (size_t i = 0; i < clips; ++i) {
    ClipRecord clip;
    clip.source = "https://host/" + std::to_string(i) + "?signature=x'y";
    clip.remote = i % 2 == 0;
    clip.output = "/volume/" + id + std::to_string(i) + ".mp4";
    clip.key = "processing/" + id;
    job.clips.push_back(clip);
  }
  return job;
}

class JobStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<JobStore> Open() {
    auto store = JobStore::Open(path_);
    EXPECT_TRUE(store.ok()) << store.status().message();
    return store.ok() ? std::move(*store) : nullptr;
  }
  void Sql(const char* text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, text, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  TempDir dir_;
  const std::string path_ = dir_ / "jobs.sqlite";
};

TEST_F(JobStoreTest, JobsSurviveReopening) {
  JobRecord job = Job("a'b\xc3\xa9");
  {
    const auto store = Open();
    ASSERT_TRUE(store->Insert(job).ok());
    EXPECT_EQ(store->Insert(job).code(), StatusCode::kAlreadyExists);
    job.state = JobState::kRunning;
    job.taken_ms = 45'000;
    ASSERT_TRUE(store->SaveJob(job).ok());
    job.clips[1].state = JobState::kDone;
    job.clips[1].bytes = 77;
    ASSERT_TRUE(store->SaveClip(job, 1).ok());
  }
  const auto store = Open();
  const auto unfinished = store->Unfinished();
  ASSERT_TRUE(unfinished.ok());
  ASSERT_EQ(unfinished->size(), 1u);
  const JobRecord& found = unfinished->front();
  EXPECT_EQ(found.id, job.id);
  EXPECT_EQ(found.folder, job.folder);
  EXPECT_EQ(found.state, JobState::kRunning);
  EXPECT_EQ(found.created_ms, 1'000'000);
  EXPECT_EQ(found.deadline_ms, 40'000);
  EXPECT_EQ(found.taken_ms, 45'000);
  ASSERT_EQ(found.clips.size(), 2u);
  EXPECT_EQ(found.clips[0].source, job.clips[0].source);
  EXPECT_TRUE(found.clips[0].remote);
  EXPECT_EQ(found.clips[1].state, JobState::kDone);
  EXPECT_EQ(found.clips[1].bytes, 77);
  EXPECT_FALSE(store->Find("other")->has_value());
}

TEST_F(JobStoreTest, TheFirstFormatIsTakenOver) {
  ASSERT_TRUE(Open()->Insert(Job("a")).ok());
  Sql("ALTER TABLE jobs DROP COLUMN deadline_ms; ALTER TABLE jobs DROP COLUMN taken_ms;"
      "ALTER TABLE jobs RENAME COLUMN created_ms TO created; UPDATE jobs SET created = 1000;"
      "ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE clips DROP COLUMN attempts; ALTER TABLE clips DROP COLUMN removed;"
      "PRAGMA user_version = 1");
  for (int start = 0; start < 2; ++start) {  // the second time there is nothing to change
    const auto store = Open();
    ASSERT_NE(store, nullptr);
    const auto found = store->Find("a");
    ASSERT_TRUE(found.ok() && found->has_value()) << found.status().message();
    JobRecord job = **found;
    EXPECT_EQ(job.created_ms, 1'000'000);
    EXPECT_EQ(job.deadline_ms, 0);
    ASSERT_EQ(job.clips.size(), 2u);
    EXPECT_EQ(job.clips[0].attempts, start);
    job.clips[0].attempts = 1;
    ASSERT_TRUE(store->SaveClip(job, 0).ok());
  }
}

TEST_F(JobStoreTest, PublishedResultsAndOldJobs) {
  const auto store = Open();
  JobRecord job = Job("a");
  ASSERT_TRUE(store->Insert(job).ok());
  job.clips[1].state = JobState::kDone;
  job.clips[1].bytes = 5;
  ASSERT_TRUE(store->SaveClip(job, 1).ok());
  EXPECT_TRUE(store->PublishedResults()->empty()) << "the job isn't finished";
  job.state = JobState::kDone;
  job.finished_s = 2000;
  ASSERT_TRUE(store->SaveJob(job).ok());
  ASSERT_EQ(store->PublishedResults()->size(), 1u);
  EXPECT_EQ(store->PublishedResults()->front().output, "/volume/a1.mp4");
  EXPECT_THAT(*store->RecentSizes(10), ElementsAre(5));
  ASSERT_TRUE(store->RemoveJobs(3000).ok());
  EXPECT_TRUE(store->Find("a")->has_value()) << "its result is still there";
  ASSERT_TRUE(store->ForgetResult("/volume/a1.mp4").ok());
  ASSERT_TRUE(store->RemoveJobs(2000).ok());
  EXPECT_TRUE(store->Find("a")->has_value());
  ASSERT_TRUE(store->RemoveJobs(2001).ok());
  EXPECT_FALSE(store->Find("a")->has_value());
  EXPECT_TRUE(store->RecentSizes(10)->empty()) << "clips go with their job";
}

TEST_F(JobStoreTest, SaveAllKeepsTheTaskAndItsClipsTogether) {
  const auto store = Open();
  JobRecord job = Job("a");
  ASSERT_TRUE(store->Insert(job).ok());
  job.state = JobState::kFailed;
  job.finished_s = 2000;
  job.clips[0].state = JobState::kFailed;
  job.clips[0].error = "no video";
  job.clips[1].state = JobState::kDone;
  job.clips[1].bytes = 5;
  Sql("CREATE TRIGGER refuse BEFORE UPDATE ON clips WHEN NEW.place = 1"
      " BEGIN SELECT RAISE(FAIL, 'refused'); END");
  EXPECT_FALSE(store->SaveAll(job).ok());
  EXPECT_EQ((*store->Find("a"))->state, JobState::kQueued);
  EXPECT_EQ((*store->Find("a"))->clips[0].error, "");
  Sql("DROP TRIGGER refuse");
  ASSERT_TRUE(store->SaveAll(job).ok());
  const JobRecord found = **store->Find("a");
  EXPECT_EQ(found.state, JobState::kFailed);
  EXPECT_EQ(found.finished_s, 2000);
  EXPECT_EQ(found.clips[0].error, "no video");
  EXPECT_EQ(found.clips[1].bytes, 5);
  EXPECT_EQ(store->PublishedResults()->size(), 1u);
}

TEST_F(JobStoreTest, ASecondServiceIsRefused) {
  const auto store = Open();
  const Status second = JobStore::Open(path_).status();
  EXPECT_EQ(second.code(), StatusCode::kUnavailable);
  EXPECT_THAT(second.message(), HasSubstr("--state-dir"));
}

TEST_F(JobStoreTest, OnlyTheClipThatIsComputedLosesAnAttempt) {
  const auto store = Open();
  JobRecord job = Job("a", 3);
  ASSERT_TRUE(store->Insert(job).ok());
  job.clips[0].state = JobState::kRunning;
  for (ClipRecord& clip : job.clips) clip.attempts = 2;
  ASSERT_TRUE(store->SaveAll(job).ok());
  ASSERT_TRUE(store->UncountRunning().ok());
  const JobRecord found = **store->Find("a");
  EXPECT_EQ(found.clips[0].attempts, 1);
  EXPECT_EQ(found.clips[1].attempts, 2);
  EXPECT_EQ(found.clips[2].attempts, 2);
}

TEST_F(JobStoreTest, OthersCannotReadIt) {
  const auto store = Open();
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(JobStoreTest, NewerForeignAndDamagedFilesAreNamed) {
  Open();
  Sql("PRAGMA user_version = 3");
  Status status = JobStore::Open(path_).status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("newer octoscale"));
  Sql("PRAGMA user_version = 2; PRAGMA application_id = 7");
  status = JobStore::Open(path_).status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("another program"));
  std::ofstream(path_, std::ios::trunc) << std::string(8192, 'x');
  status = JobStore::Open(path_).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("move the file away"));
}

TEST_F(JobStoreTest, ADamagedPageIsFound) {
  {
    const auto store = Open();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->Insert(Job(std::to_string(i), 5)).ok());
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096, '\xff');
  }
  EXPECT_EQ(JobStore::Open(path_).status().code(), StatusCode::kCorruptInput);
}

}  // namespace
}  // namespace octoscale
