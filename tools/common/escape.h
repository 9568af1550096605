// Text from others, made safe to show: it can neither drive a terminal nor forge a line.

#ifndef TOOLS_COMMON_ESCAPE_H_
#define TOOLS_COMMON_ESCAPE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace chat::tools {

// True for what has to be escaped: the control characters C0, DEL and C1, the bidirectional
// controls, and the line and paragraph separators.
bool IsUnsafe(char32_t code_point);

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
