#include "libchat/chathack/notation.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <list>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libchat/chathack/packets.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::chathack {
namespace {

// Takes what comes before the next space from the front of `text`.
std::string TakeWord(absl::string_view& text) {
  const size_t size = std::min(text.find(' '), text.size());
  const std::string word(text.substr(0, size));
  text.remove_prefix(size);
  return word;
}

bool TakeAddress(absl::string_view& text, std::string& bytes) {
  const std::string word = TakeWord(text);
  in_addr v4;
  in6_addr v6;
  if (inet_pton(AF_INET, word.c_str(), &v4) == 1) {
    bytes.assign(reinterpret_cast<const char*>(&v4), sizeof(v4));
    return true;
  }
  if (inet_pton(AF_INET6, word.c_str(), &v6) != 1) return false;
  bytes.assign(reinterpret_cast<const char*>(&v6), sizeof(v6));
  return true;
}

template <class P>
bool WriteAs(absl::string_view text, std::string* out) {
  P packet;
  std::list<std::string> strings;  // what the packet views
  const auto take = [&](auto field) {
    if (!absl::ConsumePrefix(&text, absl::StrCat(" ", field.name, "="))) return false;
    auto& value = packet.*field.value;
    if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>) {
      return absl::SimpleAtoi(TakeWord(text), &value);
    } else {
      std::string& string = strings.emplace_back();
      const bool taken = field.kind == FieldKind::kAddress ? TakeAddress(text, string)
                                                           : testing::TakeStrings(&text, &string);
      value = string;
      return taken;
    }
  };
  if (!absl::ConsumePrefix(&text, P::kName)) return false;
  const bool taken = std::apply([&](auto... field) { return (take(field) && ...); }, P::kFields);
  if (!taken || !text.empty()) return false;
  wire::StringWriter writer(out);
  Encode(packet, writer);
  return true;
}

template <class Packets, size_t... I>
bool WriteAny(absl::string_view text, std::string* out, std::index_sequence<I...>) {
  return (WriteAs<std::variant_alternative_t<I, Packets>>(text, out) || ...);
}

template <class Packets>
bool WriteOneOf(absl::string_view text, std::string* out) {
  return WriteAny<Packets>(text, out, std::make_index_sequence<std::variant_size_v<Packets>>());
}

class ChathackNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text, const DialectOptions&) const override {
    std::string bytes;
    if (WriteOneOf<Packet>(text, &bytes) || WriteOneOf<Ack>(text, &bytes)) return bytes;
    return absl::InvalidArgumentError(absl::StrCat("not a chathack packet: ", text));
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions&,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded<Ack> decoded = DecodeAck(
        bytes, {.proposal = kAny, .name = kAny, .file_name = kAny, .content = kAny, .frame = kAny});
    switch (decoded.status) {
      case DecodeStatus::kDone:
        *text = ToString(decoded.packet);
        return decoded.size;
      case DecodeStatus::kNeedMore:
        return 0;
      default:
        return absl::InvalidArgumentError("not a chathack packet of a server");
    }
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const ChathackNotation& instance = *new ChathackNotation;
  return instance;
}

}  // namespace chat::chathack
