#include "libchat/chatos/packets.h"

#include <string>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

using chat::testing::Hex;
using Status = Decoded::Status;

constexpr DecodeLimits kLimits = {.proposal = 30, .name = 41, .text = 1024, .frame = 65536};

struct Case {
  Packet packet;
  std::string bytes;
  std::string shown;
};

std::vector<Case> Cases() {
  return {
      {Login{"alice"}, Hex(R"(0000                // opcode
                              "alice" 00          // nickname)"),
       R"(LOGIN nickname="alice")"},
      {Login{""}, Hex("0000 00"), R"(LOGIN nickname="")"},
      {Chat{0x0102030405060708, "bob@7", "hi\n"}, Hex(R"(0001                // opcode
                                                         0102030405060708    // id
                                                         "bob@7" 00          // nickname
                                                         "hi\n" 00           // message)"),
       R"(CHAT id=72623859790382856 nickname="bob@7" message="hi\n")"},
      {Chat{-2, "", ""}, Hex("0001 fffffffffffffffe 00 00"),
       R"(CHAT id=-2 nickname="" message="")"},
      {Ack{7}, Hex(R"(0002                // opcode
                      0000000000000007    // id)"),
       "ACK id=7"},
      {Error{4, "no"}, Hex(R"(0003                // opcode
                              0004                // code
                              "no" 00             // message)"),
       R"(ERROR code=4 message="no")"},
      {Error{-1, ""}, Hex("0003 ffff 00"), R"(ERROR code=-1 message="")"},
      {PrivateAsk{"bob"}, Hex(R"(0004                // opcode
                                 "bob" 00            // nickname)"),
       R"(PRIVATE_ASK nickname="bob")"},
      {PrivateAcceptation{1, "alice"}, Hex(R"(0005                // opcode
                                              01                  // yes
                                              "alice" 00          // nickname)"),
       R"(PRIVATE_ACCEPTATION yes=1 nickname="alice")"},
      {PrivateAcceptation{0xff, "h\xe9"}, Hex("0005 ff 68e9 00"),
       R"(PRIVATE_ACCEPTATION yes=255 nickname="h\xe9")"},
  };
}

template <class W>
void EncodePacket(const Packet& packet, W& out) {
  std::visit([&](const auto& p) { Encode(p, out); }, packet);
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
    EncodePacket(c.packet, grows);
    EXPECT_EQ(bytes, c.bytes) << c.shown;

    std::vector<char> room(c.bytes.size());
    wire::Writer fixed(absl::MakeSpan(room));
    EncodePacket(c.packet, fixed);
    EXPECT_EQ(fixed.written(), c.bytes) << c.shown;
    EXPECT_FALSE(fixed.overflowed());

    wire::Writer tight(absl::MakeSpan(room).first(room.size() - 1));
    EncodePacket(c.packet, tight);
    EXPECT_TRUE(tight.overflowed()) << c.shown;
  }
}

TEST(PacketsTest, AreReadWholeAndWithBytesBehind) {
  for (const Case& c : Cases()) {
    for (absl::string_view behind :
         {absl::string_view(), absl::string_view("\0\0", 2), absl::string_view("\xff\xff\xff")}) {
      const std::string in = c.bytes + std::string(behind);
      const Decoded decoded = Decoder().Decode(in, kLimits);
      ASSERT_EQ(decoded.status, Status::kDone) << c.shown;
      EXPECT_EQ(decoded.size, c.bytes.size()) << c.shown;
      EXPECT_TRUE(decoded.packet == c.packet) << c.shown << ", not " << ToString(decoded.packet);
    }
  }
}

TEST(PacketsTest, AreReadByteByByteAndOneAfterTheOther) {
  Decoder decoder;
  for (const Case& c : Cases()) {
    for (size_t size = 0; size < c.bytes.size(); ++size) {
      const absl::string_view in = absl::string_view(c.bytes).substr(0, size);
      ASSERT_EQ(decoder.Decode(in, kLimits).status, Status::kNeedMore) << c.shown << " at " << size;
    }
    const Decoded decoded = decoder.Decode(c.bytes, kLimits);
    ASSERT_EQ(decoded.status, Status::kDone) << c.shown;
    EXPECT_TRUE(decoded.packet == c.packet) << c.shown << ", not " << ToString(decoded.packet);
  }
}

TEST(PacketsTest, ArePrintedOnOneLine) {
  for (const Case& c : Cases()) EXPECT_EQ(ToString(c.packet), c.shown);
}

TEST(PacketsTest, DifferWhenAFieldDiffers) {
  EXPECT_TRUE(Packet(Chat{1, "a", "b"}) == Packet(Chat{1, "a", "b"}));
  EXPECT_FALSE(Packet(Chat{1, "a", "b"}) == Packet(Chat{2, "a", "b"}));
  EXPECT_FALSE(Packet(Login{"a"}) == Packet(PrivateAsk{"a"}));
  EXPECT_FALSE(Packet(PrivateAcceptation{0, "a"}) == Packet(PrivateAcceptation{1, "a"}));
}

// What all ways to give `hex` to a decoder say in the end.
Decoded DecodeHex(absl::string_view hex, const DecodeLimits& limits = kLimits) {
  static std::string bytes;
  bytes = Hex(hex);
  const Decoded whole = Decoder().Decode(bytes, limits);
  Decoder decoder;
  Decoded grown;
  for (size_t size = 1; size <= bytes.size() && grown.status == Status::kNeedMore; ++size) {
    grown = decoder.Decode(absl::string_view(bytes).substr(0, size), limits);
  }
  EXPECT_EQ(grown.status, whole.status) << hex;
  EXPECT_EQ(grown.size, whole.size) << hex;
  return whole;
}

TEST(DecodeTest, RefusesUnknownOpcodes) {
  for (int opcode = kOpcodes; opcode <= 0xffff; ++opcode) {
    const char in[] = {static_cast<char>(opcode >> 8), static_cast<char>(opcode)};
    EXPECT_EQ(Decoder().Decode({in, 2}, kLimits).status, Status::kUnknownOpcode) << opcode;
  }
}

TEST(DecodeTest, SaysWhichStringIsTooLong) {
  EXPECT_EQ(DecodeHex("0000 61*30 00").status, Status::kDone);
  EXPECT_EQ(DecodeHex("0000 61*30").status, Status::kNeedMore);
  Decoded decoded = DecodeHex("0000 61*31 00");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 33u);
  EXPECT_EQ(decoded.too_long.opcode, Opcode::kLogin);
  EXPECT_EQ(decoded.too_long.kind, FieldKind::kProposal);
  EXPECT_EQ(decoded.too_long.strings, 1u);
  EXPECT_EQ(decoded.too_long.taken, 33u);

  EXPECT_EQ(DecodeHex("0001 0000000000000007 62*41 00 61*1024 00").status, Status::kDone);
  decoded = DecodeHex("0001 0000000000000007 \"bob\" 00 61*1025");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_TRUE(decoded.packet == Packet(Chat{7, "bob", ""}));
  EXPECT_EQ(decoded.too_long.kind, FieldKind::kText);
  EXPECT_EQ(decoded.too_long.strings, 1u);
  EXPECT_EQ(decoded.size, 10u + 4 + 1025);

  decoded = DecodeHex("0001 0000000000000007 62*42");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_TRUE(decoded.packet == Packet(Chat{7, "", ""}));
  EXPECT_EQ(decoded.too_long.kind, FieldKind::kName);
  EXPECT_EQ(decoded.too_long.strings, 2u);

  EXPECT_EQ(DecodeHex("0003 0001 61*1025").too_long.kind, FieldKind::kText);
  EXPECT_EQ(DecodeHex("0004 61*42").too_long.kind, FieldKind::kName);
  EXPECT_EQ(DecodeHex("0005 01 61*42").too_long.opcode, Opcode::kPrivateAcceptation);
}

TEST(DecodeTest, CountsTheWholeFrame) {
  const DecodeLimits sixteen = {.proposal = 30, .name = 41, .text = 1024, .frame = 16};
  EXPECT_EQ(DecodeHex("0000 61*13 00", sixteen).status, Status::kDone);
  EXPECT_EQ(DecodeHex("0000 61*14 00", sixteen).status, Status::kFrameTooLong);
  EXPECT_EQ(DecodeHex("0001 0000000000000007 \"bob\" 00 61 00", sixteen).status, Status::kDone);
  EXPECT_EQ(DecodeHex("0001 0000000000000007 \"bob\" 00 6161", sixteen).status,
            Status::kFrameTooLong);
  EXPECT_EQ(DecodeHex("0001 0000000000000007 \"bobby\" 00", sixteen).status, Status::kFrameTooLong);
  const DecodeLimits nine = {.proposal = 30, .name = 41, .text = 1024, .frame = 9};
  EXPECT_EQ(DecodeHex("0002", nine).status, Status::kFrameTooLong);
}

// Walks over `in`, given in pieces of at most `piece` bytes. `in` is what was left.
Skip::Status Walk(Skip skip, absl::string_view& in, size_t piece) {
  Skip::Status status = Skip::Status::kNeedMore;
  do {
    absl::string_view given = in.substr(0, piece);
    const size_t size = given.size();
    status = skip.Advance(given);
    in.remove_prefix(size - given.size());
  } while (status == Skip::Status::kNeedMore && !in.empty());
  return status;
}

TEST(SkipTest, TakesWhatBelongsToThePacketHoweverItIsCut) {
  const struct {
    const char* head;  // up to the limit of the String that is too long
    const char* tail;
  } kCases[] = {
      {"0000 61*31", "00"},
      {"0000 61*31", "61*400 00"},
      {"0001 0000000000000007 00 61*1025", "61*60000 00"},
      {"0001 0000000000000007 62*42", "62*5000 00 \"message\" 00"},
      {"0001 0000000000000007 62*42", "00 00"},
      {"0003 0001 61*1025", "61 00"},
      {"0005 01 61*42", "00"},
  };
  for (const auto& c : kCases) {
    const Decoded decoded = DecodeHex(c.head);
    ASSERT_EQ(decoded.status, Status::kFieldTooLong) << c.head;
    const std::string in = Hex(c.tail) + "behind";
    for (size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{100}, in.size()}) {
      absl::string_view rest = in;
      EXPECT_EQ(Walk(Skip(decoded.too_long, kLimits.frame), rest, piece), Skip::Status::kDone)
          << c.head;
      EXPECT_EQ(rest, "behind") << c.head << ' ' << c.tail << " in pieces of " << piece;
    }
  }
}

TEST(SkipTest, EndsWithTheFrame) {
  const Decoded decoded = DecodeHex("0001 0000000000000007 62*42");
  // 2 + 8 + 42 bytes are there; 65484 more are 64 KiB.
  const struct {
    const char* tail;
    Skip::Status status;
  } kCases[] = {
      {"", Skip::Status::kNeedMore},
      {"62*65483", Skip::Status::kNeedMore},
      {"62*65484", Skip::Status::kFrameTooLong},
      {"62*65484 00", Skip::Status::kFrameTooLong},
      {"00 61*65482 00", Skip::Status::kDone},
      {"00 61*65483 00", Skip::Status::kFrameTooLong},
  };
  for (const auto& c : kCases) {
    const std::string in = Hex(c.tail);
    for (size_t piece : {size_t{1}, size_t{1000}, in.size()}) {
      absl::string_view rest = in;
      EXPECT_EQ(Walk(Skip(decoded.too_long, kLimits.frame), rest, piece), c.status) << c.tail;
    }
  }
}

}  // namespace
}  // namespace chat::chatos
