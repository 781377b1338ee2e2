#include "video/colour.h"

#include <cmath>
#include <ostream>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "video/picture_impl.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

constexpr int kWidth = 64;
constexpr int kHeight = 32;
constexpr int kEdge = 6;  // pixels where the resampling window leaves the picture

struct Matrix {
  int code;
  double kr;
  double kb;
};
constexpr Matrix kMatrices[] = {{1, 0.2126, 0.0722}, {6, 0.299, 0.114}, {9, 0.2627, 0.0593}};

// One plane of samples in double precision.
struct Plane {
  Plane(int w, int h) : width(w), height(h), samples(static_cast<size_t>(w) * h) {}
  double& at(int x, int y) { return samples[static_cast<size_t>(y) * width + x]; }
  double at(int x, int y) const { return samples[static_cast<size_t>(y) * width + x]; }
  int width, height;
  std::vector<double> samples;
};

double CatmullRom(double x) {
  x = std::abs(x);
  if (x < 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  if (x < 2) return -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2;
  return 0;
}

// Sample of a line at `centre`, with the kernel stretched by `stretch` (2 when halving).
template <typename Line>
double SampleAt(const Line& line, int size, double centre, double stretch) {
  double sum = 0;
  double weights = 0;
  const int first = static_cast<int>(std::ceil(centre - 2 * stretch));
  const int last = static_cast<int>(std::floor(centre + 2 * stretch));
  for (int i = first; i <= last; ++i) {
    const double weight = CatmullRom((i - centre) / stretch);
    sum += weight * line(std::clamp(i, 0, size - 1));
    weights += weight;
  }
  return sum / weights;
}

// Where a chroma sample sits between its luma samples: 0 on the first, 0.5 in the middle.
struct Siting {
  double x = 0;
  double y = 0.5;
};

Siting SitingOf(int chroma_location) {
  switch (chroma_location) {
    case 2:
      return {0.5, 0.5};
    case 3:
      return {0, 0};
    default:
      return {0, 0.5};
  }
}

Plane Upsample(const Plane& chroma, int sub_w, int sub_h, Siting siting) {
  Plane wide(kWidth, chroma.height);
  for (int y = 0; y < wide.height; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const auto line = [&](int i) { return chroma.at(i, y); };
      wide.at(x, y) = sub_w ? SampleAt(line, chroma.width, (x - siting.x) / 2, 1) : chroma.at(x, y);
    }
  }
  Plane full(kWidth, kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const auto line = [&](int i) { return wide.at(x, i); };
      full.at(x, y) = sub_h ? SampleAt(line, wide.height, (y - siting.y) / 2, 1) : wide.at(x, y);
    }
  }
  return full;
}

Plane Downsample(const Plane& full, int sub_w, int sub_h, Siting siting) {
  Plane narrow(kWidth >> sub_w, kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < narrow.width; ++x) {
      const auto line = [&](int i) { return full.at(i, y); };
      narrow.at(x, y) = sub_w ? SampleAt(line, kWidth, 2 * x + siting.x, 2) : full.at(x, y);
    }
  }
  Plane chroma(narrow.width, kHeight >> sub_h);
  for (int y = 0; y < chroma.height; ++y) {
    for (int x = 0; x < chroma.width; ++x) {
      const auto line = [&](int i) { return narrow.at(x, i); };
      chroma.at(x, y) = sub_h ? SampleAt(line, kHeight, 2 * y + siting.y, 2) : narrow.at(x, y);
    }
  }
  return chroma;
}

// Code values of a component: offset and span of nominal 0..1 (chroma: -0.5..0.5).
struct Levels {
  double offset;
  double span;
};

Levels LevelsOf(bool chroma, bool full, int depth) {
  const double unit = 1 << (depth - 8);
  const double top = (1 << depth) - 1;
  if (full) return chroma ? Levels{128 * unit, top} : Levels{0, top};
  return chroma ? Levels{128 * unit, 224 * unit} : Levels{16 * unit, 219 * unit};
}

struct Case {
  std::string format;
  int depth, sub_w, sub_h;
};

void PrintTo(const Case& format, std::ostream* out) { *out << format.format; }

AvFramePtr NewFrame(const std::string& format, int width, int height, const ColourTags& tags) {
  AvFramePtr frame = NewAvFrame();
  frame->format = av_get_pix_fmt(format.c_str());
  frame->width = width;
  frame->height = height;
  EXPECT_EQ(av_frame_get_buffer(frame.get(), 64), 0);
  frame->colorspace = static_cast<AVColorSpace>(tags.matrix);
  frame->chroma_location = static_cast<AVChromaLocation>(tags.chroma_location);
  frame->color_range = tags.range == ColourRange::kFull      ? AVCOL_RANGE_JPEG
                       : tags.range == ColourRange::kLimited ? AVCOL_RANGE_MPEG
                                                             : AVCOL_RANGE_UNSPECIFIED;
  return frame;
}

int GetSample(const AVFrame& frame, int plane, int x, int y, int depth) {
  const uint8_t* row = frame.data[plane] + static_cast<ptrdiff_t>(y) * frame.linesize[plane];
  return depth > 8 ? reinterpret_cast<const uint16_t*>(row)[x] : row[x];
}

void SetSample(AVFrame* frame, int plane, int x, int y, int depth, int value) {
  uint8_t* row = frame->data[plane] + static_cast<ptrdiff_t>(y) * frame->linesize[plane];
  if (depth > 8) {
    reinterpret_cast<uint16_t*>(row)[x] = static_cast<uint16_t>(value);
  } else {
    row[x] = static_cast<uint8_t>(value);
  }
}

using Parameters = std::tuple<Case, int, bool, int>;  // format, matrix index, full, siting

class ColourExactTest : public ::testing::TestWithParam<Parameters> {
 protected:
  ColourExactTest() {
    tags_.matrix = matrix().code;
    tags_.range = full() ? ColourRange::kFull : ColourRange::kLimited;
    tags_.chroma_location = std::get<3>(GetParam());
  }
  const Case& format() const { return std::get<0>(GetParam()); }
  const Matrix& matrix() const { return kMatrices[std::get<1>(GetParam())]; }
  bool full() const { return std::get<2>(GetParam()); }
  Siting siting() const { return SitingOf(tags_.chroma_location); }
  int plane_width(int plane) const { return plane == 0 ? kWidth : kWidth >> format().sub_w; }
  int plane_height(int plane) const { return plane == 0 ? kHeight : kHeight >> format().sub_h; }
  // Levels of the frame's samples in one level of the codec's depth.
  int tolerance() const { return format().depth > 8 ? 1 << (16 - format().depth) : 1; }

  ColourTags tags_;
};

TEST_P(ColourExactTest, ToRgbWithinOneLevelOfFloat) {
  const int depth = format().depth;
  AvFramePtr source = NewFrame(format().format, kWidth, kHeight, tags_);
  std::mt19937 random(7);
  std::vector<Plane> planes;
  for (int p = 0; p < 3; ++p) {
    planes.emplace_back(plane_width(p), plane_height(p));
    const Levels levels = LevelsOf(p > 0, full(), depth);
    std::uniform_int_distribution<int> values(16 << (depth - 8), 235 << (depth - 8));
    for (int y = 0; y < plane_height(p); ++y) {
      for (int x = 0; x < plane_width(p); ++x) {
        const int value = values(random);
        SetSample(source.get(), p, x, y, depth, value);
        planes[p].at(x, y) = (value - levels.offset) / levels.span;
      }
    }
  }
  const Plane cb = Upsample(planes[1], format().sub_w, format().sub_h, siting());
  const Plane cr = Upsample(planes[2], format().sub_w, format().sub_h, siting());

  ColourToRgb colour(depth > 8 ? SampleType::kU16 : SampleType::kU8);
  const Result<Frame> frame = colour.Convert(MakePicture(std::move(source), {}));
  ASSERT_TRUE(frame.ok()) << frame.status().message();
  const double top = depth > 8 ? 65535 : 255;
  const double kg = 1 - matrix().kr - matrix().kb;
  double worst = 0;
  for (int y = kEdge; y < kHeight - kEdge; ++y) {
    for (int x = kEdge; x < kWidth - kEdge; ++x) {
      const double luma = planes[0].at(x, y);
      const double r = luma + 2 * (1 - matrix().kr) * cr.at(x, y);
      const double b = luma + 2 * (1 - matrix().kb) * cb.at(x, y);
      const double rgb[3] = {r, (luma - matrix().kr * r - matrix().kb * b) / kg, b};
      for (int p = 0; p < 3; ++p) {
        const double expected = std::round(std::clamp(rgb[p], 0.0, 1.0) * top);
        const int found = depth > 8 ? frame->row16(p, y)[x] : frame->row(p, y)[x];
        worst = std::max(worst, std::abs(found - expected));
      }
    }
  }
  EXPECT_LE(worst, tolerance());
}

TEST_P(ColourExactTest, FromRgbWithinOneLevelOfFloat) {
  const int depth = format().depth;
  const SampleType type = depth > 8 ? SampleType::kU16 : SampleType::kU8;
  const double top = depth > 8 ? 65535 : 255;
  Frame frame({kWidth, kHeight}, type);
  std::mt19937 random(11);
  std::uniform_int_distribution<int> values(0, static_cast<int>(top));
  Plane luma(kWidth, kHeight), cb(kWidth, kHeight), cr(kWidth, kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      double rgb[3];
      for (int p = 0; p < 3; ++p) {
        const int value = values(random);
        if (depth > 8) {
          frame.row16(p, y)[x] = static_cast<uint16_t>(value);
        } else {
          frame.row(p, y)[x] = static_cast<uint8_t>(value);
        }
        rgb[p] = value / top;
      }
      const double kg = 1 - matrix().kr - matrix().kb;
      luma.at(x, y) = matrix().kr * rgb[0] + kg * rgb[1] + matrix().kb * rgb[2];
      cb.at(x, y) = (rgb[2] - luma.at(x, y)) / (2 * (1 - matrix().kb));
      cr.at(x, y) = (rgb[0] - luma.at(x, y)) / (2 * (1 - matrix().kr));
    }
  }
  const Plane expected[3] = {luma, Downsample(cb, format().sub_w, format().sub_h, siting()),
                             Downsample(cr, format().sub_w, format().sub_h, siting())};

  PictureFormat target;
  target.pixel_format = format().format;
  target.size = {kWidth, kHeight};
  target.colour = tags_;
  ColourFromRgb colour(target);
  const Result<Picture> picture = colour.Convert(frame, {});
  ASSERT_TRUE(picture.ok()) << picture.status().message();
  double worst = 0;
  for (int p = 0; p < 3; ++p) {
    const Levels levels = LevelsOf(p > 0, full(), depth);
    const int edge_x = p == 0 ? 0 : kEdge;
    const int edge_y = p == 0 ? 0 : kEdge;
    for (int y = edge_y; y < plane_height(p) - edge_y; ++y) {
      for (int x = edge_x; x < plane_width(p) - edge_x; ++x) {
        const double level =
            std::round(std::clamp(expected[p].at(x, y) * levels.span + levels.offset, 0.0,
                                  static_cast<double>((1 << depth) - 1)));
        const int found = GetSample(*picture->impl().frame, p, x, y, depth);
        worst = std::max(worst, std::abs(found - level));
      }
    }
  }
  EXPECT_LE(worst, 1);
}

std::string CaseName(const ::testing::TestParamInfo<Parameters>& info) {
  const char* const matrices[] = {"Bt709", "Bt601", "Bt2020"};
  const char* const sitings[] = {"", "Left", "Centre", "TopLeft"};
  return std::get<0>(info.param).format + matrices[std::get<1>(info.param)] +
         (std::get<2>(info.param) ? "Full" : "Limited") + sitings[std::get<3>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(
    AllFormats, ColourExactTest,
    ::testing::Combine(::testing::Values(Case{"yuv420p", 8, 1, 1}, Case{"yuv422p", 8, 1, 0},
                                         Case{"yuv444p", 8, 0, 0}, Case{"yuv420p10le", 10, 1, 1},
                                         Case{"yuv422p10le", 10, 1, 0},
                                         Case{"yuv444p10le", 10, 0, 0}),
                       ::testing::Values(0, 1, 2), ::testing::Bool(), ::testing::Values(1)),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Siting, ColourExactTest,
    ::testing::Combine(::testing::Values(Case{"yuv420p", 8, 1, 1}, Case{"yuv420p10le", 10, 1, 1}),
                       ::testing::Values(0), ::testing::Values(false), ::testing::Values(2, 3)),
    CaseName);

TEST(ColourRuleTest, UntaggedIs601Below720LinesAnd709FromThere) {
  EXPECT_EQ(ResolveColour({}, 719, false).matrix, 6);
  EXPECT_EQ(ResolveColour({}, 720, false).matrix, 1);
  EXPECT_EQ(ResolveColour({}, 480, false).range, ColourRange::kLimited);
  EXPECT_EQ(ResolveColour({}, 480, true).matrix, 0);
  EXPECT_EQ(ResolveColour({}, 480, true).range, ColourRange::kFull);
}

TEST(ColourRuleTest, TagsDecideWhereverTheyAre) {
  ColourTags tags;
  tags.matrix = 9;
  tags.range = ColourRange::kFull;
  EXPECT_EQ(ResolveColour(tags, 480, false).matrix, 9);
  EXPECT_EQ(ResolveColour(tags, 480, false).range, ColourRange::kFull);
}

TEST(ColourRuleTest, ConstantLuminanceIsRefusedByName) {
  ColourTags tags;
  tags.matrix = 10;
  ColourToRgb colour(SampleType::kU16);
  const Result<Frame> frame =
      colour.Convert(MakePicture(NewFrame("yuv420p10le", 64, 32, tags), {}));
  ASSERT_FALSE(frame.ok());
  EXPECT_EQ(frame.status().code(), StatusCode::kUnsupported);
  EXPECT_THAT(frame.status().message(), HasSubstr("bt2020c"));
}

// Fills planes by name: every sample of a format gets a value that depends on its place only.
Frame ConvertPattern(const std::string& format, int width, int height) {
  ColourTags tags;
  tags.matrix = 1;
  tags.range = ColourRange::kLimited;
  AvFramePtr frame = NewFrame(format, width, height, tags);
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  for (AVBufferRef* buffer : frame->buf) {
    if (buffer != nullptr) std::fill(buffer->data, buffer->data + buffer->size, 0);
  }
  for (int c = 0; c < d->nb_components; ++c) {
    const bool chroma = c == 1 || c == 2;
    const int w = chroma ? -((-width) >> d->log2_chroma_w) : width;
    const int h = chroma ? -((-height) >> d->log2_chroma_h) : height;
    for (int y = 0; y < h; ++y) {
      std::vector<uint16_t> line(w);
      for (int x = 0; x < w; ++x) {
        line[x] =
            static_cast<uint16_t>((40 + (x * 7 + y * 13 + c * 50) % 170) << (d->comp[c].depth - 8));
      }
      av_write_image_line2(line.data(), frame->data, frame->linesize, d, 0, y, c, w, 2);
    }
  }
  ColourToRgb colour(d->comp[0].depth > 8 ? SampleType::kU16 : SampleType::kU8, true);
  Result<Frame> result = colour.Convert(MakePicture(std::move(frame), {}));
  EXPECT_TRUE(result.ok()) << format << ": " << result.status().message();
  return result.ok() ? std::move(result).value() : Frame({1, 1}, SampleType::kU8);
}

// Semi-planar, packed and big-endian layouts give the very frame of their planar relative.
TEST(ColourLayoutTest, EveryLayoutGivesThePlanarFormatsFrame) {
  const std::pair<const char*, const char*> pairs[] = {{"nv12", "yuv420p"},
                                                       {"nv21", "yuv420p"},
                                                       {"nv16", "yuv422p"},
                                                       {"nv24", "yuv444p"},
                                                       {"yuyv422", "yuv422p"},
                                                       {"uyvy422", "yuv422p"},
                                                       {"p010le", "yuv420p10le"},
                                                       {"p210le", "yuv422p10le"},
                                                       {"yuv420p10be", "yuv420p10le"},
                                                       {"rgb24", "gbrp"},
                                                       {"bgr24", "gbrp"},
                                                       {"bgr0", "gbrp"},
                                                       {"rgba", "gbrp"},
                                                       {"rgb48be", "gbrp16le"},
                                                       {"rgb48le", "gbrp16le"},
                                                       {"x2rgb10le", "gbrp10le"},
                                                       {"yuva420p", "yuv420p"},
                                                       {"gbrap", "gbrp"},
                                                       {"yuv444p16be", "yuv444p16le"}};
  for (const auto& [format, planar] : pairs) {
    EXPECT_TRUE(ConvertPattern(format, 34, 18).SamePixels(ConvertPattern(planar, 34, 18)))
        << format;
  }
}

TEST(ColourLayoutTest, OddAndTinySizesConvert) {
  for (const FrameSize size :
       {FrameSize{1, 1}, FrameSize{2, 2}, FrameSize{3, 1}, FrameSize{1, 5}, FrameSize{33, 17}}) {
    for (const char* format : {"yuv420p", "nv12", "yuv422p", "yuv444p", "yuv420p10le", "gray",
                               "yuv410p", "yuv411p", "yuv440p"}) {
      const Frame frame = ConvertPattern(format, size.width, size.height);
      EXPECT_EQ(frame.size(), size) << format;
    }
  }
}

Frame Gradient(FrameSize size, SampleType type) {
  Frame frame(size, type);
  for (int p = 0; p < 3; ++p) {
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const int value = (x * 5 + y * 3 + p * 60) % 256;
        if (type == SampleType::kU8) {
          frame.row(p, y)[x] = static_cast<uint8_t>(value);
        } else {
          frame.row16(p, y)[x] = static_cast<uint16_t>(value * 257);
        }
      }
    }
  }
  return frame;
}

TEST(ColourLayoutTest, RgbFormatsKeepEveryPixel) {
  for (const char* format : {"gbrp", "bgr0", "rgb24", "bgra", "gbrap", "gbrp16le", "rgb48le"}) {
    for (const FrameSize size : {FrameSize{1, 1}, FrameSize{33, 17}}) {
      const SampleType type =
          std::string(format).find("16") != std::string::npos || std::string(format) == "rgb48le"
              ? SampleType::kU16
              : SampleType::kU8;
      PictureFormat target;
      target.pixel_format = format;
      target.size = size;
      target.colour = ResolveColour({}, size.height, true);
      const Frame frame = Gradient(size, type);
      ColourFromRgb out(target);
      Result<Picture> picture = out.Convert(frame, {});
      ASSERT_TRUE(picture.ok()) << format << picture.status().message();
      ColourToRgb in(type);
      const Result<Frame> again = in.Convert(*picture);
      ASSERT_TRUE(again.ok()) << format << again.status().message();
      EXPECT_TRUE(again->SamePixels(frame)) << format;
    }
  }
}

// What encoders of graphics cards take.
TEST(ColourLayoutTest, SemiPlanarFormatsHoldThePlanarFormatsSamples) {
  for (const auto& [packed, planar, type] : {std::tuple("nv12", "yuv420p", SampleType::kU8),
                                             {"p010le", "yuv420p10le", SampleType::kU16}}) {
    const Frame frame = Gradient({34, 18}, type);
    const auto through = [&](const char* name) {
      PictureFormat format;
      format.pixel_format = name;
      format.size = frame.size();
      format.colour = ResolveColour({}, frame.height(), false);
      Result<Picture> picture = ColourFromRgb(format).Convert(frame, {});
      EXPECT_TRUE(picture.ok()) << picture.status().message();
      Result<Frame> back = ColourToRgb(type, true).Convert(*picture);
      EXPECT_TRUE(back.ok()) << back.status().message();
      return std::move(back).value();
    };
    EXPECT_TRUE(through(packed).SamePixels(through(planar))) << packed;
  }
}

TEST(ColourLayoutTest, TransparentPixelsAreRefusedUnlessDropped) {
  AvFramePtr frame = NewFrame("yuva420p", 16, 16, {});
  for (AVBufferRef* buffer : frame->buf) {
    if (buffer != nullptr) std::fill(buffer->data, buffer->data + buffer->size, 100);
  }
  const Picture picture = MakePicture(std::move(frame), {});
  const Result<Frame> refused = ColourToRgb(SampleType::kU8).Convert(picture);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().message(), HasSubstr("yuva420p"));
  EXPECT_TRUE(ColourToRgb(SampleType::kU8, true).Convert(picture).ok());
}

}  // namespace
}  // namespace octoscale
