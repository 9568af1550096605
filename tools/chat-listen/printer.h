// What chat-listen writes, whoever it came from.

#ifndef TOOLS_CHAT_LISTEN_PRINTER_H_
#define TOOLS_CHAT_LISTEN_PRINTER_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libchat/dialect/client_session.h"
#include "libchat/event/user.h"
#include "tools/chat-listen/body_pattern.h"
#include "tools/chat-listen/line_style.h"
#include "tools/chat-listen/output_queue.h"
#include "tools/common/format.h"

namespace chat::tools {

struct PrintOptions {
  std::string dialect;
  std::optional<Format> format;  // else lines in `style`
  Format::Raw raw = Format::Raw::kNothing;
  LineStyle style;
  std::optional<int64_t> count;      // after so many messages and files it takes no more
  std::vector<User> from;            // empty: from anybody
  std::optional<bool> only_private;  // else both kinds; a file is private
  std::optional<BodyPattern> grep;   // else any body; a file's is its name
  bool notices = false;              // prints them too: the format says what each line is
};

// Chooses and formats what has come. What came together is one batch: Flush ends it.
//
// Thread safety: none; all on one thread.
class Printer {
 public:
  // `queue` outlives this.
  Printer(PrintOptions options, OutputQueue& queue);

  // Each returns false if it was not taken: there was enough. What the options do not want is
  // taken, and not printed.
  bool AddMessage(const Received& message);
  bool AddFile(UserRef from, UserRef to, absl::string_view name, absl::string_view path,
               uint64_t size);
  // What the server says. True if it is printed, if not it is to be told in another way.
  bool AddNotice(absl::string_view text);
  // Messages may be missing here, `text` says why. Printed where notices are, whichever messages
  // are wanted.
  void AddGap(absl::string_view text);

  // Hands what was added to the queue.
  void Flush();
  // Takes nothing more.
  void Close() { closed_ = true; }

  bool enough() const { return closed_ || CountIsReached(); }
  // The count is reached, and all of it written.
  bool done() const { return CountIsReached() && queue_.empty(); }
  // When the last batch with messages or files in it was flushed.
  std::chrono::steady_clock::time_point last_printed() const { return last_printed_; }

 private:
  bool CountIsReached() const { return options_.count.has_value() && printed_ >= *options_.count; }
  bool IsWanted(absl::string_view from, absl::string_view body, bool is_private) const;
  void Print(Message message);

  const PrintOptions options_;
  const std::vector<std::string> from_;  // as Display shows them
  OutputQueue& queue_;
  bool closed_ = false;
  int64_t printed_ = 0;
  int64_t printed_before_ = 0;  // before this batch
  std::chrono::steady_clock::time_point last_printed_;
  // Of the batch; nothing before something was added.
  std::optional<Moment> now_;
  std::string clock_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_LISTEN_PRINTER_H_
