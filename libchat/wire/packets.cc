#include "libchat/wire/packets.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chat::wire {

std::string Shown(int64_t number) { return absl::StrCat(number); }

std::string Shown(absl::string_view bytes) {
  return absl::StrCat("\"", absl::CHexEscape(bytes), "\"");
}

}  // namespace chat::wire
