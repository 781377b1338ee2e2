#include "image/run_deflate.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <numeric>
#include <random>
#include <string>

namespace octoscale {
namespace {

// Packs, unpacks with another implementation (the PNG tests use a third), returns the packed size.
size_t RoundTrip(const std::vector<uint8_t>& data) {
  const std::vector<uint8_t> packed = RunDeflate(data);
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  std::vector<uint8_t> other(data.size() + 1);
  size_t length = 0;
  EXPECT_EQ(libdeflate_zlib_decompress(decompressor, packed.data(), packed.size(), other.data(),
                                       other.size(), &length),
            LIBDEFLATE_SUCCESS);
  other.resize(length);
  EXPECT_EQ(other, data);
  libdeflate_free_decompressor(decompressor);
  EXPECT_LE(packed.size(), data.size() + data.size() / 10000 + 64);
  return packed.size();
}

TEST(RunDeflateTest, EverySizeAndContent) {
  std::mt19937 random(1);
  for (const size_t size :
       {0, 1, 2, 8, 9, 16, 300, 1000, 65535, 65536, 262143, 262144, 262145, 600000}) {
    std::vector<uint8_t> data(size);
    RoundTrip(data);  // zeros
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
    RoundTrip(data);  // noise
    // Small differences and flat stretches, as filtered pixels are.
    for (size_t i = 0; i < size; ++i) {
      data[i] = (i / 100) % 3 == 0 ? 0 : static_cast<uint8_t>((random() % 8) * (random() % 8) / 8);
    }
    const size_t packed = RoundTrip(data);
    if (size > 60000) {
      EXPECT_LT(packed, size / 2);
    }
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random() % 2 * 255);
    RoundTrip(data);  // two symbols
  }
}

TEST(RunDeflateTest, RunsOfEveryLengthAndPlace) {
  for (size_t run = 0; run < 800; ++run) {
    std::vector<uint8_t> data(1000);
    std::iota(data.begin(), data.end(), uint8_t{0});
    std::fill_n(data.begin() + static_cast<ptrdiff_t>(run % 97), run, uint8_t{7});
    RoundTrip(data);
  }
}

TEST(RunDeflateTest, ARunMayCrossBlocks) {
  std::vector<uint8_t> data(600'000, 5);
  data[262'143] = 6;
  EXPECT_LT(RoundTrip(data), 5'000u);
}

TEST(RunDeflateTest, ALongTailOfRareBytesKeepsTheCodeShort) {
  // Fibonacci counts would give words of 20 bits and more.
  std::vector<uint8_t> data;
  for (size_t symbol = 0, a = 1, b = 1; symbol < 24; ++symbol, std::swap(a, b), a += b) {
    for (size_t i = 0; i < b; ++i) data.push_back(static_cast<uint8_t>(symbol * 9 + i % 2));
  }
  RoundTrip(data);
}

TEST(HuffmanLengthsTest, IsCompleteAndWithinTheLimit) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint32_t> counts(286);
    for (uint32_t& count : counts) {
      const uint32_t kind = random() % 4;
      count = kind == 0 ? 0 : kind == 1 ? random() % 3 : random() >> (random() % 32);
    }
    if (round == 0) std::fill(counts.begin(), counts.end(), 0u);
    if (round == 1) std::fill(counts.begin(), counts.end(), 1u);
    const std::vector<uint8_t> lengths = HuffmanLengths(counts, 12);
    uint32_t kraft = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      ASSERT_LE(lengths[i], 12);
      ASSERT_TRUE(counts[i] == 0 || lengths[i] > 0);
      if (lengths[i] > 0) kraft += 4096u >> lengths[i];
    }
    EXPECT_EQ(kraft, 4096u) << round;
  }
}

}  // namespace
}  // namespace octoscale
