// The seam: all that the rest of the house knows of a protocol. A dialect is one object of this
// class, in a folder of its own, and one word in libchat/dialects.bzl.

#ifndef LIBCHAT_DIALECT_DIALECT_H_
#define LIBCHAT_DIALECT_DIALECT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/client_session.h"
#include "libchat/dialect/limits.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"
#include "libchat/event/event.h"
#include "libchat/wire/writer.h"

namespace chat {

// Options of a listener or a connection, as they stand in the query of its URL
// (chaton://host:7777?long_bytes=8 has {"long_bytes", "8"}).
using DialectOptions = std::map<std::string, std::string>;

// Where a server listens when nobody says otherwise.
struct DefaultListener {
  uint16_t port = 0;
  DialectOptions options;
};

// Who gets the sender's own public messages.
enum class OwnPublic : uint8_t {
  kEchoed,   // the sender, too: the echo is its confirmation
  kLeftOut,  // everyone but the sender
};

// Thread safety: immutable; all methods may be called from any thread.
class Dialect {
 public:
  virtual ~Dialect() = default;

  // Lower case; the scheme of URLs, and the name of its folder.
  virtual absl::string_view name() const = 0;
  // The first is the port of a URL that names none.
  virtual std::vector<DefaultListener> default_listeners() const = 0;
  // InvalidArgument naming the option that the dialect does not have or the value it cannot take.
  virtual absl::Status CheckOptions(const DialectOptions& options) const = 0;

  // `options` must have passed CheckOptions. `host` outlives the session.
  virtual std::unique_ptr<ServerSession> NewServerSession(const DialectOptions& options,
                                                          const SessionLimits& limits,
                                                          SessionHost& host) const = 0;
  virtual std::unique_ptr<ClientSession> NewClientSession(const DialectOptions& options,
                                                          ClientHost& host) const = 0;

  virtual ClientTraits client_traits() const = 0;

  // False for a dialect whose clients never receive public messages.
  virtual bool has_public_room() const { return true; }
  virtual OwnPublic own_public() const { return OwnPublic::kEchoed; }

  // What its clients can be asked for by other users.
  virtual bool answers(RequestKind kind) const = 0;

  // Writes the one packet that says `message` to all clients of this dialect, whatever their
  // listener's options. Pure; called under the hub's lock: memory only, no allocation. At most
  // kMaxPublicBytes, and `out` has room for that.
  virtual void EncodePublic(const PublicMessage& message, wire::Writer& out) const = 0;
};

// An encoded public message is never longer than this, in any dialect.
inline constexpr size_t kMaxPublicBytes = 4096;

}  // namespace chat

#endif  // LIBCHAT_DIALECT_DIALECT_H_
