#include "tools/common/format.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libchat/wire/hex.h"
#include "libchat/wire/utf8.h"
#include "nlohmann/json.hpp"
#include "tools/common/escape.h"

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
  while (!text.empty()) {
    char32_t c = 0;
    size_t size = wire::DecodeOne(text, &c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += static_cast<char>(c);
    } else if (c == '\n') {
      *out += "\\n";
    } else if (c == '\t') {
      *out += "\\t";
    } else if (IsUnsafe(c)) {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out->append(text.data(), size);
    }
    text.remove_prefix(size);
  }
  *out += '"';
}

// A name; a server may be wrong about UTF-8.
void AppendJsonName(absl::string_view name, std::string* out) {
  AppendJsonString(wire::IsValidUtf8(name) ? name : Escape(name), out);
}

}  // namespace

Moment::Moment(absl::Time time)
    : milliseconds(absl::ToUnixMillis(time)),
      iso(absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone())) {}

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
        absl::StrAppend(out, message.time->iso);
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
  absl::StrAppend(out, "{\"v\":1,\"time\":\"", message.time->iso, "\",\"kind\":\"", message.kind,
                  "\",\"dialect\":\"", message.dialect, "\"");
  if (!message.from.empty()) {
    absl::StrAppend(out, ",\"from\":");
    AppendJsonName(message.from, out);
  }
  if (!message.to.empty()) {
    absl::StrAppend(out, ",\"to\":");
    AppendJsonName(message.to, out);
  }
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
  const nlohmann::json object =
      nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  // Null if there is no such key; an error if its value is no string.
  absl::Status status;
  const auto text = [&](const char* key) -> const std::string* {
    const auto value = object.find(key);
    if (value == object.end() || value->is_null()) return nullptr;
    if (value->is_string()) return value->get_ptr<const std::string*>();
    status = absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is not a string"));
    return nullptr;
  };
  ParsedMessage message;
  if (const std::string* kind = text("kind")) message.kind = *kind;
  if (const std::string* to = text("to")) message.to = *to;
  const std::string* body = text("body");
  const std::string* base64 = text("body_b64");
  if (!status.ok()) return status;
  if ((body == nullptr) == (base64 == nullptr)) {
    return absl::InvalidArgumentError("an object has either \"body\" or \"body_b64\"");
  }
  if (body != nullptr) {
    message.body = *body;
  } else if (!absl::Base64Unescape(*base64, &message.body)) {
    return absl::InvalidArgumentError("\"body_b64\" is not base64");
  }
  return message;
}

}  // namespace chat::tools
