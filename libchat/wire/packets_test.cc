#include "libchat/wire/packets.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::wire {
namespace {

using chat::testing::Hex;
using Status = DecodeStatus;

// A protocol with every sort of field.
enum class Code : uint8_t { kSay = 1, kNumbers = 0x80, kPairs = 0xFF };
enum class Kind : uint8_t { kName, kText, kByte, kInt, kLong, kPairs };

// The bytes of pairs, two each, behind their number, which is a byte.
struct Pairs {
  absl::string_view bytes;

  Pairs() = default;
  explicit Pairs(absl::string_view bytes) : bytes(bytes) {}
  friend bool operator==(const Pairs&, const Pairs&) = default;
};

// 01 (or 02) | name | text
struct Say {
  absl::string_view name;
  absl::string_view text;

  static constexpr Code kCode = Code::kSay;
  static constexpr uint8_t kOtherCode = 2;
  static constexpr const char* kName = "SAY";
  static constexpr auto kFields =
      std::tuple(Field{"name", Kind::kName, &Say::name}, Field{"text", Kind::kText, &Say::text});
  friend bool operator==(const Say&, const Say&) = default;
};

// 80 | byte | int | long
struct Numbers {
  uint8_t byte = 0;
  int32_t four = 0;
  int64_t eight = 0;

  static constexpr Code kCode = Code::kNumbers;
  static constexpr const char* kName = "NUMBERS";
  static constexpr auto kFields = std::tuple(Field{"byte", Kind::kByte, &Numbers::byte},
                                             Field{"four", Kind::kInt, &Numbers::four},
                                             Field{"eight", Kind::kLong, &Numbers::eight});
  friend bool operator==(const Numbers&, const Numbers&) = default;
};

// ff | name | pairs | long
struct NamedPairs {
  absl::string_view name;
  Pairs pairs;
  int64_t eight = 0;

  static constexpr Code kCode = Code::kPairs;
  static constexpr const char* kName = "PAIRS";
  static constexpr auto kFields = std::tuple(Field{"name", Kind::kName, &NamedPairs::name},
                                             Field{"pairs", Kind::kPairs, &NamedPairs::pairs},
                                             Field{"eight", Kind::kLong, &NamedPairs::eight});
  friend bool operator==(const NamedPairs&, const NamedPairs&) = default;
};

using Packet = std::variant<Say, Numbers, NamedPairs>;

struct Limits {
  size_t name = 4;
  size_t text = 8;
  size_t frame = 32;
  size_t say_frame = 24;

  constexpr size_t FrameOf(Code code) const { return code == Code::kSay ? say_frame : frame; }
  constexpr size_t Of(Kind kind) const {
    return kind == Kind::kName ? name : kind == Kind::kText ? text : frame;
  }
};

struct Format {
  using Kind = wire::Kind;
  using Limits = wire::Limits;

  constexpr size_t HeadBytes(Kind kind) const {
    if (kind == Kind::kPairs) return 1;
    return kind == Kind::kName || kind == Kind::kText ? kSizeBytes : 0;
  }
  constexpr std::optional<size_t> BodyBytes(Kind kind, int64_t head) const {
    switch (kind) {
      case Kind::kByte:
        return 1;
      case Kind::kInt:
        return 4;
      case Kind::kLong:
        return 8;
      case Kind::kPairs:
        if (head < 0 || head > 9) return std::nullopt;
        return 2 * head;
      default:
        return StringBytes(head);
    }
  }
};

Decoded<Packet> DecodeHex(absl::string_view hex, const Limits& limits = {}) {
  static std::string bytes;
  bytes = Hex(hex);
  return Decode<Packet>(bytes, Format(), limits);
}

template <class P>
std::string Encode(const P& packet) {
  std::string bytes;
  StringWriter out(&bytes);
  out.U8(static_cast<uint8_t>(P::kCode));
  ForEachField(packet, [&](const auto&, const auto& value) { WriteField(value, out); });
  return bytes;
}

struct Case {
  const char* hex;
  Packet packet;
};

std::vector<Case> Cases() {
  return {
      {"01 00000001 61 00000002 \"hi\"", Say{"a", "hi"}},
      {"01 00000000 00000000", Say{}},
      {"80 ff 7fffffff 0000000000000001", Numbers{255, 0x7FFFFFFF, 1}},
      {"80 00 80000000 8000000000000000",
       Numbers{0, std::numeric_limits<int32_t>::min(), std::numeric_limits<int64_t>::min()}},
      {"80 01 fffffffe fffffffffffffffe", Numbers{1, -2, -2}},
      {"80 01 01020304 0102030405060708", Numbers{1, 0x01020304, 0x0102030405060708}},
      {"ff 00000001 61 02 \"abcd\" 0000000000000007", NamedPairs{"a", Pairs("abcd"), 7}},
      {"ff 00000000 00 ffffffffffffffff", NamedPairs{"", Pairs(), -1}},
  };
}

TEST(DecodeTest, GivesThePacketAndItsSize) {
  for (const Case& c : Cases()) {
    const std::string bytes = Hex(c.hex);
    for (absl::string_view behind : {"", "\x01", "more"}) {
      const std::string in = bytes + std::string(behind);
      const Decoded<Packet> decoded = Decode<Packet>(in, Format(), Limits());
      ASSERT_EQ(decoded.status, Status::kDone) << c.hex;
      EXPECT_EQ(decoded.size, bytes.size()) << c.hex;
      EXPECT_TRUE(decoded.packet == c.packet) << c.hex;
    }
  }
}

TEST(DecodeTest, SaysHowMuchIsNeededAtLeast) {
  for (const Case& c : Cases()) {
    const std::string bytes = Hex(c.hex);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Decoded<Packet> decoded =
          Decode<Packet>(absl::string_view(bytes).substr(0, size), Format(), Limits());
      ASSERT_EQ(decoded.status, Status::kNeedMore) << c.hex;
      EXPECT_GT(decoded.size, size) << c.hex;
      EXPECT_LE(decoded.size, bytes.size()) << c.hex;
    }
  }
}

TEST(DecodeTest, KnowsTheCodesOfThePacketsAndNoOthers) {
  for (int code = 0; code < 256; ++code) {
    const bool known = code == 1 || code == 2 || code == 0x80 || code == 0xFF;
    const std::string in(1, static_cast<char>(code));
    EXPECT_EQ(Decode<Packet>(in, Format(), Limits()).status,
              known ? Status::kNeedMore : Status::kUnknownCode)
        << code;
  }
  EXPECT_TRUE(DecodeHex("02 00000001 61 00000000").packet == Packet(Say{"a", ""}));
}

TEST(DecodeTest, JudgesAHeadAsSoonAsItIsThere) {
  EXPECT_EQ(DecodeHex("01 ffffffff").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("01 80000000").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("01 00000000 ffffffff").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("01 7fffffff").status, Status::kFrameTooLong);
  EXPECT_EQ(DecodeHex("ff 00000000 0a").status, Status::kMalformed);
  EXPECT_EQ(DecodeHex("ff 00000000 ff").status, Status::kMalformed);
}

TEST(DecodeTest, CountsTheWholeFrameOfEachCode) {
  const std::string numbers = "80 00 00000000 0000000000000000";  // 14 bytes
  EXPECT_EQ(DecodeHex(numbers, {.frame = 14}).status, Status::kDone);
  EXPECT_EQ(DecodeHex(numbers, {.frame = 13}).status, Status::kFrameTooLong);
  // That the rest cannot fit is known before it comes.
  EXPECT_EQ(DecodeHex("80 00 00000000", {.frame = 13}).status, Status::kFrameTooLong);
  EXPECT_EQ(DecodeHex("01 00000000", {.say_frame = 8}).status, Status::kFrameTooLong);
  EXPECT_EQ(DecodeHex("01 00000000", {.frame = 0}).status, Status::kNeedMore);
  // 1 + 4 + 2 + 1 + 18 + 8 bytes.
  EXPECT_EQ(DecodeHex("ff 00000002 \"ab\" 09 00*18", {.frame = 34}).status, Status::kNeedMore);
  EXPECT_EQ(DecodeHex("ff 00000002 \"ab\" 09 00*18", {.frame = 33}).status, Status::kFrameTooLong);
}

TEST(DecodeTest, SaysWhichFieldIsTooLong) {
  EXPECT_EQ(DecodeHex("01 00000004 \"abcd\" 00000008 61*8").status, Status::kDone);
  Decoded<Packet> decoded = DecodeHex("01 00000005");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 5u);
  EXPECT_EQ(decoded.too_long.code, Code::kSay);
  EXPECT_EQ(decoded.too_long.field, 0u);
  EXPECT_EQ(decoded.too_long.left, 5u);
  EXPECT_EQ(decoded.too_long.declared, 10u);

  decoded = DecodeHex("01 00000001 61 00000009 61*9");
  EXPECT_EQ(decoded.status, Status::kFieldTooLong);
  EXPECT_EQ(decoded.size, 10u);
  EXPECT_EQ(decoded.too_long.field, 1u);
  EXPECT_EQ(decoded.too_long.left, 9u);
  EXPECT_EQ(decoded.too_long.declared, 19u);
}

TEST(KindOfTest, FollowsTheLayouts) {
  EXPECT_EQ((KindOf<Packet, Kind>(Code::kSay, 1)), Kind::kText);
  EXPECT_EQ((KindOf<Packet, Kind>(Code::kNumbers, 0)), Kind::kByte);
  EXPECT_EQ((KindOf<Packet, Kind>(Code::kPairs, 2)), Kind::kLong);
}

// What a reader answers to `in`, given in pieces of at most `piece` bytes, until it stops; then
// what is left of `in`.
std::vector<std::string> ReadAll(absl::string_view in, size_t piece) {
  PacketReader<Packet, Format> reader;
  std::vector<std::string> answers;
  std::string given;
  while (true) {
    absl::string_view rest = given;
    Decoded<Packet> decoded = reader.Next(rest, {});
    while (decoded.status == Status::kDone || decoded.status == Status::kFieldTooLong) {
      answers.push_back(decoded.status == Status::kFieldTooLong
                            ? "too long"
                            : Encode(std::get<Say>(decoded.packet)));
      decoded = reader.Next(rest, {});
    }
    given = std::string(rest);
    if (decoded.status != Status::kNeedMore || in.empty()) {
      const char* const names[] = {"", "need more", "unknown code", "malformed", "frame too long"};
      answers.push_back(names[static_cast<size_t>(decoded.status)]);
      return answers;
    }
    given.append(in.data(), std::min(piece, in.size()));
    in.remove_prefix(std::min(piece, in.size()));
  }
}

TEST(PacketReaderTest, TakesPacketsHoweverTheyAreCut) {
  const std::string hi = Encode(Say{"a", "hi"});
  const std::string say = "01 00000001 61 00000002 \"hi\"";
  const struct {
    std::string hex;
    std::vector<std::string> answers;
  } kCases[] = {
      {"", {"need more"}},
      {say + say, {hi, hi, "need more"}},
      {say + "00", {hi, "unknown code"}},
      {say + "01 80000000", {hi, "malformed"}},
      {say + "01 00000020", {hi, "frame too long"}},
      // Packets with fields that are too long pass by, whatever fields follow.
      {"01 00000005 62*5 00000002 \"hi\" " + say, {"too long", hi, "need more"}},
      {"01 00000005 62*5 0000000a 63*10 " + say, {"too long", hi, "need more"}},
      {"01 00000000 00000009 63*9 " + say, {"too long", hi, "need more"}},
      {"ff 00000005 62*5 02 \"abcd\" 00*8 " + say, {"too long", hi, "need more"}},
      {"ff 00000005 62*5 00 00*8 " + say, {"too long", hi, "need more"}},
      // What follows is judged, too.
      {"01 00000005 62*5 000000", {"too long", "need more"}},
      {"01 00000005 62*5 ffffffff", {"too long", "malformed"}},
      {"01 00000005 62*5 0000000a", {"too long", "need more"}},
      {"01 00000005 62*5 0000000b", {"too long", "frame too long"}},
      {"ff 00000005 62*5 0a", {"too long", "malformed"}},
      {"ff 00000005 62*5 06 00*12", {"too long", "need more"}},
      {"ff 00000005 62*5 07 00*14", {"too long", "frame too long"}},
  };
  for (const auto& c : kCases) {
    const std::string in = Hex(c.hex);
    for (size_t piece : {1, 2, 3, 5, 100}) {
      EXPECT_EQ(ReadAll(in, piece), c.answers) << c.hex << " in pieces of " << piece;
    }
  }
}

TEST(PacketReaderTest, LeavesWhatIsNotWholeWhereItIs) {
  PacketReader<Packet, Format> reader;
  const std::string whole = Encode(Say{"a", "hi"});
  const std::string in = whole + whole.substr(0, whole.size() - 1);
  absl::string_view rest = in;
  EXPECT_EQ(reader.Next(rest, {}).status, Status::kDone);
  EXPECT_EQ(rest.size(), whole.size() - 1);
  EXPECT_EQ(reader.Next(rest, {}).status, Status::kNeedMore);
  EXPECT_EQ(rest.size(), whole.size() - 1);
}

TEST(FieldsTest, AreVisitedInTheOrderOfTheWire) {
  std::string names;
  ForEachField(Numbers(), [&](const auto& field, const auto&) { names += field.name; });
  EXPECT_EQ(names, "bytefoureight");
  Numbers numbers;
  EXPECT_TRUE(FillFields(numbers, [](const auto&, auto& value) { return value = 7, true; }));
  EXPECT_TRUE((numbers == Numbers{7, 7, 7}));
  int calls = 0;
  EXPECT_FALSE(FillFields(numbers, [&](const auto&, auto&) { return ++calls < 2; }));
  EXPECT_EQ(calls, 2);
}

TEST(ToStringTest, ShowsNamesAndValues) {
  const auto show = [](const auto& field, const auto& value) -> std::string {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Pairs>) {
      return Shown(value.bytes);
    } else {
      return field.kind == Kind::kText ? "(text)" : Shown(value);
    }
  };
  EXPECT_EQ(ToString(Packet(Say{"a\n\"", "hi"}), show), R"(SAY name="a\n\"" text=(text))");
  EXPECT_EQ(ToString(Packet(NamedPairs{"a", Pairs("bb"), -7}), show),
            R"(PAIRS name="a" pairs="bb" eight=-7)");
  EXPECT_EQ(ToString(std::variant<Say, Numbers>(Numbers{255, -1, 7})),
            "NUMBERS byte=255 four=-1 eight=7");
}

}  // namespace
}  // namespace chat::wire
