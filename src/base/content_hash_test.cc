#include "base/content_hash.h"

#include <gtest/gtest.h>

namespace octoscale {
namespace {

// The empty hash is in the specification's test vectors.
TEST(ContentHashTest, KnownValues) {
  EXPECT_EQ(HashText(ContentHash("")), "2d06800538d394c2");
  EXPECT_NE(ContentHash("a"), ContentHash("b"));
}

TEST(ContentHashTest, PiecesGiveTheHashOfTheWhole) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += static_cast<char>(i * 7);
  ContentHasher hasher;
  for (size_t at = 0; at < text.size(); at += 333) {
    const std::string piece = text.substr(at, 333);
    hasher.Update(piece.data(), piece.size());
  }
  EXPECT_EQ(hasher.Digest(), ContentHash(text));
}

TEST(ContentHashTest, TextGoesBothWays) {
  for (const uint64_t hash : {uint64_t{0}, uint64_t{0xfedcba9876543210}, ~uint64_t{0}}) {
    EXPECT_EQ(ParseHashText(HashText(hash)), hash);
  }
  for (const char* bad : {"", "123", "00000000000000g0", "00000000000000000", "FEDCBA9876543210",
                          " 000000000000000", "+000000000000000"}) {
    EXPECT_FALSE(ParseHashText(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace octoscale
