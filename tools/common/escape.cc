#include "tools/common/escape.h"

#include "absl/strings/str_format.h"
#include "libchat/wire/utf8.h"

namespace chat::tools {
namespace {

bool IsPlain(char c) { return c >= 0x20 && c < 0x7F && c != '\\'; }

void AppendByte(unsigned char byte, std::string* out) {
  switch (byte) {
    case '\n':
      *out += "\\n";
      break;
    case '\t':
      *out += "\\t";
      break;
    case '\r':
      *out += "\\r";
      break;
    case '\\':
      *out += "\\\\";
      break;
    default:
      absl::StrAppendFormat(out, "\\x%02x", byte);
  }
}

}  // namespace

bool IsUnsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||                       // C0, DEL, C1
         c == 0x061C || c == 0x200E || c == 0x200F ||                  // directional marks
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069)  // embeddings, isolates
         || c == 0x2028 || c == 0x2029;                                // separators
}

void AppendEscaped(absl::string_view bytes, std::string* out) {
  size_t done = 0;  // what is before it has been appended
  size_t at = 0;
  while (at < bytes.size()) {
    if (IsPlain(bytes[at])) {
      ++at;
      continue;
    }
    char32_t c = 0;
    const size_t size = wire::DecodeOne(bytes.substr(at), &c);
    if (size > 1 && !IsUnsafe(c)) {
      at += size;
      continue;
    }
    out->append(bytes.data() + done, at - done);
    if (size > 1) {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      AppendByte(bytes[at], out);
    }
    at += size > 1 ? size : 1;
    done = at;
  }
  out->append(bytes.data() + done, at - done);
}

std::string Escape(absl::string_view bytes) {
  std::string escaped;
  AppendEscaped(bytes, &escaped);
  return escaped;
}

}  // namespace chat::tools
