#include "libchat/crp/notation.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <list>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libchat/crp/packets.h"
#include "libchat/testing/hex.h"

namespace chat::crp {
namespace {

constexpr char kLineEnd[] = "\r\n";

// Takes `word`, where it is whole.
bool TakeWord(absl::string_view& text, absl::string_view word) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, word) || (!rest.empty() && rest[0] != ' ')) return false;
  text = rest;
  return true;
}

bool TakeCommand(absl::string_view& text, Command& command) {
  for (size_t i = 0; i < kCommands; ++i) {
    command = static_cast<Command>(i);
    if (TakeWord(text, NameOf(command))) return true;
  }
  return false;
}

// A SessionID may stand without quotes.
bool TakeValue(absl::string_view& text, std::string& value) {
  if (testing::TakeStrings(&text, &value)) return true;
  const absl::string_view word = text.substr(0, text.find(' '));
  if (!ParseSessionId(word)) return false;
  value = std::string(word);
  text.remove_prefix(word.size());
  return true;
}

class CrpNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text, const DialectOptions&) const override {
    const absl::Status wrong =
        absl::InvalidArgumentError(absl::StrCat("not a crp message: ", text));
    Message message;
    if (!TakeCommand(text, message.command)) return wrong;
    std::list<std::string> values;  // what the message views
    while (!message.body && absl::ConsumePrefix(&text, " ")) {
      if (absl::ConsumePrefix(&text, "body=")) {
        if (!testing::TakeStrings(&text, &message.body.emplace())) return wrong;
        continue;
      }
      const auto* const key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& key) {
        return absl::StartsWith(text, absl::StrCat(key.name, "="));
      });
      if (key == std::end(kKeys) || message.*key->value) return wrong;
      text.remove_prefix(absl::string_view(key->name).size() + 1);
      if (!TakeValue(text, values.emplace_back())) return wrong;
      message.*key->value = values.back();
    }
    if (!text.empty()) return wrong;
    return Encode(message);
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions&,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<size_t>::max();
    const Decoded decoded = Decoder().Decode(bytes, kAny, kAny);
    if (decoded.status == Decoded::Status::kNeedMore) return 0;
    if (decoded.status != Decoded::Status::kDone) {
      return absl::InvalidArgumentError("not a crp message");
    }
    // A server of ours always sends the line end.
    const absl::string_view behind = bytes.substr(decoded.size, sizeof(kLineEnd) - 1);
    if (behind == kLineEnd) {
      *text = ToString(decoded.message);
      return decoded.size + behind.size();
    }
    if (absl::StartsWith(kLineEnd, behind)) return 0;
    return absl::InvalidArgumentError("no line end behind the message");
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const CrpNotation& instance = *new CrpNotation;
  return instance;
}

}  // namespace chat::crp
