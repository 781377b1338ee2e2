// What a media file holds, as plain data: no codec library types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "frame/frame.h"
#include "frame/rotate.h"

namespace octoscale {

struct Rational {
  int num = 0;
  int den = 1;
  double value() const { return den == 0 ? 0.0 : static_cast<double>(num) / den; }
  bool operator==(const Rational&) const = default;
};

enum class ColourRange { kUnknown, kLimited, kFull };

// Code points of ITU-T H.273; 2 means "unspecified". Chroma location as in H.273 figure 1 plus one:
// 0 unspecified, 1 left, 2 centre, 3 top left, 4 top, 5 bottom left, 6 bottom.
struct ColourTags {
  int matrix = 2;
  int primaries = 2;
  int transfer = 2;
  int chroma_location = 0;
  ColourRange range = ColourRange::kUnknown;
  bool operator==(const ColourTags&) const = default;
  // The transfer function is PQ (SMPTE ST 2084) or HLG (ARIB STD-B67).
  bool hdr() const { return transfer == 16 || transfer == 18; }
};

enum class StreamKind { kVideo, kAudio, kSubtitle, kAttachment, kCoverArt, kData };

// "video", "audio", "subtitle", "attachment", "cover art", "data".
const char* StreamKindName(StreamKind kind);

struct StreamInfo {
  int index = 0;  // in the file
  StreamKind kind = StreamKind::kData;
  std::string codec;     // FFmpeg's short name, e.g. "h264"; "unknown" where there is none
  std::string language;  // ISO 639-2 as tagged; empty when untagged
  std::string title;
};

// The video stream that is upscaled. Tags and sizes come from the first decoded picture.
struct VideoStreamInfo {
  int stream_index = 0;
  std::string codec;         // e.g. "h264"
  std::string profile;       // e.g. "High 10"; empty when the codec has none
  std::string pixel_format;  // e.g. "yuv420p10le"
  FrameSize size;
  int bit_depth = 8;        // of one component
  bool has_alpha = false;   // the pixel format has an alpha plane (it may be opaque)
  bool interlaced = false;  // the first picture is marked interlaced
  SampleType sample_type = SampleType::kU8;  // of the frames made from it: kU16 above 8 bits
  Rational time_base;                        // of every PTS and duration
  Rational frame_rate;        // constant rate as the container says; 0/1 when variable or unknown
  Rational sample_aspect;     // 0/1 when unknown
  ColourTags colour;          // as tagged
  Orientation orientation;    // what viewers are asked to do with the pictures
  int64_t frames = 0;         // how many pictures there should be; 0 when nobody knows
  bool frames_exact = false;  // `frames` comes from the container's index, not from rate x duration
  double start_seconds = 0;
  double duration_seconds = 0;  // 0 when unknown
};

struct MediaInfo {
  std::string path;
  std::string container;    // FFmpeg's demuxer name, e.g. "mov,mp4,m4a,3gp,3g2,mj2"
  std::string major_brand;  // of MP4 and its relatives, e.g. "isom", "qt  "; else empty
  double start_seconds = 0;
  double duration_seconds = 0;  // 0 when unknown
  VideoStreamInfo video;
  std::vector<StreamInfo> streams;  // all of them, in file order
  int chapters = 0;
};

// Opens a file, decodes its first picture and describes it. Errors as VideoReader::Open.
Result<MediaInfo> ProbeMedia(const std::string& path);

}  // namespace octoscale
