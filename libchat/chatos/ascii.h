// ASCII, which is all that chatos can say.

#ifndef LIBCHAT_CHATOS_ASCII_H_
#define LIBCHAT_CHATOS_ASCII_H_

#include <algorithm>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace chat::chatos {

// Pure functions.

inline bool IsAscii(absl::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// Writes what ToAscii(text) is to a wire::Writer or a wire::StringWriter, without memory of its
// own: the hub's lock may be held. `text` is UTF-8; what is written is never longer.
template <class W>
void WriteAscii(absl::string_view text, W& out) {
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && static_cast<unsigned char>(text[plain]) < 0x80) ++plain;
    out.Bytes(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    // Once a character, for what its first byte begins.
    if (static_cast<unsigned char>(text[0]) >= 0xC0) out.Bytes("?");
    text.remove_prefix(1);
  }
}

}  // namespace chat::chatos

#endif  // LIBCHAT_CHATOS_ASCII_H_
