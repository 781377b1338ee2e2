#include "planner/calibration_file.h"

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "base/partial_file.h"
#include "base/user_folders.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Format 3 had other sizes of frames, and the beginning of an encoder's pictures where this has its
// opening.
constexpr int kFormat = 4;

Json SpeedJson(const PixelSpeed& speed) {
  return {{"cpu_ns", speed.cpu * 1e9}, {"wall_ns", speed.wall * 1e9}};
}

// Positive and finite, or an exception for ParseCalibration().
double Positive(const Json& json, const char* name) {
  const double value = json.at(name).get<double>();
  if (std::isfinite(value) && value > 0) return value;
  throw std::invalid_argument(std::string(name) + " is not a positive number");
}

PixelSpeed ParseSpeed(const Json& json) {
  return {Positive(json, "cpu_ns") / 1e9, Positive(json, "wall_ns") / 1e9};
}

EngineRow ParseEngine(const Json& json) {
  EngineRow row;
  row.key.model = json.at("model").get<std::string>();
  row.key.scale = json.at("scale").get<int>();
  row.key.precision = json.at("precision").get<std::string>();
  row.key.threads = json.at("threads").get<int>();
  row.arithmetic = json.at("arithmetic").get<std::string>();
  row.pixels = Positive(json, "pixels");
  row.speed = ParseSpeed(json);
  row.start_seconds = Positive(json, "start_s");
  return row;
}

EncoderRow ParseEncoder(const Json& json) {
  EncoderRow row;
  row.codec = json.at("codec").get<std::string>();
  row.preset = json.at("preset").get<std::string>();
  row.speed = ParseSpeed(json);
  row.open_cpu = Positive(json, "open_cpu_s");
  row.colour_cpu = Positive(json, "colour_cpu_ns") / 1e9;
  return row;
}

}  // namespace

std::string CalibrationPath() {
  const std::filesystem::path cache = UserCacheFolder();
  return cache.empty() ? std::string() : (cache / "octoscale/calibration.json").string();
}

std::string CalibrationJson(const Calibration& calibration) {
  Json engines = Json::array();
  for (const EngineRow& row : calibration.engines) {
    Json json = {{"model", row.key.model},         {"scale", row.key.scale},
                 {"precision", row.key.precision}, {"threads", row.key.threads},
                 {"arithmetic", row.arithmetic},   {"pixels", row.pixels},
                 {"start_s", row.start_seconds}};
    json.update(SpeedJson(row.speed));
    engines.push_back(std::move(json));
  }
  Json encoders = Json::array();
  for (const EncoderRow& row : calibration.encoders) {
    Json json = {{"codec", row.codec}, {"preset", row.preset}};
    json.update(SpeedJson(row.speed));
    json["open_cpu_s"] = row.open_cpu;
    json["colour_cpu_ns"] = row.colour_cpu * 1e9;
    encoders.push_back(std::move(json));
  }
  const MachineFacts& machine = calibration.machine;
  const Json json = {{"format", kFormat},          {"made_unix", calibration.made_unix},
                     {"cpu", machine.cpu},         {"level", machine.level},
                     {"threads", machine.threads}, {"version", machine.version},
                     {"engines", engines},         {"encoders", encoders}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Calibration> ParseCalibration(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format").get<int>() != kFormat) {
      return CorruptInput("of another format than " + std::to_string(kFormat));
    }
    Calibration calibration;
    calibration.made_unix = json.at("made_unix").get<int64_t>();
    calibration.machine = {json.at("cpu").get<std::string>(), json.at("level").get<std::string>(),
                           json.at("threads").get<int>(), json.at("version").get<std::string>()};
    for (const Json& row : json.at("engines")) calibration.engines.push_back(ParseEngine(row));
    for (const Json& row : json.at("encoders")) calibration.encoders.push_back(ParseEncoder(row));
    return calibration;
  } catch (const std::exception& error) {
    return CorruptInput(std::string("not a calibration: ") + error.what());
  }
}

Result<Calibration> LoadCalibration(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return ErrnoStatus(errno, path);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return IoError(path + ": can't be read");
  auto calibration = ParseCalibration(text.str());
  if (!calibration.ok()) return calibration.status().WithContext(path);
  return calibration;
}

Status SaveCalibration(const Calibration& calibration, const std::string& path) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return ErrnoStatus(error.value(), fs::path(path).parent_path().string());
  OCTO_ASSIGN_OR_RETURN(PartialFile file, PartialFile::Create(path));
  {
    std::ofstream stream(file.path(), std::ios::binary | std::ios::trunc);
    stream << CalibrationJson(calibration);
    if (!stream.flush()) return ErrnoStatus(errno, path);
  }
  return file.Commit(true);
}

}  // namespace octoscale
