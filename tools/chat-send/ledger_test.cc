#include "tools/chat-send/ledger.h"

#include "gtest/gtest.h"

namespace chat::tools {
namespace {

Part Whole(int64_t number) { return {number, true, "", "body"}; }

TEST(Ledger, CountsWhatIsConfirmedInOrder) {
  Ledger ledger;
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), true);
  ledger.Sent(Whole(2), true);
  EXPECT_EQ(ledger.next_token(), first + 2);
  EXPECT_EQ(ledger.sent(), 2);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 1);
  EXPECT_EQ(ledger.first_unconfirmed(), 2);
  EXPECT_EQ(ledger.in_flight().size(), 1u);
  EXPECT_EQ(ledger.in_flight().front().token, first + 1);
  ledger.Confirm(first + 1);
  EXPECT_EQ(ledger.confirmed(), 2);
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
}

TEST(Ledger, WaitsForTheOneBefore) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), true);
  ledger.Sent(Whole(2), true);
  ledger.Confirm(first + 1);
  EXPECT_EQ(ledger.confirmed(), 0);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 2);
}

TEST(Ledger, IgnoresTokensThatAreNotInFlight) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), true);
  ledger.Confirm(first + 7);
  ledger.Confirm(first);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 1);
}

TEST(Ledger, AMessageInPartsCountsWithItsLast) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent({1, false, "", "a"}, true);
  EXPECT_EQ(ledger.sent(), 0);
  ledger.Sent({1, true, "", "b"}, true);
  EXPECT_EQ(ledger.sent(), 1);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.confirmed(), 0);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.Confirm(first + 1);
  EXPECT_EQ(ledger.confirmed(), 1);
}

TEST(Ledger, ABarrierConfirmsWhatNothingElseDoes) {
  Ledger ledger;
  const SendToken first = ledger.next_token();
  ledger.Sent(Whole(1), true);
  ledger.Sent(Whole(2), false);
  ledger.Sent(Whole(3), false);
  ledger.Sent(Whole(4), true);
  EXPECT_EQ(ledger.first_unconfirmed(), 1);
  ledger.Confirm(first);
  EXPECT_EQ(ledger.first_unconfirmed(), 2);
  ledger.Confirm(first + 3);
  EXPECT_TRUE(ledger.in_flight().empty());
  EXPECT_TRUE(ledger.needs_barrier());
  EXPECT_EQ(ledger.confirmed(), 2);
  EXPECT_EQ(ledger.first_unconfirmed(), 2);
  ledger.ConfirmAll();
  EXPECT_FALSE(ledger.needs_barrier());
  EXPECT_EQ(ledger.confirmed(), 4);
  EXPECT_EQ(ledger.first_unconfirmed(), 0);
}

}  // namespace
}  // namespace chat::tools
