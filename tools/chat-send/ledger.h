// What was sent and what the server has confirmed.

#ifndef TOOLS_CHAT_SEND_LEDGER_H_
#define TOOLS_CHAT_SEND_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "libchat/dialect/client_session.h"

namespace chat::tools {

// One packet's worth of a message, for one receiver.
struct Part {
  int64_t number = 0;  // of the message in the input, from 1 on
  bool last = true;    // of the message's parts, those for other receivers included
  std::string to;      // empty: to everyone
  std::string body;
};

// What says that a part has arrived.
enum class Proof : uint8_t {
  kOwn,      // its own confirmation
  kBarrier,  // the orderly end of the connection, behind everything that was sent
  kNone,     // nothing: it is sent, and no more than that is ever known
};

// Keeps each part that the server will confirm until it has; of the others it only counts the
// messages, which a barrier at the end confirms together.
//
// Thread safety: none.
// Invariant: confirmed() <= sent(), and a message counts once, with its last part. All parts of a
// message have the same proof.
class Ledger {
 public:
  // The token to send the next part with.
  SendToken next_token() const { return next_token_; }

  // `part` was sent with next_token().
  void Sent(Part part, Proof proof);
  // `part` is not sent, because its receiver is not there; parts for others may be. Its message
  // will not count as confirmed.
  void Drop(Part part, Proof proof);

  // A token that is not in flight is ignored.
  void Confirm(SendToken token);
  // The server will not deliver that part; its message will not count as confirmed.
  void Reject(SendToken token);
  // What was sent as the message `number` has not been taken.
  void Fail(int64_t number);

  // The barrier has come: everything that waited for it is confirmed.
  void ConfirmBarrier();
  // There is no barrier to come: what waited for it is sent, and no more is known.
  void WaiveBarrier();

  // The parts that wait for their own confirmation, oldest first.
  struct InFlight {
    SendToken token = 0;
    Part part;
    bool settled = false;  // but one before it is not
    bool failed = false;   // settled without a confirmation
  };
  const std::deque<InFlight>& in_flight() const { return in_flight_; }
  // The one with that token or, if that is not in flight, the next one; null if there is none.
  const InFlight* find(SendToken token) const;
  // True if something waits for the barrier.
  bool needs_barrier() const { return waiting_parts_ > 0; }
  // Grows with each confirmation that makes the oldest part in flight a later one.
  int64_t progress() const { return progress_; }

  // Messages, whole: those that at least one receiver was sent.
  int64_t sent() const { return sent_; }
  // Those of which it is known that all receivers have them.
  int64_t confirmed() const { return confirmed_; }
  // The number of the first message that is not confirmed, as far as any were sent; else 0.
  int64_t first_unconfirmed() const;

 private:
  // Behind a part that was sent or dropped.
  void End(int64_t number, bool last, Proof proof);
  InFlight* Find(SendToken token);
  void PopSettled();

  std::deque<InFlight> in_flight_;
  SendToken next_token_ = 1;
  int64_t sent_ = 0;
  int64_t confirmed_ = 0;
  int64_t progress_ = 0;
  int64_t waiting_parts_ = 0;     // for the barrier
  int64_t waiting_messages_ = 0;  // that the barrier will confirm
  int64_t first_waiting_ = 0;     // the number of the first one's message
  int64_t first_failed_ = 0;      // the number of the first message that failed in any way
  int64_t last_sent_ = 0;         // the number of the last part that was sent
  int64_t last_dropped_ = 0;      // the number of the last part that was dropped
  int64_t last_popped_bad_ = 0;   // the number of the last failed part that has left in_flight_
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_LEDGER_H_
