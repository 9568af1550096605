#include "libchat/chatos/notation.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libchat/chatos/packets.h"
#include "libchat/testing/packet_notation.h"

namespace chat::chatos {
namespace {

// A String ends with the first NUL.
constexpr auto kTakeString = [](const auto&, absl::string_view* text, std::string* bytes) {
  return testing::TakeStrings(text, bytes) &&
         !absl::StrContains(*bytes, absl::string_view("\0", 1));
};

class ChatOsNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text, const DialectOptions&) const override {
    const auto encode = [](const auto& packet, auto& out) { Encode(packet, out); };
    std::string bytes;
    if (testing::WritePacket<Packet>(text, kTakeString, encode, &bytes)) return bytes;
    return absl::InvalidArgumentError(absl::StrCat("not a chatos packet: ", text));
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions&,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded decoded =
        Decoder().Decode(bytes, {.proposal = kAny, .name = kAny, .text = kAny, .frame = kAny});
    return testing::ReadPacket(decoded, "chatos packet", text);
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const ChatOsNotation& instance = *new ChatOsNotation;
  return instance;
}

}  // namespace chat::chatos
