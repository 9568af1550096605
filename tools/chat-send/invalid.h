// What to do with input that cannot be sent.

#ifndef TOOLS_CHAT_SEND_INVALID_H_
#define TOOLS_CHAT_SEND_INVALID_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chat::tools {

enum class Invalid {
  kFail,     // it ends the input
  kSkip,     // it is left out, and counted
  kReplace,  // bytes that are no text are replaced; whatever else is wrong ends the input
};

// "fail", "skip" or "replace".
absl::StatusOr<Invalid> ParseInvalid(absl::string_view text);

// `bytes` with U+FFFD for each NUL and each byte that is in no whole code point, which makes it
// text. If `ascii_only`, "?" stands for these and for each code point that is not ASCII.
std::string Repaired(absl::string_view bytes, bool ascii_only);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_INVALID_H_
