// Finds in C++ sources what GCC 12 compiles wrongly in coroutines.

#ifndef TOOLS_TESTING_COROUTINE_TRAPS_H_
#define TOOLS_TESTING_COROUTINE_TRAPS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace chat::testing {

struct CoroutineTrap {
  int line = 0;
  std::string what;

  friend bool operator==(const CoroutineTrap&, const CoroutineTrap&) = default;
};

inline constexpr absl::string_view kAwaitInConditional = "co_await inside ?:";
inline constexpr absl::string_view kBracedArgument = "a braced temporary in an awaited call";
inline constexpr absl::string_view kCaptureInAwaited = "a lambda with captures in an awaited call";
inline constexpr absl::string_view kCapturingCoroutine = "a lambda with captures is a coroutine";

// A scanner of tokens, no compiler: it knows comments, literals, brackets and lambdas, and judges
// each full expression by itself. `line` is where the expression's own mark stands: its '?',
// '{' or '['.
std::vector<CoroutineTrap> FindCoroutineTraps(absl::string_view source);

}  // namespace chat::testing

#endif  // TOOLS_TESTING_COROUTINE_TRAPS_H_
