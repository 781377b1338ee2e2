// A fast zlib stream for filtered pixels: literals and runs of one byte, with a Huffman code of its
// own for each block (RFC 1950, RFC 1951). No other matches are looked for: after the Paeth filter
// there are few, and looking costs most of a general compressor's time. Private to this folder.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace octoscale {

// Never more than data.size() / 10000 + 64 bytes larger than the data. Throws std::bad_alloc.
std::vector<uint8_t> RunDeflate(std::span<const uint8_t> data);

// Lengths of a Huffman code for `counts`, at most `length_max` bits, 0 for counts of 0. With fewer
// than two symbols in use, the first ones get 1 bit. 2^length_max >= the number of symbols.
// Exposed for tests.
std::vector<uint8_t> HuffmanLengths(std::span<const uint32_t> counts, int length_max);

}  // namespace octoscale
