// What chat-listen writes, whoever it came from.

#ifndef TOOLS_CHAT_LISTEN_PRINTER_H_
#define TOOLS_CHAT_LISTEN_PRINTER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "asio/awaitable.hpp"
#include "libchat/client/signal.h"
#include "libchat/dialect/client_session.h"
#include "libchat/event/user.h"
#include "tools/common/format.h"
#include "tools/common/stdio.h"

namespace chat::tools {

struct PrintOptions {
  std::string dialect;
  Format format;
  Format::Raw raw = Format::Raw::kNothing;
  std::optional<int64_t> count;      // after so many messages and files it takes no more
  std::string from;                  // empty: from anybody
  std::optional<bool> only_private;  // else both kinds; a file is private
  bool notices = false;              // prints them too: the format says what each line is
};

// Gathers what has come, and writes it in one piece.
//
// Thread safety: none; all on one thread, and from coroutines that run beside each other.
class Printer {
 public:
  // The references outlive this. `changed` is notified when done() or status() may have changed.
  Printer(PrintOptions options, Output& output, client::Signal& changed);

  // Each returns false if it was not taken: there was enough. What the options do not want is
  // taken, and not printed.
  bool AddMessage(const Received& message);
  bool AddFile(UserRef from, UserRef to, absl::string_view name, absl::string_view path,
               uint64_t size);
  // True if it is printed, if not it is to be told in another way.
  bool AddNotice(absl::string_view text);

  // Writes what was added. An error is final: kAborted if nobody reads the output any more.
  asio::awaitable<absl::Status> Flush();

  bool enough() const { return options_.count.has_value() && printed_ >= *options_.count; }
  // Enough, and all of it written.
  bool done() const { return enough() && batch_.empty() && !writing_; }
  const absl::Status& status() const { return status_; }

 private:
  bool Add(Message message, bool is_private);

  const PrintOptions options_;
  Output& output_;
  client::Signal& changed_;
  std::string batch_;
  bool writing_ = false;
  absl::Status status_;
  int64_t printed_ = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_PRINTER_H_
