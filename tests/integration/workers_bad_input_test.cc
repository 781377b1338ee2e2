// Wrong ways to name workers: each ends with a clear message before anything is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/media.h"
#include "tests/integration/program.h"
#include "tests/integration/worker_processes.h"

namespace octoscale::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkersBadInputTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeClip(folder_ / "in.mp4"); }

  ProgramResult Upscale(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"upscale", folder_ / "in.mp4", "-o", folder_ / "out.mp4",
                                         "--progress", "none"});
    arguments.insert(arguments.end(), {"--worker-timeout", timeout_s_});
    ProgramResult result = RunOctoscale(arguments);
    EXPECT_EQ(std::filesystem::exists(folder_ / "out.mp4"), result.exit_code == 0);
    return result;
  }
  void Expect(const std::vector<std::string>& arguments, int exit_code,
              const std::string& message) {
    const ProgramResult result = Upscale(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(message));
  }

  TemporaryFolder folder_;
  std::string timeout_s_ = "60";  // a busy machine takes its time to start processes
};

TEST_F(WorkersBadInputTest, ListsThatMakeNoSense) {
  Expect({"--workers", "a:1,A:1"}, 2, "http://a:1 twice");
  Expect({"--workers", "a:1,,b:1"}, 2, "an entry is empty");
  Expect({"--workers", "ftp://a"}, 2, "the URL ftp://a has the scheme ftp");
  Expect({"--workers", "a:99999"}, 2, "a:99999 is not one: Port number");
  Expect({"--workers", "a:1", "--spawn-workers", "2"}, 2, "exclude each other");
  Expect({"--spawn-workers", "0"}, 2, "--spawn-workers");
  Expect({"--spawn-workers", "1000"}, 2, "--spawn-workers");
}

TEST_F(WorkersBadInputTest, OptionsOfTheLocalEngine) {
  Expect({"--workers", "a:1", "--threads", "2"}, 2, "--threads");
  Expect({"--workers", "a:1", "--precision", "fp32"}, 2, "--precision");
  Expect({"--spawn-workers", "2", "--resample"}, 2, "--resample");
  Expect({"--token-file", "x"}, 2, "--token-file is for --workers");
}

TEST_F(WorkersBadInputTest, NobodyThere) {
  timeout_s_ = "1";
  Expect({"--workers", "no-such-host.invalid:8090"}, 1, "no-such-host.invalid");
  int port = 0;
  {
    WorkerProcess worker(0);
    port = worker.port();
    worker.KillAndWait();
  }
  Expect({"--workers", "127.0.0.1:" + std::to_string(port)}, 1,
         "http://127.0.0.1:" + std::to_string(port));
}

TEST_F(WorkersBadInputTest, AServerThatIsNoWorker) {
  WorkerProcess worker(0);
  Expect({"--workers", worker.address() + "/other/path"}, 1, "this is no octoscale worker");
  Expect({"--workers", "https://" + worker.address()}, 1, "it answers without TLS; write http://");
}

TEST_F(WorkersBadInputTest, TokensMissingWrongAndRight) {
  WriteFile(folder_ / "right", "sesame-0123456789abcdef\n");
  WriteFile(folder_ / "wrong", "guess-0123456789abcdef\n");
  WriteFile(folder_ / "empty", "\n");
  WorkerProcess worker(0, 0, {"--token-file", folder_ / "right"});
  const auto with = [&](const std::string& token) {
    return std::vector<std::string>{"--workers", worker.address(), "--token-file", folder_ / token};
  };
  Expect({"--workers", worker.address()}, 1, "it wants a token");
  Expect(with("wrong"), 1, "doesn't accept the token");
  Expect(with("empty"), 2, "expected a token");
  Expect(with("nothing"), 1, "can't read the token");
  EXPECT_THAT(Upscale(with("wrong")).err, Not(HasSubstr("guess-"))) << "no secrets in messages";
  EXPECT_EQ(Upscale(with("right")).exit_code, 0);
}

TEST_F(WorkersBadInputTest, ModelOrScaleThatAWorkerLacks) {
  WorkerProcess worker(0);
  Expect({"--workers", worker.address(), "-m", "no-such-model"}, 1,
         "can't serve model no-such-model at scale 2");
  Expect({"--spawn-workers", "2", "-m", "no-such-model"}, 1, "no-such-model");
}

TEST_F(WorkersBadInputTest, CertificatesUnknownAndTrusted) {
  const std::string cert = folder_ / "cert.pem";
  const std::string key = folder_ / "key.pem";
  const ProgramResult made = RunProgram(
      {"sh", "-c",
       "command -v openssl >/dev/null || exit 77; openssl req -x509 -newkey rsa:2048 -nodes "
       "-days 30 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout '" +
           key + "' -out '" + cert + "'"});
  if (made.exit_code == 77) GTEST_SKIP() << "the openssl program is not installed";
  ASSERT_EQ(made.exit_code, 0) << made.err;
  WorkerProcess worker(0, 0, {"--tls-cert", cert, "--tls-key", key});
  const std::string url = "https://" + worker.address();
  Expect({"--workers", url}, 1, "--ca-file");
  Expect({"--workers", url, "--ca-file", folder_ / "none.pem"}, 2, "none.pem");
  const ProgramResult trusted = Upscale({"--workers", url, "--ca-file", cert});
  EXPECT_EQ(trusted.exit_code, 0) << trusted.err;
}

TEST_F(WorkersBadInputTest, ALogThatCannotBeWritten) {
  Expect({"--spawn-workers", "1", "--log-file", folder_ / "no/such/folder/log"}, 1,
         "can't write the log");
}

}  // namespace
}  // namespace octoscale::testing
