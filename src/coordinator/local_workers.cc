#include "coordinator/local_workers.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include "coordinator/worker_url.h"

namespace octoscale::coordinator {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStartsMax = 5;  // in a row that ended before the worker was ready
constexpr auto kRestartDelay = std::chrono::milliseconds(200);
constexpr auto kStopGrace = std::chrono::seconds(2);
constexpr int kPollMs = 50;
constexpr size_t kLineBytesMax = 4096;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// The bytes of a pipe, in lines.
class LineReader {
 public:
  Fd fd;

  // Calls `line` for each whole line there is. False at the end of the pipe.
  template <typename Line>
  bool Read(const Line& line) {
    char buffer[4096];
    while (true) {
      const ssize_t count = ::read(fd.get(), buffer, sizeof(buffer));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return true;
      if (count <= 0) {
        if (!text_.empty()) line(std::exchange(text_, {}));
        return false;
      }
      for (const char c : std::string_view(buffer, static_cast<size_t>(count))) {
        if (c == '\n') {
          line(std::exchange(text_, {}));
        } else if (text_.size() < kLineBytesMax) {
          text_ += c;
        }
      }
    }
  }

 private:
  std::string text_;
};

struct Process {
  pid_t pid = -1;
  LineReader out;
  LineReader err;
  std::string last_error_line;
  bool ready = false;
  int failed_starts = 0;
  bool given_up = false;
  Clock::time_point start_at{};
};

// What the child needs, made before the fork: nothing may be allocated between fork and exec.
struct ChildPlan {
  std::vector<std::string> words;
  std::vector<char*> argv;
  cpu_set_t cores;
};

ChildPlan PlanChild(const LocalWorkersOptions& options, const CoreShare& share) {
  ChildPlan plan;
  plan.words = {options.program, "worker",    "--listen",
                "127.0.0.1:0",   "--threads", std::to_string(share.threads)};
  plan.words.insert(plan.words.end(), options.args.begin(), options.args.end());
  for (std::string& word : plan.words) plan.argv.push_back(word.data());
  plan.argv.push_back(nullptr);
  CPU_ZERO(&plan.cores);
  for (const int core : share.cores) CPU_SET(core, &plan.cores);
  return plan;
}

// Async-signal-safe calls only: other threads of the parent may have held any lock.
[[noreturn]] void RunChild(const ChildPlan& plan, pid_t parent, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before the call above.
  if (::getppid() != parent) ::_exit(127);
  ::setpgid(0, 0);
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::sigaction(signal, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::sched_setaffinity(0, sizeof(plan.cores), &plan.cores);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execv(plan.argv[0], plan.argv.data());
  constexpr std::string_view kText = "the program could not be started\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(127);
}

std::string EndText(int status) {
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with code " + std::to_string(WEXITSTATUS(status));
}

// The port in {"event":"listening","port":N}; 0 when the line says something else.
int ListeningPort(std::string_view line) {
  constexpr std::string_view kBefore = "\"event\":\"listening\",\"port\":";
  const size_t at = line.find(kBefore);
  if (at == std::string_view::npos) return 0;
  line.remove_prefix(at + kBefore.size());
  int port = 0;
  std::from_chars(line.data(), line.data() + line.size(), port);
  return port;
}

}  // namespace

std::string LocalWorkerName(size_t worker) { return "worker " + std::to_string(worker + 1); }

std::vector<int> AllowedCores() {
  std::vector<int> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) cores.push_back(core);
    }
  }
  return cores;
}

std::vector<CoreShare> DivideCores(const std::vector<int>& cores, int count) {
  std::vector<CoreShare> shares(static_cast<size_t>(count));
  const size_t all = cores.size();
  for (size_t i = 0; i < shares.size(); ++i) {
    size_t first = i * all / shares.size();
    size_t end = (i + 1) * all / shares.size();
    if (all < shares.size() && all > 0) {
      first = i % all;
      end = first + 1;
    }
    shares[i].cores.assign(cores.begin() + static_cast<ptrdiff_t>(first),
                           cores.begin() + static_cast<ptrdiff_t>(end));
    shares[i].threads = std::max<int>(1, static_cast<int>(end - first));
  }
  return shares;
}

class LocalWorkers::Impl {
 public:
  Impl(LocalWorkersOptions options, Fd wake)
      : options_(std::move(options)), wake_(std::move(wake)) {
    for (const CoreShare& share : DivideCores(AllowedCores(), options_.count)) {
      plans_.push_back(PlanChild(options_, share));
    }
    processes_.resize(static_cast<size_t>(options_.count));
    // The parent-death signal comes when the thread that forked ends, so that one thread starts all
    // of them and lives as long as they do.
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
    thread_.join();
  }

 private:
  void Run();
  void StopAll();
  void StartOne(size_t index);
  Status Fork(size_t index);
  void Watch(int timeout_ms);
  void ReadLines(size_t index);
  void ReapOne(size_t index);
  void Ended(size_t index, const std::string& how);

  const LocalWorkersOptions options_;
  const Fd wake_;
  std::vector<ChildPlan> plans_;  // children read them between fork and exec
  std::vector<Process> processes_;
  bool stopping_ = false;
  std::thread thread_;
};

Status LocalWorkers::Impl::Fork(size_t index) {
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return ErrnoStatus(errno, "a pipe for a worker");
  Fd out_read(out[0]);
  const Fd out_write(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return ErrnoStatus(errno, "a pipe for a worker");
  Fd err_read(err[0]);
  const Fd err_write(err[1]);
  ::fcntl(out_read.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(err_read.get(), F_SETFL, O_NONBLOCK);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus(errno, "starting a worker");
  if (pid == 0) RunChild(plans_[index], parent, out_write.get(), err_write.get());
  Process& process = processes_[index];
  process.pid = pid;
  process.out.fd = std::move(out_read);
  process.err.fd = std::move(err_read);
  process.ready = false;
  process.last_error_line.clear();
  return OkStatus();
}

void LocalWorkers::Impl::StartOne(size_t index) {
  if (const Status status = Fork(index); !status.ok()) Ended(index, status.message());
}

void LocalWorkers::Impl::ReadLines(size_t index) {
  Process& process = processes_[index];
  const bool out_open = process.out.Read([&](const std::string& line) {
    if (const int port = ListeningPort(line); port > 0) {
      options_.on_listening(index, "http://127.0.0.1:" + std::to_string(port));
    } else if (line.find("\"event\":\"ready\"") != std::string::npos) {
      process.ready = true;
      process.failed_starts = 0;
    }
  });
  const bool err_open = process.err.Read([&](const std::string& line) {
    process.last_error_line = line;
    if (options_.on_line) options_.on_line(LocalWorkerName(index) + ": " + line);
  });
  if (!out_open) process.out.fd.Close();
  if (!err_open) process.err.fd.Close();
}

void LocalWorkers::Impl::ReapOne(size_t index) {
  Process& process = processes_[index];
  int status = 0;
  if (process.pid < 0 || ::waitpid(process.pid, &status, WNOHANG) != process.pid) return;
  ReadLines(index);  // the last words
  process.pid = -1;
  std::string how = EndText(status);
  if (!process.ready && !process.last_error_line.empty()) how += ": " + process.last_error_line;
  Ended(index, how);
}

void LocalWorkers::Impl::Ended(size_t index, const std::string& how) {
  Process& process = processes_[index];
  if (stopping_) return;
  if (!process.ready) process.failed_starts += 1;
  process.given_up = process.failed_starts >= kStartsMax;
  process.start_at = Clock::now() + kRestartDelay * std::max(1, process.failed_starts);
  options_.on_gone(index, how, process.given_up);
}

void LocalWorkers::Impl::Watch(int timeout_ms) {
  std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}};
  for (const Process& process : processes_) {
    // Closed ones are negative, and poll() passes over them.
    fds.push_back({process.out.fd.get(), POLLIN, 0});
    fds.push_back({process.err.fd.get(), POLLIN, 0});
  }
  if (::poll(fds.data(), fds.size(), timeout_ms) < 0) return;
  if (fds[0].revents != 0) stopping_ = true;
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (fds[1 + 2 * i].revents != 0 || fds[2 + 2 * i].revents != 0) ReadLines(i);
  }
}

void LocalWorkers::Impl::Run() {
  // Signals are for the program's own threads.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  while (!stopping_) {
    const Clock::time_point now = Clock::now();
    for (size_t i = 0; i < processes_.size(); ++i) {
      Process& process = processes_[i];
      ReapOne(i);
      if (process.pid < 0 && !process.given_up && now >= process.start_at) StartOne(i);
    }
    Watch(kPollMs);
  }
  StopAll();
}

void LocalWorkers::Impl::StopAll() {
  const auto signal_all = [this](int signal) {
    for (const Process& process : processes_) {
      if (process.pid < 0) continue;
      // Its group exists once the child has run far enough; until then there is only the child.
      if (::kill(-process.pid, signal) != 0) ::kill(process.pid, signal);
    }
  };
  const auto any_left = [this] {
    for (size_t i = 0; i < processes_.size(); ++i) ReapOne(i);
    return std::any_of(processes_.begin(), processes_.end(),
                       [](const Process& process) { return process.pid >= 0; });
  };
  signal_all(SIGTERM);
  signal_all(SIGCONT);
  const Clock::time_point end = Clock::now() + kStopGrace;
  while (any_left()) {
    if (Clock::now() >= end) signal_all(SIGKILL);
    for (size_t i = 0; i < processes_.size(); ++i) {
      if (processes_[i].pid >= 0) ReadLines(i);  // a full pipe would keep it from ending
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

Result<std::unique_ptr<LocalWorkers>> LocalWorkers::Start(LocalWorkersOptions options) {
  if (options.count < 1 || options.count > kWorkersMax) {
    return InvalidArgument("--spawn-workers: expected 1 to " + std::to_string(kWorkersMax) +
                           ", found " + std::to_string(options.count));
  }
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) return ErrnoStatus(errno, "an event descriptor");
  return std::unique_ptr<LocalWorkers>(
      new LocalWorkers(std::make_unique<Impl>(std::move(options), std::move(wake))));
}

LocalWorkers::LocalWorkers(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LocalWorkers::~LocalWorkers() = default;

}  // namespace octoscale::coordinator
