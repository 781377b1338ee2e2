#include "video/libav.h"

#include <cerrno>
#include <cstdarg>
#include <mutex>
#include <new>

namespace octoscale {
namespace {

// The last two lines: "moov atom not found; error reading header" needs both.
thread_local std::string last_line;
thread_local std::string line_before;

void KeepErrorLine(void* context, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  char line[512];
  int print_prefix = 1;
  av_log_format_line2(context, level, format, arguments, line, sizeof(line), &print_prefix);
  std::string_view text(line);
  // "[mov,mp4 @ 0x55d0] moov atom not found": the address means nothing to a reader.
  const size_t close = text.find("] ");
  if (!text.empty() && text[0] == '[' && close != std::string_view::npos) {
    text.remove_prefix(close + 2);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.empty() || text == last_line) return;
  line_before.swap(last_line);
  last_line = text;
}

StatusCode CodeFor(int error) {
  switch (error) {
    case AVERROR_INVALIDDATA:
      return StatusCode::kCorruptInput;
    case AVERROR_EXIT:
      return StatusCode::kCancelled;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_STREAM_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(ENOSYS):
      return StatusCode::kUnsupported;
    case AVERROR(ENOENT):
      return StatusCode::kNotFound;
    case AVERROR(EINVAL):
    case AVERROR_OPTION_NOT_FOUND:
      return StatusCode::kInvalidArgument;
    case AVERROR(ENOMEM):
    case AVERROR(ENOSPC):
    case AVERROR(EDQUOT):
    case AVERROR(EFBIG):
      return StatusCode::kResourceExhausted;
    case AVERROR_BUG:
    case AVERROR_BUG2:
    case AVERROR_EXTERNAL:
    case AVERROR_UNKNOWN:
      return StatusCode::kInternal;
    default:
      return StatusCode::kIoError;
  }
}

}  // namespace

AvFramePtr NewAvFrame() {
  AvFramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

AvPacketPtr NewAvPacket() {
  AvPacketPtr packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

Status AvStatus(int error, std::string_view what) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof(text));
  std::string message = std::string(what) + ": " + text;
  const std::string logged = TakeAvLogLine();
  if (!logged.empty()) message += " (" + logged + ")";
  return Status(CodeFor(error), std::move(message));
}

void CaptureAvLog() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(KeepErrorLine); });
}

std::string TakeAvLogLine() {
  std::string line = line_before;
  if (!line.empty() && !last_line.empty()) line += "; ";
  line += last_line;
  line_before.clear();
  last_line.clear();
  return line;
}

AVIOInterruptCB InterruptOn(const CancelToken* cancel) {
  return {[](void* token) -> int { return static_cast<const CancelToken*>(token)->stopped(); },
          const_cast<CancelToken*>(cancel)};
}

}  // namespace octoscale
