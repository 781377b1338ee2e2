#include "cli/media_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string_view>
#include <system_error>

#include "base/file_sequence.h"
#include "image/image.h"
#include "image/picture_kind.h"
#include "video/video_writer.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 27> kVideoExtensions = {
    "mp4", "m4v",  "mov", "mkv", "webm", "avi", "mpg", "mpeg", "m2v",
    "ts",  "m2ts", "mts", "wmv", "asf",  "flv", "f4v", "ogv",  "ogm",
    "3gp", "3g2",  "vob", "y4m", "divx", "dv",  "mxf", "gif",  "apng"};
constexpr std::string_view kFallbackContainer = "mkv";

std::string LowerExtension(const fs::path& path) {
  std::string extension = path.extension().string();
  if (!extension.empty()) extension.erase(0, 1);
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

bool IsVideoName(const fs::path& path) {
  return std::ranges::find(kVideoExtensions, LowerExtension(path)) != kVideoExtensions.end();
}

bool CanHold(const std::string& container, const std::string& encoder) {
  return std::ranges::count(VideoEncodersFor(container), encoder) > 0;
}

fs::path OutputName(const fs::path& input, const std::string& encoder) {
  fs::path name = input.filename();
  if (!IsVideoName(input) || CanHold(LowerExtension(input), encoder)) return name;
  return name.replace_extension(kFallbackContainer);
}

Result<std::vector<fs::path>> MediaIn(const std::string& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    std::error_code ignored;
    const fs::path& path = entries->path();
    if (!entries->is_regular_file(ignored)) continue;
    if (IsVideoName(path) || ImageFormatFromPath(path.string())) files.push_back(path);
  }
  if (error) return ErrnoStatus(error.value(), folder);
  if (files.empty()) {
    return NotFound(folder +
                    ": no video or picture in this folder; files are taken by extension, "
                    "such as .mp4, .mkv, .avi, .png and .jpg");
  }
  std::ranges::sort(files);
  return files;
}

Status SharedOutput(const fs::path& a, const fs::path& b, const fs::path& name) {
  return InvalidArgument(a.string() + " and " + b.string() + " would both be written to '" +
                         name.string() + "'; upscale one of them by itself");
}

}  // namespace

Result<MediaKind> KindOfFile(const std::string& path) {
  if (IsInputSequence(path)) return MediaKind::kVideo;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return NotFound(path + ": no such file; check the name");
  }
  if (error) return ErrnoStatus(error.value(), path);
  if (status.type() != fs::file_type::regular) {
    return InvalidArgument(path + ": neither a file nor a folder");
  }
  std::string head(kPictureHeadBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) return ErrnoStatus(errno, path);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  return IsStillPicture(head) ? MediaKind::kPicture : MediaKind::kVideo;
}

Result<std::vector<ListedFile>> ListFiles(const std::vector<std::string>& inputs,
                                          const std::string& output_folder,
                                          const std::string& encoder) {
  std::vector<fs::path> paths;
  for (const std::string& input : inputs) {
    std::error_code error;
    if (!fs::is_directory(input, error)) {
      paths.emplace_back(input);
      continue;
    }
    OCTO_ASSIGN_OR_RETURN(const std::vector<fs::path> found, MediaIn(input));
    paths.insert(paths.end(), found.begin(), found.end());
  }
  // Files that keep their names come first, so that only a renamed one ever has to give way.
  std::map<fs::path, fs::path> taken;
  for (const fs::path& path : paths) {
    const fs::path name = OutputName(path, encoder);
    if (name != path.filename()) continue;
    const auto [at, fresh] = taken.emplace(name, path);
    if (!fresh) return SharedOutput(at->second, path, name);
  }
  std::vector<ListedFile> files;
  for (const fs::path& path : paths) {
    fs::path name = OutputName(path, encoder);
    if (name != path.filename() && !taken.emplace(name, path).second) {
      name = path.filename();
      name += "." + std::string(kFallbackContainer);
      const auto [at, fresh] = taken.emplace(name, path);
      if (!fresh) return SharedOutput(at->second, path, name);
    }
    files.push_back({path.string(), (fs::path(output_folder) / name).string()});
  }
  return files;
}

}  // namespace octoscale
