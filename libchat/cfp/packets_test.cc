#include "libchat/cfp/packets.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/walk.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {
namespace {

using chat::testing::Hex;
using chat::testing::Walk;
using Status = DecodeStatus;

constexpr DecodeLimits kLimits = {
    .proposal = 507, .name = 30, .text = 1024, .file_name = 274, .frame = 65536};

struct Case {
  Packet packet;
  std::string bytes;
  std::string shown;
};

// Views what outlives the tests.
const std::string& Content() {
  static const auto& content = *new std::string("data" + std::string(1020, '\0'));
  return content;
}
const std::string& TwoSiblings() {
  static const auto& siblings =
      *new std::string(SiblingBytes({{7, 0x7F000001, 7773}, {0x7FFFFFFF, 0x0A0B0C0D, 65535}}));
  return siblings;
}

std::vector<Case> Cases() {
  return {
      {AuthGst{"alice"}, Hex(R"(00                  // code
                                00000005 "alice"    // nickname)"),
       R"(AUTHGST nickname="alice")"},
      {AuthGst{""}, Hex("00 00000000"), R"(AUTHGST nickname="")"},
      {AuthUsr{"alice", "secret"}, Hex(R"(01                  // code
                                          00000005 "alice"    // nickname
                                          00000006 "secret"   // password)"),
       R"(AUTHUSR nickname="alice" password=(6 bytes))"},
      {AuthRsp{3}, Hex(R"(10                  // code
                          03                  // response code)"),
       "AUTHRSP code=3"},
      {MsgPbl{"h\u00E9"}, Hex(R"(20                  // code
                                 00000003 68 c3a9    // message)"),
       R"(MSGPBL message="h\xc3\xa9")"},
      {MsgPrv{7, "bob", "psst\n"}, Hex(R"(21                  // code
                                          00000007            // destination server id
                                          00000003 "bob"      // nickname of the receiver
                                          00000005 "psst" 0a  // message)"),
       R"(MSGPRV server_id=7 receiver="bob" message="psst\n")"},
      {MsgPblInc{7, "alice", "hi"}, Hex(R"(30                  // code
                                           00000007            // origin server id
                                           00000005 "alice"    // nickname
                                           00000002 "hi"       // message)"),
       R"(MSGPBLINC server_id=7 sender="alice" message="hi")"},
      {MsgPrvInc{-2, "alice", "bob", "hi"}, Hex(R"(31                  // code
                                                   fffffffe            // origin server id
                                                   00000005 "alice"    // sender
                                                   00000003 "bob"      // receiver
                                                   00000002 "hi"       // message)"),
       R"(MSGPRVINC server_id=-2 sender="alice" receiver="bob" message="hi")"},
      {FileChnk{7, "bob", 3, "a.txt", 1, Content()}, Hex(R"(40                // code
                                                            00000007          // destination
                                                            00000003 "bob"    // receiver
                                                            00000003          // transfer id
                                                            00000005 "a.txt"  // file name
                                                            00000001          // number of chunks
                                                            "data" 00*1020    // content)"),
       R"(FILECHNK server_id=7 receiver="bob" transfer_id=3 filename="a.txt" chunks=1)"
       R"( content="data")"},
      {FileChnkInc{7, "alice", "bob", 3, "a.txt", 2, Content()}, Hex(R"(41                // code
              00000007          // origin server id
              00000005 "alice"  // sender
              00000003 "bob"    // receiver
              00000003          // transfer id
              00000005 "a.txt"  // file name
              00000002          // number of chunks
              "data" 00*1020    // content)"),
       R"(FILECHNKINC server_id=7 sender="alice" receiver="bob" transfer_id=3)"
       R"( filename="a.txt" chunks=2 content="data")"},
      {PckFwd{7}, Hex(R"(50                  // code
                         00000007            // destination server id)"),
       "PCKFWD server_id=7"},
      {MrgReq{5, SiblingList(TwoSiblings())}, Hex(R"(a0                          // code
              00000005                    // server id
              00000002                    // number of siblings
              00000007 7f000001 00001e5d  // sibling: id, IPv4, port
              7fffffff 0a0b0c0d 0000ffff)"),
       "MRGREQ server_id=5 siblings=[7@127.0.0.1:7773,2147483647@10.11.12.13:65535]"},
      {MrgReq{5, {}}, Hex("a0 00000005 00000000"), "MRGREQ server_id=5 siblings=[]"},
      {MrgRsp{6, SiblingList(absl::string_view(TwoSiblings()).substr(0, 12))},
       Hex(R"(a1                          // code
              00000006                    // server id
              00000001                    // number of siblings
              00000007 7f000001 00001e5d  // sibling)"),
       "MRGRSP server_id=6 siblings=[7@127.0.0.1:7773]"},
      {MrgDcl{1}, Hex(R"(a2                  // code
                         01                  // error code)"),
       "MRGDCL code=1"},
      {Error{"alice", 1}, Hex(R"(f0                  // code
                                 00000005 "alice"    // nickname of the sender
                                 01                  // error code)"),
       R"(ERROR nickname="alice" code=1)"},
  };
}

template <class W>
void EncodePacket(const Packet& packet, W& out) {
  std::visit([&](const auto& p) { Encode(p, out); }, packet);
}

TEST(PacketsTest, EveryCodeHasACase) {
  std::vector<bool> seen(kCodes);
  for (const Case& c : Cases()) seen[c.packet.index()] = true;
  EXPECT_EQ(seen, std::vector<bool>(kCodes, true));
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
    for (absl::string_view behind : {"", "\x20", "\xff\xff\xff\xff\xff"}) {
      const std::string in = c.bytes + std::string(behind);
      const Decoded decoded = Decode(in, kLimits);
      ASSERT_EQ(decoded.status, Status::kDone) << c.shown;
      EXPECT_EQ(decoded.size, c.bytes.size()) << c.shown;
      EXPECT_TRUE(decoded.packet == c.packet) << c.shown << ", not " << ToString(decoded.packet);
    }
  }
}

TEST(PacketsTest, AskForMoreWhenTruncated) {
  for (const Case& c : Cases()) {
    for (size_t size = 0; size < c.bytes.size(); ++size) {
      const Decoded decoded = Decode(absl::string_view(c.bytes).substr(0, size), kLimits);
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
  EXPECT_TRUE(Packet(MsgPblInc{1, "a", "b"}) == Packet(MsgPblInc{1, "a", "b"}));
  EXPECT_FALSE(Packet(MsgPblInc{1, "a", "b"}) == Packet(MsgPblInc{1, "a", "c"}));
  EXPECT_FALSE(Packet(MsgPblInc{1, "a", "b"}) == Packet(MsgPblInc{2, "a", "b"}));
  EXPECT_FALSE(Packet(MrgReq{1, {}}) == Packet(MrgRsp{1, {}}));
  EXPECT_FALSE(Packet(AuthRsp{1}) == Packet(MrgDcl{1}));
}

TEST(PacketsTest, AChunkIsPaddedOrCutToItsSize) {
  for (size_t size : {0u, 1u, 1023u, 1024u, 1025u}) {
    std::string bytes;
    wire::StringWriter out(&bytes);
    Encode(FileChnk{0, "", 0, "", 1, std::string(size, 'x')}, out);
    std::string content(std::min<size_t>(size, 1024), 'x');
    content.resize(1024);
    EXPECT_EQ(bytes.substr(bytes.size() - 1024), content) << size;
    EXPECT_EQ(bytes.size(), 1 + 4 + 4 + 4 + 4 + 4 + 1024u) << size;
  }
}

Decoded DecodeHex(absl::string_view hex, const DecodeLimits& limits = kLimits) {
  static std::string bytes;
  bytes = Hex(hex);
  return Decode(bytes, limits);
}

TEST(DecodeTest, KnowsTheCodesOfTheDocumentAndNoOthers) {
  for (int code = 0; code < 256; ++code) {
    const std::string in(1, static_cast<char>(code));
    bool known = code == 0x32;
    for (const Case& c : Cases()) known |= c.bytes[0] == in[0];
    EXPECT_EQ(Decode(in, kLimits).status, known ? Status::kNeedMore : Status::kUnknownCode) << code;
  }
}

TEST(DecodeTest, ReadsBothCodesOfPckFwd) {
  const Decoded decoded = DecodeHex("32 00000007");
  ASSERT_EQ(decoded.status, Status::kDone);
  EXPECT_TRUE(decoded.packet == Packet(PckFwd{7}));
}

TEST(DecodeTest, JudgesASizeAsSoonAsItIsThere) {
  for (const char* hex : {"00 ffffffff", "00 80000000", "01 00000001 61 ffffffff", "20 ffffffff",
                          "21 00000000 ffffffff", "21 00000000 00000000 80000000",
                          "40 00000000 00000000 00000000 ffffffff", "f0 ffffffff"}) {
    EXPECT_EQ(DecodeHex(hex).status, Status::kMalformed) << hex;
  }
  for (const char* hex : {"00 7fffffff", "01 00000001 61 7fffffff", "20 0000fffc",
                          "21 00000000 00000001 61 7fffffff"}) {
    EXPECT_EQ(DecodeHex(hex).status, Status::kFrameTooLong) << hex;
  }
}

TEST(DecodeTest, JudgesTheNumberOfSiblings) {
  for (const char* code : {"a0", "a1"}) {
    const std::string head = std::string(code) + " 00000005 ";
    EXPECT_EQ(DecodeHex(head + "ffffffff").status, Status::kMalformed);
    EXPECT_EQ(DecodeHex(head + "80000000").status, Status::kMalformed);
    EXPECT_EQ(DecodeHex(head + "000003e9").status, Status::kMalformed);
    // 1,000 of them, which the limit for other packets does not forbid.
    const DecodeLimits tight = {
        .proposal = 507, .name = 30, .text = 1024, .file_name = 274, .frame = 512};
    Decoded decoded = DecodeHex(head + "000003e8", tight);
    EXPECT_EQ(decoded.status, Status::kNeedMore);
    EXPECT_EQ(decoded.size, 1 + 4 + 4 + 12000u);
    EXPECT_EQ(DecodeHex(head + "000003e8 01*12000", tight).status, Status::kDone);
  }
}

TEST(DecodeTest, CountsTheWholeFrame) {
  // 1 + 4 + 4 + 4 + 1 bytes, and 65522 more.
  EXPECT_EQ(DecodeHex("21 00000000 00000001 61 0000fff2").status, Status::kFieldTooLong);
  EXPECT_EQ(DecodeHex("21 00000000 00000001 61 0000fff3").status, Status::kFrameTooLong);
  // A chunk's content is a part of it, too.
  DecodeLimits limits = kLimits;
  limits.frame = 1 + 4 + 4 + 4 + 4 + 4 + 1024;
  const std::string chunk = "40 00000000 00000000 00000000 00000000 00000001";
  EXPECT_EQ(DecodeHex(chunk, limits).status, Status::kNeedMore);
  --limits.frame;
  EXPECT_EQ(DecodeHex(chunk, limits).status, Status::kFrameTooLong);
}

TEST(DecodeTest, SaysWhichFieldIsTooLong) {
  EXPECT_EQ(DecodeHex("20 00000400 61*1024").status, Status::kDone);
  Decoded decoded = DecodeHex("20 00000401");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 5u);
  EXPECT_EQ(decoded.too_long.code, Code::kMsgPbl);
  EXPECT_EQ(decoded.too_long.field, 0u);
  EXPECT_EQ(decoded.too_long.left, 1025u);
  EXPECT_EQ(decoded.too_long.declared, 1030u);

  EXPECT_EQ(DecodeHex("21 00000000 0000001e 61*30 00000000").status, Status::kDone);
  EXPECT_EQ(DecodeHex("21 00000000 0000001f").too_long.field, 1u);
  // With @ and the id of a server.
  EXPECT_EQ(DecodeHex("f0 00000029 61*41 01").status, Status::kDone);
  EXPECT_EQ(DecodeHex("f0 0000002a").too_long.field, 0u);
  EXPECT_EQ(DecodeHex("40 00000000 00000000 00000000 00000113").too_long.field, 3u);
}

TEST(KindOfTest, FollowsTheLayouts) {
  EXPECT_EQ(KindOf(Code::kAuthUsr, 1), FieldKind::kPassword);
  EXPECT_EQ(KindOf(Code::kMsgPrvInc, 2), FieldKind::kName);
  EXPECT_EQ(KindOf(Code::kFileChnkInc, 6), FieldKind::kContent);
  EXPECT_EQ(KindOf(Code::kMrgRsp, 1), FieldKind::kSiblings);
  EXPECT_EQ(KindOf(Code::kError, 0), FieldKind::kShownName);
  EXPECT_EQ(KindOf(Code::kError, 1), FieldKind::kByte);
}

TEST(SkipTest, TakesWhatBelongsToThePacketHoweverItIsCut) {
  const struct {
    const char* head;  // up to the size of the field that is too long
    const char* tail;
  } kCases[] = {
      {"00 00000200", "61*512"},
      {"01 00000200", "61*512 00000001 61"},
      {"20 00000800", "61*2048"},
      {"21 00000000 00000040", "61*64 00000002 \"hi\""},
      {"31 00000000 00000040", "61*64 00000003 \"bob\" 00000800 61*2048"},
      {"40 00000000 00000040", "61*64 00000001 00000001 62 00000001 00*1024"},
      {"41 00000000 00000001 61 00000040", "61*64 00000001 00000000 00000001 00*1024"},
      {"41 00000000 00000001 61 00000000 00000001 00000113", "61*275 00000001 00*1024"},
      {"f0 00000040", "61*64 01"},
  };
  for (const auto& c : kCases) {
    const Decoded decoded = DecodeHex(c.head);
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

TEST(SkipTest, JudgesTheSizesThatFollow) {
  const Decoded decoded = DecodeHex("31 00000000 00000040");
  const struct {
    const char* tail;
    Status status;
  } kCases[] = {
      {"61*63", Status::kNeedMore},
      {"61*64 000000", Status::kNeedMore},
      {"61*64 ffffffff", Status::kMalformed},
      {"61*64 00000001 62 80000000", Status::kMalformed},
      {"61*64 7fffffff", Status::kFrameTooLong},
      // 1 + 4 + 4 + 64 + 4 + 1 + 4 = 82 bytes; 65454 more are 64 KiB.
      {"61*64 00000001 62 0000ffae", Status::kNeedMore},
      {"61*64 00000001 62 0000ffaf", Status::kFrameTooLong},
  };
  for (const auto& c : kCases) {
    const std::string in = Hex(c.tail);
    for (size_t piece : {size_t{1}, in.size()}) {
      absl::string_view rest = in;
      EXPECT_EQ(Walk(Skip(decoded.too_long, {}, kLimits.frame), rest, piece), c.status) << c.tail;
    }
  }
}

TEST(OfferTest, IsWhatAPacketSays) {
  const std::vector<Sibling> siblings = {{7, 0x7F000001, 7773}, {0x7FFFFFFF, 0x0A0B0C0D, 65535}};
  EXPECT_EQ(ToOffer(5, SiblingList(TwoSiblings())), (MergeOffer{5, siblings}));
  EXPECT_EQ(ToOffer(0x7FFFFFFF, {}), (MergeOffer{0x7FFFFFFF, {}}));
}

TEST(OfferTest, IsNoneWithANumberOutOfItsRange) {
  EXPECT_EQ(ToOffer(0, {}), std::nullopt);
  EXPECT_EQ(ToOffer(-1, {}), std::nullopt);
  for (const char* hex :
       {"00000000 7f000001 00001e5d", "ffffffff 7f000001 00001e5d", "00000007 7f000001 00000000",
        "00000007 7f000001 ffffffff", "00000007 7f000001 00010000"}) {
    const std::string good = Hex("00000007 7f000001 00001e5d");
    EXPECT_EQ(ToOffer(5, SiblingList(Hex(hex))), std::nullopt) << hex;
    EXPECT_EQ(ToOffer(5, SiblingList(good + Hex(hex))), std::nullopt) << hex;
  }
}

}  // namespace
}  // namespace chat::cfp
