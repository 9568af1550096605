// The client's side of one connection to a server: a state machine without I/O, the counterpart of
// ServerSession. The tools drive one through libchat/client.

#ifndef LIBCHAT_DIALECT_CLIENT_SESSION_H_
#define LIBCHAT_DIALECT_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/server_session.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"

namespace chat {

// Chosen by the caller for each message, to tell confirmations apart.
using SendToken = uint64_t;

// ---- What a client learns. Owning values. ----

struct LoggedIn {
  friend bool operator==(const LoggedIn&, const LoggedIn&) = default;
};
struct LoginRefused {
  enum class Reason : uint8_t { kName, kTaken, kPassword, kOther };
  Reason reason = Reason::kOther;
  // True if the name could be why: another name is worth a try on the same connection.
  bool try_another_name = false;
  friend bool operator==(const LoginRefused&, const LoginRefused&) = default;
};
// A message from somebody. The user's own public messages come too, where the dialect echoes them.
struct Received {
  bool is_private = false;
  User from;
  User to;           // the user itself, for a private message
  std::string body;  // as it came: a server may be wrong about UTF-8
  friend bool operator==(const Received&, const Received&) = default;
};
// The server has confirmed the message sent with `token`. In the order of sending.
struct Confirmed {
  SendToken token = 0;
  friend bool operator==(const Confirmed&, const Confirmed&) = default;
};
// The server will not deliver the message sent with `token`.
struct Rejected {
  enum class Reason : uint8_t { kNoSuchUser, kNotAllowed, kTooLong, kOther };
  SendToken token = 0;
  Reason reason = Reason::kOther;
  friend bool operator==(const Rejected&, const Rejected&) = default;
};
// Somebody asks for a private relayed connection.
struct RelayAsked {
  User from;
  friend bool operator==(const RelayAsked&, const RelayAsked&) = default;
};
// A private connection was agreed on: both parties present `connect_id` on a new connection.
struct RelayGranted {
  User asker;
  User target;
  int64_t connect_id = 0;
  friend bool operator==(const RelayGranted&, const RelayGranted&) = default;
};
// `target` refused this user's request.
struct RelayRefused {
  User target;
  friend bool operator==(const RelayRefused&, const RelayRefused&) = default;
};
// `by` asked to end the relay between it and this user.
struct RelayEnding {
  User by;
  friend bool operator==(const RelayEnding&, const RelayEnding&) = default;
};
// On a connection that presented a connect_id: both halves are there. The bytes that OnBytes did
// not consume, and all that come later, are the peer's.
struct RelayOpen {
  friend bool operator==(const RelayOpen&, const RelayOpen&) = default;
};

using ClientEvent = std::variant<LoggedIn, LoginRefused, Received, Confirmed, Rejected, RelayAsked,
                                 RelayGranted, RelayRefused, RelayEnding, RelayOpen>;

std::string ToString(const ClientEvent& event);

// What a client session may ask of whoever hosts it.
// Thread safety: as SessionHost.
class ClientHost {
 public:
  virtual ~ClientHost() = default;

  // Queues `bytes` (copied) for the server.
  virtual void Send(absl::string_view bytes) = 0;

  virtual void OnClientEvent(ClientEvent event) = 0;
};

// How a dialect tells a sender that its message arrived at the server.
enum class Confirmation : uint8_t {
  kEcho,  // the server's own copy of a public message comes back
  kAck,   // an acknowledgement packet
  kNone,  // not at all: half-close, and the server's clean close says that all was read
};

// What a client of the dialect can do; the tools ask this, never the dialect's name.
struct ClientTraits {
  size_t max_message_bytes = 0;
  bool public_room = false;
  Confirmation public_confirmation = Confirmation::kNone;
  Confirmation private_confirmation = Confirmation::kNone;
  bool relays = false;  // private connections through the server
  bool ascii_only = false;
};

// Thread safety: none. A call that the dialect does not have (ClientTraits) returns
// kUnimplemented, one that the state forbids (before login, say) kFailedPrecondition, a text or a
// name that the dialect cannot say kInvalidArgument, naming the limit; nothing was sent then.
class ClientSession {
 public:
  virtual ~ClientSession() = default;

  // First call of an ordinary connection. After LoginRefused with try_another_name it may be called
  // again. LoggedIn or LoginRefused follows.
  virtual absl::Status Login(absl::string_view name) = 0;

  // First and only call of a connection that shall become half of a relay. RelayOpen follows, or
  // the server closes.
  virtual absl::Status PresentTicket(int64_t connect_id) = 0;

  virtual absl::Status SendPublic(SendToken token, Text body) = 0;
  virtual absl::Status SendPrivate(SendToken token, UserRef to, Text body) = 0;

  virtual absl::Status AskRelay(UserRef to) = 0;
  virtual absl::Status AnswerRelay(UserRef asker, bool accept) = 0;
  virtual absl::Status CloseRelay(const RelayGranted& relay) = 0;

  // As ServerSession::OnBytes. kRelay: RelayOpen was reported. kClose: the server broke the
  // protocol; the session is over.
  virtual Step OnBytes(absl::string_view in) = 0;
};

}  // namespace chat

#endif  // LIBCHAT_DIALECT_CLIENT_SESSION_H_
