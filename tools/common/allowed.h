// --allow: whom a tool answers.

#ifndef TOOLS_COMMON_ALLOWED_H_
#define TOOLS_COMMON_ALLOWED_H_

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

// USER[,USER], where `*` in a name stands for any characters, none included: "ann*" allows ann and
// ann2. A pattern is about users of the server that it names ("ann*@7"), or of this one; a single
// '*' is everybody. Nobody by default.
class Allowed {
 public:
  bool operator()(const User& user) const;
  bool empty() const { return !everybody_ && patterns_.empty(); }
  // It allows one user at most.
  bool is_one_user() const;
  // Adds what one --allow says.
  absl::Status Add(absl::string_view text);

 private:
  bool everybody_ = false;
  std::vector<User> patterns_;
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_ALLOWED_H_
