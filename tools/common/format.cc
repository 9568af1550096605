#include "tools/common/format.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "libchat/wire/hex.h"
#include "libchat/wire/utf8.h"
#include "tools/common/escape.h"
#include "tools/common/json_record.h"

namespace chat::tools {
namespace {

constexpr absl::string_view kLetters = "sSqftkpTIj%";

// The byte that the escape at the beginning of `spec` stands for, which is taken off.
std::optional<char> TakeEscape(absl::string_view& spec) {
  if (spec.size() < 2) return std::nullopt;
  const char letter = spec[1];
  if (letter == 'x') {
    const std::optional<char> byte = wire::HexByte(spec.substr(2));
    if (byte.has_value()) spec.remove_prefix(4);
    return byte;
  }
  constexpr absl::string_view kNames = "ntr0\\";
  constexpr absl::string_view kBytes("\n\t\r\0\\", 5);
  const size_t index = kNames.find(letter);
  if (index == kNames.npos) return std::nullopt;
  spec.remove_prefix(2);
  return kBytes[index];
}

// `text`, which is valid UTF-8, as a JSON string.
void AppendJsonString(absl::string_view text, std::string* out) {
  *out += '"';
  size_t done = 0;  // what is before it has been appended
  size_t at = 0;
  while ((at += SafePrefix(text.substr(at), /*quotes_too=*/true)) < text.size()) {
    char32_t c = static_cast<unsigned char>(text[at]);
    const size_t size = c < 0x80 ? 1 : wire::DecodeOne(text.substr(at), &c);
    if (c != '"' && c != '\\' && !IsUnsafe(c)) {
      at += size;
      continue;
    }
    out->append(text.data() + done, at - done);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += static_cast<char>(c);
    } else if (c == '\n') {
      *out += "\\n";
    } else if (c == '\t') {
      *out += "\\t";
    } else {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(c));
    }
    at += size;
    done = at;
  }
  out->append(text.data() + done, at - done);
  *out += '"';
}

// A name; a server may be wrong about UTF-8.
void AppendJsonName(absl::string_view name, std::string* out) {
  AppendJsonString(wire::IsValidUtf8(name) ? name : Escape(name), out);
}

// `number` with leading zeros, in `width` digits.
void AppendDigits(int64_t number, int width, std::string* out) {
  char digits[20];
  for (int i = width - 1; i >= 0; --i, number /= 10) {
    digits[i] = static_cast<char>('0' + number % 10);
  }
  out->append(digits, width);
}

}  // namespace

void Moment::AppendIso(std::string* out) const {
  const absl::CivilSecond at =
      absl::ToCivilSecond(absl::FromUnixMillis(milliseconds), absl::UTCTimeZone());
  const struct {
    int64_t number;
    int width;
    char behind;
  } kParts[] = {{at.year(), 4, '-'},          {at.month(), 2, '-'},  {at.day(), 2, 'T'},
                {at.hour(), 2, ':'},          {at.minute(), 2, ':'}, {at.second(), 2, '.'},
                {milliseconds % 1000, 3, 'Z'}};
  for (const auto& part : kParts) {
    AppendDigits(part.number, part.width, out);
    *out += part.behind;
  }
}

absl::StatusOr<Format> Format::Parse(absl::string_view spec) {
  Format format;
  Piece piece;
  while (!spec.empty()) {
    if (spec[0] == '\\') {
      const absl::string_view at = spec;
      const std::optional<char> byte = TakeEscape(spec);
      if (!byte.has_value()) {
        return absl::InvalidArgumentError(
            absl::StrCat("no such escape in a format: \"", at.substr(0, 2), "\""));
      }
      piece.literal += *byte;
    } else if (spec[0] == '%') {
      if (spec.size() < 2 || kLetters.find(spec[1]) == kLetters.npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("no such letter in a format: \"", spec.substr(0, 2), "\""));
      }
      piece.letter = spec[1];
      format.pieces_.push_back(std::exchange(piece, {}));
      spec.remove_prefix(2);
    } else {
      piece.literal += spec[0];
      spec.remove_prefix(1);
    }
  }
  if (!piece.literal.empty()) format.pieces_.push_back(std::move(piece));
  return format;
}

Format Format::With(absl::string_view ending) const {
  Format format = *this;
  format.pieces_.push_back({0, std::string(ending)});
  return format;
}

void Format::Append(const Message& message, Raw raw, std::string* out) const {
  const auto name = [&](absl::string_view name) {
    if (raw == Raw::kAll) {
      absl::StrAppend(out, name);
    } else {
      AppendEscaped(name, out);
    }
  };
  for (const Piece& piece : pieces_) {
    *out += piece.literal;
    switch (piece.letter) {
      case 's':
        if (raw != Raw::kNothing) {
          absl::StrAppend(out, message.body);
          break;
        }
        [[fallthrough]];
      case 'q':
        AppendEscaped(message.body, out);
        break;
      case 'S':
        absl::StrAppend(out, message.body.size());
        break;
      case 'f':
        name(message.from);
        break;
      case 't':
        name(message.to);
        break;
      case 'k':
        absl::StrAppend(out, message.kind);
        break;
      case 'p':
        absl::StrAppend(out, message.dialect);
        break;
      case 'T':
        absl::StrAppend(out, message.time->milliseconds);
        break;
      case 'I':
        message.time->AppendIso(out);
        break;
      case 'j':
        AppendJson(message, out);
        break;
      case '%':
        *out += '%';
        break;
    }
  }
}

void AppendJson(const Message& message, std::string* out) {
  absl::StrAppend(out, "{\"v\":1,\"time\":\"");
  message.time->AppendIso(out);
  absl::StrAppend(out, "\",\"kind\":\"", message.kind, "\",\"dialect\":\"", message.dialect, "\"");
  if (!message.from.empty()) {
    absl::StrAppend(out, ",\"from\":");
    AppendJsonName(message.from, out);
  }
  if (!message.to.empty()) {
    absl::StrAppend(out, ",\"to\":");
    AppendJsonName(message.to, out);
  }
  if (!message.detail.empty()) absl::StrAppend(out, ",\"detail\":\"", message.detail, "\"");
  if (wire::IsValidUtf8(message.body)) {
    absl::StrAppend(out, ",\"body\":");
    AppendJsonString(message.body, out);
  } else {
    absl::StrAppend(out, ",\"body_b64\":\"", absl::Base64Escape(message.body), "\"");
  }
  if (message.size.has_value()) {
    absl::StrAppend(out, ",\"path\":");
    AppendJsonName(message.path, out);
    absl::StrAppend(out, ",\"size\":", *message.size);
  }
  *out += '}';
}

absl::StatusOr<ParsedMessage> ParseJson(absl::string_view line) {
  JsonRecord record;
  if (absl::Status status = ReadJsonRecord(line, &record); !status.ok()) return status;
  ParsedMessage message;
  if (record.v.has_value() && *record.v != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"v\" is ", *record.v, ", and only version 1 is known"));
  }
  using Kind = ParsedMessage::Kind;
  if (!record.kind.has_value() && record.to_is_null) {
    // A filter that found no name, perhaps: nobody has said that it is for all.
    return absl::InvalidArgumentError("\"to\" is null, and \"kind\" does not say public");
  }
  if (!record.kind.has_value()) {
    message.kind = record.to.has_value() ? Kind::kPrivate : Kind::kPublic;
  } else if (*record.kind == "public" || *record.kind == "private") {
    message.kind = *record.kind == "public" ? Kind::kPublic : Kind::kPrivate;
  } else if (*record.kind == "file" || *record.kind == "tunnel_request" ||
             *record.kind == "notice") {
    message.kind = Kind::kSkipped;
    return message;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("\"kind\" is \"", *record.kind, "\", and neither public nor private"));
  }
  if (message.kind == Kind::kPublic && record.to.has_value()) {
    return absl::InvalidArgumentError("public, but with \"to\"");
  }
  if (message.kind == Kind::kPrivate && !record.to.has_value()) {
    return absl::InvalidArgumentError("private, but without \"to\"");
  }
  if (record.to.has_value() && record.to->empty()) {
    return absl::InvalidArgumentError("\"to\" is empty");
  }
  if (record.body.has_value() == record.body_b64.has_value()) {
    return absl::InvalidArgumentError("an object has either \"body\" or \"body_b64\"");
  }
  message.to = std::move(record.to).value_or("");
  if (record.body.has_value()) {
    message.body = *std::move(record.body);
  } else if (!absl::Base64Unescape(*record.body_b64, &message.body)) {
    return absl::InvalidArgumentError("\"body_b64\" is not base64");
  }
  return message;
}

}  // namespace chat::tools
