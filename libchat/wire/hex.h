#ifndef LIBCHAT_WIRE_HEX_H_
#define LIBCHAT_WIRE_HEX_H_

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace chat::wire {

// What a hexadecimal digit of either case stands for.
inline int HexDigit(char digit) {
  return digit <= '9' ? digit - '0' : absl::ascii_tolower(digit) - 'a' + 10;
}

// The byte that the two hexadecimal digits at the beginning of `text` stand for; nothing if it does
// not begin with two.
inline std::optional<char> HexByte(absl::string_view text) {
  if (text.size() < 2 || !absl::ascii_isxdigit(text[0]) || !absl::ascii_isxdigit(text[1])) {
    return std::nullopt;
  }
  return static_cast<char>(HexDigit(text[0]) * 16 + HexDigit(text[1]));
}

}  // namespace chat::wire

#endif  // LIBCHAT_WIRE_HEX_H_
