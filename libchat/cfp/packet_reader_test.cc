#include "libchat/cfp/packet_reader.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/cfp/test_packets.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::cfp {
namespace {

using chat::testing::EveryWay;
using chat::testing::Feeder;
using chat::testing::Hex;
using chat::testing::Segments;

constexpr DecodeLimits kLimits = {
    .proposal = 507, .name = 30, .text = 1024, .file_name = 274, .frame = 65536};

std::string Shown(const Taken& taken) {
  const std::string wrapping = taken.wrapping == Wrapping::kNone ? ""
                               : taken.wrapping == Wrapping::kNested
                                   ? "nested "
                                   : absl::StrCat("to ", taken.destination, " ");
  switch (taken.kind) {
    case Taken::Kind::kNothing:
      return "nothing";
    case Taken::Kind::kPacket:
      return wrapping + ToString(taken.packet);
    case Taken::Kind::kTooLong:
      return absl::StrCat(wrapping, "field ", taken.too_long.field, " too long");
    case Taken::Kind::kLost:
      return absl::StrCat("lost: ", std::string(CounterName(taken.fault)));
  }
  return "unknown";
}

// What a reader takes from the segments, up to the first kLost.
std::vector<std::string> Read(const Segments& segments) {
  PacketReader reader;
  std::vector<std::string> taken;
  Feeder feeder([&](absl::string_view in) {
    const size_t given = in.size();
    while (true) {
      const Taken one = reader.Next(in, kLimits);
      if (one.kind == Taken::Kind::kNothing) return Step{given - in.size(), Next::kMore};
      taken.push_back(Shown(one));
      if (one.kind == Taken::Kind::kLost) return Step{given - in.size(), Next::kClose};
    }
  });
  for (const std::string& segment : segments) feeder.Feed(segment);
  return taken;
}

TEST(PacketReaderTest, TakesPacketsHoweverTheyAreCut) {
  const std::string hi = "MSGPBL message=\"hi\"";
  const struct {
    std::string bytes;
    std::vector<std::string> taken;
  } kCases[] = {
      {Bytes(MsgPbl{"hi"}) + Bytes(MsgPbl{"hi"}), {hi, hi}},
      {Forwarded(7, MsgPbl{"hi"}) + Bytes(MsgPbl{"hi"}), {"to 7 " + hi, hi}},
      {Hex("32 00000007") + Bytes(MsgPbl{"hi"}), {"to 7 " + hi}},
      {Bytes(PckFwd{7}), {}},
      // A PCKFWD in a PCKFWD: all of it is marked.
      {Bytes(PckFwd{7}) + Forwarded(8, MsgPbl{"hi"}) + Bytes(MsgPbl{"hi"}),
       {"nested PCKFWD server_id=8", "nested " + hi, hi}},
      {Bytes(PckFwd{7}) + Bytes(PckFwd{8}) + Forwarded(9, MsgPbl{"hi"}),
       {"nested PCKFWD server_id=8", "nested PCKFWD server_id=9", "nested " + hi}},
      // What is too long passes by, in a PCKFWD, too.
      {Bytes(MsgPbl{std::string(1025, 'x')}) + Bytes(MsgPbl{"hi"}), {"field 0 too long", hi}},
      {Forwarded(7, MsgPbl{std::string(1025, 'x')}) + Bytes(MsgPbl{"hi"}),
       {"to 7 field 0 too long", hi}},
      {Bytes(PckFwd{7}) + Forwarded(8, MsgPbl{std::string(1025, 'x')}) + Bytes(MsgPbl{"hi"}),
       {"nested PCKFWD server_id=8", "nested field 0 too long", hi}},
      // What cannot be followed.
      {Bytes(MsgPbl{"hi"}) + Hex("ff"), {hi, "lost: unknown_opcode"}},
      {Bytes(PckFwd{7}) + Hex("02"), {"lost: unknown_opcode"}},
      {Hex("20 ffffffff"), {"lost: malformed"}},
      {Hex("20 0000fffc"), {"lost: frame_too_long"}},
      {Hex("a0 00000001 000003e9"), {"lost: malformed"}},
      {Hex("21 00000000 0000001f 61*31 ffffffff"), {"field 1 too long", "lost: malformed"}},
      {Hex("21 00000000 0000001f 61*31 0000ffff"), {"field 1 too long", "lost: frame_too_long"}},
  };
  for (const auto& c : kCases) {
    for (const Segments& segments : EveryWay(c.bytes, 5)) {
      EXPECT_EQ(Read(segments), c.taken) << ::testing::PrintToString(c.taken);
    }
  }
}

TEST(PacketReaderTest, KeepsNothingOfWhatPassesBy) {
  PacketReader reader;
  const std::string bytes = Bytes(MsgPbl{std::string(60000, 'x')});
  absl::string_view in = absl::string_view(bytes).substr(0, 10000);
  EXPECT_EQ(Shown(reader.Next(in, kLimits)), "field 0 too long");
  EXPECT_EQ(Shown(reader.Next(in, kLimits)), "nothing");
  EXPECT_EQ(in, "");
}

}  // namespace
}  // namespace chat::cfp
