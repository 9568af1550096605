#include "libchat/testing/packet_notation.h"

#include <algorithm>

namespace chat::testing {

absl::string_view TakeWord(absl::string_view* text) {
  const absl::string_view word = text->substr(0, std::min(text->find(' '), text->size()));
  text->remove_prefix(word.size());
  return word;
}

}  // namespace chat::testing
