#include "libchat/testing/transcript_files.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "libchat/dialect/registry.h"
#include "libchat/testing/notation.h"

namespace chat::testing {
namespace {

TranscriptFile ReadFile(const Dialect& dialect, const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  TranscriptFile file;
  file.path = path.string();
  file.name = std::string(dialect.name()) + "_" + path.stem().string();
  std::replace_if(
      file.name.begin(), file.name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  file.dialect = &dialect;
  file.text.assign(std::istreambuf_iterator<char>(in), {});
  if (!in.good() && !in.eof()) {
    std::perror(file.path.c_str());
    std::abort();
  }
  return file;
}

std::vector<TranscriptFile> ReadAll() {
  std::vector<TranscriptFile> files;
  for (const Dialect* dialect : AllDialects()) {
    const std::filesystem::path folder =
        std::filesystem::path("testdata") / std::string(dialect->name());
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".txt") files.push_back(ReadFile(*dialect, entry.path()));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const TranscriptFile& a, const TranscriptFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace

const std::vector<TranscriptFile>& TranscriptFiles() {
  static const auto& files = *new std::vector<TranscriptFile>(ReadAll());
  return files;
}

Players PlayersOf(const TranscriptFile& file) {
  return {.dialect = file.dialect, .find_dialect = FindDialect, .find_notation = FindNotation};
}

}  // namespace chat::testing
