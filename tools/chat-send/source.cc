#include "tools/chat-send/source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libchat/wire/utf8.h"
#include "tools/common/format.h"

namespace chat::tools {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

absl::Status CheckText(absl::string_view body) {
  if (wire::IsText(body)) return absl::OkStatus();
  return absl::InvalidArgumentError(wire::IsValidUtf8(body) ? "contains a NUL byte"
                                                            : "not valid UTF-8");
}

}  // namespace

Source::Source(Input* input, std::string delimiter, Kind kind)
    : input_(input),
      kind_(kind),
      unit_(delimiter == "\n" ? "line" : "message"),
      splitter_(std::move(delimiter)),
      buffer_(kReadBytes) {}

Source::Source(std::string body)
    : input_(nullptr), kind_(Kind::kText), unit_("message"), splitter_("") {
  splitter_.Append(body);
  splitter_.End();
  input_ended_ = true;
}

Source::Source() : input_(nullptr), kind_(Kind::kText), unit_("message"), splitter_("\n") {
  splitter_.End();
  input_ended_ = true;
}

absl::StatusOr<std::optional<Outgoing>> Source::Take() {
  while (const std::optional<absl::string_view> next = splitter_.Next()) {
    Outgoing message;
    message.number = next_number();
    message.body = std::string(*next);
    if (kind_ == Kind::kJsonl) {
      absl::StatusOr<ParsedMessage> parsed = ParseJson(*next);
      if (!parsed.ok()) return parsed.status();
      if (parsed->kind == ParsedMessage::Kind::kSkipped) {
        ++taken_;
        continue;
      }
      message.to = std::move(parsed->to);
      message.body = std::move(parsed->body);
    }
    if (absl::Status status = CheckText(message.body); !status.ok()) return status;
    ++taken_;
    return message;
  }
  if (splitter_.overflowed()) {
    return absl::InvalidArgumentError(
        absl::StrCat("longer than ", Splitter::kMaxMessage, " bytes"));
  }
  return std::nullopt;
}

asio::awaitable<absl::Status> Source::Fill() {
  const absl::StatusOr<size_t> n = co_await input_->Read(absl::MakeSpan(buffer_));
  if (!n.ok()) co_return n.status();
  if (*n == 0) {
    splitter_.End();
    input_ended_ = true;
  } else {
    splitter_.Append(absl::string_view(buffer_.data(), *n));
  }
  co_return absl::OkStatus();
}

}  // namespace chat::tools
