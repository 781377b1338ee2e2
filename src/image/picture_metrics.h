// How close two pictures are: PSNR and SSIM, and the area average that makes an upscaled picture
// comparable with its original.
#pragma once

#include <array>
#include <vector>

#include "frame/frame.h"

namespace octoscale {

// Planes R, G, B and luma (ITU-R BT.601 weights) of samples 0..255, whatever the source's depth.
// Rows follow each other without padding.
struct MetricPicture {
  FrameSize size;
  std::array<std::vector<float>, Frame::kPlanes> rgb;
  std::vector<float> luma;
};

// Averages squares of factor x factor pixels. Requires factor >= 1 and a frame of whole squares.
MetricPicture AreaDownscale(const Frame& frame, int factor);

// The luma of AreaDownscale() with the squares moved by (dx, dy) pixels of `frame`; squares that
// reach beyond the frame take its edge pixels. Requires |dx|, |dy| <= factor.
std::vector<float> ShiftedLuma(const Frame& frame, int factor, int dx, int dy);

// Of all samples; the two must have the same size. 0 for empty pictures.
double MeanSquaredError(const MetricPicture& a, const MetricPicture& b);
double MeanSquaredError(const std::vector<float>& a, const std::vector<float>& b);

constexpr double kPsnrDbMax = 100;

// 10 log10(255^2 / mse), at most kPsnrDbMax (equal pictures).
double PsnrDb(double mse);

// Structural similarity of the luma, -1..1 (Wang et al. 2004): the mean over 8x8 windows, 4 apart,
// with K1 = 0.01, K2 = 0.03 and L = 255. A picture smaller than a window is one window.
double Ssim(const MetricPicture& a, const MetricPicture& b);

// Mean luma, 0..255.
double MeanLuma(const MetricPicture& picture);

}  // namespace octoscale
