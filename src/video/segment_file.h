// A segment on disk: the encoded packets of a run of pictures that depend on nothing outside it.
// Included only by the .cc files of this folder.
//
// Layout, little-endian: "OCTOSEG1", header, payloads of all packets in decoding order, index,
// trailer. Times are exact ticks. Decoding times aren't stored: they follow from the order of the
// packets of the whole video and are made when segments are joined.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/content_hash.h"
#include "base/status.h"
#include "video/libav.h"

namespace octoscale {

struct SegmentHeader {
  std::string codec;  // FFmpeg's codec name, e.g. "h264"
  AVRational time_base{0, 1};
  std::string extradata;  // of the codec; empty for those without
};

struct SegmentPacket {
  int64_t pts = 0;
  int64_t duration = 0;
  int flags = 0;  // AV_PKT_FLAG_*
  uint32_t payload_bytes = 0;
  std::vector<std::pair<uint32_t, uint32_t>> side_data;  // type, bytes; stored after the payload
  uint64_t hash = 0;                                     // of payload and side data
};

// Not thread-safe. The destructor leaves an unfinished file, which no reader takes.
class SegmentFileWriter {
 public:
  // Replaces the file.
  static Result<std::unique_ptr<SegmentFileWriter>> Create(const std::string& path,
                                                           const SegmentHeader& header);
  ~SegmentFileWriter();

  Status Add(const AVPacket& packet);
  // Writes the index and syncs the file to disk.
  Status Close(int64_t pictures);

  int64_t packets() const { return static_cast<int64_t>(index_.size()); }
  int64_t bytes() const { return bytes_; }
  uint64_t hash() const { return hasher_.Digest(); }  // of all bytes written

 private:
  SegmentFileWriter(std::string path, int fd);
  Status Put(const void* data, size_t size);
  Status Flush();

  std::string path_;
  int fd_;
  std::string buffer_;
  int64_t bytes_ = 0;  // with those in the buffer
  ContentHasher hasher_;
  std::string header_;  // as written
  std::vector<SegmentPacket> index_;
};

// Not thread-safe. Reads packets one by one: memory is bounded by the largest.
class SegmentFileReader {
 public:
  // Errors: CorruptInput for anything but a closed, undamaged segment.
  static Result<std::unique_ptr<SegmentFileReader>> Open(const std::string& path);
  ~SegmentFileReader();

  const SegmentHeader& header() const { return header_; }
  const std::vector<SegmentPacket>& index() const { return index_; }
  int64_t pictures() const { return pictures_; }

  // The packets in order, without decoding times; null after the last. CorruptInput when its bytes
  // are not those that were written.
  Result<AvPacketPtr> Next();

 private:
  SegmentFileReader(std::string path, int fd);
  Status Load();
  Status ParseHeader(std::string_view text);
  Status ParseIndex(std::string_view text, uint32_t packets);
  Status ReadAt(uint64_t offset, uint64_t size, std::string* bytes);
  Status Corrupt(const std::string& what) const;

  std::string path_;
  int fd_;
  uint64_t size_ = 0;
  SegmentHeader header_;
  std::vector<SegmentPacket> index_;
  int64_t pictures_ = 0;
  size_t next_ = 0;
  uint64_t offset_ = 0;  // of the next packet
};

}  // namespace octoscale
