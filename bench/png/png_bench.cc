// Time and size of PNG encoders on given pictures: ours beside libpng at several settings.
// Usage: png_bench PICTURE...   (PNG or JPEG; encoded as 8-bit RGB). Prints a Markdown table.
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/process_usage.h"
#include "image/image.h"

namespace octoscale {
namespace {

using Encoder = std::function<std::vector<uint8_t>()>;

struct LibpngSettings {
  int level;
  int filters;
  int strategy;
};

std::vector<uint8_t> EncodeWithLibpng(const Frame& frame, const LibpngSettings& settings) {
  std::vector<uint8_t> out;
  std::vector<uint8_t> pixels(static_cast<size_t>(frame.width()) * frame.height() * 3);
  FrameToInterleaved(frame, pixels.data(), ptrdiff_t{frame.width()} * 3);
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t size) {
        auto* sink = static_cast<std::vector<uint8_t>*>(png_get_io_ptr(p));
        sink->insert(sink->end(), data, data + size);
      },
      [](png_structp) {});
  png_set_compression_level(png, settings.level);
  png_set_compression_strategy(png, settings.strategy);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, settings.filters);
  png_set_IHDR(png, info, frame.width(), frame.height(), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < frame.height(); ++y) {
    png_write_row(png, pixels.data() + static_cast<size_t>(y) * frame.width() * 3);
  }
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

// The best of several runs, in processor time of this thread: noise only ever adds time.
void PrintRow(const std::string& name, size_t raw_bytes, const Encoder& encode) {
  constexpr int kRuns = 7;
  double best_s = 1e9;
  size_t bytes = 0;
  for (int i = 0; i < kRuns; ++i) {
    const double start_s = ThreadCpuSeconds();
    bytes = encode().size();
    best_s = std::min(best_s, ThreadCpuSeconds() - start_s);
  }
  std::printf("| %s | %.1f | %.0f | %.1f %% |\n", name.c_str(), best_s * 1e3,
              static_cast<double>(raw_bytes) / best_s / 1e6,
              100.0 * static_cast<double>(bytes) / static_cast<double>(raw_bytes));
}

void BenchPicture(const std::string& path, const Frame& frame) {
  const size_t raw = static_cast<size_t>(frame.width()) * frame.height() * 3;
  std::printf("\n%s, %dx%d\n\n| encoder | ms | MB/s | size |\n|---|---|---|---|\n", path.c_str(),
              frame.width(), frame.height());
  PrintRow("ours, fast", raw, [&] { return *EncodePng(frame); });
  PrintRow("ours, small", raw,
           [&] { return *EncodePng(frame, {.png_effort = PngEffort::kSmall}); });
  const std::vector<std::pair<std::string, LibpngSettings>> rows = {
      {"libpng, defaults", {6, PNG_ALL_FILTERS, Z_FILTERED}},
      {"libpng, level 1", {1, PNG_ALL_FILTERS, Z_FILTERED}},
      {"libpng, level 1, Paeth", {1, PNG_FILTER_PAETH, Z_FILTERED}},
      {"libpng, level 1, Paeth, RLE", {1, PNG_FILTER_PAETH, Z_RLE}},
      {"libpng, level 1, Sub, RLE", {1, PNG_FILTER_SUB, Z_RLE}},
      {"libpng, level 1, Up, RLE", {1, PNG_FILTER_UP, Z_RLE}},
  };
  for (const auto& [name, settings] : rows) {
    PrintRow(name, raw, [&, s = settings] { return EncodeWithLibpng(frame, s); });
  }
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: png_bench PICTURE...\n");
    return 2;
  }
  for (int i = 1; i < argc; ++i) {
    const auto image = ReadImageFile(argv[i]);
    if (!image.ok() || image->frame.sample_type() != SampleType::kU8) {
      std::fprintf(stderr, "png_bench: error: %s\n",
                   image.ok() ? "an 8-bit picture is needed" : image.status().message().c_str());
      return 1;
    }
    BenchPicture(argv[i], image->frame);
  }
  return 0;
}

}  // namespace
}  // namespace octoscale

int main(int argc, char** argv) { return octoscale::Main(argc, argv); }
