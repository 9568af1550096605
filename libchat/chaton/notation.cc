#include "libchat/chaton/notation.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "libchat/chaton/packets.h"
#include "libchat/testing/packet_notation.h"

namespace chat::chaton {
namespace {

LongBytes LongBytesOf(const DialectOptions& options) {
  const auto it = options.find("long_bytes");
  return it != options.end() && it->second == "8" ? LongBytes::kEight : LongBytes::kFour;
}

class ChatonNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text,
                                    const DialectOptions& options) const override {
    const auto encode = [&](const auto& packet, auto& out) {
      Encode(packet, LongBytesOf(options), out);
    };
    std::string bytes;
    if (testing::WritePacket<Packet>(text, testing::kTakeStrings, encode, &bytes)) return bytes;
    return absl::InvalidArgumentError(absl::StrCat("not a chaton packet: ", text));
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions& options,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded decoded = Decode(bytes, LongBytesOf(options),
                                   {.proposal = kAny, .name = kAny, .text = kAny, .frame = kAny});
    return testing::ReadPacket(decoded, "chaton packet", text);
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const ChatonNotation& instance = *new ChatonNotation;
  return instance;
}

}  // namespace chat::chaton
