#include "worker/zip_writer.h"

#include <libdeflate.h>

#include <algorithm>

namespace octoscale::worker {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kZip64End = 0x06064b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint16_t kVersionPlain = 20;
constexpr uint16_t kVersionZip64 = 45;
constexpr uint16_t kUtf8Names = 1u << 11;
constexpr uint16_t kStored = 0;
// 1980-01-01 00:00: equal requests give equal archives.
constexpr uint32_t kDosTime = 0x00210000;
constexpr uint64_t kMax32 = 0xffffffff;
constexpr uint64_t kMax16 = 0xffff;

template <typename T>
void Put(std::string* out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint32_t Low32(uint64_t value) { return static_cast<uint32_t>(std::min(value, kMax32)); }

// The fields that local and central headers share, from "version needed" to the extra's length.
void PutCommon(std::string* out, uint64_t size, uint32_t crc32, size_t name_size, size_t extra_size,
               bool zip64) {
  Put<uint16_t>(out, zip64 ? kVersionZip64 : kVersionPlain);
  Put<uint16_t>(out, kUtf8Names);
  Put<uint16_t>(out, kStored);
  Put<uint32_t>(out, kDosTime);
  Put<uint32_t>(out, crc32);
  Put<uint32_t>(out, Low32(size));
  Put<uint32_t>(out, Low32(size));
  Put<uint16_t>(out, static_cast<uint16_t>(name_size));
  Put<uint16_t>(out, static_cast<uint16_t>(extra_size));
}

void PutZip64Extra(std::string* out, std::span<const uint64_t> values) {
  Put<uint16_t>(out, 0x0001);
  Put<uint16_t>(out, static_cast<uint16_t>(values.size() * 8));
  for (const uint64_t value : values) Put<uint64_t>(out, value);
}

}  // namespace

std::string ZipWriter::EntryHeader(std::string_view name, std::span<const uint8_t> content) {
  return EntryHeader(name, content.size(), libdeflate_crc32(0, content.data(), content.size()));
}

std::string ZipWriter::EntryHeader(std::string_view name, uint64_t size, uint32_t crc32) {
  std::string extra;
  if (size >= kMax32) PutZip64Extra(&extra, std::vector<uint64_t>{size, size});
  std::string out;
  Put<uint32_t>(&out, kLocalHeader);
  PutCommon(&out, size, crc32, name.size(), extra.size(), !extra.empty());
  out += name;
  out += extra;
  entries_.push_back({std::string(name), size, offset_, crc32});
  offset_ += out.size() + size;
  return out;
}

std::string ZipWriter::End() {
  std::string out;
  for (const Entry& entry : entries_) {
    std::vector<uint64_t> large;
    if (entry.size >= kMax32) large = {entry.size, entry.size};
    if (entry.offset >= kMax32) large.push_back(entry.offset);
    std::string extra;
    if (!large.empty()) PutZip64Extra(&extra, large);
    Put<uint32_t>(&out, kCentralHeader);
    Put<uint16_t>(&out, (3 << 8) | kVersionZip64);  // made by: Unix, so that modes count
    PutCommon(&out, entry.size, entry.crc32, entry.name.size(), extra.size(), !large.empty());
    Put<uint16_t>(&out, 0);                        // comment
    Put<uint16_t>(&out, 0);                        // disk
    Put<uint16_t>(&out, 0);                        // internal attributes
    Put<uint32_t>(&out, uint32_t{0100644} << 16);  // external: -rw-r--r--
    Put<uint32_t>(&out, Low32(entry.offset));
    out += entry.name;
    out += extra;
  }
  const uint64_t size = out.size();
  const uint64_t count = entries_.size();
  if (offset_ >= kMax32 || count >= kMax16) {
    Put<uint32_t>(&out, kZip64End);
    Put<uint64_t>(&out, 44);  // bytes of this record after this field
    Put<uint16_t>(&out, (3 << 8) | kVersionZip64);
    Put<uint16_t>(&out, kVersionZip64);
    Put<uint32_t>(&out, 0);
    Put<uint32_t>(&out, 0);
    Put<uint64_t>(&out, count);
    Put<uint64_t>(&out, count);
    Put<uint64_t>(&out, size);
    Put<uint64_t>(&out, offset_);
    Put<uint32_t>(&out, kZip64Locator);
    Put<uint32_t>(&out, 0);
    Put<uint64_t>(&out, offset_ + size);
    Put<uint32_t>(&out, 1);
  }
  Put<uint32_t>(&out, kEnd);
  Put<uint16_t>(&out, 0);
  Put<uint16_t>(&out, 0);
  Put<uint16_t>(&out, static_cast<uint16_t>(std::min(count, kMax16)));
  Put<uint16_t>(&out, static_cast<uint16_t>(std::min(count, kMax16)));
  Put<uint32_t>(&out, Low32(size));
  Put<uint32_t>(&out, Low32(offset_));
  Put<uint16_t>(&out, 0);
  return out;
}

}  // namespace octoscale::worker
