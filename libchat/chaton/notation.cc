#include "libchat/chaton/notation.h"

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
#include "libchat/chaton/packets.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::chaton {
namespace {

LongBytes LongBytesOf(const DialectOptions& options) {
  const auto it = options.find("long_bytes");
  return it != options.end() && it->second == "8" ? LongBytes::kEight : LongBytes::kFour;
}

// Takes a value from the front of `text`.
bool TakeValue(absl::string_view& text, int64_t& id) {
  const size_t size = std::min(text.find(' '), text.size());
  if (!absl::SimpleAtoi(text.substr(0, size), &id)) return false;
  text.remove_prefix(size);
  return true;
}

template <class P>
bool WriteAs(absl::string_view text, LongBytes longs, std::string* out) {
  P packet;
  std::list<std::string> strings;  // what the packet views
  const auto take = [&](auto field) {
    if (!absl::ConsumePrefix(&text, absl::StrCat(" ", field.name, "="))) return false;
    auto& value = packet.*field.value;
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, int64_t>) {
      return TakeValue(text, value);
    } else {
      if (!testing::TakeStrings(&text, &strings.emplace_back())) return false;
      value = strings.back();
      return true;
    }
  };
  if (!absl::ConsumePrefix(&text, P::kName)) return false;
  const bool taken = std::apply([&](auto... field) { return (take(field) && ...); }, P::kFields);
  if (!taken || !text.empty()) return false;
  wire::StringWriter writer(out);
  Encode(packet, longs, writer);
  return true;
}

template <size_t... I>
bool WriteAny(absl::string_view text, LongBytes longs, std::string* out,
              std::index_sequence<I...>) {
  return (WriteAs<std::variant_alternative_t<I, Packet>>(text, longs, out) || ...);
}

class ChatonNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text,
                                    const DialectOptions& options) const override {
    std::string bytes;
    if (WriteAny(text, LongBytesOf(options), &bytes, std::make_index_sequence<kOpcodes>())) {
      return bytes;
    }
    return absl::InvalidArgumentError(absl::StrCat("not a chaton packet: ", text));
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions& options,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded decoded = Decode(bytes, LongBytesOf(options),
                                   {.proposal = kAny, .name = kAny, .text = kAny, .frame = kAny});
    switch (decoded.status) {
      case Decoded::Status::kDone:
        *text = ToString(decoded.packet);
        return decoded.size;
      case Decoded::Status::kNeedMore:
        return 0;
      default:
        return absl::InvalidArgumentError("not a chaton packet");
    }
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const ChatonNotation& instance = *new ChatonNotation;
  return instance;
}

}  // namespace chat::chaton
