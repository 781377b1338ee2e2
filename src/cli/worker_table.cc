#include "cli/worker_table.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace octoscale {
namespace {

constexpr size_t kWorkersShown = 8;

std::string Percent(double share) { return std::to_string(static_cast<int>(100 * share + 0.5)); }

std::string Row(const std::string& name, size_t name_width, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

std::string Row(const std::string& name, size_t name_width, const char* format, ...) {
  char rest[200];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(rest, sizeof(rest), format, arguments);
  va_end(arguments);
  return "  " + name + std::string(name_width - std::min(name_width, name.size()), ' ') + rest;
}

}  // namespace

double WorkerShare(const std::vector<coordinator::WorkerReport>& reports, size_t index) {
  int64_t all = 0;
  for (const auto& report : reports) all += report.frames;
  return all > 0 ? static_cast<double>(reports[index].frames) / static_cast<double>(all) : 0;
}

std::string WorkerSharesText(const std::vector<coordinator::WorkerReport>& reports) {
  std::vector<double> shares;
  double sum = 0;
  for (size_t i = 0; i < reports.size(); ++i) {
    shares.push_back(WorkerShare(reports, i));
    sum += shares.back();
  }
  if (sum == 0) return {};
  std::string text;
  if (shares.size() > kWorkersShown) {
    const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
    text = Percent(*least) + " to " + Percent(*most);
  } else {
    for (const double share : shares) text += (text.empty() ? "" : "/") + Percent(share);
  }
  return text + "% of " + std::to_string(shares.size()) + " workers";
}

std::vector<std::string> WorkerTable(const std::vector<coordinator::WorkerReport>& reports) {
  size_t width = 6;
  for (const auto& report : reports) width = std::max(width, report.name.size());
  std::vector<std::string> lines = {Row("worker", width, "%9s %8s %7s %8s %8s %7s", "batches",
                                        "frames", "share", "fps", "retries", "hedges")};
  for (size_t i = 0; i < reports.size(); ++i) {
    const auto& report = reports[i];
    std::string line =
        Row(report.name, width, "%9lld %8lld %6.1f%% %8.2f %8lld %7lld",
            static_cast<long long>(report.batches), static_cast<long long>(report.frames),
            100 * WorkerShare(reports, i), report.fps(), static_cast<long long>(report.retries),
            static_cast<long long>(report.hedges));
    if (report.state != "up") line += "  " + report.state + ": " + report.reason;
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace octoscale
