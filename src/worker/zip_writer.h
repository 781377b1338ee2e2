// Writes a ZIP archive of stored entries as a stream: every local header is complete, so any reader
// can follow (PKWARE APPNOTE 6.3.10; ZIP64 only when sizes or offsets need it).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace octoscale::worker {

// Not thread-safe. The archive is: for each entry the bytes of EntryHeader() and then its content;
// at the end the bytes of End().
class ZipWriter {
 public:
  // `name`: UTF-8, relative, '/' between parts, at most 65535 bytes. The content follows unchanged.
  std::string EntryHeader(std::string_view name, std::span<const uint8_t> content);
  // The same for content whose size and CRC-32 are known without its bytes.
  std::string EntryHeader(std::string_view name, uint64_t size, uint32_t crc32);
  std::string End();

 private:
  struct Entry {
    std::string name;
    uint64_t size;
    uint64_t offset;
    uint32_t crc32;
  };
  std::vector<Entry> entries_;
  uint64_t offset_ = 0;
};

}  // namespace octoscale::worker
