#include "libchat/testing/random_text.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "libchat/event/user.h"

namespace chat::testing {

std::string RandomText(std::mt19937& random, size_t max_bytes, bool ascii_only) {
  static const auto& kParts = *new std::vector<std::string>{"a",
                                                            "hello",
                                                            " ",
                                                            "\n",
                                                            "\r\n",
                                                            "\r",
                                                            "\t",
                                                            "\x01",
                                                            "\x03",
                                                            "\x7f",
                                                            "\"",
                                                            "alice",
                                                            "=",
                                                            ":",
                                                            ": ",
                                                            "@",
                                                            "@7",
                                                            "TXT",
                                                            "Status=1",
                                                            "\x1b[2J",
                                                            "\\",
                                                            "é",
                                                            "山",
                                                            "🦊",
                                                            "\u202e",
                                                            "\uFFFF",
                                                            "\u0085",
                                                            "\x0a\x0a",
                                                            "TXT\r\nSessionID=S00001"};
  std::string text = "x";  // nobody says nothing
  while (true) {
    const std::string& part = kParts[random() % kParts.size()];
    if (text.size() + part.size() > max_bytes) return text;
    if (ascii_only && static_cast<unsigned char>(part[0]) >= 0x80) continue;
    if (random() % 64 == 0) return text;
    text += part;
  }
}

std::string Gist(absl::string_view text) {
  std::string gist;
  for (char c : ToAscii(text)) {
    if (c != '\r') gist.push_back(c == '\n' ? ' ' : c);
  }
  return std::string(absl::StripTrailingAsciiWhitespace(gist));
}

}  // namespace chat::testing
