#include "libchat/crp/packets.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "libchat/wire/packets.h"

namespace chat::crp {
namespace {

using Status = Decoded::Status;

constexpr char kNames[kCommands][6] = {"REG", "SIGN", "INVT", "RSP", "TXT", "CLOSE", "QUIT"};
constexpr char kLineEnd[] = "\r\n";
// What stands in no start-line, key or value; LF cannot.
constexpr absl::string_view kRefusedInHead("\r\0", 2);
constexpr size_t kSessionIdDigits = 5;

std::optional<Command> CommandOf(absl::string_view line) {
  const auto it = std::find(std::begin(kNames), std::end(kNames), line);
  if (it == std::end(kNames)) return std::nullopt;
  return static_cast<Command>(it - std::begin(kNames));
}

bool AllOf(absl::string_view text, bool (*is)(unsigned char)) {
  return std::all_of(text.begin(), text.end(), is);
}

// The lines of a body, each with its line end, with "\n" between them.
std::string Join(absl::string_view lines) {
  std::string text;
  text.reserve(lines.size());
  while (true) {
    const size_t end = lines.find('\n');
    absl::string_view line = lines.substr(0, end);
    absl::ConsumeSuffix(&line, "\r");
    absl::StrAppend(&text, line);
    lines.remove_prefix(end + 1);
    if (lines.empty()) return text;
    text += '\n';
  }
}

void AppendBody(absl::string_view body, size_t lines_left, std::string& out) {
  for (char c : body) {
    if (c != '\n') {
      out += c;
    } else if (lines_left > 1) {
      absl::StrAppend(&out, kLineEnd);
      --lines_left;
    } else {
      out += ' ';
    }
  }
  absl::StrAppend(&out, kLineEnd);
}

}  // namespace

absl::string_view NameOf(Command command) { return kNames[static_cast<size_t>(command)]; }

std::string Encode(const Message& message) {
  std::string out = absl::StrCat(NameOf(message.command), kLineEnd);
  size_t headers = 0;
  for (const Key& key : kKeys) {
    const Header& value = message.*key.value;
    if (!value) continue;
    absl::StrAppend(&out, key.name, "=", *value, kLineEnd);
    ++headers;
  }
  absl::StrAppend(&out, kLineEnd);
  if (message.body) AppendBody(*message.body, MaxBodyLines(headers), out);
  out += '\0';
  absl::StrAppend(&out, kLineEnd);
  return out;
}

std::string ToString(const Message& message) {
  std::string line(NameOf(message.command));
  for (const Key& key : kKeys) {
    const Header& value = message.*key.value;
    if (!value) continue;
    const bool plain = key.value == &Message::session_id && ParseSessionId(*value).has_value();
    absl::StrAppend(&line, " ", key.name, "=", plain ? std::string(*value) : wire::Shown(*value));
  }
  if (message.body) absl::StrAppend(&line, " body=", wire::Shown(*message.body));
  return line;
}

std::string SessionIdOf(TalkNumber talk) { return absl::StrFormat("S%05d", talk); }

std::optional<TalkNumber> ParseSessionId(absl::string_view session_id) {
  TalkNumber talk = kNoTalk;
  const bool is_one = absl::ConsumePrefix(&session_id, "S") &&
                      session_id.size() == kSessionIdDigits &&
                      AllOf(session_id, absl::ascii_isdigit) && absl::SimpleAtoi(session_id, &talk);
  if (!is_one) return std::nullopt;
  return talk;
}

bool IsUserId(absl::string_view name) {
  return name.size() >= 5 && name.size() <= 10 && absl::ascii_isalpha(name[0]) &&
         AllOf(name, absl::ascii_isalnum);
}

bool IsPassword(absl::string_view password) {
  return password.size() >= 6 && password.size() <= 13 && AllOf(password, absl::ascii_isalnum);
}

Decoded Decoder::Decode(absl::string_view in, size_t max_bytes, size_t max_followed) {
  const size_t given = in.size();
  if (!SkipLineEnd(in)) return {};
  const size_t skipped = given - in.size();
  Decoded decoded =
      passes_by_ ? PassBy(in, 0, max_followed) : DecodeLines(in, max_bytes, max_followed);
  decoded.size += skipped;
  return decoded;
}

Decoded Decoder::DecodeLines(absl::string_view in, size_t max_bytes, size_t max_followed) {
  const absl::string_view allowed = in.substr(0, max_bytes);
  while (true) {
    if (lines_ == kMaxLines) return PassBy(in, line_, max_followed);
    if (line_ < allowed.size() && allowed[line_] == '\0') {
      // Section 3: the end comes behind the empty line.
      if (section_ != Section::kBody) return {Status::kMalformed, 0, {}};
      return Finish(allowed);
    }
    const size_t size = newline_.Find(allowed.substr(line_));
    if (size == wire::DelimiterScanner::npos) {
      if (in.size() <= max_bytes) return {};
      in_line_ = line_ < allowed.size();
      return PassBy(in, allowed.size(), max_followed);
    }
    if (!TakeLine(allowed, size)) return {Status::kMalformed, 0, {}};
    ++lines_;
    line_ += size + 1;
    newline_.Advance(size + 1);
  }
}

Decoded Decoder::PassBy(absl::string_view in, size_t seen, size_t max_followed) {
  passes_by_ = true;
  const absl::string_view followed = in.substr(0, max_followed - passed_);
  while (seen < followed.size()) {
    if (!in_line_ && followed[seen] == '\0') {
      *this = Decoder();
      behind_message_ = true;
      return {Status::kPassedBy, seen + 1, {}};
    }
    const size_t newline = followed.find('\n', seen);
    in_line_ = newline == absl::string_view::npos;
    seen = in_line_ ? followed.size() : newline + 1;
  }
  if (in.size() > followed.size()) return {Status::kTooLong, 0, {}};
  passed_ += in.size();
  return {Status::kNeedMore, in.size(), {}};
}

bool Decoder::SkipLineEnd(absl::string_view& in) {
  if (!behind_message_) return true;
  if (in.empty() || in == "\r") return false;
  if (!absl::ConsumePrefix(&in, kLineEnd)) absl::ConsumePrefix(&in, "\n");
  behind_message_ = false;
  return true;
}

bool Decoder::TakeLine(absl::string_view in, size_t size) {
  absl::string_view line = in.substr(line_, size);
  absl::ConsumeSuffix(&line, "\r");
  switch (section_) {
    case Section::kStart:
      command_ = CommandOf(line);
      section_ = Section::kHeaders;
      return line.find_first_of(kRefusedInHead) == absl::string_view::npos;
    case Section::kHeaders:
      if (!line.empty()) return TakeHeader(in, line.size());
      section_ = Section::kBody;
      body_ = line_ + size + 1;
      return true;
    case Section::kBody:
      return true;
  }
  return false;
}

bool Decoder::TakeHeader(absl::string_view in, size_t size) {
  const absl::string_view line = in.substr(line_, size);
  if (line.find_first_of(kRefusedInHead) != absl::string_view::npos) return false;
  const size_t equals = line.find('=');
  if (equals == absl::string_view::npos) return false;
  const absl::string_view key = line.substr(0, equals);
  for (const Field& field : fields_) {
    if (absl::EqualsIgnoreCase(in.substr(field.key.begin, field.key.size), key)) return false;
  }
  fields_.push_back({{line_, equals}, {line_ + equals + 1, size - equals - 1}});
  return true;
}

Decoded Decoder::Finish(absl::string_view in) {
  Decoded decoded;
  decoded.status = command_ ? Status::kDone : Status::kUnknownCommand;
  decoded.size = line_ + 1;
  Message& message = decoded.message;
  message.command = command_.value_or(Command::kReg);
  for (const Field& field : fields_) {
    for (const Key& key : kKeys) {
      if (!absl::EqualsIgnoreCase(in.substr(field.key.begin, field.key.size), key.name)) continue;
      message.*key.value = in.substr(field.value.begin, field.value.size);
    }
  }
  if (line_ > body_ && command_) message.body = Join(in.substr(body_, line_ - body_));

  *this = Decoder();
  behind_message_ = true;
  return decoded;
}

}  // namespace chat::crp
