// Reads a command line. CLI11 declares the flags and describes them; it does not read the words,
// because it takes an empty value for none, so that `--to= WORD` eats WORD, "[a,b]" for two values
// and the last of several flags for the only one.

#ifndef TOOLS_COMMON_COMMAND_LINE_H_
#define TOOLS_COMMON_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace chat::tools {

struct CommandLine {
  struct Flag {
    const CLI::Option* option;
    std::string value;  // of a switch that stands alone: "true"
  };
  std::vector<Flag> flags;         // in their order
  std::vector<std::string> words;  // that are no flags, as they are
  // --help or --version; what stands behind it was not read.
  const CLI::Option* ending = nullptr;
};

// Reads `argv` by the options of `app`, which has no subcommands:
//
//   --user ann  --user=ann  -u ann  -uann  -qv  --quiet=false  --  words
//
// InvalidArgument, for people, if a flag is unknown (then with the nearest one), has no value or an
// empty one, or is given twice although it takes one value; or if there is a word and `app` has no
// positional option.
absl::StatusOr<CommandLine> ReadCommandLine(const CLI::App& app, int argc, const char* const* argv);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_COMMAND_LINE_H_
