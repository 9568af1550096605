// What stands on chat-tunnel's command line: where to listen, whom to ask, where to connect.

#ifndef TOOLS_CHAT_TUNNEL_ENDPOINTS_H_
#define TOOLS_CHAT_TUNNEL_ENDPOINTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/event/user.h"
#include "tools/common/allowed.h"
#include "tools/common/host_port.h"

namespace chat::tools {

// USER or USER/SERVICE: whom to ask for a connection.
struct Destination {
  User user;
  std::string service;  // empty: USER's plain --accept

  // A service is a login of its own, USER-SERVICE: the protocol has no field for it.
  User Login() const;

  friend bool operator==(const Destination&, const Destination&) = default;
};

// -L [BIND:]PORT:USER[/SERVICE] or unix:PATH:USER[/SERVICE]: each connection that arrives there
// becomes a private one to `to`.
struct Forward {
  std::string bind = "127.0.0.1";  // an address or a name; no brackets around an IPv6 address
  uint16_t port = 0;               // 0: any that is free
  Destination to;
  std::string path;  // of a Unix socket; then there is no bind and no port

  friend bool operator==(const Forward&, const Forward&) = default;
};

// --accept HOST:PORT, unix:PATH or -: where the connections of others lead.
struct Target {
  enum class Kind : uint8_t { kTcp, kUnix, kStdio };

  Kind kind = Kind::kStdio;
  HostPort tcp;      // kTcp
  std::string path;  // kUnix

  friend bool operator==(const Target&, const Target&) = default;
};

// --accept [NAME=]TARGET.
struct Service {
  std::string name;  // empty: the plain one
  Target target;

  friend bool operator==(const Service&, const Service&) = default;
};

// The login of the service `name` of `user`; `user` itself if there is none.
std::string ServiceLogin(absl::string_view user, absl::string_view name);

// InvalidArgument says what is wrong with `text`.
absl::StatusOr<Destination> ParseDestination(absl::string_view text);
absl::StatusOr<Service> ParseService(absl::string_view text);
absl::StatusOr<Forward> ParseForward(absl::string_view text);
absl::StatusOr<Target> ParseTarget(absl::string_view text);

// For people, e.g. "[::1]:22", "unix:/run/x", "standard input and output".
std::string ToString(const Target& target);
// "bob", "bob/ssh".
std::string ToString(const Destination& destination);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_ENDPOINTS_H_
