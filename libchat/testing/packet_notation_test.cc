#include "libchat/testing/packet_notation.h"

#include <tuple>

#include "gtest/gtest.h"

namespace chat::testing {

enum class Kind : uint8_t { kString, kWord, kNumber };

struct Say {
  absl::string_view name;
  absl::string_view word;

  static constexpr const char* kName = "SAY";
  static constexpr auto kFields = std::tuple(wire::Field{"name", Kind::kString, &Say::name},
                                             wire::Field{"word", Kind::kWord, &Say::word});
};

struct SayBye {
  uint8_t code = 0;
  int64_t id = 0;

  static constexpr const char* kName = "SAY_BYE";
  static constexpr auto kFields = std::tuple(wire::Field{"code", Kind::kNumber, &SayBye::code},
                                             wire::Field{"id", Kind::kNumber, &SayBye::id});
};

using Packet = std::variant<Say, SayBye>;

std::string ToString(const Packet& packet) { return wire::ToString(packet); }

namespace {

// The bytes of what `text` says, or "none".
std::string Written(absl::string_view text) {
  const auto take = [](const auto& field, absl::string_view* rest, std::string* bytes) {
    if (field.kind == Kind::kString) return TakeStrings(rest, bytes);
    *bytes = std::string(TakeWord(rest));
    return *bytes != "bad";
  };
  const auto encode = [](const auto& packet, auto& out) {
    out.Bytes(packet.kName);
    wire::ForEachField(packet, [&](const auto&, const auto& value) {
      out.Bytes("|");
      if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>) {
        out.Bytes(wire::Shown(value));
      } else {
        out.Bytes(value);
      }
    });
  };
  std::string bytes;
  if (WritePacket<Packet>(text, take, encode, &bytes)) return bytes;
  EXPECT_EQ(bytes, "");
  return "none";
}

TEST(WritePacketTest, TakesEachFieldInItsTurn) {
  EXPECT_EQ(Written(R"(SAY name="alice" word=hi)"), "SAY|alice|hi");
  EXPECT_EQ(Written(R"(SAY name="ab" "x"*3 word=hi)"), "SAY|abxxx|hi");
  EXPECT_EQ(Written(R"(SAY name="" word=)"), "SAY||");
  EXPECT_EQ(Written("SAY_BYE code=255 id=-9223372036854775808"),
            "SAY_BYE|255|-9223372036854775808");
}

TEST(WritePacketTest, RefusesWhatIsNoPacket) {
  for (const char* text :
       {"", "SAY", "say name=\"a\" word=b", "SAY name=\"a\"", "SAY word=b name=\"a\"",
        "SAY name=a word=b", "SAY name=\"a\" word=bad", "SAY name=\"a\" word=b ",
        "SAY name=\"a\" word=b more", "SAY  name=\"a\" word=b", "SAY_BYE code=256 id=0",
        "SAY_BYE code=-1 id=0", "SAY_BYE code= id=0", "SAY_BYE code=x id=0",
        "SAY_BYE code=1 id=9223372036854775808"}) {
    EXPECT_EQ(Written(text), "none") << text;
  }
}

TEST(ReadPacketTest, SaysWhatTheDecoderSaid) {
  struct Decoded {
    wire::DecodeStatus status = wire::DecodeStatus::kDone;
    size_t size = 7;
    Packet packet = SayBye{1, 2};
  };
  std::string text;
  EXPECT_EQ(*ReadPacket(Decoded(), "toy packet", &text), 7u);
  EXPECT_EQ(text, "SAY_BYE code=1 id=2");
  EXPECT_EQ(*ReadPacket(Decoded{.status = wire::DecodeStatus::kNeedMore}, "toy packet", &text), 0u);
  const auto wrong =
      ReadPacket(Decoded{.status = wire::DecodeStatus::kMalformed}, "toy packet", &text);
  EXPECT_EQ(wrong.status(), absl::InvalidArgumentError("not a toy packet"));
}

TEST(TakeWordTest, StopsBeforeTheSpace) {
  absl::string_view text = "one two";
  EXPECT_EQ(TakeWord(&text), "one");
  EXPECT_EQ(text, " two");
  EXPECT_EQ(TakeWord(&text), "");
  text.remove_prefix(1);
  EXPECT_EQ(TakeWord(&text), "two");
  EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace chat::testing
