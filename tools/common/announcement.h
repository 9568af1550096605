// The reason of a request to talk, if the message that it is about follows as a message.

#ifndef TOOLS_COMMON_ANNOUNCEMENT_H_
#define TOOLS_COMMON_ANNOUNCEMENT_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chat::tools {

// The last line of such a reason. Other programs show it to the person who has to agree; these
// tools know by it that the text before it will come again. (A reason without it may be all that
// somebody has said: a server asks in the name of users whose protocol cannot.)
inline constexpr absl::string_view kAnnouncement = "\n(the message follows)";

inline std::string Announce(absl::string_view text) { return absl::StrCat(text, kAnnouncement); }

inline bool IsAnnouncement(absl::string_view reason) {
  return absl::EndsWith(reason, kAnnouncement);
}

}  // namespace chat::tools

#endif  // TOOLS_COMMON_ANNOUNCEMENT_H_
