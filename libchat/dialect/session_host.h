// What a server session may ask of whoever hosts it. A session never sees a socket, a clock, a
// thread or a random source; everything comes through here.

#ifndef LIBCHAT_DIALECT_SESSION_HOST_H_
#define LIBCHAT_DIALECT_SESSION_HOST_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/event/event.h"
#include "libchat/event/text.h"
#include "libchat/event/user.h"

namespace chat {

// What became of something addressed to one user.
enum class Delivery : uint8_t {
  kSent,          // on its way; nothing more is known
  kNoSuchUser,    // nobody of that name is connected, or not one who can be reached this way
  kNoSuchServer,  // the addressee's server is not merged with this one
  kNoConsent,     // the two have not agreed to talk
  kNotPossible,   // there is no matching request, or the server's bounds (limits.*) forbid it
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

  // Login to an account. The session says Next::kPause then; how it ended comes as an Authenticated
  // event. With kTakeover the right password takes the name over from an older connection, which is
  // closed (Farewell::kReplaced); without, the name is kTaken then.
  enum class Takeover : uint8_t { kTakeover, kNone };
  virtual void Authenticate(absl::string_view name, absl::string_view password,
                            Takeover takeover) = 0;

  // Makes an account, without logging in. The session says Next::kPause then; how it ended comes as
  // a Registered event. The dialect's own rules for names and passwords are the session's to keep.
  virtual void Register(absl::string_view name, absl::string_view password) = 0;

  // Says `body` to everyone. The bytes of `body` must live until the current OnBytes returns. Needs
  // a login.
  virtual void Publish(Text body) = 0;

  // Says `body` to one user. Needs a login, as all that follows but PresentTicket. Where one of the
  // two dialects needs consent (Dialect::private_messages), the two must have a talk; for a user
  // whose dialect cannot ask for one, the server asks, and the message waits.
  virtual Delivery SendPrivate(UserRef to, Text body) = 0;

  // Says `body` to the other party of a talk. kNotPossible unless `talk` is this user's with `to`.
  virtual Delivery SendInTalk(TalkNumber talk, UserRef to, Text body) = 0;

  // Ends a talk: the other party gets TalkClosed. kNotPossible as above.
  virtual Delivery CloseTalk(TalkNumber talk, UserRef other) = 0;

  // Hands a piece of a file to `chunk.to` (`chunk.from` is this user, whatever it says). A receiver
  // that is slow to read slows this client: Throttled() is true until it has read.
  virtual Delivery SendFileChunk(const FileChunk& chunk) = 0;

  // This client does not take a file that `sender` has sent it a piece of: the sender gets
  // Undelivered. kNotPossible if no piece of a file of that sender has come, or a refusal has
  // followed it already.
  virtual Delivery RefuseFile(UserRef sender) = 0;

  // This client has acknowledged the message of that number.
  virtual void Acknowledge(int64_t number) = 0;

  // Asks `to` for something; the end of it comes as an Answer event. `reason` is shown where the
  // other dialect can.
  virtual Delivery Ask(RequestKind kind, UserRef to, Text reason) = 0;

  // Answers the oldest open request of that kind from `asker` to this user. kNotPossible if there
  // is none.
  virtual Delivery AnswerRequest(RequestKind kind, UserRef asker, bool accept) = 0;

  // Accepts the oldest open request for a direct connection (kDirect) from `asker`, who is told
  // `at`. kNotPossible if there is none.
  virtual Delivery AcceptDirect(UserRef asker, const DirectAddress& at) = 0;

  // The client's address as the server sees it, in network order: 4 bytes (IPv4, also when mapped
  // into IPv6) or 16.
  virtual std::string PeerAddress() const = 0;

  // Presents a connect_id, before any login: this connection wants to become one half of that
  // relay.
  virtual TicketResult PresentTicket(int64_t connect_id) = 0;

  // Asks for the end of relay `connect_id`, whose other party is `other`. kNotPossible if there is
  // none such between this user and `other`.
  virtual Delivery CloseRelay(int64_t connect_id, UserRef other) = 0;

  // This server's id among merged servers: positive.
  virtual int32_t ServerId() const = 0;

  // ---- Links: the client is another server. Instead of a login, and for good. ----

  // It asks to merge. The session says Next::kPause then; what it answers comes as a MergeAnswer
  // event, unless the host closes: not everybody may ask.
  virtual void AskToMerge(const MergeOffer& offer) = 0;
  // On a connection that this server has opened (Dialect::NewLinkSession): the other's answer.
  // False: the connection is of no use.
  virtual bool OnMergeAnswer(const MergeAnswer& answer) = 0;
  // What the other server hands on: Announcement, PrivateMessage, FileChunk or Undelivered. With
  // `from` (of an Undelivered, `to`) on the server that it claims to come from. False: that is not
  // the one that this link leads to; nothing has happened.
  virtual bool Forward(const Event& event) = 0;

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
