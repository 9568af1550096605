// Users and names, as every dialect shares them.

#ifndef LIBCHAT_EVENT_USER_H_
#define LIBCHAT_EVENT_USER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace chat {

// A name is at most this many bytes of UTF-8.
inline constexpr size_t kMaxNameBytes = 30;

// True if `name` may be a login: 1 to kMaxNameBytes bytes of valid UTF-8 with no control, format
// or separator characters (so no spaces and no bidirectional controls), no unassigned line
// breaks, and no '@', which separates a name from its server.
bool IsName(absl::string_view name);

// Somebody, by name. `server` is 0 for a user of this server, else the id of the merged server
// where the user is. Does not own the name: DIES WITH IT.
struct UserRef {
  absl::string_view name;
  int32_t server = 0;

  friend bool operator==(const UserRef& a, const UserRef& b) {
    return a.server == b.server && a.name == b.name;
  }
};

// The owning counterpart of UserRef.
struct User {
  std::string name;
  int32_t server = 0;

  User() = default;
  User(std::string name, int32_t server = 0) : name(std::move(name)), server(server) {}
  explicit User(UserRef ref) : name(ref.name), server(ref.server) {}

  operator UserRef() const { return {name, server}; }  // NOLINT: a User is a UserRef
  friend bool operator==(const User& a, const User& b) = default;
};

// How `user` is shown to clients whose dialect has no server field: "name", or "name@7".
std::string Display(UserRef user);

// The inverse of Display. A name without '@', or with something other than a positive server id
// behind it, is taken whole, as the name of a local user. The result views `shown`.
UserRef ParseUser(absl::string_view shown);

// `text` (UTF-8) as it is shown where there is only ASCII: `?` for each character that ASCII cannot
// say.
std::string ToAscii(absl::string_view text);

}  // namespace chat

#endif  // LIBCHAT_EVENT_USER_H_
