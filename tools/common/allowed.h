// --allow: whom a tool answers.

#ifndef TOOLS_COMMON_ALLOWED_H_
#define TOOLS_COMMON_ALLOWED_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/event/user.h"

namespace chat::tools {

// "name" or "name@7". InvalidArgument if nobody can have that name.
absl::StatusOr<User> ParseUserName(absl::string_view text);

// "USER[,USER...]". InvalidArgument names the first that nobody can have, an empty one included.
absl::StatusOr<std::vector<User>> ParseUserNames(absl::string_view text);

// USER[,USER] or '*'. Nobody by default.
class Allowed {
 public:
  bool operator()(const User& user) const;
  bool empty() const { return !everybody_ && names_.empty(); }
  // Adds what one --allow says.
  absl::Status Add(absl::string_view text);

 private:
  bool everybody_ = false;
  std::set<std::string> names_;  // as Display shows them
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_ALLOWED_H_
