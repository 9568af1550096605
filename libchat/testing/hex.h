// Bytes as people write them in tests and transcripts.

#ifndef LIBCHAT_TESTING_HEX_H_
#define LIBCHAT_TESTING_HEX_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chat::testing {

// Reads hexadecimal digits (two a byte), "quoted strings" with C escapes, and repetitions of either
// (`61*1025`, `"ab"*3`), separated by spaces or not at all; `//` begins a comment that ends with
// its line. InvalidArgument quotes what it does not understand.
absl::StatusOr<std::string> ParseHex(absl::string_view text);

// The same for a text that is right: it ends the process otherwise.
std::string Hex(absl::string_view text);

// Takes "quoted strings", each with or without its repetition, from the front of `*text`, and puts
// them together. False if there is none, or a wrong one; `*text` and `*bytes` are not changed then.
bool TakeStrings(absl::string_view* text, std::string* bytes);

// Writes what ParseHex reads: printable runs quoted, the rest as digits.
std::string ShowHex(absl::string_view bytes);

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_HEX_H_
