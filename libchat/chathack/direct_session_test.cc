#include "libchat/chathack/direct_session.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

using chat::testing::EveryWay;
using chat::testing::FakeDirectHost;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kId = 0x0123456789abcdef;

template <class P>
std::string Bytes(const P& packet) {
  std::string bytes;
  wire::StringWriter out(&bytes);
  Encode(packet, out);
  return bytes;
}

Text ToText(absl::string_view bytes) { return *Text::From(bytes); }

// One end.
struct Peer {
  explicit Peer(DirectOptions options)
      : session(std::move(options), host),
        feeder([this](absl::string_view in) { return session.OnBytes(in); }) {}

  // Alice connects, bob listens.
  static std::unique_ptr<Peer> Alice() {
    return std::make_unique<Peer>(
        DirectOptions{DirectOptions::Side::kConnects, "alice", "bob", kId});
  }
  static std::unique_ptr<Peer> Bob() {
    return std::make_unique<Peer>(
        DirectOptions{DirectOptions::Side::kListens, "bob", "alice", kId});
  }
  // Each with the other.
  static std::unique_ptr<Peer> OpenAlice() {
    auto alice = Alice();
    alice->session.Start();
    EXPECT_EQ(alice->TakeSent(), Bytes(PrivateConnection{"alice", kId}));
    EXPECT_THAT(alice->TakeEvents(), ElementsAre("DirectOpened"));
    return alice;
  }
  static std::unique_ptr<Peer> OpenBob() {
    auto bob = Bob();
    bob->session.Start();
    bob->feeder.Feed(Bytes(PrivateConnection{"alice", kId}));
    EXPECT_EQ(bob->TakeSent(), "");
    EXPECT_THAT(bob->TakeEvents(), ElementsAre("DirectOpened"));
    return bob;
  }

  std::string TakeSent() { return std::exchange(host.sent, {}); }
  std::vector<std::string> TakeEvents() { return std::exchange(host.events, {}); }

  FakeDirectHost host;
  DirectSession session;
  Feeder feeder;
};

// ---- The conversation, with its bytes ----

TEST(DirectTest, TwoClientsTalkAndSendFiles) {
  const auto alice = Peer::Alice();
  const auto bob = Peer::Bob();
  bob->session.Start();
  EXPECT_EQ(bob->host.sent, "");
  EXPECT_THAT(bob->host.events, IsEmpty());

  // The side that connects says who it is, and the id.
  alice->session.Start();
  EXPECT_THAT(alice->TakeEvents(), ElementsAre("DirectOpened"));
  std::string bytes = alice->TakeSent();
  EXPECT_EQ(bytes, Hex("09 00000005 \"alice\" 0123456789abcdef"));
  EXPECT_EQ(bob->feeder.Feed(bytes), Next::kMore);
  EXPECT_THAT(bob->TakeEvents(), ElementsAre("DirectOpened"));
  EXPECT_EQ(bob->host.sent, "");

  // Messages, in both directions.
  EXPECT_TRUE(bob->session.SendMessage(ToText("psst")).ok());
  bytes = bob->TakeSent();
  EXPECT_EQ(bytes, Hex("07 00000003 \"bob\" 00000004 \"psst\""));
  alice->feeder.Feed(bytes);
  EXPECT_THAT(alice->TakeEvents(), ElementsAre("DirectMessage \"psst\""));
  EXPECT_TRUE(alice->session.SendMessage(ToText("")).ok());
  bytes = alice->TakeSent();
  EXPECT_EQ(bytes, Hex("07 00000005 \"alice\" 00000000"));
  bob->feeder.Feed(bytes);
  EXPECT_THAT(bob->TakeEvents(), ElementsAre("DirectMessage \"\""));

  // A file of 1025 bytes, and one in the other direction at the same time.
  EXPECT_EQ(alice->session.max_piece_bytes(), 1024u);
  EXPECT_TRUE(alice->session.SendFilePiece("a.txt", std::string(1024, 'x')).ok());
  bytes = alice->TakeSent();
  EXPECT_EQ(bytes, Hex("08 00000005 \"alice\" 00000005 \"a.txt\" 00000400 78*1024"));
  bob->feeder.Feed(bytes);
  EXPECT_THAT(bob->TakeEvents(), IsEmpty());  // it may be the last
  EXPECT_TRUE(bob->session.SendFilePiece("b.txt", "").ok());
  bytes = bob->TakeSent();
  EXPECT_EQ(bytes, Hex("08 00000003 \"bob\" 00000005 \"b.txt\" 00000000"));
  alice->feeder.Feed(bytes);
  EXPECT_THAT(alice->TakeEvents(), ElementsAre("DirectFilePiece \"b.txt\" 0 bytes, the last"));
  EXPECT_TRUE(alice->session.SendFilePiece("a.txt", "y").ok());
  bytes = alice->TakeSent();
  EXPECT_EQ(bytes, Hex("08 00000005 \"alice\" 00000005 \"a.txt\" 00000001 \"y\""));
  bob->feeder.Feed(bytes);
  EXPECT_THAT(bob->TakeEvents(), ElementsAre("DirectFilePiece \"a.txt\" 1024 bytes",
                                             "DirectFilePiece \"a.txt\" 1 bytes, the last"));
}

TEST(DirectTest, FilesOfEverySizeArrive) {
  for (size_t size : {0u, 1u, 1023u, 1024u, 1025u, 2048u, 10000u}) {
    for (size_t segment : {1u, 700u, 100000u}) {
      const auto alice = Peer::OpenAlice();
      const auto bob = Peer::OpenBob();
      const std::string content(size, 'x');
      absl::string_view rest = content;
      std::vector<std::string> expected;
      bool last = false;
      while (!last) {
        const absl::string_view piece = rest.substr(0, alice->session.max_piece_bytes());
        rest.remove_prefix(piece.size());
        last = piece.size() < alice->session.max_piece_bytes();
        const bool only = size == alice->session.max_piece_bytes();
        if (!only || !last) {
          expected.push_back(absl::StrCat("DirectFilePiece \"f\" ", piece.size(), " bytes",
                                          last || only ? ", the last" : ""));
        }
        ASSERT_TRUE(alice->session.SendFilePiece("f", piece).ok());
      }
      const std::string sent = alice->TakeSent();
      // What fits one packet is one packet.
      const size_t head = Bytes(PrivateFile{"alice", "f", ""}).size();
      const size_t packets = size <= 1024 ? 1 : size / 1024 + 1;
      EXPECT_EQ(sent.size(), size + packets * head);
      for (size_t at = 0; at < sent.size(); at += segment) {
        bob->feeder.Feed(sent.substr(at, segment));
        EXPECT_LT(bob->feeder.rest().size(), 1333u);
      }
      bob->session.OnEnd();
      EXPECT_EQ(bob->host.events, expected);
      EXPECT_EQ(bob->feeder.rest(), "");
    }
  }
}

// ---- Who may connect ----

TEST(DirectOpenTest, TheListeningSideClosesOnAnybodyElse) {
  const std::string kStrangers[] = {
      Bytes(PrivateConnection{"alice", kId + 1}),
      Bytes(PrivateConnection{"alice", 0}),
      Bytes(PrivateConnection{"bob", kId}),
      Bytes(PrivateConnection{"Alice", kId}),
      Bytes(PrivateConnection{"", kId}),
      Bytes(PrivateConnection{std::string(42, 'a'), kId}),
      Hex("09 ffffffff"),
  };
  for (const std::string& bytes : kStrangers) {
    for (const Segments& segments : EveryWay(bytes, 5)) {
      const auto bob = Peer::Bob();
      bob->session.Start();
      for (const std::string& segment : segments) bob->feeder.Feed(segment);
      EXPECT_EQ(bob->feeder.next(), Next::kClose);
      EXPECT_EQ(bob->host.sent, "");
      EXPECT_THAT(bob->host.events, IsEmpty());
      EXPECT_EQ(bob->session.SendMessage(ToText("x")).code(),
                absl::StatusCode::kFailedPrecondition);
    }
  }
}

TEST(DirectOpenTest, NothingIsSentBefore) {
  for (const auto& peer : {Peer::Bob(), Peer::Alice()}) {
    EXPECT_EQ(peer->session.OnBytes("").next, Next::kMore);
    EXPECT_EQ(peer->session.SendMessage(ToText("x")).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(peer->session.SendFilePiece("a.txt", "x").code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(peer->host.sent, "");
  }
}

TEST(DirectOpenTest, WhatComesRightBehindIsTaken) {
  const std::string bytes = Bytes(PrivateConnection{"alice", kId}) +
                            Bytes(PrivateString{"alice", "psst"}) +
                            Bytes(PrivateFile{"alice", "a.txt", "content"});
  for (const Segments& segments : EveryWay(bytes, 5)) {
    const auto bob = Peer::Bob();
    bob->session.Start();
    for (const std::string& segment : segments) bob->feeder.Feed(segment);
    EXPECT_THAT(bob->host.events, ElementsAre("DirectOpened", "DirectMessage \"psst\"",
                                              "DirectFilePiece \"a.txt\" 7 bytes, the last"));
    EXPECT_EQ(bob->feeder.rest(), "");
  }
}

// ---- The table: each opcode in each state ----

TEST(DirectTableTest, EachOpcodeInEachStateHasItsOutcome) {
  const absl::string_view address("\x7f\0\0\x01", 4);
  // From alice, for bob; the same from bob, for alice.
  const struct {
    std::string from_alice;
    std::string from_bob;
    bool waiting;  // whether bob takes it while he waits for alice
    bool open;     // and either of them, later
  } kCases[kOpcodes] = {
      {Bytes(ExistingLogin{"alice", ""}), Bytes(ExistingLogin{"bob", ""}), false, false},
      {Bytes(NewLogin{"alice"}), Bytes(NewLogin{"bob"}), false, false},
      {Bytes(GlobalMessage{"alice", "x"}), Bytes(GlobalMessage{"bob", "x"}), false, false},
      {Bytes(PrivateAsking{"alice", "bob"}), Bytes(PrivateAsking{"bob", "alice"}), false, false},
      {Bytes(PrivateValidation{"alice", "bob", 1, address, kId}),
       Bytes(PrivateValidation{"bob", "alice", 1, address, kId}), false, false},
      {Bytes(PrivateDenied{"alice", "bob"}), Bytes(PrivateDenied{"bob", "alice"}), false, false},
      {Bytes(PrivateString{"alice", "x"}), Bytes(PrivateString{"bob", "x"}), false, true},
      {Bytes(PrivateFile{"alice", "n", "x"}), Bytes(PrivateFile{"bob", "n", "x"}), false, true},
      {Bytes(PrivateConnection{"alice", kId}), Bytes(PrivateConnection{"bob", kId}), true, false},
  };
  for (size_t i = 0; i < kOpcodes; ++i) {
    const auto& c = kCases[i];
    const auto waiting = Peer::Bob();
    waiting->session.Start();
    const auto open_bob = Peer::OpenBob();
    const auto open_alice = Peer::OpenAlice();
    const struct {
      Peer& peer;
      const std::string& bytes;
      bool taken;
    } kStates[] = {{*waiting, c.from_alice, c.waiting},
                   {*open_bob, c.from_alice, c.open},
                   {*open_alice, c.from_bob, c.open}};
    for (const auto& state : kStates) {
      EXPECT_EQ(state.peer.feeder.Feed(state.bytes), state.taken ? Next::kMore : Next::kClose) << i;
      EXPECT_EQ(state.peer.host.events.size(), state.taken ? 1u : 0u) << i;
      EXPECT_EQ(state.peer.host.sent, "") << i;
    }
  }
}

TEST(DirectTableTest, UnknownOpcodesCloseAtTheFirstByte) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    const std::string bytes(1, static_cast<char>(opcode));
    const auto waiting = Peer::Bob();
    waiting->session.Start();
    EXPECT_EQ(waiting->feeder.Feed(bytes), opcode == 9 ? Next::kMore : Next::kClose) << opcode;
    const auto open = Peer::OpenBob();
    EXPECT_EQ(open->feeder.Feed(bytes), opcode == 7 || opcode == 8 ? Next::kMore : Next::kClose)
        << opcode;
  }
}

// ---- Messages and files ----

TEST(DirectPeerTest, ThatBreaksTheProtocolIsClosed) {
  const std::string kBroken[] = {
      Bytes(PrivateString{"bob", "I am you"}),
      Bytes(PrivateString{"carol", "x"}),
      Bytes(PrivateString{"", "x"}),
      Bytes(PrivateFile{"bob", "a.txt", "x"}),
      Bytes(PrivateString{"alice", std::string(1025, 'x')}),
      Bytes(PrivateFile{"alice", "a.txt", std::string(1025, 'x')}),
      Bytes(PrivateFile{"alice", std::string(256, 'n'), "x"}),
      Bytes(PrivateString{std::string(42, 'a'), "x"}),
      Hex("07 ffffffff"),
      Hex("07 00000005 \"alice\" 80000000"),
      Hex("08 00000005 \"alice\" ffffffff"),
      Hex("08 00000005 \"alice\" 00000001 61 7fffffff"),
  };
  for (const std::string& bytes : kBroken) {
    for (const Segments& segments : EveryWay(bytes, 0)) {
      const auto bob = Peer::OpenBob();
      for (const std::string& segment : segments) bob->feeder.Feed(segment);
      EXPECT_EQ(bob->feeder.next(), Next::kClose) << absl::CHexEscape(bytes);
      EXPECT_THAT(bob->host.events, IsEmpty());
      EXPECT_EQ(bob->host.sent, "");
      EXPECT_EQ(bob->session.SendMessage(ToText("x")).code(),
                absl::StatusCode::kFailedPrecondition);
      EXPECT_EQ(bob->session.SendFilePiece("a.txt", "x").code(),
                absl::StatusCode::kFailedPrecondition);
    }
  }
}

TEST(DirectPeerTest, FileNamesAreHandedOnAsTheyAre) {
  for (const std::string& name :
       {std::string("../../etc/passwd"), std::string("/etc/passwd"), std::string(),
        std::string(1, 0), std::string("\xff"), std::string(255, 'n')}) {
    const auto bob = Peer::OpenBob();
    EXPECT_EQ(bob->feeder.Feed(Bytes(PrivateFile{"alice", name, "x"})), Next::kMore);
    EXPECT_THAT(bob->host.events,
                ElementsAre(absl::StrCat("DirectFilePiece \"", absl::CHexEscape(name),
                                         "\" 1 bytes, the last")));
  }
}

TEST(DirectPeerTest, AWholePieceEndsItsFileIfNoMoreOfItFollows) {
  const std::string full(1024, 'x');
  const std::string whole = "DirectFilePiece \"a.txt\" 1024 bytes, the last";
  const struct {
    std::string follows;
    std::vector<std::string> events;
  } kCases[] = {
      {Bytes(PrivateFile{"alice", "b.txt", "x"}),
       {whole, "DirectFilePiece \"b.txt\" 1 bytes, the last"}},
      {Bytes(PrivateFile{"alice", "a.tx", ""}),
       {whole, "DirectFilePiece \"a.tx\" 0 bytes, the last"}},
      {Bytes(PrivateFile{"alice", "b.txt", full}) + Bytes(PrivateFile{"alice", "a.txt", "x"}),
       {whole, "DirectFilePiece \"b.txt\" 1024 bytes, the last",
        "DirectFilePiece \"a.txt\" 1 bytes, the last"}},
      {Bytes(PrivateString{"alice", "hi"}), {whole, "DirectMessage \"hi\""}},
      {"", {whole}},
  };
  for (const auto& c : kCases) {
    const std::string bytes = Bytes(PrivateFile{"alice", "a.txt", full}) + c.follows;
    for (size_t piece : {size_t{1}, size_t{500}, bytes.size()}) {
      const auto bob = Peer::OpenBob();
      for (size_t at = 0; at < bytes.size(); at += piece) bob->feeder.Feed(bytes.substr(at, piece));
      if (c.follows.empty()) {
        EXPECT_THAT(bob->host.events, IsEmpty());
      }
      bob->session.OnEnd();
      bob->session.OnEnd();
      EXPECT_EQ(bob->host.events, c.events);
      EXPECT_EQ(bob->feeder.next(), Next::kMore);
    }
  }
  // Two pieces of one name are one file, whose last piece the end makes known.
  const auto bob = Peer::OpenBob();
  bob->feeder.Feed(Bytes(PrivateFile{"alice", "a.txt", full}) +
                   Bytes(PrivateFile{"alice", "a.txt", full}));
  EXPECT_THAT(bob->TakeEvents(), ElementsAre("DirectFilePiece \"a.txt\" 1024 bytes"));
  bob->session.OnEnd();
  EXPECT_THAT(bob->host.events, ElementsAre(whole));
}

// Existing programs send a file of over 1024 bytes as one packet. It is not taken; what came before
// is.
TEST(DirectPeerTest, AFileIsWholeBeforeAPacketThatIsTooLong) {
  const std::string full(1024, 'x'), more(3000, 'x');
  const struct {
    std::string follows;
    bool whole;
  } kCases[] = {
      {Bytes(PrivateFile{"alice", "b.txt", more}), true},
      {Bytes(PrivateFile{"alice", "a.txt.gz", more}), true},
      {Bytes(PrivateString{"alice", more}), true},
      {Bytes(PrivateFile{"alice", "a.txt", more}), false},  // the same one
      {Bytes(PrivateFile{"bob", "b.txt", "x"}), false},
      {"\xff", false},
  };
  for (const auto& c : kCases) {
    const auto bob = Peer::OpenBob();
    EXPECT_EQ(bob->feeder.Feed(Bytes(PrivateFile{"alice", "a.txt", full}) + c.follows),
              Next::kClose);
    bob->session.OnEnd();
    const std::vector<std::string> whole = {"DirectFilePiece \"a.txt\" 1024 bytes, the last"};
    EXPECT_EQ(bob->host.events, c.whole ? whole : std::vector<std::string>());
  }
}

TEST(DirectPeerTest, AnotherFileMayHaveTheSameName) {
  const std::string full(1024, 'x');
  const auto other = Peer::OpenBob();
  for (const char* name : {"a.txt", "b.txt", "b.txt"}) {
    other->feeder.Feed(Bytes(PrivateFile{"alice", name, full}) +
                       Bytes(PrivateFile{"alice", name, ""}));
  }
  EXPECT_EQ(other->feeder.next(), Next::kMore);
  EXPECT_EQ(other->host.events.size(), 6u);
}

TEST(DirectSendTest, NothingComesBetweenTheOwnPieces) {
  const auto alice = Peer::OpenAlice();
  EXPECT_TRUE(alice->session.SendFilePiece("a.txt", std::string(1024, 'x')).ok());
  alice->TakeSent();
  for (const absl::Status& status :
       {alice->session.SendMessage(ToText("wait")), alice->session.SendFilePiece("b.txt", "x")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("a.txt"));
  }
  EXPECT_EQ(alice->host.sent, "");
  EXPECT_TRUE(alice->session.SendFilePiece("a.txt", "").ok());
  EXPECT_TRUE(alice->session.SendMessage(ToText("wait")).ok());
  EXPECT_TRUE(alice->session.SendFilePiece("b.txt", "x").ok());
}

TEST(DirectSendTest, NamesTheLimits) {
  const auto alice = Peer::OpenAlice();
  const struct {
    absl::Status status;
    const char* limit;
  } kCases[] = {
      {alice->session.SendMessage(ToText(std::string(1025, 'x'))), "1024"},
      {alice->session.SendFilePiece("a.txt", std::string(1025, 'x')), "1024"},
      {alice->session.SendFilePiece(std::string(256, 'n'), "x"), "255"},
      {alice->session.SendFilePiece("", "x"), "255"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(c.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(c.status.message()), HasSubstr(c.limit));
  }
  EXPECT_EQ(alice->host.sent, "");
  EXPECT_TRUE(alice->session.SendMessage(ToText(std::string(1024, 'x'))).ok());
  EXPECT_TRUE(alice->session.SendFilePiece(std::string(255, 'n'), "x").ok());
}

TEST(DirectSendTest, IsOnePacketWhateverIsSaid) {
  const char* kParts[] = {"a", "\x07", "\x08", "\x09", "\n", "\r\n", "\xc3\xa9", "alice", "bob"};
  std::mt19937 random(1);
  const auto alice = Peer::OpenAlice();
  const auto bob = Peer::OpenBob();
  for (int i = 0; i < 2000; ++i) {
    std::string body;
    while (body.size() < 1010 && random() % 32 != 0) body += kParts[random() % std::size(kParts)];
    ASSERT_TRUE(alice->session.SendMessage(ToText(body)).ok());
    ASSERT_TRUE(alice->session.SendFilePiece("name" + body.substr(0, 200), body).ok());
    bob->feeder.Feed(alice->TakeSent());
    ASSERT_EQ(bob->feeder.rest(), "");
    ASSERT_THAT(bob->TakeEvents(), ElementsAre(ToString(DirectEvent(DirectMessage{body})),
                                               ToString(DirectEvent(DirectFilePiece{
                                                   "name" + body.substr(0, 200), body, true}))));
  }
}

}  // namespace
}  // namespace chat::chathack
