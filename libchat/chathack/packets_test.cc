#include "libchat/chathack/packets.h"

#include <string>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/walk.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

using chat::testing::Hex;
using chat::testing::Walk;
using Status = DecodeStatus;

constexpr DecodeLimits kLimits = {
    .proposal = 507, .name = 41, .file_name = 255, .content = 1024, .frame = 65536};

constexpr absl::string_view kLoopback("\x7f\0\0\x01", 4);
constexpr absl::string_view kLoopback6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

template <class Packets>
struct Case {
  Packets packet;
  std::string bytes;
  std::string shown;
};

std::vector<Case<Packet>> PacketCases() {
  return {
      {ExistingLogin{"alice", "s\u00E9same"}, Hex(R"(01                   // opcode
                                                    00000005 "alice"     // login
                                                    00000007 73 c3a9 "same"  // password)"),
       R"(EXISTING_LOGIN login="alice" password=(7 bytes))"},
      {NewLogin{"alice"}, Hex(R"(02                   // opcode
                                 00000005 "alice"     // login)"),
       R"(NEW_LOGIN login="alice")"},
      {NewLogin{""}, Hex("02 00000000"), R"(NEW_LOGIN login="")"},
      {GlobalMessage{"alice", "h\u00E9"}, Hex(R"(03                   // opcode
                                                 00000005 "alice"     // login
                                                 00000003 68 c3a9     // message)"),
       R"(GLOBAL_MESSAGE login="alice" message="h\xc3\xa9")"},
      {GlobalMessage{"alice", ""}, Hex(R"(03 00000005 "alice" 00000000)"),
       R"(GLOBAL_MESSAGE login="alice" message="")"},
      {PrivateAsking{"alice", "bob"}, Hex(R"(04                   // opcode
                                             00000005 "alice"     // sender login
                                             00000003 "bob"       // receiver login)"),
       R"(PRIVATE_ASKING sender="alice" receiver="bob")"},
      {PrivateValidation{"bob", "alice", 7000, kLoopback, 0x0123456789abcdef},
       Hex(R"(05                   // opcode
              00000003 "bob"       // sender login
              00000005 "alice"     // receiver login
              00001b58             // port number
              01                   // adCode: IPv4
              7f000001             // address
              01234567 89abcdef    // id)"),
       R"(PRIVATE_VALIDATION sender="bob" receiver="alice" port=7000 address=127.0.0.1 )"
       R"(id=81985529216486895)"},
      {PrivateValidation{"bob", "alice", -1, kLoopback6, -2}, Hex(R"(05                   // opcode
              00000003 "bob"       // sender login
              00000005 "alice"     // receiver login
              ffffffff             // port number
              02                   // adCode: IPv6
              00*15 01             // address
              ffffffff fffffffe    // id)"),
       R"(PRIVATE_VALIDATION sender="bob" receiver="alice" port=-1 address=::1 id=-2)"},
      {PrivateDenied{"bob", "alice"}, Hex(R"(06                   // opcode
                                             00000003 "bob"       // sender login
                                             00000005 "alice"     // receiver login)"),
       R"(PRIVATE_DENIED sender="bob" receiver="alice")"},
      {PrivateString{"alice", "psst\n"}, Hex(R"(07                   // opcode
                                                00000005 "alice"     // login
                                                00000005 "psst" 0a   // message)"),
       R"(PRIVATE_STRING login="alice" message="psst\n")"},
      {PrivateFile{"alice", "a.txt", "content"}, Hex(R"(08                   // opcode
                                                        00000005 "alice"     // login
                                                        00000005 "a.txt"     // file name
                                                        00000007 "content"   // file)"),
       R"(PRIVATE_FILE login="alice" name="a.txt" content="content")"},
      {PrivateConnection{"alice", 1}, Hex(R"(09                   // opcode
                                             00000005 "alice"     // login
                                             00000000 00000001    // id)"),
       R"(PRIVATE_CONNECTION login="alice" id=1)"},
  };
}

std::vector<Case<Ack>> AckCases() {
  return {
      {AckPacketError{}, Hex("01"), "ACK_PACKET_ERROR"},
      {AckLoginError{}, Hex("02"), "ACK_LOGIN_ERROR"},
      {AckConnected{}, Hex("03"), "ACK_CONNECTED"},
      {AckLoginExists{}, Hex("04"), "ACK_LOGIN_EXISTS"},
      {AckGlobalMessage{"bob@7", "hi"}, Hex(R"(05                   // ACK
                                               00000005 "bob@7"     // login
                                               00000002 "hi"        // message)"),
       R"(ACK_GLOBAL_MESSAGE login="bob@7" message="hi")"},
      {AckPrivateAsking{"alice"}, Hex(R"(06                   // ACK
                                         00000005 "alice"     // sender login)"),
       R"(ACK_PRIVATE_ASKING login="alice")"},
      {AckPrivateValidation{"bob", 65535, kLoopback, 1}, Hex(R"(07                   // ACK
              00000003 "bob"       // login
              0000ffff             // port number
              01                   // adCode: IPv4
              7f000001             // address
              00000000 00000001    // id)"),
       R"(ACK_PRIVATE_VALIDATION login="bob" port=65535 address=127.0.0.1 id=1)"},
      {AckPrivateValidation{"bob", 1, kLoopback6, 1},
       Hex(R"(07 00000003 "bob" 00000001 02 00*15 01 00000000 00000001)"),
       R"(ACK_PRIVATE_VALIDATION login="bob" port=1 address=::1 id=1)"},
      {AckPrivateDenied{"bob"}, Hex(R"(08                   // ACK
                                       00000003 "bob"       // login)"),
       R"(ACK_PRIVATE_DENIED login="bob")"},
  };
}

Decoded<Packet> Decode(absl::string_view in, const Packet&) { return DecodePacket(in, kLimits); }
Decoded<Ack> Decode(absl::string_view in, const Ack&) { return DecodeAck(in, kLimits); }

// What holds for what clients send and for what servers send.
template <class Packets>
void ExpectAllCodes(const std::vector<Case<Packets>>& cases) {
  std::vector<bool> seen(std::variant_size_v<Packets>);
  for (const auto& c : cases) seen[c.packet.index()] = true;
  EXPECT_EQ(seen, std::vector<bool>(seen.size(), true));
}

template <class Packets, class W>
void EncodeAny(const Packets& packet, W& out) {
  std::visit([&](const auto& p) { Encode(p, out); }, packet);
}

template <class Packets>
void ExpectWritten(const Case<Packets>& c) {
  std::string bytes;
  wire::StringWriter grows(&bytes);
  EncodeAny(c.packet, grows);
  EXPECT_EQ(bytes, c.bytes) << c.shown;

  std::vector<char> room(c.bytes.size());
  wire::Writer fixed(absl::MakeSpan(room));
  EncodeAny(c.packet, fixed);
  EXPECT_EQ(fixed.written(), c.bytes) << c.shown;
  EXPECT_FALSE(fixed.overflowed());

  wire::Writer tight(absl::MakeSpan(room).first(room.size() - 1));
  EncodeAny(c.packet, tight);
  EXPECT_TRUE(tight.overflowed()) << c.shown;
}

template <class Packets>
void ExpectRead(const Case<Packets>& c) {
  for (absl::string_view behind : {"", "\x03", "\xff\xff\xff\xff\xff"}) {
    const std::string in = c.bytes + std::string(behind);
    const Decoded<Packets> decoded = Decode(in, c.packet);
    ASSERT_EQ(decoded.status, Status::kDone) << c.shown;
    EXPECT_EQ(decoded.size, c.bytes.size()) << c.shown;
    EXPECT_TRUE(decoded.packet == c.packet) << c.shown << ", not " << ToString(decoded.packet);
  }
  for (size_t size = 0; size < c.bytes.size(); ++size) {
    const auto decoded = Decode(absl::string_view(c.bytes).substr(0, size), c.packet);
    ASSERT_EQ(decoded.status, Status::kNeedMore) << c.shown << " cut at " << size;
    EXPECT_GT(decoded.size, size) << c.shown;
    EXPECT_LE(decoded.size, c.bytes.size()) << c.shown;
  }
}

TEST(PacketsTest, EveryCodeHasACase) {
  ExpectAllCodes(PacketCases());
  ExpectAllCodes(AckCases());
}

TEST(PacketsTest, AreWrittenAsTheDocumentDrawsThem) {
  for (const auto& c : PacketCases()) ExpectWritten(c);
  for (const auto& c : AckCases()) ExpectWritten(c);
}

TEST(PacketsTest, AreReadWholeWithBytesBehindAndTruncated) {
  for (const auto& c : PacketCases()) ExpectRead(c);
  for (const auto& c : AckCases()) ExpectRead(c);
}

TEST(PacketsTest, ArePrintedOnOneLine) {
  for (const auto& c : PacketCases()) EXPECT_EQ(ToString(c.packet), c.shown);
  for (const auto& c : AckCases()) EXPECT_EQ(ToString(c.packet), c.shown);
}

TEST(PacketsTest, DifferWhenAFieldDiffers) {
  EXPECT_TRUE(Packet(GlobalMessage{"a", "b"}) == Packet(GlobalMessage{"a", "b"}));
  EXPECT_FALSE(Packet(GlobalMessage{"a", "b"}) == Packet(GlobalMessage{"a", "c"}));
  EXPECT_FALSE(Packet(PrivateAsking{"a", "b"}) == Packet(PrivateDenied{"a", "b"}));
  EXPECT_FALSE(Packet(PrivateConnection{"a", 1}) == Packet(PrivateConnection{"a", 2}));
  EXPECT_FALSE(Ack(AckPrivateValidation{"a", 1, kLoopback, 1}) ==
               Ack(AckPrivateValidation{"a", 1, kLoopback6, 1}));
}

Decoded<Packet> DecodeHex(absl::string_view hex, const DecodeLimits& limits = kLimits) {
  static std::string bytes;
  bytes = Hex(hex);
  return DecodePacket(bytes, limits);
}

TEST(DecodeTest, RefusesUnknownCodes) {
  for (int code = 0; code < 256; ++code) {
    const std::string in(1, static_cast<char>(code));
    EXPECT_EQ(DecodePacket(in, kLimits).status == Status::kUnknownCode, code < 1 || code > 9);
    EXPECT_EQ(DecodeAck(in, kLimits).status == Status::kUnknownCode, code < 1 || code > 8);
  }
}

TEST(DecodeTest, JudgesASizeAsSoonAsItIsThere) {
  EXPECT_EQ(DecodeHex("02 ffffffff").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("02 80000000").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("01 00000001 61 ffffffff").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("08 00000000 00000000 80000000").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("02 7fffffff").status, Status::kFrameTooLong);
  EXPECT_EQ(DecodeHex("03 00000001 61 7fffffff").status, Status::kFrameTooLong);
}

TEST(DecodeTest, KnowsTwoKindsOfAddress) {
  for (int ad_code = 0; ad_code < 256; ++ad_code) {
    const std::string in = Hex("05 00000000 00000000 00000001") + static_cast<char>(ad_code);
    const Status status = DecodePacket(in, kLimits).status;
    EXPECT_EQ(status, ad_code == 1 || ad_code == 2 ? Status::kNeedMore : Status::kMalformed);
  }
}

TEST(DecodeTest, CountsTheWholeFrame) {
  // 1 + 4 + 1 + 4 bytes, and 65526 more.
  EXPECT_EQ(DecodeHex("03 00000001 61 0000fff6").status, Status::kFieldTooLong);
  EXPECT_EQ(DecodeHex("03 00000001 61 0000fff7").status, Status::kFrameTooLong);
  // 1 + 4 + 4 + 4 + 1 + 4 + 8 bytes, up to each field.
  DecodeLimits limits = kLimits;
  for (const auto& [frame, status] :
       std::vector<std::pair<size_t, Status>>{{26, Status::kDone},
                                              {25, Status::kFrameTooLong},
                                              {17, Status::kFrameTooLong},
                                              {13, Status::kFrameTooLong},
                                              {12, Status::kFrameTooLong},
                                              {4, Status::kFrameTooLong}}) {
    limits.frame = frame;
    EXPECT_EQ(
        DecodeHex("05 00000000 00000000 00000001 01 7f000001 00000000 00000001", limits).status,
        status)
        << frame;
  }
}

TEST(DecodeTest, SaysWhichFieldIsTooLong) {
  EXPECT_EQ(DecodeHex("02 000001fb 61*507").status, Status::kDone);
  Decoded<Packet> decoded = DecodeHex("02 000001fc");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 5u);
  EXPECT_EQ(decoded.too_long.code, Opcode::kNewLogin);
  EXPECT_EQ(decoded.too_long.field, 0u);
  EXPECT_EQ(decoded.too_long.left, 508u);
  EXPECT_EQ(decoded.too_long.declared, 513u);

  EXPECT_EQ(DecodeHex("03 00000001 61 00000400 61*1024").status, Status::kDone);
  decoded = DecodeHex("03 00000001 61 00000401");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 10u);
  EXPECT_EQ(decoded.too_long.field, 1u);
  EXPECT_EQ(decoded.too_long.left, 1025u);
  EXPECT_EQ(decoded.too_long.declared, 1035u);

  EXPECT_EQ(DecodeHex("04 00000029 61*41 00000029 61*41").status, Status::kDone);
  EXPECT_EQ(DecodeHex("04 00000029 61*41 0000002a").too_long.field, 1u);
  EXPECT_EQ(DecodeHex("01 00000001 61 000001fc").too_long.field, 1u);
  EXPECT_EQ(DecodeHex("08 00000001 61 000000ff 62*255 00000400 63*1024").status, Status::kDone);
  EXPECT_EQ(DecodeHex("08 00000001 61 00000100").too_long.field, 1u);
  EXPECT_EQ(DecodeHex("08 00000001 61 000000ff 62*255 00000401").too_long.field, 2u);
}

TEST(KindOfTest, FollowsTheLayouts) {
  EXPECT_EQ(KindOf(Opcode::kExistingLogin, 0), FieldKind::kProposal);
  EXPECT_EQ(KindOf(Opcode::kGlobalMessage, 1), FieldKind::kContent);
  EXPECT_EQ(KindOf(Opcode::kPrivateValidation, 1), FieldKind::kName);
  EXPECT_EQ(KindOf(Opcode::kPrivateConnection, 1), FieldKind::kId);
}

TEST(SkipTest, TakesWhatBelongsToThePacketHoweverItIsCut) {
  const struct {
    const char* head;  // up to the size of the field that is too long
    const char* tail;
  } kCases[] = {
      {"02 00000200", "61*512"},
      {"01 00000200", "61*512 00000006 \"secret\""},
      {"01 00000001 61 00000200", "61*512"},
      {"03 00000001 61 00000800", "61*2048"},
      {"03 00000040", "61*64 00000002 \"hi\""},
      {"03 00000040", "61*64 00000000"},
      {"04 00000040", "61*64 00000800 62*2048"},
      {"05 00000040", "61*64 00000003 \"bob\" 00001b58 01 7f000001 0123456789abcdef"},
      {"05 00000040", "61*64 00000003 \"bob\" 00001b58 02 00*16 0123456789abcdef"},
      {"06 00000001 61 00000040", "61*64"},
      {"08 00000001 61 00000100", "62*256 00001000 63*4096"},
      {"09 00000040", "61*64 0123456789abcdef"},
  };
  for (const auto& c : kCases) {
    const Decoded<Packet> decoded = DecodeHex(c.head);
    ASSERT_EQ(decoded.status, Status::kFieldTooLong) << c.head;
    const std::string in = Hex(c.tail) + "behind";
    for (size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{100}, in.size()}) {
      absl::string_view rest = in;
      EXPECT_EQ(Walk(Skip(decoded.too_long, {}, kLimits.frame), rest, piece), Status::kDone)
          << c.head;
      EXPECT_EQ(rest, "behind") << c.head << ' ' << c.tail << " in pieces of " << piece;
    }
  }
}

TEST(SkipTest, JudgesWhatFollows) {
  const struct {
    const char* head;
    const char* tail;
    Status status;
  } kCases[] = {
      {"08 00000040", "61*63", Status::kNeedMore},
      {"08 00000040", "61*64 000000", Status::kNeedMore},
      {"08 00000040", "61*64 ffffffff", Status::kMalformed},
      {"08 00000040", "61*64 00000001 62 80000000", Status::kMalformed},
      {"08 00000040", "61*64 7fffffff", Status::kFrameTooLong},
      // 1 + 4 + 64 + 4 + 1 + 4 = 78 bytes; 65458 more are 64 KiB.
      {"08 00000040", "61*64 00000001 62 0000ffb2", Status::kNeedMore},
      {"08 00000040", "61*64 00000001 62 0000ffb3", Status::kFrameTooLong},
      {"05 00000040", "61*64 00000001 62 00000001 00", Status::kMalformed},
      {"05 00000040", "61*64 00000001 62 00000001 03", Status::kMalformed},
      {"05 00000040", "61*64 00000001 62 00000001", Status::kNeedMore},
      // 1 + 4 + 64 + 4 + 65450 + 4 + 1 + 4 = 65532 bytes, and 8 more.
      {"05 00000040", "61*64 0000ffaa 62*65450 00000001 01 7f000001", Status::kFrameTooLong},
  };
  for (const auto& c : kCases) {
    const Decoded<Packet> decoded = DecodeHex(c.head);
    const std::string in = Hex(c.tail);
    for (size_t piece : {size_t{1}, in.size()}) {
      absl::string_view rest = in;
      EXPECT_EQ(Walk(Skip(decoded.too_long, {}, kLimits.frame), rest, piece), c.status) << c.tail;
    }
  }
}

}  // namespace
}  // namespace chat::chathack
