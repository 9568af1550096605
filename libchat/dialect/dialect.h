// The seam: all that the rest of the house knows of a protocol. A dialect is one object of this
// class, in a folder of its own, and one word in libchat/dialects.bzl.

#ifndef LIBCHAT_DIALECT_DIALECT_H_
#define LIBCHAT_DIALECT_DIALECT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/client_session.h"
#include "libchat/dialect/direct_session.h"
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

// How the users of a dialect write to each other, and to others, through the server.
enum class PrivateMessages : uint8_t {
  kFree,   // anybody writes to anybody; a request to talk is accepted at once
  kTalks,  // only two who have agreed to talk: one asks the other
  kNone,   // not through the server
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

  virtual PrivateMessages private_messages() const { return PrivateMessages::kFree; }
  // The longest private message that its clients can be sent, in bytes.
  virtual size_t max_private_bytes() const { return kMaxMessageBytes; }
  // True if its clients are shown the reason of a request to talk.
  virtual bool shows_reason() const { return false; }
  // True if names are shown to its clients ToAscii, and they write them so.
  virtual bool ascii_names() const { return false; }

  // What its clients can be asked for by other users.
  virtual bool answers(RequestKind kind) const = 0;

  // True if its clients can be sent files through the server.
  virtual bool takes_files() const { return false; }

  // True if its servers merge. Then NewLinkSession is this server's end of a connection that it has
  // opened to another: it sends `offer` first (see ServerSession::OnConnected).
  virtual bool links() const { return false; }
  virtual std::unique_ptr<ServerSession> NewLinkSession(const MergeOffer&, const SessionLimits&,
                                                        SessionHost&) const {
    return nullptr;
  }

  // One end of a direct connection between two clients. Null where ClientTraits says that there are
  // none. The host outlives the session.
  virtual std::unique_ptr<DirectSession> NewDirectSession(const DirectOptions&, DirectHost&) const {
    return nullptr;
  }

  // Writes the one packet that says `message` to all clients of this dialect, whatever their
  // listener's options. Pure; called under the hub's lock: memory only, no allocation. At most
  // kMaxPublicBytes, and `out` has room for that.
  virtual void EncodePublic(const PublicMessage& message, wire::Writer& out) const = 0;
};

// An encoded public message is never longer than this, in any dialect.
inline constexpr size_t kMaxPublicBytes = 4096;

}  // namespace chat

#endif  // LIBCHAT_DIALECT_DIALECT_H_
