#include "cli/progress.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/message.h"
#include "cli/terminal.h"
#include "cli/worker_table.h"

namespace octoscale {
namespace {

constexpr std::chrono::milliseconds kBarInterval{100};
constexpr std::chrono::seconds kLineInterval{5};

// Millionths are enough, and keep numbers readable.
double Rounded(double value) { return std::round(value * 1e6) / 1e6; }

double Fps(int64_t frames, double seconds) {
  return seconds > 0 ? static_cast<double>(frames) / seconds : 0.0;
}

void PrintEvent(const nlohmann::ordered_json& event) {
  // File names need not be UTF-8, JSON must.
  const std::string line =
      event.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

using WorkerReports = std::vector<coordinator::WorkerReport>;

nlohmann::ordered_json WorkersJson(const WorkerReports& reports) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < reports.size(); ++i) {
    const coordinator::WorkerReport& report = reports[i];
    list.push_back({{"name", report.name},
                    {"state", report.state},
                    {"batches", report.batches},
                    {"frames", report.frames},
                    {"share", Rounded(WorkerShare(reports, i))},
                    {"fps", Rounded(report.fps())},
                    {"retries", report.retries},
                    {"hedges", report.hedges}});
  }
  return list;
}

nlohmann::ordered_json ProgressEvent(int64_t done, int64_t total, double fps) {
  nlohmann::ordered_json event = {{"event", "progress"}, {"frames_done", done}};
  event["frames_total"] = nullptr;
  event["fps"] = Rounded(fps);
  event["eta_s"] = nullptr;
  if (total > 0) event["frames_total"] = total;
  if (total > 0 && fps > 0) event["eta_s"] = Rounded(std::max<int64_t>(total - done, 0) / fps);
  return event;
}

void AddClip(const ClipReport& clip, nlohmann::ordered_json* event) {
  (*event)["model"] = clip.model;
  if (!clip.precision.empty()) (*event)["precision"] = clip.precision;
  (*event)["encoder"] = clip.video.encoder;
  (*event)["encoder_preset"] = clip.encoder_preset;
  (*event)["bytes"] = clip.video.output_bytes;
  if (clip.bytes_max > 0) (*event)["bytes_max"] = clip.bytes_max;
  if (clip.encoded_again) (*event)["encoded_again"] = true;
  if (clip.predicted_seconds <= 0) return;
  (*event)["deadline_s"] = Rounded(clip.deadline_seconds);
  (*event)["planning_s"] = Rounded(clip.planning_seconds);
  (*event)["predicted_s"] = Rounded(clip.predicted_seconds);
  (*event)["prediction_error"] = Rounded(PredictionError(clip));
  (*event)["late"] = clip.seconds > clip.deadline_seconds;
}

std::string ClipText(const ClipReport& clip) {
  std::string text = "with " + clip.model;
  if (!clip.precision.empty()) text += " (" + clip.precision + ")";
  text += ", " + clip.video.encoder;
  if (!clip.encoder_preset.empty()) text += " " + clip.encoder_preset;
  text += "; " + std::to_string(clip.video.output_bytes) + " bytes";
  if (clip.bytes_max > 0) text += " of at most " + std::to_string(clip.bytes_max);
  if (clip.encoded_again) text += ", encoded again to keep to that";
  const std::string prediction = PredictionText(clip);
  return prediction.empty() ? text : text + "; " + prediction;
}

std::string BarText(int64_t done, int64_t total, double fps) {
  constexpr int kCells = 24;
  std::string text = "  ";
  if (total > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const int filled = static_cast<int>(share * kCells);
    text += "[" + std::string(filled, '#') + std::string(kCells - filled, '.') + "] " +
            Fixed(100 * share, 1) + "%  " + std::to_string(done) + "/" + std::to_string(total);
  } else {
    text += std::to_string(done);
  }
  text += " frames  " + Fixed(fps, 2) + " fps";
  if (total > 0 && fps > 0) text += "  ETA " + ClockTime(std::max<int64_t>(total - done, 0) / fps);
  return text;
}

std::string LineText(int64_t done, int64_t total, double fps) {
  std::string text = std::to_string(done);
  if (total > 0) text += " of " + std::to_string(total);
  text += " frames, " + Fixed(fps, 2) + " fps";
  if (total > 0 && fps > 0) {
    text += ", " + ClockTime(std::max<int64_t>(total - done, 0) / fps) + " left";
  }
  return text;
}

}  // namespace

Result<ProgressMode> ParseProgressMode(const std::string& name) {
  if (name == "auto") return ProgressMode::kAuto;
  if (name == "bar") return ProgressMode::kBar;
  if (name == "json") return ProgressMode::kJson;
  if (name == "none") return ProgressMode::kNone;
  return InvalidArgument("--progress is auto, bar, json or none, not '" + name + "'");
}

ProgressPrinter::ProgressPrinter(ProgressMode mode, bool folder)
    : mode_(mode), folder_(folder), terminal_(StderrIsTerminal()) {
  if (mode_ == ProgressMode::kAuto && terminal_) mode_ = ProgressMode::kBar;
  // The first line is due after an interval, the first bar at once.
  next_update_ = Clock::now();
  if (mode_ == ProgressMode::kAuto) next_update_ += kLineInterval;
}

void ProgressPrinter::Update(int64_t frames_done, int64_t frames_total, double fps) {
  const Clock::time_point now = Clock::now();
  if (mode_ == ProgressMode::kNone || now < next_update_) return;
  const WorkerReports workers = workers_ ? workers_() : WorkerReports();
  const std::string shares = workers.empty() ? "" : "  " + WorkerSharesText(workers);
  switch (mode_) {
    case ProgressMode::kJson: {
      nlohmann::ordered_json event = ProgressEvent(frames_done, frames_total, fps);
      if (!workers.empty()) event["workers"] = WorkersJson(workers);
      PrintEvent(event);
      next_update_ = now + kBarInterval;
      return;
    }
    case ProgressMode::kBar:
      RewriteStatusLine(BarText(frames_done, frames_total, fps) + shares);
      bar_shown_ = true;
      next_update_ = now + kBarInterval;
      return;
    default:
      PrintInfo(LineText(frames_done, frames_total, fps) + shares);
      next_update_ = now + kLineInterval;
  }
}

void ProgressPrinter::ClearBar() {
  if (bar_shown_) ClearStatusLine();
  bar_shown_ = false;
}

void ProgressPrinter::FileDone(const FileSummary& summary) {
  ClearBar();
  const double fps = Fps(summary.frames - summary.frames_resumed, summary.seconds);
  if (mode_ == ProgressMode::kJson) {
    nlohmann::ordered_json event = {{"event", folder_ ? "file_done" : "done"},
                                    {"frames", summary.frames},
                                    {"seconds", Rounded(summary.seconds)},
                                    {"fps", Rounded(fps)},
                                    {"width", summary.width},
                                    {"height", summary.height},
                                    {"output", summary.output}};
    if (summary.frames_resumed > 0) event["frames_resumed"] = summary.frames_resumed;
    if (summary.clip) AddClip(*summary.clip, &event);
    PrintEvent(event);
  }
  if (mode_ == ProgressMode::kNone || mode_ == ProgressMode::kJson) return;
  PrintInfo("wrote " + summary.output + ": " + std::to_string(summary.frames) +
            (summary.frames == 1 ? " frame" : " frames") +
            (summary.frames_resumed > 0
                 ? " (" + std::to_string(summary.frames_resumed) + " from before)"
                 : "") +
            " of " + std::to_string(summary.width) + "x" + std::to_string(summary.height) + " in " +
            Fixed(summary.seconds, 2) + " s, " + Fixed(fps, 2) + " fps");
  if (summary.clip) PrintInfo(ClipText(*summary.clip));
}

void ProgressPrinter::FileSkipped(const std::string& output) {
  ClearBar();
  if (mode_ == ProgressMode::kJson) PrintEvent({{"event", "file_skipped"}, {"output", output}});
  if (mode_ == ProgressMode::kNone || mode_ == ProgressMode::kJson) return;
  PrintInfo(output + " is there already");
}

void ProgressPrinter::FileFailed(const std::string& input, const Status& status) {
  ClearBar();
  if (mode_ == ProgressMode::kJson) {
    PrintEvent({{"event", "file_error"}, {"message", status.message()}, {"input", input}});
  }
  PrintError(status.message());
}

void ProgressPrinter::JobFailed(const Status& status) {
  ClearBar();
  if (mode_ == ProgressMode::kJson) {
    PrintEvent({{"event", "error"}, {"message", status.message()}});
  }
  PrintError(status.message());
}

void ProgressPrinter::FolderDone(const FolderSummary& summary) {
  ClearBar();
  if (mode_ == ProgressMode::kJson) {
    PrintEvent({{"event", "done"},
                {"files", summary.files},
                {"failed", summary.failed},
                {"frames", summary.frames},
                {"seconds", Rounded(summary.seconds)},
                {"fps", Rounded(Fps(summary.frames - summary.frames_resumed, summary.seconds))}});
    return;
  }
  if (mode_ == ProgressMode::kNone) return;
  PrintInfo(std::to_string(summary.files - summary.failed) + " of " +
            std::to_string(summary.files) + " files done, " + std::to_string(summary.failed) +
            " failed; " + std::to_string(summary.frames) + " frames in " +
            Fixed(summary.seconds, 1) + " s");
}

void ProgressPrinter::WorkersDone() {
  const WorkerReports workers = workers_ ? workers_() : WorkerReports();
  if (workers.empty() || mode_ == ProgressMode::kNone) return;
  ClearBar();
  if (mode_ == ProgressMode::kJson) {
    return PrintEvent({{"event", "workers"}, {"workers", WorkersJson(workers)}});
  }
  for (const std::string& line : WorkerTable(workers)) PrintInfo(line);
}

void ProgressPrinter::Note(const std::string& text) {
  if (mode_ == ProgressMode::kNone) return;
  if (mode_ == ProgressMode::kJson) return PrintEvent({{"event", "notice"}, {"message", text}});
  ClearBar();
  PrintInfo(text);
}

void ProgressPrinter::Alert(const std::string& text) {
  if (mode_ == ProgressMode::kJson) PrintEvent({{"event", "notice"}, {"message", text}});
  Warn(text);
}

void ProgressPrinter::Warn(const std::string& text) {
  ClearBar();
  PrintWarning(text);
}

}  // namespace octoscale
