// What a server session may ask of whoever hosts it. A session never sees a socket, a clock, a
// thread or a random source; everything comes through here.

#ifndef LIBCHAT_DIALECT_SESSION_HOST_H_
#define LIBCHAT_DIALECT_SESSION_HOST_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "libchat/event/event.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"

namespace chat {

// How an attempt to log in ended.
enum class LoginResult : uint8_t {
  kAccepted,
  kTaken,       // somebody connected has that name
  kNotAName,    // against the rules for names (IsName)
  kAlreadyIn,   // this connection has a name already; it stays
  kOverloaded,  // a limit of the server; the refusal is counted
};

// What became of something addressed to one user.
enum class Delivery : uint8_t {
  kSent,         // on its way; nothing more is known
  kNoSuchUser,   // nobody of that name is connected, or not one who can be reached this way
  kNotPossible,  // there is no matching request, or the server's bounds (limits.*) forbid it
};

// What became of a presented connect_id.
enum class TicketResult : uint8_t {
  kAccepted,  // valid: RelayEstablished follows once the other half is there, or the host closes
  kRefused,   // unknown, expired, used up, or this address has guessed too often
};

// Why something of a client's was not acted on. One counter each (CounterName).
enum class Fault : uint8_t {
  kMalformed,      // could not be parsed; the connection is usually closed
  kFrameTooLong,   // declared longer than SessionLimits allow
  kUnknownOpcode,  // the stream can not be followed
  kSpoofedSender,  // claimed a sender that is not the session's login; not forwarded
  kNotText,        // not valid UTF-8, or with a NUL
  kMessageTooLong,
  kNotLoggedIn,  // a packet that needs a login first
  kNoSuchUser,   // the addressee is not connected
  kUnexpected,   // an answer without a question, or a packet only servers send
  kLast = kUnexpected,
};

// Thread safety: a session and its host live on one thread; all calls are made there, and only
// from within the session's own On… methods.
class SessionHost {
 public:
  virtual ~SessionHost() = default;

  // Queues `bytes` (copied) for this client, behind everything that was due to it before this
  // call, public messages included.
  virtual void Send(absl::string_view bytes) = 0;

  // Open login: claims `name` on this server for this connection. From kAccepted on, public
  // messages reach this client.
  virtual LoginResult Login(absl::string_view name) = 0;

  // Says `body` to everyone. The bytes of `body` must live until the current OnBytes returns. Needs
  // a login.
  virtual void Publish(Text body) = 0;

  // Says `body` to one user. Needs a login, as all that follows but PresentTicket.
  virtual Delivery SendPrivate(UserRef to, Text body) = 0;

  // Asks `to` for something; the end of it comes as an Answer event.
  virtual Delivery Ask(RequestKind kind, UserRef to, Text reason) = 0;

  // Answers the oldest open request of that kind from `asker` to this user. kNotPossible if there
  // is none.
  virtual Delivery AnswerRequest(RequestKind kind, UserRef asker, bool accept) = 0;

  // Presents a connect_id: this connection wants to become one half of that relay.
  virtual TicketResult PresentTicket(int64_t connect_id) = 0;

  // Asks for the end of relay `connect_id`, whose other party is `other`. kNotPossible if there is
  // none such between this user and `other`.
  virtual Delivery CloseRelay(int64_t connect_id, UserRef other) = 0;

  // True once this client has used up its rate (limits.messages) or its turn: the session consumes
  // no further packet now; OnBytes is called again, with the same bytes, when it may go on.
  virtual bool Throttled() const = 0;

  // Counts a fault of this client's, and charges it to its rate as a message would be.
  virtual void Count(Fault fault) = 0;
};

// The counter's name in the admin API, e.g. "spoofed_sender".
absl::string_view CounterName(Fault fault);

}  // namespace chat

#endif  // LIBCHAT_DIALECT_SESSION_HOST_H_
