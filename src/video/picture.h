// Picture: one decoded or to-be-encoded picture in the pixel format of a codec, with its time.
#pragma once

#include <cstdint>
#include <memory>

#include "frame/frame.h"
#include "video/media_info.h"

namespace octoscale {

// When a picture is shown, in ticks of the time base that its source announces.
struct FrameTime {
  int64_t pts = 0;
  int64_t duration = 0;           // of a reader's pictures at least 1
  bool duration_guessed = false;  // the file does not say; a last picture as long as the one before
  bool operator==(const FrameTime&) const = default;
};

// Move-only owner of a picture's planes. Empty after a move. Not thread-safe.
class Picture {
 public:
  struct Impl;  // defined inside src/video only

  Picture();
  explicit Picture(std::unique_ptr<Impl> impl);
  Picture(Picture&&) noexcept;
  Picture& operator=(Picture&&) noexcept;
  ~Picture();

  bool empty() const { return impl_ == nullptr; }
  FrameSize size() const;
  FrameTime time() const;
  void set_time(FrameTime time);
  // Bytes of its planes, for queues that are bounded in bytes.
  size_t size_bytes() const;

  const Impl& impl() const { return *impl_; }
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// What an encoder takes. `pixel_format` is FFmpeg's name.
struct PictureFormat {
  std::string pixel_format;
  FrameSize size;
  ColourTags colour;  // matrix and range are never unspecified here
  bool interlaced = false;
  bool top_field_first = true;
  bool has_alpha = false;  // and the container keeps it
};

}  // namespace octoscale
