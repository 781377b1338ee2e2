// The conversation of bench/peers/README.md, for the peers in C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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

class Peer {
 public:
  virtual ~Peer() = default;
  // Upscales all pictures, 8-bit pixels to 8-bit pixels.
  virtual void Run() = 0;
  // The first picture of the last run, planar 8-bit RGB.
  virtual std::vector<uint8_t> FirstResult() const = 0;
};

// Makes a peer for pictures [frames][3][height][width].
using PeerMaker = std::function<std::unique_ptr<Peer>(const PeerArguments& arguments,
                                                      const std::vector<uint8_t>& pixels)>;

// Reads the arguments, makes the peer, answers until stdin ends. Returns the exit code. Anything
// thrown is printed and ends the program.
int ServePeer(int argc, char** argv, const PeerMaker& make_peer);

}  // namespace octoscale::bench
