#include "libchat/hub/file_windows.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SessionId Id(uint32_t slot) {
  SessionId id;
  id.generation = 1;
  id.slot = slot;
  return id;
}

const SessionId kBob = Id(1);
const SessionId kCarol = Id(2);
const SessionId kAlice = Id(3);
const SessionId kLink = Id(4);

TEST(FileWindowsTest, CountsEachReceiverByItself) {
  FileWindows windows;
  windows.Add(kBob, 1000);
  windows.Add(kBob, 24);
  windows.Add(kCarol, 5);
  EXPECT_EQ(windows.bytes(kBob), 1024);
  EXPECT_EQ(windows.bytes(kCarol), 5);
  EXPECT_EQ(windows.bytes(kAlice), 0);
  windows.Release(kBob, 1000, 0);
  EXPECT_EQ(windows.bytes(kBob), 24);
}

TEST(FileWindowsTest, WhoWaitsGoesOnOnceThereIsRoom) {
  FileWindows windows;
  windows.Add(kBob, 1000);
  windows.Wait(kBob, kAlice);
  windows.Wait(kBob, kLink);
  EXPECT_THAT(windows.Release(kBob, 499, 500), IsEmpty());
  EXPECT_THAT(windows.Release(kBob, 1, 500), ElementsAre(kAlice, kLink));
  EXPECT_THAT(windows.Release(kBob, 500, 500), IsEmpty());
}

TEST(FileWindowsTest, WhenAReceiverLeavesItsSendersGoOn) {
  FileWindows windows;
  windows.Add(kBob, 1000);
  windows.Wait(kBob, kAlice);
  EXPECT_THAT(windows.Forget(kCarol), IsEmpty());
  EXPECT_THAT(windows.Forget(kBob), ElementsAre(kAlice));
  EXPECT_EQ(windows.bytes(kBob), 0);
  EXPECT_THAT(windows.Release(kBob, 1000, 500), IsEmpty());
}

TEST(FileWindowsTest, OneThatHasGivenUpDoesNotWaitForThatReceiverUntilItHasRead) {
  FileWindows windows;
  windows.Add(kBob, 1000);
  windows.Add(kCarol, 1000);
  windows.Wait(kBob, kLink);
  windows.Wait(kBob, kAlice);
  windows.GiveUp(kLink);
  EXPECT_TRUE(windows.HasGivenUp(kBob, kLink));
  EXPECT_FALSE(windows.HasGivenUp(kBob, kAlice));
  EXPECT_FALSE(windows.HasGivenUp(kCarol, kLink));
  EXPECT_THAT(windows.Release(kBob, 100, 500), IsEmpty());
  EXPECT_TRUE(windows.HasGivenUp(kBob, kLink));
  EXPECT_THAT(windows.Release(kBob, 400, 500), ElementsAre(kAlice));
  EXPECT_FALSE(windows.HasGivenUp(kBob, kLink));
}

TEST(FileWindowsTest, ARefusalNeedsAPieceThatHasCome) {
  FileWindows windows;
  EXPECT_FALSE(windows.TakeSender(kBob, "alice"));
  windows.Remember(kBob, "alice");
  EXPECT_FALSE(windows.TakeSender(kBob, "carol"));
  EXPECT_FALSE(windows.TakeSender(kCarol, "alice"));
  EXPECT_TRUE(windows.TakeSender(kBob, "alice"));
  EXPECT_FALSE(windows.TakeSender(kBob, "alice")) << "one refusal for what has come";
  windows.Remember(kBob, "alice");
  EXPECT_TRUE(windows.TakeSender(kBob, "alice"));
}

TEST(FileWindowsTest, ALimitedNumberOfSendersIsRemembered) {
  FileWindows windows;
  for (size_t i = 0; i <= FileWindows::kSendersRemembered; ++i) {
    windows.Remember(kBob, std::to_string(i));
    windows.Remember(kBob, "1");  // whoever goes on sending is not forgotten
  }
  EXPECT_FALSE(windows.TakeSender(kBob, "0"));
  EXPECT_TRUE(windows.TakeSender(kBob, "1"));
  EXPECT_TRUE(windows.TakeSender(kBob, std::to_string(FileWindows::kSendersRemembered)));
}

TEST(FileWindowsTest, WhoHasSentAReceiverThatHasGoneIsForgotten) {
  FileWindows windows;
  windows.Remember(kBob, "alice");
  windows.Forget(kBob);
  EXPECT_FALSE(windows.TakeSender(kBob, "alice"));
}

}  // namespace
}  // namespace chat
