#include "video/segment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace octoscale {
namespace {

constexpr std::string_view kMagic = "OCTOSEG1";
constexpr std::string_view kEndMagic = "OCTOSEGE";
constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr size_t kHashedTrailerBytes = 8 + 4 + 8;
constexpr size_t kTrailerBytes = kHashedTrailerBytes + 8 + 8;
constexpr uint32_t kHeaderBytesMax = 1 << 20;
constexpr uint32_t kSideDataMax = 64;
constexpr uint32_t kPayloadBytesMax = INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE;

template <typename T>
void PutInt(std::string* text, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    text->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

void PutString(std::string* text, const std::string& value) {
  PutInt(text, static_cast<uint32_t>(value.size()));
  *text += value;
}

// Takes numbers off the front of a text; ok() turns false when it is too short.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool ok() const { return ok_; }
  bool at_end() const { return text_.empty(); }

  template <typename T>
  T Int() {
    const std::string_view bytes = Bytes(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return static_cast<T>(value);
  }
  std::string_view Bytes(size_t size) {
    if (size > text_.size()) {
      ok_ = false;
      text_ = {};
    }
    const std::string_view bytes = text_.substr(0, size);
    text_.remove_prefix(bytes.size());
    return ok_ ? bytes : std::string_view();
  }
  std::string String() { return std::string(Bytes(Int<uint32_t>())); }

 private:
  std::string_view text_;
  bool ok_ = true;
};

std::string HeaderText(const SegmentHeader& header) {
  std::string text;
  PutString(&text, header.codec);
  PutInt(&text, static_cast<int32_t>(header.time_base.num));
  PutInt(&text, static_cast<int32_t>(header.time_base.den));
  PutString(&text, header.extradata);
  return text;
}

std::string IndexText(const std::vector<SegmentPacket>& index) {
  std::string text;
  for (const SegmentPacket& packet : index) {
    PutInt(&text, packet.pts);
    PutInt(&text, packet.duration);
    PutInt(&text, static_cast<int32_t>(packet.flags));
    PutInt(&text, packet.payload_bytes);
    PutInt(&text, packet.hash);
    PutInt(&text, static_cast<uint32_t>(packet.side_data.size()));
    for (const auto& [type, bytes] : packet.side_data) {
      PutInt(&text, type);
      PutInt(&text, bytes);
    }
  }
  return text;
}

// Statistics of the encoder and hints that the muxer takes from the stream; not part of the video.
bool IsIncidental(AVPacketSideDataType type) {
  return type == AV_PKT_DATA_QUALITY_STATS || type == AV_PKT_DATA_CPB_PROPERTIES;
}

}  // namespace

SegmentFileWriter::SegmentFileWriter(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

SegmentFileWriter::~SegmentFileWriter() {
  if (fd_ >= 0) close(fd_);
}

Result<std::unique_ptr<SegmentFileWriter>> SegmentFileWriter::Create(const std::string& path,
                                                                     const SegmentHeader& header) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return ErrnoStatus(errno, path);
  std::unique_ptr<SegmentFileWriter> writer(new SegmentFileWriter(path, fd));
  writer->header_ = HeaderText(header);
  std::string size;
  PutInt(&size, static_cast<uint32_t>(writer->header_.size()));
  for (const std::string_view part :
       {kMagic, std::string_view(size), std::string_view(writer->header_)}) {
    OCTO_RETURN_IF_ERROR(writer->Put(part.data(), part.size()));
  }
  return writer;
}

Status SegmentFileWriter::Put(const void* data, size_t size) {
  hasher_.Update(data, size);
  buffer_.append(static_cast<const char*>(data), size);
  bytes_ += static_cast<int64_t>(size);
  return buffer_.size() >= kBufferBytes ? Flush() : OkStatus();
}

Status SegmentFileWriter::Flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t wrote = write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus(errno == EFBIG ? ENOSPC : errno, path_);
    done += static_cast<size_t>(wrote);
  }
  buffer_.clear();
  return OkStatus();
}

Status SegmentFileWriter::Add(const AVPacket& packet) {
  SegmentPacket entry;
  entry.pts = packet.pts;
  entry.duration = packet.duration;
  entry.flags = packet.flags;
  entry.payload_bytes = static_cast<uint32_t>(packet.size);
  ContentHasher hasher;
  hasher.Update(packet.data, packet.size);
  OCTO_RETURN_IF_ERROR(Put(packet.data, packet.size));
  for (int i = 0; i < packet.side_data_elems; ++i) {
    const AVPacketSideData& side = packet.side_data[i];
    if (IsIncidental(side.type)) continue;
    entry.side_data.emplace_back(side.type, static_cast<uint32_t>(side.size));
    hasher.Update(side.data, side.size);
    OCTO_RETURN_IF_ERROR(Put(side.data, side.size));
  }
  entry.hash = hasher.Digest();
  index_.push_back(std::move(entry));
  return OkStatus();
}

Status SegmentFileWriter::Close(int64_t pictures) {
  std::string end = IndexText(index_);
  PutInt(&end, static_cast<uint64_t>(bytes_));
  PutInt(&end, static_cast<uint32_t>(index_.size()));
  PutInt(&end, pictures);
  PutInt(&end, ContentHash(header_ + end));
  end += kEndMagic;
  OCTO_RETURN_IF_ERROR(Put(end.data(), end.size()));
  OCTO_RETURN_IF_ERROR(Flush());
  if (fsync(fd_) != 0) return ErrnoStatus(errno, path_);
  // A full disk may show only here.
  if (close(std::exchange(fd_, -1)) != 0) return ErrnoStatus(errno, path_);
  return OkStatus();
}

SegmentFileReader::SegmentFileReader(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

SegmentFileReader::~SegmentFileReader() { close(fd_); }

Status SegmentFileReader::Corrupt(const std::string& what) const {
  return CorruptInput(path_ + ": not a whole segment: " + what);
}

Result<std::unique_ptr<SegmentFileReader>> SegmentFileReader::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  std::unique_ptr<SegmentFileReader> reader(new SegmentFileReader(path, fd));
  OCTO_RETURN_IF_ERROR(reader->Load());
  return reader;
}

Status SegmentFileReader::ReadAt(uint64_t offset, uint64_t size, std::string* bytes) {
  if (offset > size_ || size > size_ - offset) return Corrupt("it is too short");
  bytes->resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(fd_, bytes->data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, path_);
    if (got == 0) return Corrupt("it became shorter while it was read");
    done += static_cast<size_t>(got);
  }
  return OkStatus();
}

Status SegmentFileReader::Load() {
  struct stat info {};
  if (fstat(fd_, &info) != 0) return ErrnoStatus(errno, path_);
  if (!S_ISREG(info.st_mode)) return Corrupt("it is not a regular file");
  size_ = static_cast<uint64_t>(info.st_size);
  if (size_ < kMagic.size() + 4 + kTrailerBytes) return Corrupt("it is too short");
  std::string start;
  OCTO_RETURN_IF_ERROR(ReadAt(0, kMagic.size() + 4, &start));
  if (!start.starts_with(kMagic)) return Corrupt("it begins with something else");
  const auto header_bytes = Cursor(std::string_view(start).substr(kMagic.size())).Int<uint32_t>();
  if (header_bytes > kHeaderBytesMax) return Corrupt("its header is too long");
  std::string header;
  OCTO_RETURN_IF_ERROR(ReadAt(start.size(), header_bytes, &header));
  offset_ = start.size() + header_bytes;

  std::string trailer;
  OCTO_RETURN_IF_ERROR(ReadAt(size_ - kTrailerBytes, kTrailerBytes, &trailer));
  Cursor cursor(trailer);
  const auto index_offset = cursor.Int<uint64_t>();
  const auto packets = cursor.Int<uint32_t>();
  pictures_ = cursor.Int<int64_t>();
  const auto hash = cursor.Int<uint64_t>();
  if (cursor.Bytes(kEndMagic.size()) != kEndMagic) return Corrupt("its end is missing");
  if (index_offset < offset_ || index_offset > size_ - kTrailerBytes) {
    return Corrupt("its index lies outside of it");
  }
  std::string index;
  OCTO_RETURN_IF_ERROR(ReadAt(index_offset, size_ - kTrailerBytes - index_offset, &index));
  if (hash != ContentHash(header + index + trailer.substr(0, kHashedTrailerBytes))) {
    return Corrupt("its header or index is damaged");
  }
  OCTO_RETURN_IF_ERROR(ParseHeader(header));
  OCTO_RETURN_IF_ERROR(ParseIndex(index, packets));
  uint64_t end = offset_;
  for (const SegmentPacket& packet : index_) {
    end += packet.payload_bytes;
    for (const auto& [type, bytes] : packet.side_data) end += bytes;
  }
  return end == index_offset ? OkStatus() : Corrupt("its packets don't fill it");
}

Status SegmentFileReader::ParseHeader(std::string_view text) {
  Cursor cursor(text);
  header_.codec = cursor.String();
  header_.time_base.num = cursor.Int<int32_t>();
  header_.time_base.den = cursor.Int<int32_t>();
  header_.extradata = cursor.String();
  const bool valid =
      cursor.ok() && cursor.at_end() && header_.time_base.num > 0 && header_.time_base.den > 0;
  return valid ? OkStatus() : Corrupt("its header makes no sense");
}

Status SegmentFileReader::ParseIndex(std::string_view text, uint32_t packets) {
  Cursor cursor(text);
  while (cursor.ok() && !cursor.at_end()) {
    SegmentPacket packet;
    packet.pts = cursor.Int<int64_t>();
    packet.duration = cursor.Int<int64_t>();
    packet.flags = cursor.Int<int32_t>();
    packet.payload_bytes = cursor.Int<uint32_t>();
    packet.hash = cursor.Int<uint64_t>();
    const auto sides = cursor.Int<uint32_t>();
    if (sides > kSideDataMax || packet.payload_bytes > kPayloadBytesMax)
      return Corrupt("its index makes no sense");
    for (uint32_t i = 0; i < sides; ++i) {
      const auto type = cursor.Int<uint32_t>();
      packet.side_data.emplace_back(type, cursor.Int<uint32_t>());
    }
    index_.push_back(std::move(packet));
  }
  const bool valid = cursor.ok() && index_.size() == packets && packets > 0 && pictures_ > 0;
  return valid ? OkStatus() : Corrupt("its index makes no sense");
}

Result<AvPacketPtr> SegmentFileReader::Next() {
  if (next_ == index_.size()) return AvPacketPtr();
  const SegmentPacket& entry = index_[next_++];
  uint64_t total = entry.payload_bytes;
  for (const auto& [type, bytes] : entry.side_data) total += bytes;
  std::string bytes;
  OCTO_RETURN_IF_ERROR(ReadAt(offset_, total, &bytes));
  offset_ += total;
  if (ContentHash(bytes) != entry.hash) return Corrupt("a packet is damaged");
  AvPacketPtr packet = NewAvPacket();
  if (av_new_packet(packet.get(), static_cast<int>(entry.payload_bytes)) < 0) {
    throw std::bad_alloc();
  }
  std::memcpy(packet->data, bytes.data(), entry.payload_bytes);
  size_t at = entry.payload_bytes;
  for (const auto& [type, size] : entry.side_data) {
    uint8_t* side =
        av_packet_new_side_data(packet.get(), static_cast<AVPacketSideDataType>(type), size);
    if (side == nullptr) throw std::bad_alloc();
    std::memcpy(side, bytes.data() + at, size);
    at += size;
  }
  packet->pts = entry.pts;
  packet->duration = entry.duration;
  packet->flags = entry.flags;
  return packet;
}

}  // namespace octoscale
