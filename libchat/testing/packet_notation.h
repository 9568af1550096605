// The notation of packets that are described as data (libchat/wire/packets.h): as ToString writes
// them, where a string may also be put together of several, each with a repetition:
//   MESSAGE login="alice" id=7 msg="ab" "x"*1024
// A dialect's Notation is made of these.

#ifndef LIBCHAT_TESTING_PACKET_NOTATION_H_
#define LIBCHAT_TESTING_PACKET_NOTATION_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/packets.h"
#include "libchat/wire/writer.h"

namespace chat::testing {

// Takes what comes before the next space from the front of `*text`.
absl::string_view TakeWord(absl::string_view* text);

// Takes a number that fits Number from the front of `*text`. False: there is none.
template <class Number>
bool TakeNumber(absl::string_view* text, Number* number) {
  int64_t wide = 0;
  if (!absl::SimpleAtoi(TakeWord(text), &wide)) return false;
  *number = static_cast<Number>(wide);
  return *number == wide;
}

namespace internal {

// The bytes of a P that is all of `text`, appended to *out. False: `text` is none.
template <class P, class Take, class Encode>
bool WriteAs(absl::string_view text, Take take, Encode encode, std::string* out) {
  P packet;
  std::list<std::string> values;  // what the packet views
  if (!absl::ConsumePrefix(&text, P::kName)) return false;
  const bool taken = wire::FillFields(packet, [&](const auto& field, auto& value) {
    using Value = std::decay_t<decltype(value)>;
    if (!absl::ConsumePrefix(&text, absl::StrCat(" ", field.name, "="))) return false;
    if constexpr (std::is_integral_v<Value>) {
      return TakeNumber(&text, &value);
    } else {
      std::string& bytes = values.emplace_back();
      if (!take(field, &text, &bytes)) return false;
      value = Value(bytes);
      return true;
    }
  });
  if (!taken || !text.empty()) return false;
  wire::StringWriter writer(out);
  encode(packet, writer);
  return true;
}

}  // namespace internal

// Takes a field that is a string.
inline constexpr auto kTakeStrings = [](const auto&, absl::string_view* text, std::string* bytes) {
  return TakeStrings(text, bytes);
};

// Writes the bytes of the packet, one of Packets, that `text` says. False: it says none.
//   take(field, text, bytes)   takes the value of a field that is no number from the front of
//                              `*text`; kTakeStrings, if all of them are strings
//   encode(packet, writer)     writes a packet to a wire::StringWriter
template <class Packets, class Take, class Encode>
bool WritePacket(absl::string_view text, Take take, Encode encode, std::string* out) {
  const auto write_one_of = [&]<size_t... I>(std::index_sequence<I...>) {
    return (internal::WriteAs<std::variant_alternative_t<I, Packets>>(text, take, encode, out) ||
            ...);
  };
  return write_one_of(std::make_index_sequence<std::variant_size_v<Packets>>());
}

// What Notation::Read answers when that is what stands at the beginning of the bytes. `what` is
// e.g. "chaton packet".
template <class Decoded>
absl::StatusOr<size_t> ReadPacket(const Decoded& decoded, absl::string_view what,
                                  std::string* text) {
  using Status = decltype(decoded.status);
  if (decoded.status == Status::kNeedMore) return 0;
  if (decoded.status != Status::kDone) {
    return absl::InvalidArgumentError(absl::StrCat("not a ", what));
  }
  *text = ToString(decoded.packet);
  return decoded.size;
}

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_PACKET_NOTATION_H_
