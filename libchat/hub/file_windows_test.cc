#include "libchat/hub/file_windows.h"

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

}  // namespace
}  // namespace chat
