#include "tools/common/allowed.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chat::tools {
namespace {

// `*` in `pattern` stands for any characters. Each piece between two stars may be taken as early as
// possible, so the time is bounded by the product of both lengths.
bool Matches(absl::string_view pattern, absl::string_view name) {
  const std::vector<absl::string_view> pieces = absl::StrSplit(pattern, '*');
  if (pieces.size() == 1) return pattern == name;
  if (!absl::StartsWith(name, pieces.front())) return false;
  name.remove_prefix(pieces.front().size());
  for (size_t i = 1; i + 1 < pieces.size(); ++i) {
    const size_t at = name.find(pieces[i]);
    if (at == name.npos) return false;
    name.remove_prefix(at + pieces[i].size());
  }
  return absl::EndsWith(name, pieces.back());
}

}  // namespace

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
    absl::StatusOr<User> user = ParseUserName(name);
    if (!user.ok()) return user.status();
    patterns_.push_back(*std::move(user));
  }
  return absl::OkStatus();
}

bool Allowed::operator()(const User& user) const {
  return everybody_ || absl::c_any_of(patterns_, [&](const User& pattern) {
           return pattern.server == user.server && Matches(pattern.name, user.name);
         });
}

bool Allowed::is_one_user() const {
  if (everybody_) return false;
  return absl::c_all_of(patterns_, [&](const User& pattern) {
    return pattern == patterns_.front() && !absl::StrContains(pattern.name, '*');
  });
}

}  // namespace chat::tools
