// PNG encoding: one filter for all rows, and a compressor of our own for speed or libdeflate for
// size; docs/decisions/0002-png-encoder.md has the figures.
#include <libdeflate.h>

#include <cstring>
#include <memory>
#include <new>

#include "image/codecs.h"
#include "image/png_filter.h"
#include "image/run_deflate.h"

namespace octoscale {
namespace {

constexpr uint8_t kFilterPaeth = 4;
constexpr int kSmallLevel = 6;
constexpr size_t kChunkOverheadBytes = 12;  // length, type, checksum

void PutBigEndian(uint32_t value, uint8_t* out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

void AppendChunk(const char (&type)[5], std::span<const uint8_t> data, std::vector<uint8_t>& out) {
  const size_t start = out.size();
  out.resize(start + kChunkOverheadBytes + data.size());
  uint8_t* chunk = out.data() + start;
  PutBigEndian(static_cast<uint32_t>(data.size()), chunk);
  std::memcpy(chunk + 4, type, 4);
  if (!data.empty()) std::memcpy(chunk + 8, data.data(), data.size());
  PutBigEndian(libdeflate_crc32(0, chunk + 4, data.size() + 4), chunk + 8 + data.size());
}

void AppendHeader(const ImageView& image, std::vector<uint8_t>& out) {
  static constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  static constexpr uint8_t kRgb = 2, kRgba = 6;
  out.resize(sizeof(kSignature));
  std::memcpy(out.data(), kSignature, sizeof(kSignature));
  uint8_t header[13] = {};
  PutBigEndian(image.frame->width(), header);
  PutBigEndian(image.frame->height(), header + 4);
  header[8] = static_cast<uint8_t>(8 * SampleBytes(image.frame->sample_type()));
  header[9] = image.alpha ? kRgba : kRgb;
  AppendChunk("IHDR", header, out);
}

class Compressor {
 public:
  explicit Compressor(int level) : compressor_(libdeflate_alloc_compressor(level)) {
    if (!compressor_) throw std::bad_alloc();
  }
  std::vector<uint8_t> Zlib(std::span<const uint8_t> data) {
    std::vector<uint8_t> out(libdeflate_zlib_compress_bound(compressor_.get(), data.size()));
    out.resize(libdeflate_zlib_compress(compressor_.get(), data.data(), data.size(), out.data(),
                                        out.size()));
    return out;
  }

 private:
  struct Free {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

void AppendIccProfile(std::span<const uint8_t> profile, Compressor& compressor,
                      std::vector<uint8_t>& out) {
  static constexpr uint8_t kNameAndMethod[] = {'i', 'c', 'c', 0, 0};
  std::vector<uint8_t> data(std::begin(kNameAndMethod), std::end(kNameAndMethod));
  const std::vector<uint8_t> packed = compressor.Zlib(profile);
  data.insert(data.end(), packed.begin(), packed.end());
  AppendChunk("iCCP", data, out);
}

template <typename T>
T FileOrder(T sample) {
  if constexpr (sizeof(T) == 2) return static_cast<T>(sample << 8 | sample >> 8);
  return sample;
}

template <typename T>
void MergeRow(const ImageView& image, int y, T* out) {
  const int channels = image.alpha ? 4 : 3;
  for (int plane = 0; plane < channels; ++plane) {
    const uint8_t* bytes = plane < 3 ? image.frame->row(plane, y) : image.alpha->row(y);
    const T* in = reinterpret_cast<const T*>(bytes);
    for (int x = 0; x < image.frame->width(); ++x) out[x * channels + plane] = FileOrder(in[x]);
  }
}

// The rows as IDAT wants them: each a filter byte and the filtered samples.
AlignedBuffer<uint8_t> FilterRows(const ImageView& image) {
  const Frame& frame = *image.frame;
  const size_t pixel_bytes = (image.alpha ? 4 : 3) * SampleBytes(frame.sample_type());
  const size_t row_bytes = pixel_bytes * frame.width();
  AlignedBuffer<uint8_t> rows(2 * row_bytes);
  rows.Zero();
  uint8_t* current = rows.data();
  uint8_t* above = rows.data() + row_bytes;
  AlignedBuffer<uint8_t> filtered((row_bytes + 1) * frame.height());
  for (int y = 0; y < frame.height(); ++y) {
    if (frame.sample_type() == SampleType::kU16) {
      MergeRow(image, y, reinterpret_cast<uint16_t*>(current));
    } else {
      MergeRow(image, y, current);
    }
    uint8_t* out = filtered.data() + (row_bytes + 1) * y;
    *out = kFilterPaeth;
    PaethFilter(current, above, pixel_bytes, row_bytes, out + 1);
    std::swap(current, above);
  }
  return filtered;
}

// A chunk's length has 31 bits, so a large picture takes several.
void AppendPixels(std::span<const uint8_t> packed, std::vector<uint8_t>& out) {
  constexpr size_t kChunkBytesMax = size_t{1} << 30;
  while (!packed.empty()) {
    const size_t bytes = std::min(packed.size(), kChunkBytesMax);
    AppendChunk("IDAT", packed.first(bytes), out);
    packed = packed.subspan(bytes);
  }
}

}  // namespace

Result<std::vector<uint8_t>> EncodePng(const ImageView& image, const EncodeOptions& options) {
  OCTO_RETURN_IF_ERROR(CheckImageView(image));
  try {
    Compressor compressor(kSmallLevel);
    std::vector<uint8_t> packed;
    {
      const AlignedBuffer<uint8_t> rows = FilterRows(image);
      const std::span<const uint8_t> data(rows.data(), rows.size());
      packed = options.png_effort == PngEffort::kFast ? RunDeflate(data) : compressor.Zlib(data);
    }
    std::vector<uint8_t> out;
    out.reserve(packed.size() + image.icc_profile.size() + 256);
    AppendHeader(image, out);
    if (IsRgbIccProfile(image.icc_profile)) AppendIccProfile(image.icc_profile, compressor, out);
    AppendPixels(packed, out);
    AppendChunk("IEND", {}, out);
    return out;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory to encode a PNG");
  }
}

}  // namespace octoscale
