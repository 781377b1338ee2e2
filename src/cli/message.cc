#include "cli/message.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <string>

#include "cli/exit_code.h"

namespace octoscale {
namespace {

spdlog::logger& Logger() {
  static const auto logger = [] {
    auto created = std::make_shared<spdlog::logger>(
        "octoscale", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    created->set_pattern("%v");
    created->flush_on(spdlog::level::info);
    return created;
  }();
  return *logger;
}

std::string Printable(std::string_view message) {
  std::string text(message);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

}  // namespace

void PrintError(std::string_view message) {
  Logger().error("octoscale: error: {}", Printable(message));
}

void PrintWarning(std::string_view message) {
  Logger().warn("octoscale: warning: {}", Printable(message));
}

void PrintInfo(std::string_view message) { Logger().info("octoscale: {}", Printable(message)); }

int ReportFailure(const Status& status) {
  PrintError(status.message());
  return ExitCode(status.code());
}

}  // namespace octoscale
