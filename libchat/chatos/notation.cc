#include "libchat/chatos/notation.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <list>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libchat/chatos/packets.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::chatos {
namespace {

// Takes a number that fits from the front of `text`.
template <class Number>
bool TakeNumber(absl::string_view& text, Number& number) {
  const size_t size = std::min(text.find(' '), text.size());
  int64_t wide = 0;
  if (!absl::SimpleAtoi(text.substr(0, size), &wide)) return false;
  number = static_cast<Number>(wide);
  text.remove_prefix(size);
  return number == wide;
}

// The same for strings, which `strings` keeps.
bool TakeString(absl::string_view& text, std::list<std::string>& strings,
                absl::string_view& string) {
  if (!testing::TakeStrings(&text, &strings.emplace_back())) return false;
  string = strings.back();
  return !absl::StrContains(string, absl::string_view("\0", 1));
}

template <class P>
bool WriteAs(absl::string_view text, std::string* out) {
  P packet;
  std::list<std::string> strings;  // what the packet views
  const auto take = [&](auto field) {
    if (!absl::ConsumePrefix(&text, absl::StrCat(" ", field.name, "="))) return false;
    auto& value = packet.*field.value;
    if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>) {
      return TakeNumber(text, value);
    } else {
      return TakeString(text, strings, value);
    }
  };
  if (!absl::ConsumePrefix(&text, P::kName)) return false;
  const bool taken = std::apply([&](auto... field) { return (take(field) && ...); }, P::kFields);
  if (!taken || !text.empty()) return false;
  wire::StringWriter writer(out);
  Encode(packet, writer);
  return true;
}

template <size_t... I>
bool WriteAny(absl::string_view text, std::string* out, std::index_sequence<I...>) {
  return (WriteAs<std::variant_alternative_t<I, Packet>>(text, out) || ...);
}

class ChatOsNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text, const DialectOptions&) const override {
    std::string bytes;
    if (WriteAny(text, &bytes, std::make_index_sequence<kOpcodes>())) return bytes;
    return absl::InvalidArgumentError(absl::StrCat("not a chatos packet: ", text));
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions&,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded decoded =
        Decoder().Decode(bytes, {.proposal = kAny, .name = kAny, .text = kAny, .frame = kAny});
    switch (decoded.status) {
      case Decoded::Status::kDone:
        *text = ToString(decoded.packet);
        return decoded.size;
      case Decoded::Status::kNeedMore:
        return 0;
      default:
        return absl::InvalidArgumentError("not a chatos packet");
    }
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const ChatOsNotation& instance = *new ChatOsNotation;
  return instance;
}

}  // namespace chat::chatos
