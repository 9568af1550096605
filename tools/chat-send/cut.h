// What to do with a message that is longer than the dialect allows.

#ifndef TOOLS_CHAT_SEND_CUT_H_
#define TOOLS_CHAT_SEND_CUT_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chat::tools {

enum class Overlong {
  kError,     // it is bad input
  kSplit,     // it becomes several messages
  kTruncate,  // what is too much is not sent
};

// "error", "split" or "truncate".
absl::StatusOr<Overlong> ParseOverlong(absl::string_view text);

// The messages that `body`, which is valid UTF-8, is sent as: at least one, each of at most
// `max_bytes` (0: no limit; else at least 4), cut between code points. The parts view `body`.
// InvalidArgument names the limit.
absl::StatusOr<std::vector<absl::string_view>> Cut(absl::string_view body, size_t max_bytes,
                                                   Overlong overlong);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_CUT_H_
