#include "tools/chat-send/ledger.h"

#include <algorithm>
#include <utility>

namespace chat::tools {
namespace {

bool Before(const Ledger::InFlight& part, SendToken token) { return part.token < token; }

// The smaller one; 0 is none.
int64_t Earlier(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

void Ledger::Sent(Part part, Proof proof) {
  const int64_t number = part.number;
  const bool last = part.last;
  last_sent_ = number;
  if (proof == Proof::kOwn) {
    in_flight_.push_back({next_token_, std::move(part)});
  } else if (waiting_parts_++ == 0) {
    first_waiting_ = number;
  }
  End(number, last, proof);
}

void Ledger::Drop(Part part, Proof proof) {
  const int64_t number = part.number;
  const bool last = part.last;
  last_dropped_ = number;
  Fail(number);
  // It keeps its place, so that its message ends behind the parts that were sent.
  if (proof == Proof::kOwn) in_flight_.push_back({next_token_, std::move(part), true, true});
  End(number, last, proof);
  PopSettled();
}

void Ledger::End(int64_t number, bool last, Proof proof) {
  ++next_token_;
  if (!last || last_sent_ != number) return;
  ++sent_;
  if (proof == Proof::kBarrier && last_dropped_ != number) ++waiting_messages_;
}

const Ledger::InFlight* Ledger::find(SendToken token) const {
  const auto found = std::lower_bound(in_flight_.begin(), in_flight_.end(), token, Before);
  return found == in_flight_.end() ? nullptr : &*found;
}

Ledger::InFlight* Ledger::Find(SendToken token) {
  const auto found = std::lower_bound(in_flight_.begin(), in_flight_.end(), token, Before);
  return found == in_flight_.end() || found->token != token ? nullptr : &*found;
}

void Ledger::Confirm(SendToken token) {
  InFlight* const found = Find(token);
  if (found == nullptr) return;
  found->settled = true;
  PopSettled();
}

void Ledger::Reject(SendToken token) {
  InFlight* const found = Find(token);
  if (found == nullptr) return;
  found->settled = found->failed = true;
  Fail(found->part.number);
  PopSettled();
}

void Ledger::Fail(int64_t number) { first_failed_ = Earlier(first_failed_, number); }

void Ledger::PopSettled() {
  while (!in_flight_.empty() && in_flight_.front().settled) {
    const InFlight& part = in_flight_.front();
    if (part.failed) {
      last_popped_bad_ = part.part.number;
    } else {
      ++progress_;
    }
    if (part.part.last && last_popped_bad_ != part.part.number) ++confirmed_;
    in_flight_.pop_front();
  }
}

void Ledger::ConfirmBarrier() {
  confirmed_ += waiting_messages_;
  WaiveBarrier();
}

void Ledger::WaiveBarrier() { waiting_parts_ = waiting_messages_ = first_waiting_ = 0; }

int64_t Ledger::first_unconfirmed() const {
  const int64_t in_flight = in_flight_.empty() ? 0 : in_flight_.front().part.number;
  return Earlier(Earlier(in_flight, first_waiting_), first_failed_);
}

}  // namespace chat::tools
