#include "tools/chat-listen/body_pattern.h"

#include <locale.h>
#include <regex.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/utf8.h"

namespace chat::tools {
namespace {

// The engine takes its characters from the locale of the thread; the rest of the program has none.
class Utf8Scope {
 public:
  Utf8Scope() : before_(::uselocale(Utf8())) {}
  Utf8Scope(const Utf8Scope&) = delete;
  Utf8Scope& operator=(const Utf8Scope&) = delete;
  ~Utf8Scope() { ::uselocale(before_); }

 private:
  static locale_t Utf8() {
    // Without that locale characters are bytes. It is never freed.
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }

  const locale_t before_;
};

// A digit behind a backslash, which is not behind a backslash itself.
bool HasBackReference(absl::string_view pattern) {
  for (size_t at = pattern.find('\\'); at < pattern.size(); at = pattern.find('\\', at + 2)) {
    if (at + 1 < pattern.size() && absl::ascii_isdigit(pattern[at + 1])) return true;
  }
  return false;
}

// `bytes` with a question mark for NUL and for each that is not UTF-8: to the engine these are no
// characters, so that even "any character" ends at them.
std::string AsCharacters(absl::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    char32_t c = 0;
    const size_t size = wire::DecodeOne(bytes, &c);
    absl::StrAppend(&text, size > 0 && c != 0 ? bytes.substr(0, size) : "?");
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
  return text;
}

}  // namespace

struct BodyPattern::Compiled {
  Compiled() = default;
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() {
    if (usable) ::regfree(&regex);
  }

  // Once. Returns what is wrong with `pattern`, an empty string if nothing is.
  std::string Set(const std::string& pattern) {
    const int error = ::regcomp(&regex, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
    usable = error == 0;
    if (usable) return "";
    char why[200] = "";
    ::regerror(error, &regex, why, sizeof(why));
    return why;
  }

  regex_t regex;
  bool usable = false;
};

BodyPattern::BodyPattern(std::shared_ptr<const Compiled> compiled)
    : compiled_(std::move(compiled)) {}

absl::StatusOr<BodyPattern> BodyPattern::Compile(const std::string& pattern) {
  if (pattern.empty()) return absl::InvalidArgumentError("it is empty, and would match everything");
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("it has ", pattern.size(), " bytes; ", kMaxPatternBytes, " are the limit"));
  }
  if (HasBackReference(pattern)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", pattern, "\": there are no back-references"));
  }
  const Utf8Scope utf8;
  Compiled alone;
  std::string why = alone.Set(pattern);
  // The engine takes a ) that closes nothing for itself, which would close what is opened below.
  Compiled opened;
  if (why.empty() && opened.Set(absl::StrCat("(", pattern)).empty()) why = "Unmatched )";
  // The engine tries an unanchored expression from each character on, which takes the square of the
  // time where it is found nowhere. This one is tried once.
  const auto compiled = std::make_shared<Compiled>();
  if (why.empty()) why = compiled->Set(absl::StrCat("^.*(", pattern, ")"));
  if (!why.empty()) return absl::InvalidArgumentError(absl::StrCat("\"", pattern, "\": ", why));
  return BodyPattern(compiled);
}

bool BodyPattern::Matches(absl::string_view body) const {
  body = body.substr(0, kMaxSearchedBytes);
  std::string characters;
  if (!wire::IsText(body)) body = characters = AsCharacters(body);
  const Utf8Scope utf8;
  regmatch_t range{0, static_cast<regoff_t>(body.size())};
  const char* begin = body.empty() ? "" : body.data();
  return ::regexec(&compiled_->regex, begin, 1, &range, REG_STARTEND) == 0;
}

}  // namespace chat::tools
