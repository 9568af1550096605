// Where chat-send takes its messages from: words of the command line, or standard input.

#ifndef TOOLS_CHAT_SEND_SOURCE_H_
#define TOOLS_CHAT_SEND_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "asio/awaitable.hpp"
#include "tools/common/framing.h"
#include "tools/common/stdio.h"

namespace chat::tools {

struct Outgoing {
  int64_t number = 0;  // in the input, from 1 on
  std::string to;      // empty: to everyone, or to whom the command line says
  std::string body;    // valid UTF-8 without NUL
};

// Thread safety: none.
class Source {
 public:
  enum class Kind {
    kText,   // each message is one body
    kJsonl,  // each is a JSON object as chat-listen prints it
  };

  // Reads `input`, which outlives this; an empty `delimiter` makes one message of it.
  Source(Input* input, std::string delimiter, Kind kind);
  // The one message `body`.
  explicit Source(std::string body);
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

 private:
  Input* const input_;
  const Kind kind_;
  const char* const unit_;
  Splitter splitter_;
  std::vector<char> buffer_;
  bool input_ended_ = false;
  int64_t taken_ = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_SOURCE_H_
