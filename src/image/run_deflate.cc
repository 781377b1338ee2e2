#include "image/run_deflate.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace octoscale {
namespace {

constexpr size_t kBlockBytes = 256 * 1024;
constexpr size_t kStoredBytesMax = 65535;
constexpr int kCodeBitsMax = 12;  // four literals and 7 bits left over fit 64 bits
constexpr int kSymbols = 286;
constexpr int kEndOfBlock = 256;
constexpr size_t kRunMax = 258;
constexpr size_t kRunMin = 3;
constexpr size_t kWord = sizeof(uint64_t);

uint64_t Load(const uint8_t* p) {
  uint64_t word;
  std::memcpy(&word, p, kWord);
  return word;
}

// Literals, and then a run that repeats the byte before it.
struct Stretch {
  uint32_t literals;
  uint32_t run;
};

struct LengthCode {
  int symbol;
  int extra_bits;
  uint32_t extra;
};

// Of a run of 3..258 bytes (RFC 1951, 3.2.5).
LengthCode LengthCodeOf(size_t length) {
  if (length == kRunMax) return {285, 0, 0};
  const uint32_t value = static_cast<uint32_t>(length - kRunMin);
  if (value < 8) return {257 + static_cast<int>(value), 0, 0};
  const int bits = 29 - __builtin_clz(value);  // extra bits: two less than the value has
  return {257 + 4 * bits + static_cast<int>(value >> bits), bits, value & ((1u << bits) - 1)};
}

class BitWriter {
 public:
  explicit BitWriter(std::vector<uint8_t>* out) : out_(out) {}

  // Room for `bytes` more, plus a word that stores may touch.
  void Reserve(size_t bytes) {
    const size_t used = Flush();
    out_->resize(used + bytes + kWord);
    next_ = out_->data() + used;
  }
  // At most 57 bits between two calls of Drain().
  void Put(uint64_t value, int size) {
    bits_ |= value << count_;
    count_ += size;
  }
  void Drain() {
    std::memcpy(next_, &bits_, kWord);
    next_ += count_ >> 3;
    bits_ >>= count_ & ~7;
    count_ &= 7;
  }
  void PutAligned(const uint8_t* bytes, size_t size) {
    if (size > 0) std::memcpy(next_, bytes, size);
    next_ += size;
  }
  void AlignToByte() {
    Drain();
    if (count_ > 0) {
      *next_++ = static_cast<uint8_t>(bits_);
      bits_ = 0;
      count_ = 0;
    }
  }
  // Cuts the reserved room off; the bytes so far.
  size_t Flush() {
    const size_t used = next_ == nullptr ? out_->size() : static_cast<size_t>(next_ - out_->data());
    out_->resize(used);
    return used;
  }

 private:
  std::vector<uint8_t>* const out_;
  uint8_t* next_ = nullptr;
  uint64_t bits_ = 0;
  int count_ = 0;  // below 8 after Drain()
};

// Splits a block into stretches. `data[-1]` may be read unless `first`.
void FindRuns(const uint8_t* data, size_t size, bool first, std::vector<Stretch>* stretches) {
  stretches->clear();
  const size_t least = first ? 1 : 0;  // the first byte of all has none before it
  size_t start = 0;
  size_t at = least;
  while (at + kWord <= size) {
    if (Load(data + at) != Load(data + at - 1)) {
      at += kWord;
      continue;
    }
    size_t end = at + kWord;
    while (end + kWord <= size && Load(data + end) == Load(data + end - 1)) end += kWord;
    while (end < size && data[end] == data[end - 1]) ++end;
    // The run may begin before the word that showed it.
    while (at > start && at > least && data[at - 1] == data[static_cast<ptrdiff_t>(at) - 2]) --at;
    stretches->push_back({static_cast<uint32_t>(at - start), static_cast<uint32_t>(end - at)});
    start = at = end;
  }
  stretches->push_back({static_cast<uint32_t>(size - start), 0});
}

// Calls `emit(length)` for the matches that make up a run of 8 or more bytes.
template <typename Emit>
void ForEachMatch(size_t run, Emit emit) {
  while (run > kRunMax + kRunMin) {
    emit(kRunMax);
    run -= kRunMax;
  }
  if (run > kRunMax) {  // 259..261: no rest below the least length
    emit(kRunMax - kRunMin);
    run -= kRunMax - kRunMin;
  }
  emit(run);
}

struct BlockCode {
  std::array<uint32_t, kSymbols> counts{};
  std::vector<uint8_t> lengths;
  std::array<uint32_t, kSymbols> codes{};  // bit-reversed, with the length from bit 16 on
  uint64_t body_bits = 0;
};

void CountLiterals(const uint8_t* data, size_t size, uint32_t (*counts)[256]) {
  size_t i = 0;
  for (; i + 4 <= size; i += 4) {  // four tables: equal neighbours don't wait for each other
    ++counts[0][data[i]];
    ++counts[1][data[i + 1]];
    ++counts[2][data[i + 2]];
    ++counts[3][data[i + 3]];
  }
  for (; i < size; ++i) ++counts[0][data[i]];
}

uint32_t Reversed(uint32_t code, int length) {
  uint32_t out = 0;
  for (int i = 0; i < length; ++i) out |= ((code >> i) & 1) << (length - 1 - i);
  return out;
}

BlockCode MakeCode(const uint8_t* data, const std::vector<Stretch>& stretches) {
  BlockCode code;
  uint32_t counts[4][256] = {};
  for (const Stretch& stretch : stretches) {
    CountLiterals(data, stretch.literals, counts);
    data += stretch.literals + stretch.run;
    if (stretch.run == 0) continue;
    ForEachMatch(stretch.run, [&](size_t length) {
      const LengthCode match = LengthCodeOf(length);
      ++code.counts[match.symbol];
      code.body_bits += match.extra_bits + 1;  // and one bit of distance
    });
  }
  for (int i = 0; i < 256; ++i) {
    code.counts[i] = counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i];
  }
  code.counts[kEndOfBlock] = 1;
  code.lengths = HuffmanLengths(code.counts, kCodeBitsMax);
  uint32_t next = 0;
  for (int length = 1; length <= kCodeBitsMax; ++length) {
    for (int symbol = 0; symbol < kSymbols; ++symbol) {
      if (code.lengths[symbol] != length) continue;
      code.codes[symbol] = Reversed(next++, length) | static_cast<uint32_t>(length) << 16;
      code.body_bits += uint64_t{code.counts[symbol]} * length;
    }
    next <<= 1;
  }
  return code;
}

void PutSymbol(const BlockCode& code, int symbol, BitWriter* out) {
  out->Put(code.codes[symbol] & 0xffff, static_cast<int>(code.codes[symbol] >> 16));
}

// A dynamic block's header. All code lengths take 4 bits: a code of 16 equal lengths, no repeats.
void PutHeader(const BlockCode& code, bool last, BitWriter* out) {
  constexpr int kLengthSymbols = 19;
  out->Put(last ? 1 : 0, 1);
  out->Put(2, 2);  // dynamic Huffman codes
  out->Put(kSymbols - 257, 5);
  out->Put(2 - 1, 5);  // two distance codes, of which the first is used
  out->Put(kLengthSymbols - 4, 4);
  out->Drain();
  for (int i = 0; i < kLengthSymbols; ++i) {
    out->Put(i < 3 ? 0 : 4, 3);  // the first three are the repeat codes
    out->Drain();
  }
  const auto put_length = [&](uint32_t length) {
    out->Put(Reversed(length, 4), 4);
    out->Drain();
  };
  for (const uint8_t length : code.lengths) put_length(length);
  put_length(1);
  put_length(1);
}

void PutLiterals(const BlockCode& code, const uint8_t* data, size_t size, BitWriter* out) {
  size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    for (size_t k = 0; k < 4; ++k) PutSymbol(code, data[i + k], out);
    out->Drain();
  }
  for (; i < size; ++i) {
    PutSymbol(code, data[i], out);
    out->Drain();
  }
}

void PutDynamicBlock(const BlockCode& code, const uint8_t* data,
                     const std::vector<Stretch>& stretches, bool last, BitWriter* out) {
  PutHeader(code, last, out);
  for (const Stretch& stretch : stretches) {
    PutLiterals(code, data, stretch.literals, out);
    data += stretch.literals + stretch.run;
    if (stretch.run == 0) continue;
    ForEachMatch(stretch.run, [&](size_t length) {
      const LengthCode match = LengthCodeOf(length);
      PutSymbol(code, match.symbol, out);
      out->Put(match.extra, match.extra_bits);
      out->Put(0, 1);  // distance 1
      out->Drain();
    });
  }
  PutSymbol(code, kEndOfBlock, out);
  out->Drain();
}

void PutStoredBlock(const uint8_t* data, size_t size, bool last, BitWriter* out) {
  do {
    const size_t part = std::min(size, kStoredBytesMax);
    out->Put(last && part == size ? 1 : 0, 1);
    out->Put(0, 2);
    out->AlignToByte();
    const uint8_t lengths[4] = {static_cast<uint8_t>(part), static_cast<uint8_t>(part >> 8),
                                static_cast<uint8_t>(~part), static_cast<uint8_t>(~part >> 8)};
    out->PutAligned(lengths, sizeof(lengths));
    out->PutAligned(data, part);
    data += part;
    size -= part;
  } while (size > 0);
}

}  // namespace

std::vector<uint8_t> HuffmanLengths(std::span<const uint32_t> counts, int length_max) {
  std::vector<uint8_t> lengths(counts.size(), 0);
  std::vector<int> symbols;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) symbols.push_back(static_cast<int>(i));
  }
  for (size_t i = 0; symbols.size() < 2; ++i) {  // a code needs two
    if (counts[i] == 0) symbols.push_back(static_cast<int>(i));
  }
  std::stable_sort(symbols.begin(), symbols.end(),
                   [&](int a, int b) { return counts[a] < counts[b]; });
  // Two queues: leaves in order of weight, and inner nodes, which come into being in that order.
  const size_t leaves = symbols.size();
  std::vector<uint64_t> weight(2 * leaves - 1);
  std::vector<size_t> parent(2 * leaves - 1, 0);
  for (size_t i = 0; i < leaves; ++i) weight[i] = counts[symbols[i]];
  size_t leaf = 0;
  size_t inner = leaves;
  for (size_t node = leaves; node < 2 * leaves - 1; ++node) {
    for (int child = 0; child < 2; ++child) {
      const bool take_leaf = leaf < leaves && (inner == node || weight[leaf] <= weight[inner]);
      const size_t taken = take_leaf ? leaf++ : inner++;
      weight[node] += weight[taken];
      parent[taken] = node;
    }
  }
  std::vector<int> depth(2 * leaves - 1, 0);
  std::vector<int> of_length(length_max + 1, 0);
  for (size_t node = 2 * leaves - 2; node-- > 0;) {
    depth[node] = depth[parent[node]] + 1;
    if (node < leaves) ++of_length[std::min(depth[node], length_max)];
  }
  // Cut to length_max, the words claim more than there is (Kraft's sum exceeds 1). Each step takes
  // a longest word away and splits a shorter one in two.
  uint64_t claimed = 0;
  for (int length = 1; length <= length_max; ++length) {
    claimed += static_cast<uint64_t>(of_length[length]) << (length_max - length);
  }
  for (; claimed > uint64_t{1} << length_max; --claimed) {
    int shorter = length_max - 1;
    while (of_length[shorter] == 0) --shorter;
    --of_length[length_max];
    --of_length[shorter];
    of_length[shorter + 1] += 2;
  }
  size_t next = 0;
  for (int length = length_max; length > 0; --length) {
    for (int i = 0; i < of_length[length]; ++i) {
      lengths[symbols[next++]] = static_cast<uint8_t>(length);
    }
  }
  return lengths;
}

std::vector<uint8_t> RunDeflate(std::span<const uint8_t> data) {
  constexpr size_t kHeaderBytes = 256;  // of a block, stored or not
  std::vector<uint8_t> out = {0x78, 0x01};
  out.reserve(data.size() / 2 + kBlockBytes);
  BitWriter writer(&out);
  std::vector<Stretch> stretches;
  size_t at = 0;
  do {
    const size_t size = std::min(kBlockBytes, data.size() - at);
    const uint8_t* block = data.data() + at;
    const bool last = at + size == data.size();
    FindRuns(block, size, at == 0, &stretches);
    const BlockCode code = MakeCode(block, stretches);
    writer.Reserve(size + kHeaderBytes);
    if (code.body_bits + 8 * kHeaderBytes < 8 * size) {
      PutDynamicBlock(code, block, stretches, last, &writer);
    } else {
      PutStoredBlock(block, size, last, &writer);
    }
    at += size;
  } while (at < data.size());
  writer.AlignToByte();
  writer.Flush();
  const uint32_t adler = libdeflate_adler32(1, data.data(), data.size());
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(adler >> shift));
  return out;
}

}  // namespace octoscale
