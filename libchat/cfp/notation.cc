#include "libchat/cfp/notation.h"

#include <arpa/inet.h>

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libchat/cfp/packets.h"
#include "libchat/testing/packet_notation.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {
namespace {

// "7@127.0.0.1:7773"
bool WriteSibling(absl::string_view text, wire::StringWriter& out) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::ByAnyChar("@:"));
  int32_t id = 0;
  int32_t port = 0;
  in_addr address;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &id) || !absl::SimpleAtoi(parts[2], &port) ||
      inet_pton(AF_INET, parts[1].c_str(), &address) != 1) {
    return false;
  }
  out.I32(id);
  out.U32(ntohl(address.s_addr));
  out.I32(port);
  return true;
}

// "[7@127.0.0.1:7773,8@10.0.0.1:7773]"
bool TakeSiblings(absl::string_view* text, std::string* bytes) {
  absl::string_view word = testing::TakeWord(text);
  if (!absl::ConsumePrefix(&word, "[") || !absl::ConsumeSuffix(&word, "]")) return false;
  wire::StringWriter out(bytes);
  if (word.empty()) return true;
  for (absl::string_view one : absl::StrSplit(word, ',')) {
    if (!WriteSibling(one, out)) return false;
  }
  return true;
}

constexpr auto kTake = [](const auto& field, absl::string_view* text, std::string* bytes) {
  return field.kind == FieldKind::kSiblings ? TakeSiblings(text, bytes)
                                            : testing::TakeStrings(text, bytes);
};

// Where the packet in "PCKFWD server_id=7 PACKET" begins; nothing if there is none.
size_t BehindForward(absl::string_view text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, absl::StrCat(PckFwd::kName, " "))) return absl::string_view::npos;
  return text.find(' ', text.size() - rest.size());
}

class CfpNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text,
                                    const DialectOptions& options) const override {
    const auto encode = [](const auto& packet, auto& out) { Encode(packet, out); };
    std::string bytes;
    const size_t behind = BehindForward(text);
    if (!testing::WritePacket<Packet>(text.substr(0, behind), kTake, encode, &bytes)) {
      return absl::InvalidArgumentError(absl::StrCat("not a cfp packet: ", text));
    }
    if (behind == absl::string_view::npos) return bytes;
    absl::StatusOr<std::string> handed_on = Write(text.substr(behind + 1), options);
    if (!handed_on.ok()) return handed_on;
    return absl::StrCat(bytes, *handed_on);
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions& options,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded decoded = Decode(
        bytes, {.proposal = kAny, .name = kAny, .text = kAny, .file_name = kAny, .frame = kAny});
    const absl::StatusOr<size_t> read = testing::ReadPacket(decoded, "cfp packet", text);
    if (!read.ok() || *read == 0 || !std::holds_alternative<PckFwd>(decoded.packet)) return read;
    std::string handed_on;
    const absl::StatusOr<size_t> size = Read(bytes.substr(decoded.size), options, &handed_on);
    if (!size.ok() || *size == 0) return size;
    absl::StrAppend(text, " ", handed_on);
    return decoded.size + *size;
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const CfpNotation& instance = *new CfpNotation;
  return instance;
}

}  // namespace chat::cfp
