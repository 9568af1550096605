// One end of a direct connection between two clients, which the server has only introduced to each
// other: a state machine without I/O. libchat/client drives one over a socket of its own.

#ifndef LIBCHAT_DIALECT_DIRECT_SESSION_H_
#define LIBCHAT_DIALECT_DIRECT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/server_session.h"
#include "libchat/event/text.h"

namespace chat {

struct DirectOptions {
  // The side that connects proves itself first; the side that listens checks it.
  enum class Side : uint8_t { kConnects, kListens };
  Side side = Side::kConnects;
  std::string self;  // this client's login
  std::string peer;  // the other's
  int64_t id = 0;    // DirectAddress::id
};

// ---- What happens on it. Owning values. ----

// The listening side has seen the right login and id; on the connecting side, the first event.
struct DirectOpened {
  friend bool operator==(const DirectOpened&, const DirectOpened&) = default;
};
struct DirectMessage {
  std::string body;  // as it came: a peer may be wrong about UTF-8
  friend bool operator==(const DirectMessage&, const DirectMessage&) = default;
};
// The next piece of the file `name`, which is as the peer wrote it: NOT SAFE as a path. Pieces of
// one file come in a row. (Whether a piece is the last one may be known only from what follows it:
// then it is reported as late as that.)
struct DirectFilePiece {
  std::string name;
  std::string content;
  bool last = false;
  friend bool operator==(const DirectFilePiece&, const DirectFilePiece&) = default;
};

using DirectEvent = std::variant<DirectOpened, DirectMessage, DirectFilePiece>;

std::string ToString(const DirectEvent& event);

// Thread safety: as SessionHost.
class DirectHost {
 public:
  virtual ~DirectHost() = default;
  // Queues `bytes` (copied) for the peer.
  virtual void Send(absl::string_view bytes) = 0;
  virtual void OnDirectEvent(DirectEvent event) = 0;
};

// Thread safety: none. A text or name that the dialect cannot say is kInvalidArgument, naming the
// limit; before DirectOpened it is kFailedPrecondition. Nothing was sent then.
class DirectSession {
 public:
  virtual ~DirectSession() = default;

  // First call, once the peers are connected.
  virtual void Start() = 0;

  virtual absl::Status SendMessage(Text body) = 0;

  // The pieces of one file are sent in a row: each but the last has exactly max_piece_bytes(), the
  // last has fewer, and may be empty. (What then goes out is the dialect's affair: an empty last
  // piece may be nothing at all.)
  virtual absl::Status SendFilePiece(absl::string_view name, absl::string_view content) = 0;
  virtual size_t max_piece_bytes() const = 0;

  // As ServerSession::OnBytes. kClose: the peer is not who it should be, or broke the protocol.
  virtual Step OnBytes(absl::string_view in) = 0;

  // The peer has ended its stream in an orderly way, and OnBytes had consumed all of it: what was
  // held back until more came is reported. May be called again, without effect.
  virtual void OnEnd() {}
};

}  // namespace chat

#endif  // LIBCHAT_DIALECT_DIRECT_SESSION_H_
