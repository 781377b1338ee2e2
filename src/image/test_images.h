// Pictures made by libpng and libjpeg themselves, so that our codecs are tested against them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <jpeglib.h>
#include <png.h>

#include "frame/frame.h"

namespace octoscale::testing {

struct PngSpec {
  int width = 0;
  int height = 0;
  int bit_depth = 8;
  int color_type = PNG_COLOR_TYPE_RGB;
  int interlace = PNG_INTERLACE_NONE;
  std::vector<png_color> palette = {};
  std::vector<uint8_t> palette_alpha = {};
};

// `rows`: the samples as libpng takes them, rows packed one after the other.
inline std::vector<uint8_t> LibpngEncode(const PngSpec& spec, std::vector<uint8_t> rows) {
  std::vector<uint8_t> out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t size) {
        auto* sink = static_cast<std::vector<uint8_t>*>(png_get_io_ptr(p));
        sink->insert(sink->end(), data, data + size);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, spec.width, spec.height, spec.bit_depth, spec.color_type, spec.interlace,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!spec.palette.empty()) {
    png_set_PLTE(png, info, spec.palette.data(), static_cast<int>(spec.palette.size()));
  }
  if (!spec.palette_alpha.empty()) {
    png_set_tRNS(png, info, spec.palette_alpha.data(), static_cast<int>(spec.palette_alpha.size()),
                 nullptr);
  }
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  const size_t row_bytes = png_get_rowbytes(png, info);
  for (int y = 0; y < spec.height; ++y) pointers.push_back(rows.data() + row_bytes * y);
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

struct JpegSpec {
  int width = 0;
  int height = 0;
  J_COLOR_SPACE space = JCS_RGB;
  std::vector<uint8_t> app1 = {};  // an EXIF segment; empty: none
  bool progressive = false;
};

// `rows`: interleaved samples, 1, 3 or 4 a pixel by `space`. Chroma is not subsampled.
inline std::vector<uint8_t> LibjpegEncode(const JpegSpec& spec, std::vector<uint8_t> rows) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = spec.width;
  info.image_height = spec.height;
  info.input_components = spec.space == JCS_GRAYSCALE ? 1 : spec.space == JCS_CMYK ? 4 : 3;
  info.in_color_space = spec.space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 98, TRUE);
  if (spec.space == JCS_RGB) info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
  if (spec.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  if (!spec.app1.empty()) {
    jpeg_write_marker(&info, JPEG_APP0 + 1, spec.app1.data(),
                      static_cast<unsigned>(spec.app1.size()));
  }
  while (info.next_scanline < info.image_height) {
    uint8_t* row =
        rows.data() + static_cast<size_t>(info.next_scanline) * spec.width * info.input_components;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::vector<uint8_t> out(data, data + size);
  std::free(data);
  return out;
}

// A smooth picture whose planes all differ, with the full range of values.
inline Frame Gradient(FrameSize size, SampleType type) {
  Frame frame(size, type);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const int value = (x * (5 + plane) + y * (11 - 3 * plane) + 40 * plane) % 256;
        if (type == SampleType::kU8) {
          frame.row(plane, y)[x] = static_cast<uint8_t>(value);
        } else {
          frame.row16(plane, y)[x] = static_cast<uint16_t>(value * 257 - value % 7);
        }
      }
    }
  }
  return frame;
}

}  // namespace octoscale::testing
