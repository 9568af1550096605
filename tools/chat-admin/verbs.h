// What chat-admin can be asked to do.

#ifndef TOOLS_CHAT_ADMIN_VERBS_H_
#define TOOLS_CHAT_ADMIN_VERBS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/chat-admin/table.h"
#include "tools/common/exit_codes.h"

namespace chat::tools {

struct AdminFlags {
  std::string admin;  // the address; empty: the default one
  OutputStyle style;
  bool show_addresses = false;
  bool batch = false;                       // of top
  absl::Duration delay = absl::Seconds(1);  // of top
  std::optional<int64_t> count;             // of watch, top
  std::optional<absl::Duration> duration;   // of watch, top
  absl::Duration timeout = absl::Seconds(10);
  bool verbose = false;
  bool quiet = false;
};

// The verbs, a line each, for --help.
std::string VerbsHelp();

// Does what `words` ask for, the verb first. Data goes to stdout, mistakes to stderr. May end the
// process by a signal.
ExitCode RunVerb(const std::vector<std::string>& words, const AdminFlags& flags);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_ADMIN_VERBS_H_
