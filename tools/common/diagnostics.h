// What a tool says to a person, on stderr.

#ifndef TOOLS_COMMON_DIAGNOSTICS_H_
#define TOOLS_COMMON_DIAGNOSTICS_H_

#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "tools/common/escape.h"

namespace chat::tools {

// One line each, "chat-send: ...", escaped: what a server or a user said may be in it.
//
// Thread safety: none.
class Diagnostics {
 public:
  // `err` outlives this.
  Diagnostics(std::string program, std::ostream& err) : program_(std::move(program)), err_(err) {}

  void set_quiet(bool quiet) { quiet_ = quiet; }
  void set_verbose(bool verbose) { verbose_ = verbose; }

  // Why the tool fails: always said.
  void Error(absl::string_view what) { Say(what); }
  // What may interest the user: not said with --quiet.
  void Notice(absl::string_view what) {
    if (!quiet_) Say(what);
  }
  // What happens meanwhile: said with --verbose.
  void Detail(absl::string_view what) {
    if (verbose_ && !quiet_) Say(what);
  }

 private:
  void Say(absl::string_view what) {
    std::string line = program_ + ": ";
    AppendEscaped(what, &line);
    line += '\n';
    err_.write(line.data(), static_cast<std::streamsize>(line.size())).flush();
  }

  const std::string program_;
  std::ostream& err_;
  bool quiet_ = false;
  bool verbose_ = false;
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_DIAGNOSTICS_H_
