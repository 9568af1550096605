#include "tools/chat-send/cut.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/utf8.h"

namespace chat::tools {

absl::StatusOr<Overlong> ParseOverlong(absl::string_view text) {
  if (text == "error") return Overlong::kError;
  if (text == "split") return Overlong::kSplit;
  if (text == "truncate") return Overlong::kTruncate;
  return absl::InvalidArgumentError(
      absl::StrCat("\"error\", \"split\" or \"truncate\", not \"", text, "\""));
}

absl::StatusOr<std::vector<absl::string_view>> Cut(absl::string_view body, size_t max_bytes,
                                                   Overlong overlong) {
  std::vector<absl::string_view> parts;
  while (max_bytes > 0 && body.size() > max_bytes) {
    if (overlong == Overlong::kError) {
      return absl::InvalidArgumentError(absl::StrCat(
          body.size(), " bytes long, and the server takes ", max_bytes, " in one message"));
    }
    const size_t size = wire::Utf8Prefix(body, max_bytes);
    parts.push_back(body.substr(0, size));
    if (overlong == Overlong::kTruncate) return parts;
    body.remove_prefix(size);
  }
  parts.push_back(body);
  return parts;
}

}  // namespace chat::tools
