#ifndef LIBCHAT_WIRE_UTF8_REFERENCE_H_
#define LIBCHAT_WIRE_UTF8_REFERENCE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

// UTF-8 a second time, slowly and from the other end: a byte sequence is valid if it is what some
// code point encodes to. For tests of utf8.h, which decodes by ranges.

namespace chat::wire {

// The encoding of a code point; empty for what is none.
inline std::string ReferenceEncode(char32_t c) {
  if (c >= 0xD800 && c <= 0xDFFF) return {};
  if (c < 0x80) return {static_cast<char>(c)};
  const char last = static_cast<char>(0x80 | (c & 0x3F));
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), last};
  const char third = static_cast<char>(0x80 | (c >> 6 & 0x3F));
  if (c < 0x10000) return {static_cast<char>(0xE0 | c >> 12), third, last};
  const char second = static_cast<char>(0x80 | (c >> 12 & 0x3F));
  if (c <= 0x10FFFF) return {static_cast<char>(0xF0 | c >> 18), second, third, last};
  return {};
}

// The size of the code point that `bytes` begins with, 0 if there is none.
inline size_t ReferenceDecode(absl::string_view bytes, char32_t* code_point) {
  for (size_t size = 1; size <= 4 && size <= bytes.size(); ++size) {
    // Keep the bits that carry a value in an encoding of this size, whatever the others are; the
    // comparison below looks at those.
    char32_t c = static_cast<unsigned char>(bytes[0]) & (size == 1 ? 0xFF : 0xFF >> (size + 1));
    for (size_t i = 1; i < size; ++i) c = c << 6 | (bytes[i] & 0x3F);
    if (ReferenceEncode(c) != bytes.substr(0, size)) continue;
    *code_point = c;
    return size;
  }
  return 0;
}

inline bool ReferenceIsValid(absl::string_view bytes) {
  while (!bytes.empty()) {
    char32_t ignored;
    const size_t size = ReferenceDecode(bytes, &ignored);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

inline bool ReferenceIsText(absl::string_view bytes) {
  return ReferenceIsValid(bytes) && bytes.find('\0') == absl::string_view::npos;
}

}  // namespace chat::wire

#endif  // LIBCHAT_WIRE_UTF8_REFERENCE_H_
