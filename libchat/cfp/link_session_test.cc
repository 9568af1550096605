#include "libchat/cfp/link_session.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/cfp/packets.h"
#include "libchat/cfp/test_packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/random_text.h"
#include "libchat/testing/segments.h"

namespace chat::cfp {
namespace {

using chat::testing::EveryWay;
using chat::testing::FakeHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

OwnedText Owned(absl::string_view bytes) { return OwnedText(*Text::From(bytes)); }

// One end of a link of server 1000 to server 5.
struct Link {
  template <class Start>
  explicit Link(const Start& start)
      : session(start, SessionLimits(), host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  // The end that asks, and has done so.
  static std::unique_ptr<Link> Asking() {
    auto link = std::make_unique<Link>(MergeOffer{1000, {{1000, 0x7F000001, 7773}}});
    EXPECT_EQ(link->host.sent, "");
    link->session.OnConnected();
    EXPECT_EQ(link->host.TakeSent(), Hex("a0 000003e8 00000001 000003e8 7f000001 00001e5d"));
    return link;
  }

  // Both ends, merged.
  static std::vector<std::unique_ptr<Link>> Merged() {
    std::vector<std::unique_ptr<Link>> both;
    both.push_back(Asking());
    both[0]->feeder.Feed(Bytes(MrgRsp{5, {}}));
    EXPECT_THAT(both[0]->host.TakeCalls(), ElementsAre("OnMergeAnswer accepted by 5 (none)"));
    both.push_back(std::make_unique<Link>(int32_t{5}));
    EXPECT_EQ(both[1]->session.OnEvent(MergeAnswer{MergeOffer{1000, {}}, {}}), Next::kMore);
    EXPECT_EQ(both[1]->host.TakeSent(), Bytes(MrgRsp{1000, {}}));
    return both;
  }

  FakeHost host;
  LinkSession session;
  Feeder feeder;
};

// ---- The table: each code in each state, by itself and in a PCKFWD ----

struct Outcome {
  std::vector<std::string> calls;
  Next next = Next::kMore;
};

struct Row {
  std::string bytes;
  Outcome asking;
  Outcome merged;
  Outcome forwarded;  // merged, in a PCKFWD to this server
};

std::vector<Row> Table() {
  const Outcome unexpected = {{"Count unexpected"}};
  const Outcome malformed = {{"Count malformed"}};
  const std::string chunk = Chunk("data");
  return {
      {Bytes(AuthGst{"bob"}), unexpected, unexpected, malformed},
      {Bytes(AuthUsr{"bob", "secret"}), unexpected, unexpected, malformed},
      {Bytes(AuthRsp{0}), unexpected, unexpected, malformed},
      {Bytes(MsgPbl{"hi"}), unexpected, unexpected, malformed},
      {Bytes(MsgPrv{1000, "alice", "psst"}), unexpected, unexpected, malformed},
      {Bytes(MsgPblInc{5, "bob", "hi"}),
       unexpected,
       unexpected,
       {{"Forward Announcement by bob@5: \"hi\""}}},
      {Bytes(MsgPrvInc{5, "bob", "alice", "psst"}),
       unexpected,
       unexpected,
       {{"Forward PrivateMessage bob@5 -> alice: \"psst\""}}},
      {Bytes(FileChnk{1000, "alice", 3, "a.txt", 9, chunk}), unexpected, unexpected, malformed},
      {Bytes(FileChnkInc{5, "bob", "alice", 3, "a.txt", 9, chunk}),
       unexpected,
       unexpected,
       {{"Forward FileChunk bob@5 -> alice: transfer 3 \"a.txt\" 1024 bytes of 9 chunks"}}},
      // (What is in the inner one is in the third column of its own row.)
      {Forwarded(1000, MrgDcl{0}), unexpected, malformed, {{"Count malformed", "Count malformed"}}},
      {Bytes(MrgReq{5, {}}), unexpected, unexpected, malformed},
      {Bytes(MrgRsp{5, {}}), {{"OnMergeAnswer accepted by 5 (none)"}}, unexpected, malformed},
      {Bytes(MrgDcl{1}), {{"OnMergeAnswer refused 1"}, Next::kClose}, unexpected, malformed},
      {Bytes(Error{"alice", 1}),
       unexpected,
       unexpected,
       {{"Forward Undelivered to @5 from alice"}}},
  };
}

void ExpectOutcome(const Link& link, const Outcome& outcome, const std::string& bytes) {
  const std::string shown = chat::testing::ShowHex(bytes);
  EXPECT_EQ(link.host.calls, outcome.calls) << shown;
  EXPECT_EQ(link.feeder.next(), outcome.next) << shown;
  EXPECT_EQ(link.feeder.rest(), "") << shown;
  EXPECT_EQ(link.host.sent, "") << shown;
}

TEST(CodeTableTest, HasEachCodeOnce) {
  std::vector<bool> seen(256);
  for (const Row& row : Table()) seen[static_cast<uint8_t>(row.bytes[0])] = true;
  EXPECT_EQ(Table().size(), kCodes);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<int>(kCodes));
}

// Cutting a chunk at every byte would say the same a thousand times.
std::vector<Segments> SomeWays(const std::string& bytes) {
  if (bytes.size() < kChunkBytes) return EveryWay(bytes, 3);
  std::mt19937 random(1);
  return {chat::testing::Whole(bytes), chat::testing::ByteByByte(bytes),
          chat::testing::Random(bytes, random)};
}

TEST(CodeTableTest, EachCodeInEachStateHasItsOutcome) {
  for (const Row& row : Table()) {
    for (const Segments& segments : SomeWays(row.bytes)) {
      const auto asking = Link::Asking();
      for (const std::string& segment : segments) asking->feeder.Feed(segment);
      ExpectOutcome(*asking, row.asking, row.bytes);
      for (const auto& merged : Link::Merged()) {
        for (const std::string& segment : segments) merged->feeder.Feed(segment);
        ExpectOutcome(*merged, row.merged, row.bytes);
      }
    }
  }
}

TEST(CodeTableTest, EachCodeHasItsOutcomeInAPckFwd) {
  for (const Row& row : Table()) {
    for (const char* code : {"50", "32"}) {
      const std::string bytes = Hex(absl::StrCat(code, " 000003e8")) + row.bytes;
      for (const Segments& segments : SomeWays(bytes)) {
        for (const auto& merged : Link::Merged()) {
          for (const std::string& segment : segments) merged->feeder.Feed(segment);
          ExpectOutcome(*merged, row.forwarded, bytes);
        }
      }
    }
  }
}

TEST(CodeTableTest, WhatCannotBeFollowedClosesInEachState) {
  const struct {
    const char* hex;
    const char* count;
  } kCases[] = {
      {"ff", "Count unknown_opcode"},
      {"02", "Count unknown_opcode"},
      {"50 000003e8 51", "Count unknown_opcode"},
      {"30 00000005 ffffffff", "Count malformed"},
      {"50 000003e8 31 00000005 00000000 ffffffff", "Count malformed"},
      {"a1 00000005 ffffffff", "Count malformed"},
      {"a1 00000005 000003e9", "Count malformed"},
      {"a0 00000005 00002710", "Count malformed"},
      {"50 000003e8 30 00000005 0000fff8", "Count frame_too_long"},
  };
  for (const auto& c : kCases) {
    for (const Segments& segments : EveryWay(Hex(c.hex), 0)) {
      std::vector<std::unique_ptr<Link>> links = Link::Merged();
      links.push_back(Link::Asking());
      for (const auto& link : links) {
        for (const std::string& segment : segments) link->feeder.Feed(segment);
        EXPECT_EQ(link->feeder.next(), Next::kClose) << c.hex;
        EXPECT_THAT(link->host.calls, ElementsAre(c.count)) << c.hex;
        EXPECT_EQ(link->host.sent, "");
      }
    }
  }
}

// ---- Merging ----

TEST(AskingTest, AnAnswerThatTheHostHasNoUseForCloses) {
  const auto link = Link::Asking();
  link->host.merge_answer_taken = false;
  EXPECT_EQ(link->feeder.Feed(Bytes(MrgRsp{5, {}})), Next::kClose);
  EXPECT_THAT(link->host.calls, ElementsAre("OnMergeAnswer accepted by 5 (none)"));
}

TEST(AskingTest, ARefusalClosesWhateverTheHostSays) {
  for (uint8_t code : {0, 1, 2}) {
    const auto link = Link::Asking();
    EXPECT_EQ(link->feeder.Feed(Bytes(MrgDcl{code})), Next::kClose);
    EXPECT_THAT(link->host.calls, ElementsAre(absl::StrCat("OnMergeAnswer refused ", code)));
  }
}

TEST(AskingTest, ABadAnswerCloses) {
  for (const char* hex : {"a2 03", "a2 ff", "a1 00000000 00000000", "a1 80000000 00000000",
                          "a1 00000005 00000001 00000007 7f000001 00010000"}) {
    const auto link = Link::Asking();
    EXPECT_EQ(link->feeder.Feed(Hex(hex)), Next::kClose) << hex;
    EXPECT_THAT(link->host.calls, ElementsAre("Count malformed")) << hex;
  }
}

TEST(AskingTest, NoMessageCrossesBeforeTheAnswer) {
  const auto link = Link::Asking();
  link->feeder.Feed(Forwarded(1000, MsgPblInc{5, "bob", "hi"}));
  EXPECT_THAT(link->host.calls, ElementsAre("Count unexpected"));
  EXPECT_EQ(link->session.OnEvent(Announcement{User("alice"), Owned("hi")}), Next::kMore);
  EXPECT_EQ(link->host.sent, "");
}

TEST(AskedTest, ItIsPausedUntilThereIsAnAnswer) {
  Link link(int32_t{5});
  EXPECT_EQ(link.feeder.Feed(Forwarded(1000, MsgPblInc{5, "bob", "hi"})), Next::kPause);
  EXPECT_THAT(link.host.calls, IsEmpty());
  EXPECT_EQ(link.session.OnEvent(Announcement{User("alice"), Owned("hi")}), Next::kPause);
  EXPECT_EQ(link.host.sent, "");
  EXPECT_EQ(link.session.OnEvent(MergeAnswer{std::nullopt, MergeRefusal::kTooMany}), Next::kClose);
  EXPECT_EQ(link.host.sent, Bytes(MrgDcl{1}));
}

TEST(AskedTest, ThereIsOneAnswer) {
  for (const auto& link : Link::Merged()) {
    EXPECT_EQ(link->session.OnEvent(MergeAnswer{MergeOffer{1000, {}}, {}}), Next::kMore);
    EXPECT_EQ(link->session.OnEvent(MergeAnswer{std::nullopt, {}}), Next::kMore);
    EXPECT_EQ(link->host.sent, "");
  }
}

// ---- What the other server hands on ----

TEST(HandingOnTest, FromAnotherServerThanItsOwnIsCounted) {
  const std::string chunk = Chunk("data");
  for (const auto& link : Link::Merged()) {
    link->host.forwarded = false;
    for (const std::string& bytes :
         {Forwarded(1000, MsgPblInc{6, "bob", "hi"}),
          Forwarded(1000, MsgPrvInc{0, "bob", "alice", "psst"}),
          Forwarded(1000, FileChnkInc{-5, "bob", "alice", 3, "a.txt", 9, chunk})}) {
      link->feeder.Feed(bytes);
      EXPECT_EQ(link->host.TakeCalls().back(), "Count spoofed_sender");
      EXPECT_EQ(link->feeder.next(), Next::kMore);
    }
  }
}

TEST(HandingOnTest, ToAnotherServerIsCounted) {
  for (int32_t destination : {0, 5, -1000, 1001}) {
    for (const auto& link : Link::Merged()) {
      link->feeder.Feed(Forwarded(destination, MsgPblInc{5, "bob", "hi"}) +
                        Forwarded(1000, MsgPblInc{5, "bob", "next"}));
      EXPECT_THAT(link->host.calls,
                  ElementsAre("Count unexpected", "Forward Announcement by bob@5: \"next\""));
    }
  }
}

TEST(HandingOnTest, OfAPckFwdInAPckFwdIsCounted) {
  for (const auto& link : Link::Merged()) {
    link->feeder.Feed(Bytes(PckFwd{1000}) + Forwarded(1000, MsgPblInc{5, "bob", "hi"}) +
                      Forwarded(1000, MsgPblInc{5, "bob", "next"}));
    EXPECT_THAT(link->host.calls, ElementsAre("Count malformed", "Count malformed",
                                              "Forward Announcement by bob@5: \"next\""));
  }
}

TEST(HandingOnTest, FieldsAreChecked) {
  const std::string chunk = Chunk("data");
  const std::string longer(1025, 'x');
  const std::string long_name(31, 'b');
  const struct {
    std::string bytes;
    const char* count;
  } kCases[] = {
      {Bytes(MsgPblInc{5, "b b", "hi"}), "Count malformed"},
      {Bytes(MsgPblInc{5, "bob@6", "hi"}), "Count malformed"},
      {Bytes(MsgPblInc{5, "", "hi"}), "Count malformed"},
      {Bytes(MsgPblInc{5, "bob", "\xff"}), "Count not_text"},
      {Bytes(MsgPblInc{5, "bob", absl::string_view("\0", 1)}), "Count not_text"},
      {Bytes(MsgPblInc{5, "bob", longer}), "Count message_too_long"},
      {Bytes(MsgPblInc{5, long_name, "hi"}), "Count malformed"},
      {Bytes(MsgPrvInc{5, "b b", "alice", "hi"}), "Count malformed"},
      {Bytes(MsgPrvInc{5, "bob", "al ice", "hi"}), "Count malformed"},
      {Bytes(MsgPrvInc{5, "bob", long_name, "hi"}), "Count malformed"},
      {Bytes(MsgPrvInc{5, "bob", "alice", "\xff"}), "Count not_text"},
      {Bytes(MsgPrvInc{5, "bob", "alice", longer}), "Count message_too_long"},
      {Bytes(FileChnkInc{5, "b b", "alice", 3, "a", 1, chunk}), "Count malformed"},
      {Bytes(FileChnkInc{5, "bob", "", 3, "a", 1, chunk}), "Count malformed"},
      {Bytes(FileChnkInc{5, "bob", "alice", 3, "\xff", 1, chunk}), "Count malformed"},
      {Bytes(FileChnkInc{5, "bob", "alice", 3, "a", 0, chunk}), "Count malformed"},
      {Bytes(FileChnkInc{5, "bob", "alice", 3, longer, 1, chunk}), "Count malformed"},
      {Bytes(Error{"al ice", 1}), "Count malformed"},
      {Bytes(Error{long_name, 1}), "Count malformed"},
      {Bytes(Error{"alice", 2}), "Count malformed"},
  };
  for (const auto& c : kCases) {
    for (const auto& link : Link::Merged()) {
      link->feeder.Feed(Bytes(PckFwd{1000}) + c.bytes);
      EXPECT_THAT(link->host.calls, ElementsAre(c.count)) << chat::testing::ShowHex(c.bytes);
      EXPECT_EQ(link->feeder.next(), Next::kMore);
      EXPECT_EQ(link->feeder.rest(), "");
    }
  }
}

TEST(HandingOnTest, ErrorsSayWhoIsToBeToldAndWhatWasMissing) {
  for (const auto& link : Link::Merged()) {
    link->feeder.Feed(Forwarded(1000, Error{"alice", 0}) + Forwarded(1000, Error{"alice", 1}));
    EXPECT_THAT(link->host.calls,
                ElementsAre("Forward Undelivered to @5 from alice: no such server",
                            "Forward Undelivered to @5 from alice"));
  }
}

TEST(HandingOnTest, StopsWhileThrottled) {
  const std::string one =
      Forwarded(1000, FileChnkInc{5, "bob", "alice", 3, "a.txt", 9, Chunk("data")});
  for (const auto& link : Link::Merged()) {
    link->host.throttled_after = 2;
    link->feeder.Feed(one + one + one);
    EXPECT_EQ(link->host.TakeCalls().size(), 2u);
    EXPECT_EQ(link->feeder.rest(), one);
    link->feeder.Feed("");
    EXPECT_EQ(link->host.calls.size(), 1u);
    EXPECT_EQ(link->feeder.rest(), "");
  }
}

// ---- What this server hands on ----

TEST(EventTest, IsOnePckFwd) {
  const User alice("alice"), bob("bob", 5);
  const std::string chunk = Chunk("data");
  const struct {
    Event event;
    std::string sent;
  } kCases[] = {
      {Announcement{alice, Owned("hi")}, Hex(R"(50 00000005         // PCKFWD to server 5
                                                30 000003e8         // MSGPBLINC of server 1000
                                                00000005 "alice"
                                                00000002 "hi")")},
      {PrivateMessage{alice, bob, Owned("psst")},
       Forwarded(5, MsgPrvInc{1000, "alice", "bob", "psst"})},
      {FileChunk{alice, bob, 3, "a.txt", 9, chunk},
       Forwarded(5, FileChnkInc{1000, "alice", "bob", 3, "a.txt", 9, chunk})},
      {Undelivered{alice, bob, false}, Forwarded(5, Error{"bob", 1})},
      {Undelivered{alice, bob, true}, Forwarded(5, Error{"bob", 0})},
      // What a server does not tell another one.
      {Request{RequestKind::kTalk, alice, bob, {}}, ""},
      {Answer{RequestKind::kTalk, alice, bob, Verdict::kAccepted, 1}, ""},
      {TalkClosed{1, bob}, ""},
      {Authenticated{LoginResult::kAccepted}, ""},
      {Registered{true}, ""},
      {RelayClosing{7, bob}, ""},
      {RelayEstablished{}, ""},
  };
  for (const auto& c : kCases) {
    for (const auto& link : Link::Merged()) {
      EXPECT_EQ(link->session.OnEvent(c.event), Next::kMore);
      EXPECT_EQ(link->host.sent, c.sent) << ToString(c.event);
    }
  }
}

// Whatever the text, the other end hands on just that.
TEST(EventTest, IsHandedOnWhateverItsText) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const std::vector<std::unique_ptr<Link>> near = Link::Merged();
    // The same link as its other end sees it: server 5's, to server 1000.
    Link far(int32_t{1000});
    far.host.server_id = 5;
    far.session.OnEvent(MergeAnswer{MergeOffer{5, {}}, {}});
    const std::string text = chat::testing::RandomText(random, kMaxMessageBytes, false);
    const std::string name = chat::testing::RandomText(random, 255, false);
    const User alice("alice"), bob("bob", 5);
    FakeHost expected;
    for (const auto& link : near) {
      link->session.OnEvent(Announcement{alice, Owned(text)});
      link->session.OnEvent(PrivateMessage{alice, bob, Owned(text)});
      link->session.OnEvent(FileChunk{alice, bob, i, name, 9, Chunk(text)});
      far.feeder.Feed(link->host.sent);
      const User from("alice", 1000), to("bob");
      expected.Forward(Announcement{from, Owned(text)});
      expected.Forward(PrivateMessage{from, to, Owned(text)});
      expected.Forward(FileChunk{from, to, i, name, 9, Chunk(text)});
    }
    ASSERT_EQ(far.host.calls, expected.calls) << i;
    ASSERT_EQ(far.feeder.rest(), "");
  }
}

TEST(FarewellTest, HasNoWords) {
  for (const auto& link : Link::Merged()) {
    link->session.OnFarewell(Farewell::kShutdown);
    EXPECT_EQ(link->host.sent, "");
  }
}

}  // namespace
}  // namespace chat::cfp
