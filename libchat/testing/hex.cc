#include "libchat/testing/hex.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libchat/wire/hex.h"

namespace chat::testing {
namespace {

// Printable runs shorter than this are shown as digits: they are rarely text.
constexpr size_t kTextRun = 3;

bool IsPlain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// Takes `"..."` from the front of `text`.
absl::StatusOr<std::string> TakeQuoted(absl::string_view& text) {
  for (size_t end = 1; end < text.size(); ++end) {
    if (text[end] == '\\') {
      ++end;
    } else if (text[end] == '"') {
      std::string bytes;
      std::string error;
      if (!absl::CUnescape(text.substr(1, end - 1), &bytes, &error)) {
        return absl::InvalidArgumentError(error);
      }
      text.remove_prefix(end + 1);
      return bytes;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("no closing quote: ", text));
}

// Takes two digits from the front of `text`.
absl::StatusOr<std::string> TakeByte(absl::string_view& text) {
  const std::optional<char> byte = wire::HexByte(text);
  if (!byte.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("not two hexadecimal digits: ", text));
  }
  text.remove_prefix(2);
  return std::string(1, *byte);
}

// Takes `*N` from the front of `text`, if it is there; else 1.
absl::StatusOr<size_t> TakeCount(absl::string_view& text) {
  if (text.empty() || text[0] != '*') return 1;
  size_t digits = 1;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  size_t count = 0;
  if (!absl::SimpleAtoi(text.substr(1, digits - 1), &count)) {
    return absl::InvalidArgumentError(absl::StrCat("not a count: ", text));
  }
  text.remove_prefix(digits);
  return count;
}

// Takes two digits or a string, with its repetition, from the front of `text`, which is not empty.
absl::Status TakeUnit(absl::string_view& text, std::string& bytes) {
  const absl::StatusOr<std::string> unit = text[0] == '"' ? TakeQuoted(text) : TakeByte(text);
  if (!unit.ok()) return unit.status();
  const absl::StatusOr<size_t> count = TakeCount(text);
  if (!count.ok()) return count.status();
  for (size_t i = 0; i < *count; ++i) bytes += *unit;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ParseHex(absl::string_view text) {
  std::string bytes;
  while (true) {
    text = absl::StripLeadingAsciiWhitespace(text);
    if (text.empty()) return bytes;
    if (text.substr(0, 2) == "//") {
      const size_t end = text.find('\n');
      text.remove_prefix(end == absl::string_view::npos ? text.size() : end);
      continue;
    }
    if (const absl::Status status = TakeUnit(text, bytes); !status.ok()) return status;
  }
}

bool TakeStrings(absl::string_view* text, std::string* bytes) {
  absl::string_view rest = *text;
  std::string taken;
  do {
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (rest.empty() || rest[0] != '"' || !TakeUnit(rest, taken).ok()) return false;
  } while (absl::StartsWith(absl::StripLeadingAsciiWhitespace(rest), "\""));
  *text = rest;
  *bytes = std::move(taken);
  return true;
}

std::string Hex(absl::string_view text) {
  absl::StatusOr<std::string> bytes = ParseHex(text);
  if (!bytes.ok()) {
    std::fprintf(stderr, "Hex: %s\n", bytes.status().ToString().c_str());
    std::abort();
  }
  return *std::move(bytes);
}

std::string ShowHex(absl::string_view bytes) {
  std::string shown;
  for (size_t i = 0; i < bytes.size();) {
    if (!shown.empty()) shown += ' ';
    size_t end = i;
    while (end < bytes.size() && IsPlain(bytes[end])) ++end;
    if (end - i >= kTextRun) {
      absl::StrAppend(&shown, "\"", bytes.substr(i, end - i), "\"");
      i = end;
    } else {
      absl::StrAppend(&shown, absl::BytesToHexString(bytes.substr(i, 1)));
      ++i;
    }
  }
  return shown;
}

}  // namespace chat::testing
