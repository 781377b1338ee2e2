#include "cli/video2x_options.h"

#include <algorithm>
#include <array>

namespace octoscale {
namespace {

constexpr auto kFlag = Video2xArity::kFlag;
constexpr auto kValue = Video2xArity::kValue;
constexpr auto kValues = Video2xArity::kValues;

constexpr const char* kGeneral = "General";
constexpr const char* kEncoder = "Encoder";
constexpr const char* kUpscaling = "Upscaling";
constexpr const char* kIgnored = "Accepted, without effect on realesrgan";

constexpr std::array kOptions = {
    Video2xOption{"help", 0, kFlag, kGeneral, "this text"},
    Video2xOption{"version", 'V', kFlag, kGeneral, "the version"},
    Video2xOption{"log-level", 0, kValue, kGeneral,
                  "trace, debug, info (default), warn, error, critical or none"},
    Video2xOption{"no-progress", 0, kFlag, kGeneral, "no progress line"},
    Video2xOption{"list-devices", 'l', kFlag, kGeneral, "what can compute here"},
    Video2xOption{"input", 'i', kValue, kGeneral, "video to read"},
    Video2xOption{"output", 'o', kValue, kGeneral, "video to write: mp4, mkv, mov or webm"},
    Video2xOption{"processor", 'p', kValue, kGeneral, "realesrgan (the only one here)"},
    Video2xOption{"hwaccel", 'a', kValue, kGeneral, "none (default); decoding runs on the CPU"},
    Video2xOption{"device", 'd', kValue, kGeneral, "0 (default): the CPU"},
    Video2xOption{"benchmark", 'b', kFlag, kGeneral, "measure; frames are not encoded"},
    Video2xOption{"codec", 'c', kValue, kEncoder, "encoder, by FFmpeg's name (default libx264)"},
    Video2xOption{"no-copy-streams", 0, kFlag, kEncoder, "leave out audio and subtitles"},
    Video2xOption{"no-copy-audio-streams", 0, kFlag, kEncoder, "leave out audio"},
    Video2xOption{"no-copy-subtitle-streams", 0, kFlag, kEncoder, "leave out subtitles"},
    Video2xOption{"no-recalculate-pts", 0, kFlag, kEncoder, "accepted; times are always kept"},
    Video2xOption{"pix-fmt", 0, kValue, kEncoder, "pixel format (default: the closest possible)"},
    Video2xOption{"bit-rate", 0, kValue, kEncoder, "bits per second; 0: constant quality"},
    Video2xOption{"rc-buffer-size", 0, kValue, kEncoder, "rate control buffer, in bits"},
    Video2xOption{"rc-min-rate", 0, kValue, kEncoder, "least bits per second"},
    Video2xOption{"rc-max-rate", 0, kValue, kEncoder, "most bits per second"},
    Video2xOption{"qmin", 0, kValue, kEncoder, "least quantizer"},
    Video2xOption{"qmax", 0, kValue, kEncoder, "greatest quantizer"},
    Video2xOption{"gop-size", 0, kValue, kEncoder, "frames between keyframes, at most"},
    Video2xOption{"max-b-frames", 0, kValue, kEncoder, "B-frames in a row, at most"},
    Video2xOption{"keyint-min", 0, kValue, kEncoder, "frames between keyframes, at least"},
    Video2xOption{"refs", 0, kValue, kEncoder, "reference frames"},
    Video2xOption{"thread-count", 0, kValue, kEncoder, "encoder threads; 0: one per core"},
    Video2xOption{"delay", 0, kValue, kEncoder, "frames that the encoder may hold back"},
    Video2xOption{"extra-encoder-option", 'e', kValues, kEncoder,
                  "KEY=VALUE ...: options of the encoder"},
    Video2xOption{"scaling-factor", 's', kValue, kUpscaling, "2, 3 or 4"},
    Video2xOption{"noise-level", 'n', kValue, kUpscaling,
                  "-1, 0 or 1; 1 takes the denoising weights of realesr-generalv3"},
    Video2xOption{"realesrgan-model", 0, kValue, kUpscaling,
                  "realesr-animevideov3 (default), realesrgan-plus, realesrgan-plus-anime or "
                  "realesr-generalv3"},
    Video2xOption{"width", 'w', kValue, kIgnored, "output width"},
    Video2xOption{"height", 'h', kValue, kIgnored, "output height (-h is not help)"},
    Video2xOption{"frame-rate-mul", 'm', kValue, kIgnored, "of frame interpolation"},
    Video2xOption{"scene-thresh", 't', kValue, kIgnored, "of frame interpolation"},
    Video2xOption{"libplacebo-shader", 0, kValue, kIgnored, "of libplacebo"},
    Video2xOption{"realcugan-model", 0, kValue, kIgnored, "of realcugan"},
    Video2xOption{"realcugan-threads", 0, kValue, kIgnored, "of realcugan"},
    Video2xOption{"realcugan-syncgap", 0, kValue, kIgnored, "of realcugan"},
    Video2xOption{"rife-model", 0, kValue, kIgnored, "of rife"},
    Video2xOption{"rife-uhd", 0, kFlag, kIgnored, "of rife"},
};

Result<const Video2xOption*> FindLong(std::string_view name) {
  const Video2xOption* found = nullptr;
  std::string candidates;
  for (const Video2xOption& option : kOptions) {
    if (name == option.name) return &option;
    if (name.empty() || !std::string_view(option.name).starts_with(name)) continue;
    candidates += (found == nullptr ? "--" : ", --") + std::string(option.name);
    found = found == nullptr ? &option : found;
  }
  if (found == nullptr) {
    return InvalidArgument("unknown option '--" + std::string(name) + "'; see video2x --help");
  }
  if (candidates.find(',') != std::string::npos) {
    return InvalidArgument("option '--" + std::string(name) + "' could be " + candidates);
  }
  return found;
}

const Video2xOption* FindLetter(char letter) {
  const auto found = std::ranges::find(kOptions, letter, &Video2xOption::letter);
  return letter == 0 || found == kOptions.end() ? nullptr : &*found;
}

// A word that can't be a value. Numbers such as -1 can.
bool IsOption(std::string_view word) {
  if (word.starts_with("--") && word.size() > 2) return true;
  return word.size() >= 2 && word[0] == '-' && FindLetter(word[1]) != nullptr;
}

class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  Result<Video2xValues> Run() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (word.starts_with("--") && word.size() > 2) {
        OCTO_RETURN_IF_ERROR(Long(word));
      } else if (word.size() >= 2 && word[0] == '-') {
        OCTO_RETURN_IF_ERROR(Letters(word));
      } else {
        return InvalidArgument("'" + word + "' belongs to no option; see video2x --help");
      }
    }
    return std::move(values_);
  }

 private:
  Status Long(const std::string& word) {
    const size_t equals = word.find('=');
    OCTO_ASSIGN_OR_RETURN(const Video2xOption* option, FindLong(word.substr(2, equals - 2)));
    if (equals == std::string::npos) return Take(*option, nullptr);
    const std::string value = word.substr(equals + 1);
    if (option->arity == kFlag) {
      return InvalidArgument("option --" + std::string(option->name) + " takes no value");
    }
    return Take(*option, &value);
  }

  // "-s 2", "-s2", "-b", "-bs2".
  Status Letters(const std::string& word) {
    for (size_t at = 1; at < word.size(); ++at) {
      const Video2xOption* option = FindLetter(word[at]);
      if (option == nullptr) {
        return InvalidArgument("unknown option '-" + std::string(1, word[at]) + "' in '" + word +
                               "'; see video2x --help");
      }
      if (option->arity == kFlag) {
        OCTO_RETURN_IF_ERROR(Take(*option, nullptr));
        continue;
      }
      const std::string rest = word.substr(at + 1);
      return Take(*option, rest.empty() ? nullptr : &rest);
    }
    return OkStatus();
  }

  Status Take(const Video2xOption& option, const std::string* attached) {
    const bool again = values_.count(option.name) > 0;
    if (again && option.arity != kValues) {
      return InvalidArgument("option --" + std::string(option.name) + " is given twice");
    }
    std::vector<std::string>& values = values_[option.name];
    if (option.arity == kFlag) return OkStatus();
    if (attached != nullptr) {
      values.push_back(*attached);
    } else if (next_ < words_.size() && !IsOption(words_[next_])) {
      values.push_back(words_[next_++]);
    } else {
      return InvalidArgument("option --" + std::string(option.name) + " needs a value");
    }
    while (option.arity == kValues && next_ < words_.size() && words_[next_][0] != '-') {
      values.push_back(words_[next_++]);
    }
    return OkStatus();
  }

  std::span<const std::string> words_;
  size_t next_ = 0;
  Video2xValues values_;
};

std::string HelpLine(const Video2xOption& option) {
  constexpr size_t kColumn = 36;
  std::string line = option.letter == 0 ? "      --" : std::string("  -") + option.letter + ", --";
  line += option.name;
  if (option.arity == kValue) line += " ARG";
  if (option.arity == kValues) line += " ARG...";
  line.resize(std::max(line.size() + 1, kColumn), ' ');
  return line + option.help + "\n";
}

}  // namespace

std::span<const Video2xOption> Video2xOptions() { return kOptions; }

Result<Video2xValues> ParseVideo2xOptions(std::span<const std::string> arguments) {
  return Parser(arguments).Run();
}

std::string Video2xHelp() {
  std::string text =
      "Usage: video2x -i INPUT -o OUTPUT -p realesrgan -s 2|3|4 [options]\n"
      "\n"
      "Upscales a video with Real-ESRGAN on the CPU. A part of octoscale that takes the options "
      "of\n"
      "Video2X 6.4 and later; docs/video2x.md lists the differences.\n";
  std::string_view group;
  for (const Video2xOption& option : kOptions) {
    if (group != option.group) text += "\n" + std::string(option.group) + ":\n";
    group = option.group;
    text += HelpLine(option);
  }
  text +=
      "\n"
      "On a terminal, space pauses and resumes, q aborts.\n"
      "OCTOSCALE_VIDEO2X_DROP_TAIL=N leaves out the last N frames, for callers that pad them.\n"
      "Exit code: 0 done, 1 failed, 2 aborted, 255 bad arguments.\n";
  return text;
}

}  // namespace octoscale
