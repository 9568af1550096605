#include "libchat/cfp/notation.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <list>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libchat/cfp/packets.h"
#include "libchat/testing/hex.h"
#include "libchat/wire/writer.h"

namespace chat::cfp {
namespace {

// Takes what comes before the next space from the front of `text`.
absl::string_view TakeWord(absl::string_view& text) {
  const size_t size = std::min(text.find(' '), text.size());
  const absl::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

// "7@127.0.0.1:7773"
bool WriteSibling(absl::string_view text, wire::StringWriter& out) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::ByAnyChar("@:"));
  int32_t id = 0;
  int32_t port = 0;
  in_addr address;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &id) || !absl::SimpleAtoi(parts[2], &port) ||
      inet_pton(AF_INET, parts[1].c_str(), &address) != 1) {
    return false;
  }
  out.I32(id);
  out.U32(ntohl(address.s_addr));
  out.I32(port);
  return true;
}

// "[7@127.0.0.1:7773,8@10.0.0.1:7773]"
bool TakeSiblings(absl::string_view& text, std::string& bytes) {
  absl::string_view word = TakeWord(text);
  if (!absl::ConsumePrefix(&word, "[") || !absl::ConsumeSuffix(&word, "]")) return false;
  wire::StringWriter out(&bytes);
  if (word.empty()) return true;
  for (absl::string_view one : absl::StrSplit(word, ',')) {
    if (!WriteSibling(one, out)) return false;
  }
  return true;
}

// Takes a number that fits T from the front of `text`.
template <class T>
bool TakeNumber(absl::string_view& text, T& number) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(TakeWord(text), &value)) return false;
  number = static_cast<T>(value);
  return number == value;
}

template <class P>
bool WriteAs(absl::string_view text, std::string* out) {
  P packet;
  std::list<std::string> strings;  // what the packet views
  const auto take = [&](auto field) {
    if (!absl::ConsumePrefix(&text, absl::StrCat(" ", field.name, "="))) return false;
    auto& value = packet.*field.value;
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_integral_v<Value>) {
      return TakeNumber(text, value);
    } else {
      std::string& bytes = strings.emplace_back();
      const bool taken = field.kind == FieldKind::kSiblings ? TakeSiblings(text, bytes)
                                                            : testing::TakeStrings(&text, &bytes);
      value = Value(bytes);
      return taken;
    }
  };
  if (!absl::ConsumePrefix(&text, P::kName)) return false;
  const bool taken = std::apply([&](auto... field) { return (take(field) && ...); }, P::kFields);
  if (!taken || !text.empty()) return false;
  wire::StringWriter writer(out);
  Encode(packet, writer);
  return true;
}

template <size_t... I>
bool WriteAny(absl::string_view text, std::string* out, std::index_sequence<I...>) {
  return (WriteAs<std::variant_alternative_t<I, Packet>>(text, out) || ...);
}

// Where the packet in "PCKFWD server_id=7 PACKET" begins; nothing if there is none.
size_t BehindForward(absl::string_view text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, absl::StrCat(PckFwd::kName, " "))) return absl::string_view::npos;
  return text.find(' ', text.size() - rest.size());
}

class CfpNotation final : public testing::Notation {
 public:
  absl::StatusOr<std::string> Write(absl::string_view text,
                                    const DialectOptions& options) const override {
    std::string bytes;
    const size_t behind = BehindForward(text);
    if (!WriteAny(text.substr(0, behind), &bytes, std::make_index_sequence<kCodes>())) {
      return absl::InvalidArgumentError(absl::StrCat("not a cfp packet: ", text));
    }
    if (behind == absl::string_view::npos) return bytes;
    absl::StatusOr<std::string> handed_on = Write(text.substr(behind + 1), options);
    if (!handed_on.ok()) return handed_on;
    return absl::StrCat(bytes, *handed_on);
  }

  absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions& options,
                              std::string* text) const override {
    constexpr size_t kAny = std::numeric_limits<int32_t>::max();
    const Decoded decoded = Decode(
        bytes, {.proposal = kAny, .name = kAny, .text = kAny, .file_name = kAny, .frame = kAny});
    if (decoded.status == DecodeStatus::kNeedMore) return 0;
    if (decoded.status != DecodeStatus::kDone) {
      return absl::InvalidArgumentError("not a cfp packet");
    }
    *text = ToString(decoded.packet);
    if (!std::holds_alternative<PckFwd>(decoded.packet)) return decoded.size;
    std::string handed_on;
    const absl::StatusOr<size_t> size = Read(bytes.substr(decoded.size), options, &handed_on);
    if (!size.ok() || *size == 0) return size;
    absl::StrAppend(text, " ", handed_on);
    return decoded.size + *size;
  }
};

}  // namespace

const testing::Notation& TranscriptNotation() {
  static const CfpNotation& instance = *new CfpNotation;
  return instance;
}

}  // namespace chat::cfp
