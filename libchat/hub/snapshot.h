// What the admin API shows: copies, taken at one moment, of what is there.

#ifndef LIBCHAT_HUB_SNAPSHOT_H_
#define LIBCHAT_HUB_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "libchat/event/mesh.h"
#include "libchat/hub/session_id.h"

namespace chat {

struct UserInfo {
  std::string name;
  std::string dialect;
  SessionId session;
  absl::Time since;  // of the login
};

struct ConnectionInfo {
  enum class State : uint8_t { kLogin, kOpen, kHalfClosed, kWaitingForPeer, kRelay };
  SessionId session;
  std::string dialect;
  std::string listener;  // its URL
  std::string address;   // the client's, "127.0.0.1:41234"
  std::string user;      // empty before login
  State state = State::kLogin;
  absl::Time since;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t lag_bytes = 0;     // behind the broadcast log
  uint64_t queued_bytes = 0;  // of its own that wait for it
  // The highest number of a message that its client has acknowledged; 0: none.
  int64_t acknowledged = 0;
};

struct TunnelInfo {
  uint64_t id = 0;  // for close-tunnel; not the connect_id, which is a secret
  std::string asker;
  std::string target;
  bool established = false;  // both halves are there
  absl::Time since;
  // A half presents only the connect_id, so nobody knows which party it is: by order of arrival.
  uint64_t bytes_from_first = 0;
  uint64_t bytes_from_second = 0;
};

// A server that this one is merged with.
struct ServerInfo {
  int32_t id = 0;
  SessionId link;
  bool opened_here = false;   // this server has connected to it
  std::optional<Sibling> at;  // where it takes links, if it has said so
  absl::Time since;           // of the merge
};

// One thing that happened, for a watcher.
struct ServerEvent {
  enum class Kind : uint8_t {
    kLogin,
    kLogout,
    kRefused,  // a connection or login refused by a bound; detail names it
    kCut,      // a connection ended by the server; detail says why
    kTunnelOpen,
    kTunnelClosed,
    kSay,        // a message of the server to everyone
    kMerged,     // with another server; detail names it
    kSeparated,  // its link is no more
    kDrain,
    kGap,  // `number` events were lost to this watcher
  };
  Kind kind = Kind::kLogin;
  absl::Time time;
  uint64_t sequence = 0;
  std::string user;
  std::string dialect;
  std::string detail;
  uint64_t number = 0;
};

// Counters by name, in a fixed order, e.g. {"messages_public", 12}.
using CounterValues = std::vector<std::pair<std::string, uint64_t>>;

}  // namespace chat

#endif  // LIBCHAT_HUB_SNAPSHOT_H_
