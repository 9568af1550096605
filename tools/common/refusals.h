// What a tool says about requests that it refuses.

#ifndef TOOLS_COMMON_REFUSALS_H_
#define TOOLS_COMMON_REFUSALS_H_

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libchat/event/user.h"
#include "tools/common/diagnostics.h"

namespace chat::tools {

// A line for each, at most one a second: who asks all the time does not fill the user's screen.
//
// Thread safety: none.
class Refusals {
 public:
  // `diagnostics` outlives this.
  explicit Refusals(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void Say(UserRef from, absl::string_view why) {
    const absl::Time now = absl::Now();
    if (now - last_ < absl::Seconds(1)) {
      ++not_said_;
      return;
    }
    last_ = now;
    const int64_t more = std::exchange(not_said_, 0);
    diagnostics_.Notice(absl::StrCat(Display(from), ": refused: ", why,
                                     more > 0 ? absl::StrCat("; and ", more, " more before") : ""));
  }

 private:
  Diagnostics& diagnostics_;
  absl::Time last_ = absl::InfinitePast();
  int64_t not_said_ = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_REFUSALS_H_
