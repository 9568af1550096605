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
#include "libchat/event/event.h"
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
  enum class Reason : uint8_t { kName, kTaken, kPassword, kNoAccount, kOther };
  Reason reason = Reason::kOther;
  // True if the name could be why: another name is worth a try on the same connection.
  bool try_another_name = false;
  friend bool operator==(const LoginRefused&, const LoginRefused&) = default;
};
// The account that was asked for exists now (see ClientSession::Register).
struct AccountMade {
  friend bool operator==(const AccountMade&, const AccountMade&) = default;
};
struct AccountRefused {
  friend bool operator==(const AccountRefused&, const AccountRefused&) = default;
};
// The user has logged in elsewhere: the server ends this connection.
struct Replaced {
  friend bool operator==(const Replaced&, const Replaced&) = default;
};
// The server says something about the connection, for people to read.
struct Notice {
  std::string text;
  friend bool operator==(const Notice&, const Notice&) = default;
};
// A message from somebody. The user's own public messages come too, where the dialect echoes them.
struct Received {
  bool is_private = false;  // see ClientTraits::tells_private
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
// A piece of a file of `size` bytes. Pieces of one transfer of one sender come in order, each of
// kFileChunkBytes; what the last one has beyond `size` is padding. An empty file is one piece.
struct FileChunkReceived {
  User from;
  int32_t transfer = 0;
  std::string name;  // as it came: NOT SAFE as a path
  int64_t size = 0;  // of the whole file, as its sender says
  std::string content;
  friend bool operator==(const FileChunkReceived&, const FileChunkReceived&) = default;
};
// Something that this user has said privately, or a piece of a file, has not arrived; the protocol
// does not say which.
struct Undeliverable {
  bool no_server = false;  // the receiver's server is not there, else the receiver
  friend bool operator==(const Undeliverable&, const Undeliverable&) = default;
};
// Somebody asks this user for something: see ClientSession::Answer.
struct Asked {
  RequestKind kind = RequestKind::kTalk;
  User from;
  std::string reason;  // as it came
  friend bool operator==(const Asked&, const Asked&) = default;
};
// This user's request has come to nothing.
struct Refused {
  RequestKind kind = RequestKind::kTalk;
  User target;
  bool absent = false;  // there is nobody of that name; else `target` or the server said no
  friend bool operator==(const Refused&, const Refused&) = default;
};
// This user and `peer` can exchange private messages now.
struct TalkOpened {
  User peer;
  friend bool operator==(const TalkOpened&, const TalkOpened&) = default;
};
struct TalkEnded {
  User peer;
  friend bool operator==(const TalkEnded&, const TalkEnded&) = default;
};
// `peer` has accepted a direct connection and listens for it.
struct DirectGranted {
  User peer;
  DirectAddress at;
  friend bool operator==(const DirectGranted&, const DirectGranted&) = default;
};
// A private connection was agreed on: both parties present `connect_id` on a new connection.
struct RelayGranted {
  User asker;
  User target;
  int64_t connect_id = 0;
  friend bool operator==(const RelayGranted&, const RelayGranted&) = default;
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

using ClientEvent =
    std::variant<LoggedIn, LoginRefused, AccountMade, AccountRefused, Replaced, Notice, Received,
                 Confirmed, Rejected, Asked, Refused, TalkOpened, TalkEnded, DirectGranted,
                 RelayGranted, RelayEnding, RelayOpen, FileChunkReceived, Undeliverable>;

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

// How a user of the dialect writes to one other.
enum class PrivateWay : uint8_t {
  kServer,  // SendPrivate, at once
  kTalk,    // SendPrivate, once a request to talk was accepted (TalkOpened)
  kDirect,  // over a direct connection of the two clients
};

// How files travel.
enum class FileWay : uint8_t { kNone, kServer, kDirect };

// Whether a user logs in with a password.
enum class Passwords : uint8_t { kNever, kOptional, kRequired };

// What a client of the dialect can do; the tools ask this, never the dialect's name.
struct ClientTraits {
  // The longest message that every user of a server can be sent, whatever it speaks.
  size_t max_message_bytes = 0;
  bool public_room = false;
  Confirmation public_confirmation = Confirmation::kNone;
  Confirmation private_confirmation = Confirmation::kNone;
  bool tells_private = true;  // Received::is_private is known; else it is false
  // The sender is told when a private message or a request finds nobody of that name. If false, a
  // receiver who is not there looks like one who is (chaton) or like one who refuses (chathack).
  bool tells_absent = true;
  bool relays = false;  // private connections through the server
  bool ascii_only = false;
  PrivateWay private_way = PrivateWay::kServer;
  FileWay file_way = FileWay::kNone;
  Passwords passwords = Passwords::kNever;
  bool registers = false;  // makes accounts (ClientSession::Register)
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
  // The same, to an account. `password` is kept, and overwritten in the end, only where Leave needs
  // it.
  virtual absl::Status LoginWithPassword(absl::string_view name, absl::string_view password);

  // Instead of Login, and possibly before LoginWithPassword: asks for a new account. AccountMade or
  // AccountRefused follows.
  virtual absl::Status Register(absl::string_view name, absl::string_view password);

  // First and only call of a connection that shall become half of a relay. RelayOpen follows, or
  // the server closes.
  virtual absl::Status PresentTicket(int64_t connect_id);

  virtual absl::Status SendPublic(SendToken token, Text body);
  virtual absl::Status SendPrivate(SendToken token, UserRef to, Text body);

  // The next piece of a file of `size` bytes: kFileChunkBytes of it, the last piece what is left.
  // An empty file is one empty piece. `transfer` tells this user's transfers apart.
  virtual absl::Status SendFileChunk(UserRef to, int32_t transfer, absl::string_view name,
                                     int64_t size, absl::string_view content);

  // Asks `to` for something: TalkOpened, RelayGranted or DirectGranted follows, or Refused.
  // `reason` is left out where the dialect has no place for it. kResourceExhausted: the dialect
  // allows no further request before the answer to another one.
  virtual absl::Status Ask(RequestKind kind, UserRef to, Text reason);
  // Answers the oldest open request of that kind from `asker`; a kDirect one is accepted with
  // AcceptDirect instead.
  virtual absl::Status Answer(RequestKind kind, UserRef asker, bool accept);
  virtual absl::Status AcceptDirect(UserRef asker, const DirectAddress& at);

  // Refuses a file of which `from` has sent a piece: the sender learns it as Undeliverable.
  virtual absl::Status RefuseFile(UserRef from);

  virtual absl::Status CloseTalk(UserRef peer);
  virtual absl::Status CloseRelay(const RelayGranted& relay);
  // True if CloseRelay has to be called right before this user ends its own direction of a relay:
  // the other party's program does not survive the end of the relay otherwise.
  virtual bool announces_relay_end() const { return false; }

  // Last call before this user ends its stream: says goodbye, if the document wants that of a
  // client which leaves. Nothing can be sent afterwards.
  virtual void Leave() {}

  // As ServerSession::OnBytes. kRelay: RelayOpen was reported. kClose: the server broke the
  // protocol; the session is over.
  virtual Step OnBytes(absl::string_view in) = 0;
};

}  // namespace chat

#endif  // LIBCHAT_DIALECT_CLIENT_SESSION_H_
