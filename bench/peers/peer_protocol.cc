#include "bench/peers/peer_protocol.h"

#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace octoscale::bench {
namespace {

PeerArguments ParseArguments(int argc, char** argv) {
  if (argc != 10) {
    throw std::runtime_error("usage: MODEL WIDTH HEIGHT FRAMES BATCH THREADS VARIANT IN OUT");
  }
  PeerArguments arguments;
  arguments.model = argv[1];
  arguments.width = std::stoi(argv[2]);
  arguments.height = std::stoi(argv[3]);
  arguments.frames = std::stoi(argv[4]);
  arguments.batch = std::stoi(argv[5]);
  arguments.threads = std::stoi(argv[6]);
  arguments.variant = argv[7];
  arguments.in = argv[8];
  arguments.out = argv[9];
  return arguments;
}

std::vector<uint8_t> ReadPixels(const PeerArguments& arguments) {
  const size_t bytes =
      size_t{3} * static_cast<size_t>(arguments.width * arguments.height * arguments.frames);
  std::vector<uint8_t> pixels(bytes);
  std::ifstream file(arguments.in, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(pixels.data()), static_cast<std::streamsize>(bytes))) {
    throw std::runtime_error(arguments.in + ": expected " + std::to_string(bytes) + " bytes");
  }
  return pixels;
}

void Serve(const PeerArguments& arguments, Peer* peer) {
  peer->Run();
  const std::vector<uint8_t> first = peer->FirstResult();
  std::ofstream file(arguments.out, std::ios::binary);
  file.write(reinterpret_cast<const char*>(first.data()),
             static_cast<std::streamsize>(first.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + arguments.out);
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    peer->Run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << seconds.count() << std::endl;
  }
}

}  // namespace

int ServePeer(int argc, char** argv, const PeerMaker& make_peer) {
  try {
    const PeerArguments arguments = ParseArguments(argc, argv);
    Serve(arguments, make_peer(arguments, ReadPixels(arguments)).get());
    return 0;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": error: " << error.what() << "\n";
    return 1;
  }
}

}  // namespace octoscale::bench
