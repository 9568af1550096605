#include "libchat/dialect/client_session.h"

#include "gtest/gtest.h"

namespace chat {
namespace {

TEST(ClientEventTest, IsPrintedOnOneLine) {
  EXPECT_EQ(ToString(LoggedIn{}), "LoggedIn");
  EXPECT_EQ(ToString(LoginRefused{LoginRefused::Reason::kTaken, true}),
            "LoginRefused taken, try another name");
  EXPECT_EQ(ToString(LoginRefused{LoginRefused::Reason::kPassword, false}),
            "LoginRefused password");
  EXPECT_EQ(ToString(Received{false, User("a", 7), User(), "hi\n"}),
            "Received a@7 -> everyone: \"hi\\n\"");
  EXPECT_EQ(ToString(Received{true, User("a"), User("b"), "\xFF"}), "Received a -> b: \"\\xff\"");
  EXPECT_EQ(ToString(Confirmed{3}), "Confirmed 3");
  EXPECT_EQ(ToString(Rejected{4, Rejected::Reason::kNoSuchUser}), "Rejected 4: no such user");
  EXPECT_EQ(ToString(Asked{RequestKind::kRelay, User("a"), ""}), "Asked for relay by a");
  EXPECT_EQ(ToString(RelayGranted{User("a"), User("b"), 9}), "RelayGranted a -> b connect_id 9");
  EXPECT_EQ(ToString(Refused{RequestKind::kRelay, User("b"), false}), "Refused relay by b");
  EXPECT_EQ(ToString(RelayEnding{User("b")}), "RelayEnding by b");
  EXPECT_EQ(ToString(RelayOpen{}), "RelayOpen");
  EXPECT_EQ(ToString(FileChunkReceived{User("b", 7), 3, "x\n", 1, "yz"}),
            "FileChunkReceived b@7: transfer 3 \"x\\n\" 2 bytes of 1");
  EXPECT_EQ(ToString(Undeliverable{true}), "Undeliverable: no such server");
  EXPECT_EQ(ToString(Undeliverable{false}), "Undeliverable: no such user");
}

}  // namespace
}  // namespace chat
