#ifndef LIBCHAT_WIRE_UTF8_H_
#define LIBCHAT_WIRE_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

// UTF-8 as RFC 3629 defines it: the shortest form only, no surrogates (U+D800 to U+DFFF), nothing
// above U+10FFFF. Pure functions; any thread may call them.

namespace chat::wire {

// True if `bytes` is a sequence of whole code points (an empty one is). Plain ASCII costs one test
// for eight bytes: every public message passes through here.
bool IsValidUtf8(absl::string_view bytes);

// IsValidUtf8, and no byte is NUL. One pass, at the same price.
bool IsText(absl::string_view bytes);

// Decodes the code point at the beginning of `bytes`. Returns how many bytes it has (1 to 4) and
// sets *code_point; returns 0 and leaves *code_point alone if `bytes` is empty or does not begin
// with a whole code point.
size_t DecodeOne(absl::string_view bytes, char32_t* code_point);

// The size of the longest prefix of `text` that has at most `max_bytes` bytes and ends between two
// code points. `text` is valid UTF-8; of anything else, the result is some size of at most
// min(max_bytes, text.size()).
size_t Utf8Prefix(absl::string_view text, size_t max_bytes);

}  // namespace chat::wire

#endif  // LIBCHAT_WIRE_UTF8_H_
