// Text from others, made safe to show: it can neither drive a terminal nor forge a line.

#ifndef TOOLS_COMMON_ESCAPE_H_
#define TOOLS_COMMON_ESCAPE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace chat::tools {

// True for what has to be escaped: the control characters C0, DEL and C1, the bidirectional
// controls, and the line and paragraph separators.
bool IsUnsafe(char32_t code_point);

// How many bytes at the beginning of `bytes` are whole characters that need no escape: valid UTF-8,
// not IsUnsafe, no backslash and, with `quotes_too`, no quotation mark. Fast, and so it may end
// before a character that needs none either: the caller looks at the next one itself.
size_t SafePrefix(absl::string_view bytes, bool quotes_too);

// Appends `bytes` to *out with these escapes; everything else stays as it is.
//
//   \n \t \r \\       newline, tab, carriage return, backslash
//   \xNN              the other C0 controls, DEL, and each byte that is not UTF-8
//   \uNNNN            C1, bidirectional controls, separators
//
// Nothing is lost: different bytes give different results.
void AppendEscaped(absl::string_view bytes, std::string* out);

std::string Escape(absl::string_view bytes);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_ESCAPE_H_
