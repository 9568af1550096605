// The vocabulary that all dialects share: what can happen between users, as plain values.
//
// A server session turns its client's packets into calls on its SessionHost (the requests of this
// user) and turns the Events below, which come from other users through the hub, into packets.

#ifndef LIBCHAT_EVENT_EVENT_H_
#define LIBCHAT_EVENT_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "libchat/event/mesh.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"

namespace chat {

// Said to everyone. Encoded once a dialect (Dialect::EncodePublic), so it is a view: DIES WITH THE
// PUBLISHER'S BUFFER.
struct PublicMessage {
  UserRef from;
  Text body;
  // This server's number of the message: positive, ever increasing, the same for all receivers.
  int64_t number = 0;
  // This server's id, for dialects that show it with every name.
  int32_t here = 0;
};

// The number of a talk, from 0: two users who have agreed to exchange private messages. A talk is
// the consent of chatos and the session of crp; two users have at most one.
using TalkNumber = int32_t;
inline constexpr TalkNumber kNoTalk = -1;
// As many as crp's SessionIDs have numbers (004, section 1.2).
inline constexpr TalkNumber kMaxTalks = 100'000;

// Said to one user.
struct PrivateMessage {
  User from;
  User to;
  OwnedText body;
  // This server's number of the message, from the same sequence as PublicMessage's.
  int64_t number = 0;
  // The talk of the two, if they have one.
  TalkNumber talk = kNoTalk;

  friend bool operator==(const PrivateMessage&, const PrivateMessage&) = default;
};

// How an attempt to log in ended.
enum class LoginResult : uint8_t {
  kAccepted,
  kTaken,          // somebody connected has that name
  kNotAName,       // against the rules for names (IsName)
  kAlreadyIn,      // this connection has a name already; it stays
  kReserved,       // the name belongs to an account: it takes a password
  kNoAccount,      // no account has that name
  kWrongPassword,  // or too many wrong ones before: then nothing was looked at
  kOverloaded,     // a limit of the server; the refusal is counted
};

// "accepted", "wrong password", ...
absl::string_view ToString(LoginResult result);

// What one user can ask another for.
enum class RequestKind : uint8_t {
  kTalk,    // to exchange private messages (chatos op 4, crp INVT)
  kRelay,   // a private connection relayed by the server (chaton)
  kDirect,  // a direct connection between the two clients (chathack)
};

// "talk", "relay", "direct".
absl::string_view ToString(RequestKind kind);

// Where a client listens for a direct connection, and what proves that the caller was invited.
struct DirectAddress {
  std::string address;  // in network order: 4 bytes (IPv4) or 16 (IPv6)
  uint16_t port = 0;
  int64_t id = 0;  // a secret of the two clients

  friend bool operator==(const DirectAddress&, const DirectAddress&) = default;
};

// `from` asks the receiving session's user for something.
struct Request {
  RequestKind kind = RequestKind::kTalk;
  User from;
  User to;
  OwnedText reason;  // crp: the body of the INVT; else empty

  friend bool operator==(const Request&, const Request&) = default;
};

enum class Verdict : uint8_t {
  kAccepted,
  kRefused,  // the one asked said no, or did not answer in time
  kAbsent,   // the one asked is not there (any more)
  kFailed,   // accepted, but what was asked for could not be made
};

// How a request ended. An accepted one is sent to both parties, anything else to the asker.
struct Answer {
  RequestKind kind = RequestKind::kTalk;
  User asker;
  User target;
  Verdict verdict = Verdict::kRefused;
  // With kAccepted: what was granted. kRelay: the connect_id that both present, positive and
  // below 2^31. kTalk: the TalkNumber.
  int64_t grant = 0;
  // With kAccepted and kDirect, which is sent to the asker alone.
  std::optional<DirectAddress> direct = std::nullopt;

  friend bool operator==(const Answer&, const Answer&) = default;
};

// The talk has ended: the other party, `by`, has closed it or left.
struct TalkClosed {
  TalkNumber talk = kNoTalk;
  User by;

  friend bool operator==(const TalkClosed&, const TalkClosed&) = default;
};

// What `from`, who is told so, has said to `to` was not delivered: there is nobody of that name, or
// no consent after it had waited for that. A name that is not known any more is empty; of a `to` on
// another server only that server may be known.
struct Undelivered {
  User to;
  User from;
  bool no_server = false;  // it is the other's server that is not there

  friend bool operator==(const Undelivered&, const Undelivered&) = default;
};

// A piece of a file on its way through servers (cfp). Pieces of one transfer come in order.
struct FileChunk {
  User from;
  User to;
  int32_t transfer = 0;  // tells the sender's transfers apart
  std::string name;      // as the sender wrote it: NOT SAFE as a path
  int32_t chunks = 0;    // of the whole file
  std::string content;   // at most kFileChunkBytes

  friend bool operator==(const FileChunk&, const FileChunk&) = default;
};
inline constexpr size_t kFileChunkBytes = 1024;

// Said to everyone by a user of this server: for the users of another one. Only links get it.
struct Announcement {
  User from;
  OwnedText body;

  friend bool operator==(const Announcement&, const Announcement&) = default;
};

// How a login with a password (SessionHost::Authenticate) ended.
struct Authenticated {
  LoginResult result = LoginResult::kAccepted;

  friend bool operator==(const Authenticated&, const Authenticated&) = default;
};

// How a registration (SessionHost::Register) ended.
struct Registered {
  bool successful = false;

  friend bool operator==(const Registered&, const Registered&) = default;
};

// The other party of a relay, `by`, asked to close it; the relay drains and ends.
struct RelayClosing {
  int64_t grant = 0;
  User by;

  friend bool operator==(const RelayClosing&, const RelayClosing&) = default;
};

// The other half of the relay that this connection presented a connect_id for is there. After the
// session's own words for it, every byte on the connection belongs to the relay.
struct RelayEstablished {
  friend bool operator==(const RelayEstablished&, const RelayEstablished&) = default;
};

using Event =
    std::variant<PrivateMessage, Request, Answer, TalkClosed, Undelivered, FileChunk, Announcement,
                 MergeAnswer, Authenticated, Registered, RelayClosing, RelayEstablished>;

// One line for logs and test failures; bodies are shortened and escaped.
std::string ToString(const Event& event);

}  // namespace chat

#endif  // LIBCHAT_EVENT_EVENT_H_
