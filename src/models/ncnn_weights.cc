#include "models/ncnn_weights.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/half.h"

namespace octoscale {
namespace {

static_assert(std::endian::native == std::endian::little, "ncnn's files are little-endian");

constexpr uint32_t kTagFp32 = 0;
constexpr uint32_t kTagFp16 = 0x01306B47;
constexpr uint64_t kTagBytes = 4;

uint64_t WeightCount(const ConvLayout& conv) {
  return static_cast<uint64_t>(conv.in_channels) * static_cast<uint64_t>(conv.out_channels) * 9;
}

// fp16 weights are padded to a multiple of 4 bytes.
uint64_t HalfBytes(uint64_t count) { return (count * 2 + 3) / 4 * 4; }

class WeightReader {
 public:
  WeightReader(std::string_view bytes, std::string_view file_name)
      : bytes_(bytes), file_name_(file_name) {}

  Result<ConvWeights> ReadConv(const ConvLayout& conv) {
    ConvWeights weights;
    weights.in_channels = conv.in_channels;
    weights.out_channels = conv.out_channels;
    const uint64_t outputs = static_cast<uint64_t>(conv.out_channels);
    OCTO_ASSIGN_OR_RETURN(const std::string_view tag_bytes, Take(kTagBytes, conv.layer, "tag"));
    uint32_t tag = 0;
    std::memcpy(&tag, tag_bytes.data(), sizeof(tag));
    if (tag == kTagFp16) {
      OCTO_ASSIGN_OR_RETURN(weights.weight, ReadHalves(WeightCount(conv), conv.layer));
    } else if (tag == kTagFp32) {
      OCTO_ASSIGN_OR_RETURN(weights.weight, ReadFloats(WeightCount(conv), conv.layer, "weights"));
    } else {
      char hex[16];
      std::snprintf(hex, sizeof(hex), "0x%08X", tag);
      return Corrupt(conv.layer, std::string("expected the tag 0x01306B47 (fp16) or 0 (fp32) "
                                             "before its weights, found ") +
                                     hex);
    }
    OCTO_ASSIGN_OR_RETURN(weights.bias, ReadFloats(outputs, conv.layer, "bias"));
    if (!conv.slope_layer.empty()) {
      OCTO_ASSIGN_OR_RETURN(weights.slope, ReadFloats(outputs, conv.slope_layer, "slopes"));
    }
    return weights;
  }

  Status Finish() const {
    if (offset_ == bytes_.size()) return OkStatus();
    return CorruptInput(file_name_ + ": expected the end at byte " + std::to_string(offset_) +
                        " after the last layer, found " + std::to_string(bytes_.size() - offset_) +
                        " bytes more; is it the file of another model?");
  }

 private:
  Status Corrupt(const std::string& layer, const std::string& message) const {
    return CorruptInput(file_name_ + ": layer " + QuoteToken(layer) + ": " + message);
  }

  Result<std::string_view> Take(uint64_t count, const std::string& layer, const char* what) {
    const uint64_t left = bytes_.size() - offset_;
    if (left < count) {
      return Corrupt(layer, "expected " + std::to_string(count) + " bytes of " + what +
                                " at byte " + std::to_string(offset_) + ", the file has " +
                                std::to_string(left) + " left; is it truncated?");
    }
    const std::string_view taken = bytes_.substr(offset_, count);
    offset_ += count;
    return taken;
  }

  Result<std::vector<float>> ReadFloats(uint64_t count, const std::string& layer,
                                        const char* what) {
    OCTO_ASSIGN_OR_RETURN(const std::string_view raw, Take(count * sizeof(float), layer, what));
    std::vector<float> values(count);
    std::memcpy(values.data(), raw.data(), raw.size());
    return CheckFinite(std::move(values), layer, what);
  }

  Result<std::vector<float>> ReadHalves(uint64_t count, const std::string& layer) {
    OCTO_ASSIGN_OR_RETURN(const std::string_view raw,
                          Take(HalfBytes(count), layer, "fp16 weights"));
    std::vector<float> values(count);
    for (uint64_t i = 0; i < count; ++i) {
      uint16_t bits = 0;
      std::memcpy(&bits, raw.data() + i * sizeof(bits), sizeof(bits));
      values[i] = HalfToFloat(bits);
    }
    return CheckFinite(std::move(values), layer, "weights");
  }

  Result<std::vector<float>> CheckFinite(std::vector<float> values, const std::string& layer,
                                         const char* what) const {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        return Corrupt(layer, std::string("expected finite ") + what + ", found " +
                                  (std::isnan(values[i]) ? "NaN" : "infinity") + " at index " +
                                  std::to_string(i));
      }
    }
    return values;
  }

  std::string_view bytes_;
  std::string file_name_;
  uint64_t offset_ = 0;
};

}  // namespace

WeightFileSize PossibleWeightFileSize(const std::vector<ConvLayout>& convs) {
  WeightFileSize size;
  for (const ConvLayout& conv : convs) {
    const uint64_t vectors = conv.slope_layer.empty() ? 1 : 2;  // bias, slopes
    const uint64_t rest =
        kTagBytes + vectors * static_cast<uint64_t>(conv.out_channels) * sizeof(float);
    size.bytes_min += HalfBytes(WeightCount(conv)) + rest;
    size.bytes_max += WeightCount(conv) * sizeof(float) + rest;
  }
  return size;
}

Result<std::vector<ConvWeights>> ReadNcnnWeights(const std::vector<ConvLayout>& convs,
                                                 std::string_view bytes,
                                                 std::string_view file_name) {
  WeightReader reader(bytes, file_name);
  std::vector<ConvWeights> weights;
  weights.reserve(convs.size());
  for (const ConvLayout& conv : convs) {
    OCTO_ASSIGN_OR_RETURN(ConvWeights read, reader.ReadConv(conv));
    weights.push_back(std::move(read));
  }
  OCTO_RETURN_IF_ERROR(reader.Finish());
  return weights;
}

}  // namespace octoscale
