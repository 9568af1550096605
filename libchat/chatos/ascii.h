// ASCII, which is all that chatos can say.

#ifndef LIBCHAT_CHATOS_ASCII_H_
#define LIBCHAT_CHATOS_ASCII_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace chat::chatos {

// Pure functions.

// How many bytes at the front are ASCII.
inline size_t AsciiPrefix(absl::string_view bytes) {
  size_t size = 0;
  for (uint64_t word = 0; bytes.size() - size >= sizeof(word); size += sizeof(word)) {
    std::memcpy(&word, bytes.data() + size, sizeof(word));
    if ((word & 0x8080808080808080) != 0) break;
  }
  while (size < bytes.size() && static_cast<unsigned char>(bytes[size]) < 0x80) ++size;
  return size;
}

inline bool IsAscii(absl::string_view bytes) { return AsciiPrefix(bytes) == bytes.size(); }

// Writes what ToAscii(text) is to a wire::Writer or a wire::StringWriter, without memory of its
// own: the hub's lock may be held. `text` is UTF-8; what is written is never longer.
template <class W>
void WriteAscii(absl::string_view text, W& out) {
  while (!text.empty()) {
    const size_t plain = AsciiPrefix(text);
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
