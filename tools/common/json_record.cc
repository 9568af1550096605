#include "tools/common/json_record.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libchat/wire/utf8.h"
#include "tools/common/escape.h"

namespace chat::tools {
namespace {

constexpr absl::string_view kKeys[] = {"v", "kind", "to", "body", "body_b64"};

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Moves over JSON text. Each method returns false where the text is no JSON; where() is there then.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : text_(text) {}

  size_t where() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  void SkipSpace() {
    while (!at_end() && absl::string_view(" \t\r\n").find(text_[at_]) != absl::string_view::npos) {
      ++at_;
    }
  }

  bool Take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // *raw is what stands between the quotation marks.
  bool String(absl::string_view* raw) {
    if (!Take('"')) return false;
    const size_t begin = at_;
    for (;;) {
      at_ += SafePrefix(text_.substr(at_), /*quotes_too=*/true);
      if (at_end() || static_cast<unsigned char>(text_[at_]) < 0x20) return false;
      if (text_[at_] == '"') break;
      if (text_[at_] != '\\') {
        ++at_;
      } else if (!EscapeSequence()) {
        return false;
      }
    }
    *raw = text_.substr(begin, at_ - begin);
    ++at_;
    return true;
  }

  bool KeyAndColon(absl::string_view* raw) {
    if (!String(raw)) return false;
    SkipSpace();
    return Take(':');
  }

  bool Number() {
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (!Take('e') && !Take('E')) return true;
    if (!Take('+')) Take('-');
    return Digits();
  }

  // A value of any kind, with all that is in it, however deep.
  bool Value() {
    std::string open;  // the brackets that have to be closed
    for (;;) {
      SkipSpace();
      absl::string_view key;
      const char first = peek();
      if (Take('{') || Take('[')) {
        const char close = first == '{' ? '}' : ']';
        SkipSpace();
        if (!Take(close)) {
          open.push_back(close);
          if (close == '}' && !KeyAndColon(&key)) return false;
          continue;
        }
      } else if (!Scalar()) {
        return false;
      }
      for (;;) {  // that was a value: what follows it?
        if (open.empty()) return true;
        SkipSpace();
        if (Take(',')) break;
        if (!Take(open.back())) return false;
        open.pop_back();
      }
      SkipSpace();
      if (open.back() == '}' && !KeyAndColon(&key)) return false;
    }
  }

 private:
  bool Scalar() {
    absl::string_view ignored;
    switch (peek()) {
      case '"':
        return String(&ignored);
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

  bool Word(absl::string_view word) {
    for (char c : word) {
      if (!Take(c)) return false;
    }
    return true;
  }

  bool Digits() {
    const size_t begin = at_;
    while (absl::ascii_isdigit(peek())) ++at_;
    return at_ > begin;
  }

  bool EscapeSequence() {
    ++at_;
    if (!Take('u')) {
      if (at_end() || absl::string_view("\"\\/bfnrt").find(peek()) == absl::string_view::npos) {
        return false;
      }
      ++at_;
      return true;
    }
    for (int i = 0; i < 4; ++i, ++at_) {
      if (!absl::ascii_isxdigit(peek())) return false;
    }
    return true;
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

// The code unit of the \uNNNN at the beginning of `raw`, which is taken off.
uint32_t TakeUnit(absl::string_view& raw) {
  uint32_t unit = 0;
  (void)absl::SimpleHexAtoi(raw.substr(2, 4), &unit);
  raw.remove_prefix(6);
  return unit;
}

void AppendUtf8(uint32_t c, std::string* out) {
  const auto byte = [out](uint32_t value) { *out += static_cast<char>(value); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      byte(0xE0 | c >> 12);
    } else {
      byte(0xF0 | c >> 18);
      byte(0x80 | (c >> 12 & 0x3F));
    }
    byte(0x80 | (c >> 6 & 0x3F));
  }
  byte(0x80 | (c & 0x3F));
}

// What a string that Scanner has found means. False if there is half a surrogate pair in it, which
// is no character.
bool Unescape(absl::string_view raw, std::string* out) {
  for (size_t plain; (plain = raw.find('\\')) != raw.npos;) {
    out->append(raw.data(), plain);
    raw.remove_prefix(plain);
    if (raw[1] == 'u') {
      uint32_t c = TakeUnit(raw);
      if (c >= 0xD800 && c <= 0xDFFF) {
        if (c >= 0xDC00 || !absl::StartsWith(raw, "\\u")) return false;
        const uint32_t low = TakeUnit(raw);
        if (low < 0xDC00 || low > 0xDFFF) return false;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      }
      AppendUtf8(c, out);
      continue;
    }
    constexpr absl::string_view kNames = "bfnrt";
    const size_t index = kNames.find(raw[1]);
    *out += index == kNames.npos ? raw[1] : "\b\f\n\r\t"[index];
    raw.remove_prefix(2);
  }
  out->append(raw.data(), raw.size());
  return true;
}

absl::Status NotJson(absl::string_view text, size_t at) {
  if (at >= text.size()) return absl::InvalidArgumentError("not JSON: it ends too early");
  char32_t c = 0;
  const size_t size = std::max<size_t>(1, wire::DecodeOne(text.substr(at), &c));
  return absl::InvalidArgumentError(
      absl::StrCat("not JSON: \"", text.substr(at, size), "\" at byte ", at + 1));
}

// Where `text` ceases to be UTF-8.
size_t ValidPrefix(absl::string_view text) {
  size_t at = 0;
  char32_t c;
  while (const size_t size = wire::DecodeOne(text.substr(at), &c)) at += size;
  return at;
}

absl::Status About(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" ", what));
}

// Sets *text from `json`, the value of `key`.
absl::Status SetText(absl::string_view key, absl::string_view json,
                     std::optional<std::string>* text) {
  if (json == "null") return absl::OkStatus();
  if (json[0] != '"') return About(key, "is not a string");
  if (Unescape(json.substr(1, json.size() - 2), &text->emplace())) return absl::OkStatus();
  return About(key, "has half a surrogate pair in it");
}

absl::Status SetNumber(absl::string_view key, absl::string_view json,
                       std::optional<double>* number) {
  if (json == "null") return absl::OkStatus();
  if (json[0] != '-' && !absl::ascii_isdigit(json[0])) return About(key, "is not a number");
  (void)absl::SimpleAtod(json, &number->emplace());  // too large: infinity
  return absl::OkStatus();
}

absl::Status Set(absl::string_view key, absl::string_view json, JsonRecord* record) {
  if (key == "v") return SetNumber(key, json, &record->v);
  if (key == "kind") return SetText(key, json, &record->kind);
  if (key == "to") {
    record->to_is_null = json == "null";
    return SetText(key, json, &record->to);
  }
  if (key == "body") return SetText(key, json, &record->body);
  return SetText(key, json, &record->body_b64);
}

}  // namespace

absl::Status ReadJsonRecord(absl::string_view text, JsonRecord* record) {
  if (!wire::IsValidUtf8(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("not JSON: not UTF-8 at byte ", ValidPrefix(text) + 1));
  }
  absl::ConsumePrefix(&text, kByteOrderMark);
  Scanner scanner(text);
  scanner.SkipSpace();
  if (!scanner.Take('{')) {
    const bool is_json = scanner.Value();
    scanner.SkipSpace();
    return is_json && scanner.at_end() ? absl::InvalidArgumentError("not a JSON object")
                                       : NotJson(text, scanner.where());
  }
  std::vector<absl::string_view> seen;
  absl::Status status;  // the first error of a value; that the text is no JSON goes before
  scanner.SkipSpace();
  for (bool ended = scanner.Take('}'); !ended;) {
    absl::string_view raw;
    if (!scanner.KeyAndColon(&raw)) return NotJson(text, scanner.where());
    scanner.SkipSpace();
    const size_t begin = scanner.where();
    if (!scanner.Value()) return NotJson(text, scanner.where());
    const absl::string_view json = text.substr(begin, scanner.where() - begin);

    std::string key;
    const bool is_text = Unescape(raw, &key);
    const auto name = std::find(std::begin(kKeys), std::end(kKeys), key);
    if (is_text && name != std::end(kKeys)) {
      const bool twice = std::find(seen.begin(), seen.end(), *name) != seen.end();
      seen.push_back(*name);
      status.Update(twice ? About(*name, "stands there twice") : Set(*name, json, record));
    }
    scanner.SkipSpace();
    ended = scanner.Take('}');
    if (!ended && !scanner.Take(',')) return NotJson(text, scanner.where());
    scanner.SkipSpace();
  }
  scanner.SkipSpace();
  return scanner.at_end() ? status : NotJson(text, scanner.where());
}

}  // namespace chat::tools
