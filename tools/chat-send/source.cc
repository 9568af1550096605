#include "tools/chat-send/source.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libchat/wire/utf8.h"
#include "tools/common/format.h"

namespace chat::tools {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

bool IsAscii(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isascii(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

const char* UnitOf(const Input* input, const SourceOptions& options) {
  return input != nullptr && options.delimiter == "\n" ? "line" : "message";
}

}  // namespace

Source::Source(Input* input, SourceOptions options)
    : input_(input),
      options_(std::move(options)),
      unit_(UnitOf(input, options_)),
      splitter_(options_.delimiter),
      buffer_(kReadBytes) {}

Source::Source(std::string body, SourceOptions options)
    : input_(nullptr),
      options_(std::move(options)),
      unit_(UnitOf(nullptr, options_)),
      splitter_("") {
  splitter_.Append(body);
  splitter_.End();
  input_ended_ = true;
}

Source::Source() : input_(nullptr), unit_(UnitOf(nullptr, options_)), splitter_("\n") {
  splitter_.End();
  input_ended_ = true;
}

absl::Status Source::CheckText(absl::string_view body) const {
  if (!wire::IsText(body)) {
    return absl::InvalidArgumentError(wire::IsValidUtf8(body) ? "contains a NUL byte"
                                                              : "not valid UTF-8");
  }
  if (options_.ascii_only && !IsAscii(body)) {
    return absl::InvalidArgumentError("not ASCII, and this protocol says nothing else");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Outgoing>> Source::ParseRecord(absl::string_view line) {
  if (absl::StripAsciiWhitespace(line).empty()) return std::nullopt;
  absl::StatusOr<ParsedMessage> parsed = ParseJson(line);
  if (!parsed.ok()) return parsed.status();
  if (parsed->kind == ParsedMessage::Kind::kSkipped) {
    ++reports_;
    return std::nullopt;
  }
  return Outgoing{next_number(), std::move(parsed->to), std::move(parsed->body)};
}

absl::StatusOr<std::optional<Outgoing>> Source::Parse(absl::string_view bytes) {
  const bool repairs = options_.invalid == Invalid::kReplace;
  std::optional<Outgoing> message;
  if (options_.kind == SourceOptions::Kind::kJsonl) {
    // The text of a record may be anything that its protocol cannot say, but not its names.
    const std::string repaired = repairs && !wire::IsText(bytes) ? Repaired(bytes, false) : "";
    absl::StatusOr<std::optional<Outgoing>> record =
        ParseRecord(repaired.empty() ? bytes : repaired);
    if (!record.ok() || !record->has_value()) return record;
    message = *std::move(record);
  } else if (input_ != nullptr && options_.delimiter.empty() && bytes.empty()) {
    return std::nullopt;
  } else {
    message = Outgoing{next_number(), "", std::string(bytes)};
  }
  absl::Status status = CheckText(message->body);
  if (!status.ok() && repairs) {
    message->body = Repaired(message->body, options_.ascii_only);
    status = absl::OkStatus();
  }
  if (!status.ok()) return status;
  return message;
}

absl::StatusOr<std::optional<Outgoing>> Source::Take() {
  while (const std::optional<absl::string_view> next = splitter_.Next()) {
    absl::StatusOr<std::optional<Outgoing>> message = Parse(*next);
    if (!message.ok() && !Skip(next_number(), message.status())) return message;
    ++taken_;
    if (message.ok() && message->has_value()) return message;
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

bool Source::Skip(int64_t number, const absl::Status& why) {
  if (options_.invalid != Invalid::kSkip || !absl::IsInvalidArgument(why)) return false;
  if (skipped_++ == 0) {
    first_skipped_ = number;
    why_skipped_ = std::string(why.message());
  }
  return true;
}

std::string Source::WhatWasSkipped() const {
  if (skipped_ == 0) return "";
  return absl::StrCat("skipped ", skipped_, ", first is ", unit_, " ", first_skipped_, ": ",
                      why_skipped_);
}

}  // namespace chat::tools
