// Hashes of content: they find damage and differences, and don't protect against forgery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace octoscale {

// XXH3, 64 bits, seed 0 (specification: xxHash fast digest algorithm, version 0.2.0).
uint64_t ContentHash(std::string_view bytes);

// The same for content that comes in pieces. Not thread-safe.
class ContentHasher {
 public:
  ContentHasher();  // throws std::bad_alloc
  ~ContentHasher();
  ContentHasher(const ContentHasher&) = delete;
  ContentHasher& operator=(const ContentHasher&) = delete;

  void Update(const void* data, size_t size);
  // Of everything so far.
  uint64_t Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 16 lower-case hexadecimal digits, and back. Nothing when `text` is anything else.
std::string HashText(uint64_t hash);
std::optional<uint64_t> ParseHashText(std::string_view text);

}  // namespace octoscale
