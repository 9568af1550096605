// Where chat-send takes its messages from: words of the command line, or standard input.

#ifndef TOOLS_CHAT_SEND_SOURCE_H_
#define TOOLS_CHAT_SEND_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "asio/awaitable.hpp"
#include "tools/chat-send/invalid.h"
#include "tools/common/framing.h"
#include "tools/common/stdio.h"

namespace chat::tools {

struct Outgoing {
  int64_t number = 0;  // in the input, from 1 on
  std::string to;      // empty: to everyone, or to whom the command line says
  std::string body;    // valid UTF-8 without NUL
};

struct SourceOptions {
  enum class Kind {
    kText,   // each message is one body
    kJsonl,  // each is a JSON object as chat-listen prints it; a blank one is none
  };
  Kind kind = Kind::kText;
  // What ends a message. Empty: all of the input is one, or none if the input is empty.
  std::string delimiter = "\n";
  Invalid invalid = Invalid::kFail;
  // Messages may have ASCII alone.
  bool ascii_only = false;
};

// Thread safety: none.
class Source {
 public:
  // Reads `input`, which outlives this.
  Source(Input* input, SourceOptions options);
  // The one message `body`.
  Source(std::string body, SourceOptions options);
  // No message.
  Source();

  // The next message that is there already; nothing if Fill has to be awaited before, or if
  // `ended`. InvalidArgument says what is wrong with the next one; there is no way on after that.
  absl::StatusOr<std::optional<Outgoing>> Take();
  bool ended() const { return input_ended_; }

  // Reads more. InternalError if the input cannot be read.
  asio::awaitable<absl::Status> Fill();

  // The number of the message that Take will return or has found wrong.
  int64_t next_number() const { return taken_ + 1; }
  // What the user calls one: "line" or "message".
  const char* unit() const { return unit_; }

  // The message `number`, which was taken, cannot be sent because of `why`. True if it is to be
  // left out: then it was counted.
  bool Skip(int64_t number, const absl::Status& why);
  // For people: "skipped 3, first is line 17: not valid UTF-8". Empty if nothing was skipped.
  std::string WhatWasSkipped() const;
  // JSON objects that chat-listen has reported and nobody can say (a file, a notice).
  int64_t reports() const { return reports_; }

 private:
  // The message in `bytes`; nothing if there is none in it.
  absl::StatusOr<std::optional<Outgoing>> Parse(absl::string_view bytes);
  absl::StatusOr<std::optional<Outgoing>> ParseRecord(absl::string_view line);
  absl::Status CheckText(absl::string_view body) const;

  Input* const input_;
  const SourceOptions options_;
  const char* const unit_;
  Splitter splitter_;
  std::vector<char> buffer_;
  bool input_ended_ = false;
  int64_t taken_ = 0;
  int64_t reports_ = 0;
  int64_t skipped_ = 0;
  int64_t first_skipped_ = 0;
  std::string why_skipped_;  // the first one
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_SOURCE_H_
