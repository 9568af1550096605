#include "libchat/chaton/packets.h"

#include <string>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/walk.h"
#include "libchat/wire/writer.h"

namespace chat::chaton {
namespace {

using chat::testing::Hex;
using chat::testing::Walk;
using Status = DecodeStatus;

constexpr DecodeLimits kLimits = {.proposal = 30, .name = 41, .text = 1024, .frame = 65536};

struct Case {
  Packet packet;
  std::string bytes;
  std::string shown;
  LongBytes longs = LongBytes::kFour;
};

std::vector<Case> Cases() {
  return {
      {Login{"alice"}, Hex(R"(00                  // opcode
                              00000005 "alice"    // login)"),
       R"(LOGIN login="alice")"},
      {Login{""}, Hex("00 00000000"), R"(LOGIN login="")"},
      {LoginAccepted{}, Hex("01"), "LOGIN_ACCEPTED"},
      {LoginRefused{}, Hex("02"), "LOGIN_REFUSED"},
      {Message{"alice", "h\u00E9"}, Hex(R"(03                  // opcode
                                           00000005 "alice"    // login
                                           00000003 68 c3a9    // msg)"),
       R"(MESSAGE login="alice" msg="h\xc3\xa9")"},
      {Message{"alice", ""}, Hex(R"(03 00000005 "alice" 00000000)"),
       R"(MESSAGE login="alice" msg="")"},
      {MessagePrivate{"alice", "bob@7", "psst\n"}, Hex(R"(04                  // opcode
                                                          00000005 "alice"    // login_sender
                                                          00000005 "bob@7"    // login_target
                                                          00000005 "psst" 0a  // msg)"),
       R"(MESSAGE_PRIVATE login_sender="alice" login_target="bob@7" msg="psst\n")"},
      {RequestPrivate{"alice", "bob"}, Hex(R"(05                  // opcode
                                              00000005 "alice"    // login_requester
                                              00000003 "bob"      // login_target)"),
       R"(REQUEST_PRIVATE login_requester="alice" login_target="bob")"},
      {OkPrivate{"alice", "bob"}, Hex(R"(06                  // opcode
                                         00000005 "alice"    // login_requester
                                         00000003 "bob"      // login_target)"),
       R"(OK_PRIVATE login_requester="alice" login_target="bob")"},
      {KoPrivate{"alice", "bob"}, Hex(R"(07                  // opcode
                                         00000005 "alice"    // login_requester
                                         00000003 "bob"      // login_target)"),
       R"(KO_PRIVATE login_requester="alice" login_target="bob")"},
      {IdPrivate{"alice", "bob", 0x12345678}, Hex(R"(08                  // opcode
                                                     00000005 "alice"    // login_requester
                                                     00000003 "bob"      // login_target
                                                     12345678            // connect_id)"),
       R"(ID_PRIVATE login_requester="alice" login_target="bob" connect_id=305419896)"},
      {IdPrivate{"alice", "bob", 0x12345678}, Hex(R"(08                  // opcode
                                                     00000005 "alice"    // login_requester
                                                     00000003 "bob"      // login_target
                                                     00000000 12345678   // connect_id)"),
       R"(ID_PRIVATE login_requester="alice" login_target="bob" connect_id=305419896)",
       LongBytes::kEight},
      {LoginPrivate{-2}, Hex(R"(09                  // opcode
                                fffffffe            // connect_id)"),
       "LOGIN_PRIVATE connect_id=-2"},
      {LoginPrivate{-2}, Hex(R"(09                  // opcode
                                ffffffff fffffffe   // connect_id)"),
       "LOGIN_PRIVATE connect_id=-2", LongBytes::kEight},
      {Established{}, Hex("0a"), "ESTABLISHED"},
      {CloseConnection{1, "alice", "bob"}, Hex(R"(0b                  // opcode
                                                  00000001            // connect_id
                                                  00000005 "alice"    // login_requester
                                                  00000003 "bob"      // login_target)"),
       R"(CLOSE_CONNECTION connect_id=1 login_requester="alice" login_target="bob")"},
      {CloseConnection{1, "alice", "bob"}, Hex(R"(0b                  // opcode
                                                  00000000 00000001   // connect_id
                                                  00000005 "alice"    // login_requester
                                                  00000003 "bob"      // login_target)"),
       R"(CLOSE_CONNECTION connect_id=1 login_requester="alice" login_target="bob")",
       LongBytes::kEight},
      {AcceptCloseConnection{"alice"}, Hex(R"(0c                  // opcode
                                              00000005 "alice"    // login_target)"),
       R"(ACCEPT_CLOSE_CONNECTION login_target="alice")"},
  };
}

template <class W>
void EncodePacket(const Packet& packet, LongBytes longs, W& out) {
  std::visit([&](const auto& p) { Encode(p, longs, out); }, packet);
}

TEST(PacketsTest, EveryOpcodeHasACase) {
  std::vector<bool> seen(kOpcodes);
  for (const Case& c : Cases()) seen[c.packet.index()] = true;
  EXPECT_EQ(seen, std::vector<bool>(kOpcodes, true));
}

TEST(PacketsTest, AreWrittenAsTheDocumentDrawsThem) {
  for (const Case& c : Cases()) {
    std::string bytes;
    wire::StringWriter grows(&bytes);
    EncodePacket(c.packet, c.longs, grows);
    EXPECT_EQ(bytes, c.bytes) << c.shown;

    std::vector<char> room(c.bytes.size());
    wire::Writer fixed(absl::MakeSpan(room));
    EncodePacket(c.packet, c.longs, fixed);
    EXPECT_EQ(fixed.written(), c.bytes) << c.shown;
    EXPECT_FALSE(fixed.overflowed());

    wire::Writer tight(absl::MakeSpan(room).first(room.size() - 1));
    EncodePacket(c.packet, c.longs, tight);
    EXPECT_TRUE(tight.overflowed()) << c.shown;
  }
}

TEST(PacketsTest, AreReadWholeAndWithBytesBehind) {
  for (const Case& c : Cases()) {
    for (absl::string_view behind : {"", "\x03", "\xff\xff\xff\xff\xff"}) {
      const std::string in = c.bytes + std::string(behind);
      const Decoded decoded = Decode(in, c.longs, kLimits);
      ASSERT_EQ(decoded.status, Status::kDone) << c.shown;
      EXPECT_EQ(decoded.size, c.bytes.size()) << c.shown;
      EXPECT_TRUE(decoded.packet == c.packet) << c.shown << ", not " << ToString(decoded.packet);
    }
  }
}

TEST(PacketsTest, AskForMoreWhenTruncated) {
  for (const Case& c : Cases()) {
    for (size_t size = 0; size < c.bytes.size(); ++size) {
      const Decoded decoded = Decode(absl::string_view(c.bytes).substr(0, size), c.longs, kLimits);
      ASSERT_EQ(decoded.status, Status::kNeedMore) << c.shown << " cut at " << size;
      EXPECT_GT(decoded.size, size) << c.shown;
      EXPECT_LE(decoded.size, c.bytes.size()) << c.shown;
    }
  }
}

TEST(PacketsTest, ArePrintedOnOneLine) {
  for (const Case& c : Cases()) EXPECT_EQ(ToString(c.packet), c.shown);
}

TEST(PacketsTest, DifferWhenAFieldDiffers) {
  EXPECT_TRUE(Packet(Message{"a", "b"}) == Packet(Message{"a", "b"}));
  EXPECT_FALSE(Packet(Message{"a", "b"}) == Packet(Message{"a", "c"}));
  EXPECT_FALSE(Packet(OkPrivate{"a", "b"}) == Packet(KoPrivate{"a", "b"}));
  EXPECT_FALSE(Packet(LoginPrivate{1}) == Packet(LoginPrivate{2}));
}

Decoded DecodeHex(absl::string_view hex, LongBytes longs = LongBytes::kFour,
                  const DecodeLimits& limits = kLimits) {
  static std::string bytes;
  bytes = Hex(hex);
  return Decode(bytes, longs, limits);
}

TEST(DecodeTest, RefusesUnknownOpcodes) {
  for (int opcode = kOpcodes; opcode < 256; ++opcode) {
    const std::string in(1, static_cast<char>(opcode));
    EXPECT_EQ(Decode(in, LongBytes::kFour, kLimits).status, Status::kUnknownCode) << opcode;
  }
}

TEST(DecodeTest, JudgesASizeAsSoonAsItIsThere) {
  EXPECT_EQ(DecodeHex("00 ffffffff").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("00 80000000").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("03 00000001 61 ffffffff").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("04 00000000 00000000 80000000").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("0b 00000001 ffffffff").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("00 7fffffff").status, Status::kFrameTooLong);
  EXPECT_EQ(DecodeHex("03 00000001 61 7fffffff").status, Status::kFrameTooLong);
}

TEST(DecodeTest, CountsTheWholeFrame) {
  // 1 + 4 + 4 bytes, and two fields of together 65527 more.
  EXPECT_EQ(DecodeHex("03 00000001 61 0000fff6").status, Status::kFieldTooLong);
  EXPECT_EQ(DecodeHex("03 00000001 61 0000fff7").status, Status::kFrameTooLong);
  // A LONG counts as it is written.
  const DecodeLimits four = {.proposal = 30, .name = 41, .text = 1024, .frame = 5};
  EXPECT_EQ(DecodeHex("09 00000001", LongBytes::kFour, four).status, Status::kDone);
  EXPECT_EQ(DecodeHex("09", LongBytes::kEight, four).status, Status::kFrameTooLong);
}

TEST(DecodeTest, SaysWhichFieldIsTooLong) {
  EXPECT_EQ(DecodeHex("00 0000001e 61*30").status, Status::kDone);
  Decoded decoded = DecodeHex("00 0000001f");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 5u);
  EXPECT_EQ(decoded.too_long.code, Opcode::kLogin);
  EXPECT_EQ(decoded.too_long.field, 0u);
  EXPECT_EQ(decoded.too_long.left, 31u);
  EXPECT_EQ(decoded.too_long.declared, 36u);

  EXPECT_EQ(DecodeHex("03 00000001 61 00000400 61*1024").status, Status::kDone);
  decoded = DecodeHex("03 00000001 61 00000401");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 10u);
  EXPECT_EQ(decoded.too_long.field, 1u);
  EXPECT_EQ(decoded.too_long.left, 1025u);
  EXPECT_EQ(decoded.too_long.declared, 1035u);

  EXPECT_EQ(DecodeHex("05 00000029 61*41 00000029 61*41").status, Status::kDone);
  EXPECT_EQ(DecodeHex("05 00000029 61*41 0000002a").too_long.field, 1u);
  EXPECT_EQ(DecodeHex("0b 00000001 0000002a").too_long.field, 1u);
}

TEST(KindOfTest, FollowsTheLayouts) {
  EXPECT_EQ(KindOf(Opcode::kLogin, 0), FieldKind::kProposal);
  EXPECT_EQ(KindOf(Opcode::kMessagePrivate, 1), FieldKind::kName);
  EXPECT_EQ(KindOf(Opcode::kMessagePrivate, 2), FieldKind::kText);
  EXPECT_EQ(KindOf(Opcode::kIdPrivate, 2), FieldKind::kId);
}

TEST(SkipTest, TakesWhatBelongsToThePacketHoweverItIsCut) {
  const struct {
    const char* head;  // up to the size of the field that is too long
    const char* tail;
    LongBytes longs = LongBytes::kFour;
  } kCases[] = {
      {"00 00000040", "61*64"},
      {"03 00000001 61 00000800", "61*2048"},
      {"03 00000040", "61*64 00000002 \"hi\""},
      {"03 00000040", "61*64 00000000"},
      {"04 00000040", "61*64 00000800 62*2048 00001000 63*4096"},
      {"08 00000040", "61*64 00000003 \"bob\" 12345678"},
      {"08 00000040", "61*64 00000003 \"bob\" 0000000012345678", LongBytes::kEight},
      {"0b 00000001 00000040", "61*64 00000003 \"bob\""},
  };
  for (const auto& c : kCases) {
    const Decoded decoded = DecodeHex(c.head, c.longs);
    ASSERT_EQ(decoded.status, Status::kFieldTooLong) << c.head;
    const std::string in = Hex(c.tail) + "behind";
    for (size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{100}, in.size()}) {
      absl::string_view rest = in;
      EXPECT_EQ(Walk(Skip(decoded.too_long, {c.longs}, kLimits.frame), rest, piece),
                DecodeStatus::kDone)
          << c.head;
      EXPECT_EQ(rest, "behind") << c.head << ' ' << c.tail << " in pieces of " << piece;
    }
  }
}

TEST(SkipTest, JudgesTheSizesThatFollow) {
  const Decoded decoded = DecodeHex("04 00000040");
  const struct {
    const char* tail;
    DecodeStatus status;
  } kCases[] = {
      {"61*63", DecodeStatus::kNeedMore},
      {"61*64 000000", DecodeStatus::kNeedMore},
      {"61*64 ffffffff", DecodeStatus::kMalformed},
      {"61*64 00000001 62 80000000", DecodeStatus::kMalformed},
      {"61*64 7fffffff", DecodeStatus::kFrameTooLong},
      // 1 + 4 + 64 + 4 + 1 + 4 = 78 bytes; 65458 more are 64 KiB.
      {"61*64 00000001 62 0000ffb2", DecodeStatus::kNeedMore},
      {"61*64 00000001 62 0000ffb3", DecodeStatus::kFrameTooLong},
  };
  for (const auto& c : kCases) {
    const std::string in = Hex(c.tail);
    for (size_t piece : {size_t{1}, in.size()}) {
      absl::string_view rest = in;
      EXPECT_EQ(Walk(Skip(decoded.too_long, {LongBytes::kFour}, kLimits.frame), rest, piece),
                c.status)
          << c.tail;
    }
  }
}

}  // namespace
}  // namespace chat::chaton
