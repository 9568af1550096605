#include "tools/chat-send/ledger.h"

#include "gtest/gtest.h"

namespace chat::tools {
namespace {

Part Whole(int64_t number) { return {number, true, "", "body"}; }
Part To(const char* to, int64_t number, bool last) { return {number, last, to, "body"}; }

TEST(Ledger, CountsWhatIsConfirmedInOrder) {
  Ledger ledger;
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), Proof::kOwn);
  ledger.Sent(Whole(2), Proof::kOwn);
  EXPECT_EQ(ledger.next_token(), first + 2);
  EXPECT_EQ(ledger.sent(), 2);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  EXPECT_EQ(ledger.progress(), 0);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 1);
  EXPECT_EQ(ledger.first_unconfirmed(), 2);
  EXPECT_EQ(ledger.in_flight().size(), 1u);
  EXPECT_EQ(ledger.in_flight().front().token, first + 1);
  ledger.Confirm(first + 1);
  EXPECT_EQ(ledger.confirmed(), 2);
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
  EXPECT_EQ(ledger.progress(), 2);
}

TEST(Ledger, WaitsForTheOneBefore) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), Proof::kOwn);
  ledger.Sent(Whole(2), Proof::kOwn);
  ledger.Confirm(first + 1);
  EXPECT_EQ(ledger.confirmed(), 0);
  EXPECT_EQ(ledger.progress(), 0);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 2);
}

TEST(Ledger, IgnoresTokensThatAreNotInFlight) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), Proof::kOwn);
  ledger.Confirm(first + 7);
  ledger.Reject(first + 7);
  ledger.Confirm(first);
  ledger.Confirm(first);
  ledger.Reject(first);
  EXPECT_EQ(ledger.confirmed(), 1);
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
}

TEST(Ledger, AMessageInPartsCountsWithItsLast) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent({1, false, "", "a"}, Proof::kOwn);
  EXPECT_EQ(ledger.sent(), 0);
  ledger.Sent({1, true, "", "b"}, Proof::kOwn);
  EXPECT_EQ(ledger.sent(), 1);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 0);
  EXPECT_EQ(ledger.progress(), 1);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.Confirm(first + 1);
  EXPECT_EQ(ledger.confirmed(), 1);
}

TEST(Ledger, ABarrierConfirmsWhatNothingElseDoes) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), Proof::kOwn);
  ledger.Sent(Whole(2), Proof::kBarrier);
  ledger.Sent(Whole(3), Proof::kBarrier);
  ledger.Sent(Whole(4), Proof::kOwn);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.first_unconfirmed(), 2);
  ledger.Confirm(first + 3);
  EXPECT_TRUE(ledger.in_flight().empty());
  EXPECT_TRUE(ledger.needs_barrier());
  EXPECT_EQ(ledger.confirmed(), 2);
  EXPECT_EQ(ledger.first_unconfirmed(), 2);
  ledger.ConfirmBarrier();
  EXPECT_FALSE(ledger.needs_barrier());
  EXPECT_EQ(ledger.confirmed(), 4);
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
}

TEST(Ledger, NoBarrierConfirmsWhatHasNoProof) {
  Ledger ledger;
  ledger.Sent(Whole(1), Proof::kNone);
  ledger.Sent(Whole(2), Proof::kBarrier);
  EXPECT_TRUE(ledger.needs_barrier());
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.ConfirmBarrier();
  EXPECT_EQ(ledger.sent(), 2);
  EXPECT_EQ(ledger.confirmed(), 1);
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
}

TEST(Ledger, AWaivedBarrierConfirmsNothing) {
  Ledger ledger;
  ledger.Sent(Whole(1), Proof::kBarrier);
  ledger.WaiveBarrier();
  EXPECT_FALSE(ledger.needs_barrier());
  EXPECT_EQ(ledger.sent(), 1);
  EXPECT_EQ(ledger.confirmed(), 0);
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
}

TEST(Ledger, AMessageToSeveralIsConfirmedWhenAllHaveIt) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(To("ann", 1, false), Proof::kOwn);
  ledger.Sent(To("bob", 1, true), Proof::kOwn);
  EXPECT_EQ(ledger.sent(), 1);
  ledger.Confirm(first + 1);
  EXPECT_EQ(ledger.confirmed(), 0);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 1);
}

TEST(Ledger, WhatOneReceiverDoesNotGetIsNotConfirmed) {
  for (const bool first_is_gone : {true, false}) {
    for (const Proof proof : {Proof::kOwn, Proof::kBarrier}) {
      Ledger ledger;
      const SendToken first = ledger.next_token();
      for (const bool last : {false, true}) {
        if (last != first_is_gone) {
          ledger.Drop(To("gone", 1, last), proof);
        } else {
          ledger.Sent(To("bob", 1, last), proof);
        }
      }
      ledger.Sent(Whole(2), proof);
      ledger.Confirm(first_is_gone ? first + 1 : first);
      ledger.Confirm(first + 2);
      ledger.ConfirmBarrier();
      EXPECT_TRUE(ledger.in_flight().empty());
      EXPECT_EQ(ledger.sent(), 2);
      EXPECT_EQ(ledger.confirmed(), 1);
      EXPECT_EQ(ledger.first_unconfirmed(), 1);
    }
  }
}

TEST(Ledger, WhatNobodyGetsIsNotSent) {
  for (const Proof proof : {Proof::kOwn, Proof::kBarrier, Proof::kNone}) {
    Ledger ledger;
    ledger.Drop(To("gone", 1, false), proof);
    ledger.Drop(To("away", 1, true), proof);
    EXPECT_EQ(ledger.sent(), 0);
    EXPECT_TRUE(ledger.in_flight().empty());
    EXPECT_FALSE(ledger.needs_barrier());
    EXPECT_EQ(ledger.first_unconfirmed(), 1);
  }
}

TEST(Ledger, ARejectedPartHoldsNothingBack) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(To("gone", 1, false), Proof::kOwn);
  ledger.Sent(To("bob", 1, true), Proof::kOwn);
  ledger.Sent(Whole(2), Proof::kOwn);
  ledger.Confirm(first + 1);
  ledger.Confirm(first + 2);
  EXPECT_EQ(ledger.confirmed(), 0);
  ledger.Reject(first);
  EXPECT_TRUE(ledger.in_flight().empty());
  EXPECT_EQ(ledger.confirmed(), 1);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
}

TEST(Ledger, WhatWasNotTakenIsNamed) {
  Ledger ledger;
  ledger.Sent(Whole(1), Proof::kNone);
  ledger.Sent(Whole(2), Proof::kNone);
  ledger.Fail(2);
  ledger.ConfirmBarrier();
  EXPECT_EQ(ledger.first_unconfirmed(), 2);
}

}  // namespace
}  // namespace chat::tools
