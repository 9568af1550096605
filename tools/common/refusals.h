// What a tool says about requests that it refuses.

#ifndef TOOLS_COMMON_REFUSALS_H_
#define TOOLS_COMMON_REFUSALS_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libchat/event/user.h"
#include "tools/common/diagnostics.h"

namespace chat::tools {

// A line for each; behind kBurst of them at most one per second, so that a user who asks all the
// time does not fill the screen.
//
// Thread safety: none.
class Refusals {
 public:
  static constexpr int kBurst = 10;

  // `diagnostics` outlives this.
  explicit Refusals(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // A request.
  void Say(UserRef from, absl::string_view why) { Limited(from, absl::StrCat("refused: ", why)); }
  // A file.
  void SayFile(UserRef from, absl::string_view name, absl::string_view why) {
    Limited(from, absl::StrCat("refused the file \"", name, "\": ", why));
  }

 private:
  void Limited(UserRef from, absl::string_view what) {
    const absl::Time now = absl::Now();
    // Each line uses a second up; kBurst of them are there at most.
    next_ = std::max(next_, now - absl::Seconds(kBurst)) + absl::Seconds(1);
    if (next_ > now) {
      next_ -= absl::Seconds(1);
      ++not_said_;
      return;
    }
    const int64_t more = std::exchange(not_said_, 0);
    diagnostics_.Notice(absl::StrCat(Display(from), ": ", what,
                                     more > 0 ? absl::StrCat("; and ", more, " more before") : ""));
  }

  Diagnostics& diagnostics_;
  absl::Time next_ = absl::InfinitePast();
  int64_t not_said_ = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_REFUSALS_H_
