// The server's side of one client connection: a state machine without I/O.

#ifndef LIBCHAT_DIALECT_SERVER_SESSION_H_
#define LIBCHAT_DIALECT_SERVER_SESSION_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "libchat/event/event.h"

namespace chat {

// What a session wants after a call.
enum class Next : uint8_t {
  kMore,   // give me what comes next, in front of it the bytes that I did not consume
  kPause,  // give me nothing until an event has come (a password is being hashed)
  kRelay,  // a connect_id was accepted: the bytes that I did not consume, and all that come later,
           // belong to the relay
  kClose,  // flush what was sent, then close
};

// Consuming less than was given with kMore is not an error: the rest of a packet is missing, or
// the host said Throttled().
struct Step {
  size_t consumed = 0;
  Next next = Next::kMore;
};

// Why the server ends a connection; a dialect with an error packet says it (its last words).
enum class Farewell : uint8_t {
  kSlowConsumer,
  kLoginTimeout,
  kKicked,
  kOverloaded,  // a limit on connections or memory
  kReplaced,    // the user has logged in elsewhere
  kShutdown,
};

// Thread safety: none; a session lives on one thread.
//
// Invariants:
//  - A session allocates nothing for a length that it has not checked against SessionLimits, and
//    never scans a byte twice.
//  - Any split of the same bytes over calls of OnBytes has the same effects.
class ServerSession {
 public:
  virtual ~ServerSession() = default;

  // On a connection that this server has opened to another (Dialect::NewLinkSession): it is there.
  virtual void OnConnected() {}

  // `in` holds all bytes received and not yet consumed. IT DIES WHEN THIS RETURNS.
  virtual Step OnBytes(absl::string_view in) = 0;

  // Something from the hub for this client. Only called after a login or an accepted ticket, and
  // with what a call of its host has promised. After kPause: kMore goes on with what had come
  // meanwhile, kPause waits on.
  virtual Next OnEvent(const Event& event) = 0;

  // After an accepted ticket: true if the end of one half of the relay waits, for a short while,
  // until its user has announced it (SessionHost::CloseRelay).
  virtual bool relay_end_waits_for_notice() const { return false; }

  // For seconds now, no more has been read from this client than its rate allows
  // (limits.messages_per_second). A dialect with an error for that says it.
  virtual void OnTooFast() {}

  // The connection is about to be closed by the server: Send the dialect's last words, if any.
  virtual void OnFarewell(Farewell reason) = 0;
};

}  // namespace chat

#endif  // LIBCHAT_DIALECT_SERVER_SESSION_H_
