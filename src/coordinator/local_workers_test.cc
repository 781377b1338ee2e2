#include "coordinator/local_workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "base/testing/temp_dir.h"

namespace octoscale::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DivideCoresTest, NeighboursInEqualShares) {
  const auto shares = DivideCores({0, 1, 2, 3, 8, 9, 10}, 3);
  EXPECT_THAT(shares[0].cores, ElementsAre(0, 1));
  EXPECT_THAT(shares[1].cores, ElementsAre(2, 3));
  EXPECT_THAT(shares[2].cores, ElementsAre(8, 9, 10));
  EXPECT_EQ(shares[2].threads, 3);
}

TEST(DivideCoresTest, MoreWorkersThanCoresShareThem) {
  const auto shares = DivideCores({4, 5}, 5);
  EXPECT_THAT(shares[0].cores, ElementsAre(4));
  EXPECT_THAT(shares[1].cores, ElementsAre(5));
  EXPECT_THAT(shares[4].cores, ElementsAre(4));
  EXPECT_EQ(shares[4].threads, 1);
}

// A shell script stands for octoscale.
class LocalWorkersTest : public testing::Test {
 protected:
  void Start(const std::string& script, int count) {
    const std::string path = folder_ / "program";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    ::chmod(path.c_str(), 0755);
    LocalWorkersOptions options;
    options.count = count;
    options.program = path;
    options.on_line = [this](const std::string& line) { Note(&lines_, line); };
    options.on_listening = [this](size_t worker, const std::string& url) {
      Note(&listening_, std::to_string(worker) + " " + url);
    };
    options.on_gone = [this](size_t worker, const std::string& reason, bool for_good) {
      Note(&gone_, std::to_string(worker) + " " + reason + (for_good ? " (for good)" : ""));
    };
    auto started = LocalWorkers::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status().message();
    workers_ = std::move(started).value();
  }

  void Note(std::vector<std::string>* list, const std::string& text) {
    const std::lock_guard lock(mutex_);
    list->push_back(text);
    changed_.notify_all();
  }

  // True when `list` has that many entries within the tests' patience.
  bool Wait(const std::vector<std::string>& list, size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return list.size() >= count; });
  }

  TempDir folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::vector<std::string> listening_;
  std::vector<std::string> gone_;
  std::unique_ptr<LocalWorkers> workers_;
};

TEST_F(LocalWorkersTest, PassesPortsAndLinesOnAndStopsEverything) {
  Start(
      "echo '{\"event\":\"listening\",\"port\":1234}'\n"
      "echo '{\"event\":\"ready\"}'\n"
      "echo \"pid $$\" >&2\n"
      "exec sleep 600\n",
      2);
  ASSERT_TRUE(Wait(listening_, 2));
  ASSERT_TRUE(Wait(lines_, 2));
  EXPECT_THAT(listening_, testing::Contains("1 http://127.0.0.1:1234"));
  std::vector<pid_t> pids;
  for (const std::string& line : lines_) {
    EXPECT_THAT(line, testing::StartsWith("worker "));
    pids.push_back(std::atoi(line.c_str() + line.find("pid ") + 4));
  }
  workers_.reset();
  for (const pid_t pid : pids) EXPECT_NE(::kill(pid, 0), 0) << pid << " is still there";
}

TEST_F(LocalWorkersTest, OneThatEndsIsStartedAgain) {
  Start(
      "echo '{\"event\":\"listening\",\"port\":1}'\n"
      "echo '{\"event\":\"ready\"}'\n"
      "sleep 0.1\n"
      "kill -9 $$\n",
      1);
  ASSERT_TRUE(Wait(listening_, 3));
  EXPECT_THAT(gone_[0], HasSubstr("signal 9"));
}

TEST_F(LocalWorkersTest, OneThatNeverStartsIsGivenUpWithItsWords) {
  Start("echo 'no weights here' >&2\nexit 1\n", 1);
  ASSERT_TRUE(Wait(gone_, 5));
  EXPECT_EQ(gone_[4], "0 ended with code 1: no weights here (for good)");
}

TEST_F(LocalWorkersTest, OneThatIgnoresSigtermIsKilled) {
  Start("trap '' TERM\necho \"pid $$\" >&2\nwhile :; do sleep 1; done\n", 1);
  ASSERT_TRUE(Wait(lines_, 1));
  const pid_t pid = std::atoi(lines_[0].c_str() + lines_[0].find("pid ") + 4);
  workers_.reset();
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(LocalWorkersStartTest, CountsOutOfRangeAreRefused) {
  for (const int count : {0, -1, 257}) {
    LocalWorkersOptions options;
    options.count = count;
    EXPECT_EQ(LocalWorkers::Start(std::move(options)).status().code(),
              StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace octoscale::coordinator
