#include "tools/common/allowed.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chat::tools {

absl::StatusOr<User> ParseUserName(absl::string_view text) {
  const UserRef user = ParseUser(text);
  if (IsName(user.name)) return User(user);
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": nobody can have that name"));
}

absl::StatusOr<std::vector<User>> ParseUserNames(absl::string_view text) {
  std::vector<User> users;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    absl::StatusOr<User> user = ParseUserName(name);
    if (!user.ok()) return user.status();
    users.push_back(*std::move(user));
  }
  return users;
}

absl::Status Allowed::Add(absl::string_view text) {
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    if (name == "*") {
      everybody_ = true;
      continue;
    }
    const absl::StatusOr<User> user = ParseUserName(name);
    if (!user.ok()) return user.status();
    names_.insert(Display(*user));
  }
  return absl::OkStatus();
}

bool Allowed::operator()(const User& user) const {
  return everybody_ || names_.count(Display(user)) != 0;
}

}  // namespace chat::tools
