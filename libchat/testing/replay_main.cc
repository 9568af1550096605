// Runs a fuzz target on the files named on the command line, without libFuzzer: what was found once
// stays found, with every compiler.
//
// Exit status: 0 when each input ran, 1 when a file cannot be read or none was named. An input that
// the target rejects ends the process; its name is the last line printed.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "the corpus is empty: name at least one input file\n");
    return 1;
  }
  // libFuzzer, too, begins with it.
  std::fprintf(stderr, "(empty input)\n");
  const uint8_t nothing = 0;
  LLVMFuzzerTestOneInput(&nothing, 0);

  for (int i = 1; i < argc; ++i) {
    std::fprintf(stderr, "%s\n", argv[i]);
    std::ifstream file(argv[i], std::ios::binary);
    if (!file.is_open()) {
      std::perror(argv[i]);
      return 1;
    }
    // A vector of the exact size: a read past the input is a read past the allocation.
    std::vector<uint8_t> input{std::istreambuf_iterator<char>(file), {}};
    input.shrink_to_fit();
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::fprintf(stderr, "%d inputs\n", argc);
  return 0;
}
