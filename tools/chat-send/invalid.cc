#include "tools/chat-send/invalid.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/utf8.h"

namespace chat::tools {

absl::StatusOr<Invalid> ParseInvalid(absl::string_view text) {
  if (text == "fail") return Invalid::kFail;
  if (text == "skip") return Invalid::kSkip;
  if (text == "replace") return Invalid::kReplace;
  return absl::InvalidArgumentError(
      absl::StrCat("\"fail\", \"skip\" or \"replace\", not \"", text, "\""));
}

std::string Repaired(absl::string_view bytes, bool ascii_only) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    char32_t c = 0;
    const size_t size = wire::DecodeOne(bytes, &c);
    if (size == 0 || c == 0 || (ascii_only && c > 0x7f)) {
      text += ascii_only ? "?" : "\xEF\xBF\xBD";
    } else {
      absl::StrAppend(&text, bytes.substr(0, size));
    }
    bytes.remove_prefix(std::max(size, size_t{1}));
  }
  return text;
}

}  // namespace chat::tools
