// What a mistyped name was meant to be.

#ifndef TOOLS_COMMON_NEAREST_H_
#define TOOLS_COMMON_NEAREST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace chat::tools {

// The one of `names` that `typed` is most like: a few letters are missing, doubled, wrong or
// exchanged, or its end is missing. Empty if none is like it.
absl::string_view Nearest(absl::string_view typed, const std::vector<std::string>& names);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_NEAREST_H_
