// Texts as hostile as they may be: packets of all dialects are made of such pieces.

#ifndef LIBCHAT_TESTING_RANDOM_TEXT_H_
#define LIBCHAT_TESTING_RANDOM_TEXT_H_

#include <cstddef>
#include <random>
#include <string>

#include "absl/strings/string_view.h"

namespace chat::testing {

// Valid UTF-8 without NUL, of 1 to `max_bytes` bytes.
std::string RandomText(std::mt19937& random, size_t max_bytes, bool ascii_only);

// What every dialect keeps of a text: some have only ASCII, some only lines.
std::string Gist(absl::string_view text);

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_RANDOM_TEXT_H_
