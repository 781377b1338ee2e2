// Small .param texts and .bin bytes of both networks, for tests: one line a layer, so that a test
// can break exactly one thing.
#pragma once

#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

namespace octoscale::test {

struct SyntheticConv {
  int in_channels = 0;
  int out_channels = 0;
  bool has_slope = false;
};

// The layers of a graph in file order, and its convolutions.
struct SyntheticModel {
  std::vector<std::string> layers;
  std::vector<SyntheticConv> convs;

  // Index of the layer of that name; the count of layers when there is none.
  size_t Find(const std::string& name) const {
    for (size_t i = 0; i < layers.size(); ++i) {
      std::istringstream words(layers[i]);
      std::string type;
      std::string layer_name;
      words >> type >> layer_name;
      if (layer_name == name) return i;
    }
    return layers.size();
  }

  // Replaces text in the layer of that name.
  void Edit(const std::string& name, const std::string& from, const std::string& to) {
    std::string& line = layers.at(Find(name));
    line.replace(line.find(from), from.size(), to);
  }

  // The .param text, with the counts that belong to the layers.
  std::string Param() const {
    int blobs = 0;
    std::string text;
    for (const std::string& line : layers) {
      std::istringstream words(line);
      std::string word;
      int outputs = 0;
      words >> word >> word >> word >> outputs;
      blobs += outputs;
      text += line + "\n";
    }
    return "7767517\n" + std::to_string(layers.size()) + " " + std::to_string(blobs) + "\n" + text;
  }

  // The .bin bytes; values are small, exact in fp16, and the same for both formats.
  std::string Bin(bool fp16) const {
    std::string bytes;
    uint32_t state = 1;
    for (const SyntheticConv& conv : convs) {
      const size_t count =
          static_cast<size_t>(conv.in_channels) * static_cast<size_t>(conv.out_channels) * 9;
      Append(bytes, fp16 ? uint32_t{0x01306B47} : uint32_t{0});
      for (size_t i = 0; i < count; ++i) AppendWeight(bytes, Next(state), fp16);
      while (bytes.size() % 4 != 0) bytes += '\0';
      const size_t outputs = static_cast<size_t>(conv.out_channels);
      for (size_t i = 0; i < outputs * (conv.has_slope ? 2 : 1); ++i) {
        AppendWeight(bytes, Next(state), false);
      }
    }
    return bytes;
  }

 private:
  // One of 0.25, 0.5, 1 and 2, or its negative.
  struct Value {
    bool negative;
    int exponent;
  };
  static Value Next(uint32_t& state) {
    state = state * 1664525u + 1013904223u;
    return {(state >> 31) != 0, static_cast<int>((state >> 20) % 4) - 2};
  }
  template <typename T>
  static void Append(std::string& bytes, T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes.append(raw, sizeof(T));
  }
  static void AppendWeight(std::string& bytes, Value value, bool fp16) {
    if (fp16) {
      Append(bytes,
             static_cast<uint16_t>((value.negative ? 0x8000 : 0) | ((value.exponent + 15) << 10)));
    } else {
      Append(bytes, static_cast<uint32_t>((value.negative ? 0x80000000u : 0u) |
                                          (static_cast<uint32_t>(value.exponent + 127) << 23)));
    }
  }
};

namespace internal {

inline std::string ConvLine(const std::string& name, const std::string& input,
                            const std::string& output, const SyntheticConv& conv, bool leaky) {
  return "Convolution " + name + " 1 1 " + input + " " + output +
         " 0=" + std::to_string(conv.out_channels) +
         " 1=3 4=1 5=1 6=" + std::to_string(conv.in_channels * conv.out_channels * 9) +
         (leaky ? " 9=2 -23310=1,2.000000e-01" : "");
}

// Adds a convolution layer; its output blob has the layer's name.
inline std::string AddConv(SyntheticModel& model, const std::string& name, const std::string& input,
                           int in, int out, bool leaky, bool slope = false) {
  model.convs.push_back({in, out, slope});
  model.layers.push_back(ConvLine(name, input, name, model.convs.back(), leaky));
  return name;
}

// "Split" with outputs NAME_0, NAME_1, ...
inline void AddSplit(SyntheticModel& model, const std::string& blob, int count) {
  std::string line = "Split split_" + blob + " 1 " + std::to_string(count) + " " + blob;
  for (int i = 0; i < count; ++i) line += " " + blob + "_" + std::to_string(i);
  model.layers.push_back(line);
}

}  // namespace internal

// SRVGGNetCompact: layers conv_0, prelu_0, ..., conv_last, shuffle, base, add, and to_scale for
// scale 2 and 3.
inline SyntheticModel MakeSrvgg(int blocks, int scale = 4) {
  SyntheticModel model;
  model.layers.push_back("Input input 0 1 data");
  internal::AddSplit(model, "data", 2);
  std::string x = "data_1";
  for (int i = 0; i <= blocks; ++i) {
    const std::string index = std::to_string(i);
    x = internal::AddConv(model, "conv_" + index, x, i == 0 ? 3 : 64, 64, false, true);
    model.layers.push_back("PReLU prelu_" + index + " 1 1 " + x + " prelu_" + index + " 0=64");
    x = "prelu_" + index;
  }
  internal::AddConv(model, "conv_last", x, 64, 48, false);
  model.layers.push_back("PixelShuffle shuffle 1 1 conv_last shuffle 0=4");
  model.layers.push_back("Interp base 1 1 data_0 base 0=1 1=4.000000e+00 2=4.000000e+00");
  model.layers.push_back("BinaryOp add 2 1 shuffle base sum");
  if (scale != 4) {
    const std::string factor = scale == 2 ? "5.000000e-01" : "7.500000e-01";
    model.layers.push_back("Interp to_scale 1 1 sum output 0=3 1=" + factor + " 2=" + factor);
  }
  return model;
}

// RRDBNet: layers conv_first, then per RRDB b and dense block d (from 1) bB_dD_conv1..5,
// bB_dD_cat2..5, bB_dD_add, bB_add; conv_body, body_add, up1, conv_up1, up2, conv_up2, conv_hr,
// conv_last.
inline SyntheticModel MakeRrdb(int blocks) {
  SyntheticModel model;
  model.layers.push_back("Input input 0 1 data");
  internal::AddConv(model, "conv_first", "data", 3, 64, false);
  internal::AddSplit(model, "conv_first", 8);
  std::string trunk = "conv_first";
  for (int b = 1; b <= blocks; ++b) {
    const std::string block = "b" + std::to_string(b);
    std::string x = trunk;
    for (int d = 1; d <= 3; ++d) {
      const std::string dense = block + "_d" + std::to_string(d);
      std::string joined = x + "_0";
      std::string all = x + "_1";
      for (int i = 1; i <= 5; ++i) {
        const std::string index = std::to_string(i);
        if (i > 1) {
          model.layers.push_back("Concat " + dense + "_cat" + index + " " + index + " 1 " + all +
                                 " " + dense + "_cat" + index);
          joined = dense + "_cat" + index;
        }
        const std::string conv = internal::AddConv(model, dense + "_conv" + index, joined,
                                                   64 + 32 * (i - 1), i == 5 ? 64 : 32, i != 5);
        all += " " + conv;
      }
      model.layers.push_back("Eltwise " + dense + "_add 2 1 " + dense + "_conv5 " + x + "_2 " +
                             dense + " 0=1 -23301=2,2.000000e-01,1.000000e+00");
      if (d < 3) internal::AddSplit(model, dense, 3);
      x = dense;
    }
    model.layers.push_back("Eltwise " + block + "_add 2 1 " + x + " " + trunk + "_3 " + block +
                           " 0=1 -23301=2,2.000000e-01,1.000000e+00");
    internal::AddSplit(model, block, 5);
    trunk = block;
  }
  internal::AddConv(model, "conv_body", trunk + "_4", 64, 64, false);
  model.layers.push_back("BinaryOp body_add 2 1 conv_first_7 conv_body body_add");
  std::string x = "body_add";
  for (const std::string index : {"1", "2"}) {
    model.layers.push_back("Interp up" + index + " 1 1 " + x + " up" + index +
                           " 0=1 1=2.000000e+00 2=2.000000e+00");
    x = internal::AddConv(model, "conv_up" + index, "up" + index, 64, 64, true);
  }
  x = internal::AddConv(model, "conv_hr", x, 64, 64, true);
  internal::AddConv(model, "conv_last", x, 64, 3, false);
  return model;
}

}  // namespace octoscale::test
