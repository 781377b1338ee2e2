// How the coordinator scales: simulated workers that take a fixed time per frame, more and more of
// them, and what the coordinator itself costs. Prints a Markdown table.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "coordinator/worker_fleet.h"

namespace octoscale::coordinator {
namespace {

using Clock = std::chrono::steady_clock;

struct Setup {
  std::vector<int> workers = {1, 6, 12, 48};
  double ms_per_frame = 50;
  int width = 640;
  int height = 360;
  int scale = 2;
  int batch = 8;
  int batches_per_worker = 2;
  int rounds = 12;  // batches that each worker gets
  int frames = 0;   // in all, instead of rounds
};

struct Row {
  int workers = 0;
  int frames = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  long long retries = 0;
  long long hedges = 0;
  double fps() const { return frames / seconds; }
};

double CpuSeconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Frame Picture(const Setup& setup) {
  Frame frame({setup.width, setup.height}, SampleType::kU8);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < setup.height; ++y) {
      for (int x = 0; x < setup.width; ++x) {
        frame.row(plane, y)[x] = static_cast<uint8_t>(x * 3 + y * 5 + plane * 70);
      }
    }
  }
  return frame;
}

Result<std::unique_ptr<WorkerFleet>> StartFleet(const Setup& setup, int workers) {
  FleetOptions options;
  options.local.count = workers;
  options.local.program =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "octoscale").string();
  options.local.args = {"--simulate-ms-per-frame",
                        std::to_string(setup.ms_per_frame),
                        "-s",
                        std::to_string(setup.scale),
                        "-b",
                        std::to_string(setup.batch),
                        "--quiet",
                        "--codec-threads",
                        "1"};
  options.remote.batch_frames = setup.batch;
  options.remote.dispatch.model = "simulated";
  options.remote.dispatch.scale = setup.scale;
  options.remote.dispatch.batches_per_worker = setup.batches_per_worker;
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<WorkerFleet> fleet,
                        WorkerFleet::Create(std::move(options), {}));
  const auto all_up = [&fleet] {
    for (const WorkerReport& report : fleet->Reports()) {
      if (report.state != "up") return false;
    }
    return true;
  };
  const Clock::time_point end = Clock::now() + std::chrono::seconds(60);
  while (!all_up()) {
    if (Clock::now() > end) return Unavailable("not all workers came up within 60 s");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fleet;
}

Result<Row> Measure(const Setup& setup, int workers) {
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<WorkerFleet> fleet, StartFleet(setup, workers));
  Row row;
  row.workers = workers;
  row.frames = setup.frames > 0 ? setup.frames : workers * setup.rounds * setup.batch;
  const Frame picture = Picture(setup);
  std::atomic<int> next{0};
  std::mutex mutex;
  Status error;
  const double cpu = CpuSeconds();
  const Clock::time_point start = Clock::now();
  std::vector<std::thread> slots;
  for (int i = 0; i < fleet->info().batches_in_flight; ++i) {
    slots.emplace_back([&] {
      for (int first = next.fetch_add(setup.batch); first < row.frames;
           first = next.fetch_add(setup.batch)) {
        std::vector<Frame> batch;
        for (int f = first; f < std::min(first + setup.batch, row.frames); ++f) {
          batch.push_back(picture.Clone());
        }
        const Status status = fleet->Upscale(std::move(batch), {}).status();
        const std::lock_guard lock(mutex);
        if (!status.ok()) error = status;
      }
    });
  }
  for (std::thread& slot : slots) slot.join();
  row.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  row.cpu_seconds = CpuSeconds() - cpu;
  for (const WorkerReport& report : fleet->Reports()) {
    row.retries += report.retries;
    row.hedges += report.hedges;
  }
  if (!error.ok()) return error;
  return row;
}

void PrintRow(const Row& row, const Row& one) {
  std::printf("| %d | %d | %.2f | %.1f | %.2fx | %.0f %% | %.1f %% | %lld | %lld |\n", row.workers,
              row.frames, row.seconds, row.fps(), row.fps() / one.fps() * one.workers,
              100 * row.fps() / one.fps() * one.workers / row.workers,
              100 * row.cpu_seconds / row.frames * 100, row.retries, row.hedges);
  std::fflush(stdout);
}

int Run(const Setup& setup) {
  std::printf("%dx%d to x%d, %g ms a frame, batches of %d, %u cores\n\n", setup.width, setup.height,
              setup.scale, setup.ms_per_frame, setup.batch, std::thread::hardware_concurrency());
  std::printf(
      "| workers | frames | s | fps | speed-up | of ideal | coordinator: core per 100 fps "
      "| retries | hedges |\n|---|---|---|---|---|---|---|---|---|\n");
  std::vector<Row> rows;
  for (const int workers : setup.workers) {
    auto row = Measure(setup, workers);
    if (!row.ok()) {
      std::fprintf(stderr, "scaling_bench: %d workers: %s\n", workers,
                   row.status().message().c_str());
      return 1;
    }
    rows.push_back(*row);
    PrintRow(rows.back(), rows.front());
  }
  return 0;
}

}  // namespace
}  // namespace octoscale::coordinator

int main(int argc, char** argv) {
  octoscale::coordinator::Setup setup;
  CLI::App app("Measures the coordinator with simulated workers.", "scaling_bench");
  app.add_option("--workers", setup.workers, "Numbers of workers, the first is the measure")
      ->delimiter(',');
  app.add_option("--ms-per-frame", setup.ms_per_frame, "What a worker takes")
      ->capture_default_str();
  app.add_option("--width", setup.width)->capture_default_str();
  app.add_option("--height", setup.height)->capture_default_str();
  app.add_option("--scale", setup.scale)->capture_default_str();
  app.add_option("--batch", setup.batch)->capture_default_str();
  app.add_option("--batches-per-worker", setup.batches_per_worker)->capture_default_str();
  app.add_option("--rounds", setup.rounds, "Batches for each worker")->capture_default_str();
  app.add_option("--frames", setup.frames, "Frames in all, instead of --rounds");
  CLI11_PARSE(app, argc, argv);
  return octoscale::coordinator::Run(setup);
}
