#include "libchat/chathack/notation.h"

#include <arpa/inet.h>

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/packet_notation.h"

namespace chat::chathack {
namespace {

bool TakeAddress(absl::string_view* text, std::string* bytes) {
  const std::string word(testing::TakeWord(text));
  in_addr v4;
  in6_addr v6;
  if (inet_pton(AF_INET, word.c_str(), &v4) == 1) {
    bytes->assign(reinterpret_cast<const char*>(&v4), sizeof(v4));
    return true;
  }
  if (inet_pton(AF_INET6, word.c_str(), &v6) != 1) return false;
  bytes->assign(reinterpret_cast<const char*>(&v6), sizeof(v6));
  return true;
}

constexpr auto kTake = [](const auto& field, absl::string_view* text, std::string* bytes) {
  return field.kind == FieldKind::kAddress ? TakeAddress(text, bytes)
                                           : testing::TakeStrings(text, bytes);
};

class ChathackNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text, const DialectOptions&) const override {
    const auto encode = [](const auto& packet, auto& out) { Encode(packet, out); };
    std::string bytes;
    if (testing::WritePacket<Packet>(text, kTake, encode, &bytes) ||
        testing::WritePacket<Ack>(text, kTake, encode, &bytes)) {
      return bytes;
    }
    return absl::InvalidArgumentError(absl::StrCat("not a chathack packet: ", text));
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions&,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded<Ack> decoded = DecodeAck(
        bytes, {.proposal = kAny, .name = kAny, .file_name = kAny, .content = kAny, .frame = kAny});
    return testing::ReadPacket(decoded, "chathack packet of a server", text);
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const ChathackNotation& instance = *new ChathackNotation;
  return instance;
}

}  // namespace chat::chathack
