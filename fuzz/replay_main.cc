// Runs a fuzz target without libFuzzer: every file of the directories given, each also cut short
// and with single bytes changed, always the same way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kMutationsMax = 200;  // of each kind, per file

// A heap copy of exactly the input's size, so that AddressSanitizer sees a read past its end.
void Run(const std::string& bytes) {
  const std::vector<uint8_t> data(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(data.data(), data.size());
}

void RunWithMutations(const std::string& bytes) {
  Run(bytes);
  const size_t step = std::max<size_t>(1, bytes.size() / kMutationsMax);
  for (size_t i = 0; i < bytes.size(); i += step) {
    Run(bytes.substr(0, i));
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    Run(changed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY... (found no file)\n", argv[0]);
    return 1;
  }
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    RunWithMutations({std::istreambuf_iterator<char>(file), {}});
  }
  std::printf("replayed %zu files\n", files.size());
  return 0;
}
