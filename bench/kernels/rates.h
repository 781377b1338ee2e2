// Loops that do nothing but one multiply instruction, to learn how fast a core issues it.
//
// Each runs `rounds` times 12 (tiles: 6) independent instructions, on zeros if the name says
// nothing else, and returns the operations done, a multiplication and an addition counting as two.
#pragma once

#include <cstdint>

namespace octoscale::bench {

double RunFma256(int64_t rounds);        // vfmadd231ps ymm
double RunMadd256(int64_t rounds);       // vpmaddwd ymm and vpaddd ymm, int16
double RunFma512(int64_t rounds);        // vfmadd231ps zmm
double RunDot16Of512(int64_t rounds);    // vpdpwssd zmm, int16
double RunDotBf16Of512(int64_t rounds);  // vdpbf16ps zmm
double RunTilesBf16(int64_t rounds);     // tdpbf16ps
double RunTilesBf16Random(int64_t rounds);

}  // namespace octoscale::bench
