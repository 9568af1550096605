// The server: listeners, shards and the hub, as one object that chatd's main and the admin API
// drive.

#ifndef LIBCHAT_NET_SERVER_H_
#define LIBCHAT_NET_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libchat/accounts/accounts.h"
#include "libchat/dialect/dialect.h"
#include "libchat/hub/hub.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/snapshot.h"

namespace chat::net {

// One address to listen on. `dialect` is not owned.
struct ListenerOptions {
  const Dialect* dialect = nullptr;
  std::string host = "127.0.0.1";  // an IPv4 or IPv6 address, without brackets
  uint16_t port = 0;               // 0: chosen by the kernel
  DialectOptions options;          // must pass dialect->CheckOptions
};

// "chaton://127.0.0.1:7777?long_bytes=8"
std::string ToUrl(const ListenerOptions& listener);

// Where another server takes links.
struct MergeTarget {
  std::string host;  // an IPv4 address, or a name
  uint16_t port = 0;

  friend bool operator==(const MergeTarget&, const MergeTarget&) = default;
};

// How this server merges with others (document 003, section 7).
struct MeshOptions {
  // This server's id among them: positive, and nobody else's.
  int32_t server_id = 1;
  // Who may ask to merge, and who may be asked: ranges of addresses (see AllowList). Empty: nobody.
  std::vector<std::string> allow_merge_from;
  // Whether others are told where this server can be reached: at the address that a link comes to
  // or from, and the port of the first listener for links, unless `listed_port` says another one
  // that leads there.
  bool list_self = true;
  uint16_t listed_port = 0;
  // Whom it merges with by itself: it goes on trying for as long as it runs.
  std::vector<MergeTarget> merge_with = {};

  friend bool operator==(const MeshOptions&, const MeshOptions&) = default;
};

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

struct ServerOptions {
  std::vector<ListenerOptions> listeners;
  // All dialects of this build: one broadcast log each.
  std::vector<const Dialect*> dialects;
  uint32_t threads = 0;  // I/O threads; 0: one a core
  Limits limits;
  // Not owned; outlives the server. Null: there are none, and no client can make one. Its bounds
  // are the caller's to set, as Limits has them.
  Accounts* accounts = nullptr;
  MeshOptions mesh;
  // Called from any I/O thread; must not block. The line is not escaped yet.
  absl::AnyInvocable<void(LogLevel, absl::string_view line) const> log;
};

// The process must ignore SIGPIPE: a relay writes to whoever may have gone.
//
// Thread safety: all methods may be called from any thread but the server's own I/O threads.
class Server {
 public:
  // Opens all listeners, then starts the I/O threads. Errors name the listener (address in use,
  // permission) or the limit.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);

  // Ends everything at once.
  virtual ~Server() = default;

  // Where it listens, in the order of the options, with the ports chosen.
  virtual std::vector<ListenerOptions> listeners() const = 0;
  virtual uint32_t threads() const = 0;
  // Connections that were let in and are still there, in any state.
  virtual size_t connection_count() const = 0;
  // Bytes of queues and logs together: what limits.memory bounds.
  virtual uint64_t memory_bytes() const = 0;
  // Users, tunnels, counters, events, say.
  virtual Hub& hub() = 0;

  // Up to `max` connections with ids above `after`, in the order of ids.
  virtual std::vector<ConnectionInfo> Connections(SessionId after, size_t max) = 0;

  // New bounds, for what comes from now on. What cannot change while running (connections) is kept.
  virtual void SetLimits(const Limits& limits) = 0;

  // Ends the user's connection, requests, talks and relays. NotFound if nobody of that name is
  // here.
  virtual absl::Status Kick(absl::string_view user) = 0;
  // NotFound if there is no such tunnel.
  virtual absl::Status CloseTunnel(uint64_t id) = 0;

  // Merges with the server that takes links at `host` (an IPv4 address or a name) and `port`: goes
  // on trying for ten minutes, and once merged, whenever the link breaks. Returns at once; how it
  // goes is logged and seen in hub().Servers().
  // InvalidArgument, PermissionDenied (it is not in mesh.allow_merge_from), AlreadyExists (they
  // are merged), ResourceExhausted (limits.merge_targets) or FailedPrecondition.
  virtual absl::Status Merge(absl::string_view host, uint16_t port) = 0;

  // Stops accepting, tells clients, flushes and closes what is idle; relays go on for a while
  // (limits.drain, limits.drain_relays). Returns at once; calling it again changes nothing.
  virtual void Drain() = 0;
  virtual bool draining() const = 0;
  // After Drain: blocks until everything is closed, or the time for that is over.
  virtual void AwaitDrained() = 0;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_SERVER_H_
