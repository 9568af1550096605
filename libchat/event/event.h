// The vocabulary that all dialects share: what can happen between users, as plain values.
//
// A server session turns its client's packets into calls on its SessionHost (the requests of this
// user) and turns the Events below, which come from other users through the hub, into packets.

#ifndef LIBCHAT_EVENT_EVENT_H_
#define LIBCHAT_EVENT_EVENT_H_

#include <cstdint>
#include <string>
#include <variant>

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
};

// Said to one user.
struct PrivateMessage {
  User from;
  User to;
  OwnedText body;

  friend bool operator==(const PrivateMessage&, const PrivateMessage&) = default;
};

// What one user can ask another for.
enum class RequestKind : uint8_t {
  kTalk,    // to exchange private messages (chatos op 4, crp INVT)
  kRelay,   // a private connection relayed by the server (chaton)
  kDirect,  // a direct connection between the two clients (chathack)
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
  // below 2^31. kTalk: the number of the two-person session.
  int64_t grant = 0;

  friend bool operator==(const Answer&, const Answer&) = default;
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

using Event = std::variant<PrivateMessage, Request, Answer, RelayClosing, RelayEstablished>;

// One line for logs and test failures; bodies are shortened and escaped.
std::string ToString(const Event& event);

}  // namespace chat

#endif  // LIBCHAT_EVENT_EVENT_H_
