#include "libchat/client/file_name.h"

#include "absl/strings/str_cat.h"
#include "libchat/wire/utf8.h"

namespace chat::client {
namespace {

bool IsControl(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||                        // C0, DEL, C1
         c == 0x061C || c == 0x200E || c == 0x200F ||                   // directional marks
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);  // embeddings, isolates
}

absl::Status Refused(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not an acceptable file name: ", why));
}

}  // namespace

absl::Status CheckFileName(absl::string_view name) {
  if (name.empty()) return Refused("it is empty");
  if (name.size() > kMaxFileNameBytes) {
    return Refused(absl::StrCat("longer than ", kMaxFileNameBytes, " bytes"));
  }
  if (name[0] == '.' || name[0] == '-') return Refused("it begins with '.' or '-'");
  for (char32_t c = 0; !name.empty();) {
    const size_t size = wire::DecodeOne(name, &c);
    if (size == 0) return Refused("it is not UTF-8");
    if (c == '/' || c == '\\') return Refused("it has a '/' or '\\'");
    if (IsControl(c)) return Refused("it has a control character");
    name.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::Status FileTooLarge(absl::string_view name, uint64_t limit) {
  return absl::ResourceExhaustedError(
      absl::StrCat(name, " is larger than the limit of ", limit, " bytes"));
}

}  // namespace chat::client
