// The conversation of bench/peers/README.md, for the peers in C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace octoscale::bench {

struct PeerArguments {
  std::string model;
  int width = 0;
  int height = 0;
  int frames = 0;
  int batch = 0;
  int threads = 0;
  std::string variant;
  std::string in;
  std::string out;
};

struct Peer {
  // Planar 8-bit pictures, [frames][3][height][width], to the same at scale 4.
  std::function<std::vector<uint8_t>(const std::vector<uint8_t>& pixels)> upscale_all;
};

// Reads the arguments, makes the peer, answers until stdin ends. Returns the exit code. Anything
// thrown is printed and ends the program.
int ServePeer(int argc, char** argv, const std::function<Peer(const PeerArguments&)>& make_peer);

}  // namespace octoscale::bench
