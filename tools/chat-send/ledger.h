// What was sent and what the server has confirmed.

#ifndef TOOLS_CHAT_SEND_LEDGER_H_
#define TOOLS_CHAT_SEND_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "libchat/dialect/client_session.h"

namespace chat::tools {

// One packet's worth of a message.
struct Part {
  int64_t number = 0;  // of the message in the input, from 1 on
  bool last = true;    // of the message's parts
  std::string to;      // empty: to everyone
  std::string body;
};

// Keeps each part that the server will confirm until it has; of the others it only counts the
// messages, which a barrier at the end confirms together.
//
// Thread safety: none.
// Invariant: confirmed() <= sent(), and a message counts once, with its last part.
class Ledger {
 public:
  // The token to send the next part with.
  SendToken next_token() const { return next_token_; }

  // `part` was sent with next_token(). `confirmable`: its own confirmation will come.
  void Sent(Part part, bool confirmable);

  // A token that is not in flight is ignored.
  void Confirm(SendToken token);

  // The barrier has come: everything sent is confirmed.
  void ConfirmAll();

  // The parts that wait for their own confirmation, oldest first.
  struct InFlight {
    SendToken token = 0;
    Part part;
    bool confirmed = false;  // but one before it is not
  };
  const std::deque<InFlight>& in_flight() const { return in_flight_; }
  // The one with that token or, if that is not in flight, the next one; null if there is none.
  const InFlight* find(SendToken token) const;
  // True if something waits for the barrier.
  bool needs_barrier() const { return unconfirmable_ > 0; }

  // Messages, whole.
  int64_t sent() const { return sent_; }
  int64_t confirmed() const { return confirmed_; }
  // The number of the first message that is not confirmed, as far as any were sent; else 0.
  int64_t first_unconfirmed() const;

 private:
  std::deque<InFlight> in_flight_;
  SendToken next_token_ = 1;
  int64_t sent_ = 0;
  int64_t confirmed_ = 0;
  int64_t unconfirmable_ = 0;        // parts that wait for the barrier
  int64_t first_unconfirmable_ = 0;  // the number of the first one's message
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_LEDGER_H_
