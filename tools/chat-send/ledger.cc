#include "tools/chat-send/ledger.h"

#include <algorithm>
#include <utility>

namespace chat::tools {
namespace {

bool Before(const Ledger::InFlight& part, SendToken token) { return part.token < token; }

}  // namespace

void Ledger::Sent(Part part, bool confirmable) {
  if (part.last) ++sent_;
  if (confirmable) {
    in_flight_.push_back({next_token_, std::move(part), false});
  } else if (unconfirmable_++ == 0) {
    first_unconfirmable_ = part.number;
  }
  ++next_token_;
}

const Ledger::InFlight* Ledger::find(SendToken token) const {
  const auto found = std::lower_bound(in_flight_.begin(), in_flight_.end(), token, Before);
  return found == in_flight_.end() ? nullptr : &*found;
}

void Ledger::Confirm(SendToken token) {
  const auto found = std::lower_bound(in_flight_.begin(), in_flight_.end(), token, Before);
  if (found == in_flight_.end() || found->token != token) return;
  found->confirmed = true;
  while (!in_flight_.empty() && in_flight_.front().confirmed) {
    if (in_flight_.front().part.last) ++confirmed_;
    in_flight_.pop_front();
  }
}

void Ledger::ConfirmAll() {
  in_flight_.clear();
  unconfirmable_ = 0;
  confirmed_ = sent_;
}

int64_t Ledger::first_unconfirmed() const {
  const int64_t in_flight = in_flight_.empty() ? 0 : in_flight_.front().part.number;
  if (!needs_barrier()) return in_flight;
  return in_flight == 0 ? first_unconfirmable_ : std::min(in_flight, first_unconfirmable_);
}

}  // namespace chat::tools
