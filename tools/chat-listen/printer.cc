#include "tools/chat-listen/printer.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace chat::tools {
namespace {

std::vector<std::string> AsShown(const std::vector<User>& users) {
  std::vector<std::string> shown;
  for (const User& user : users) shown.push_back(Display(user));
  return shown;
}

// A user as Display shows it, which is nearly always the name itself.
class Shown {
 public:
  explicit Shown(UserRef user)
      : name_(user.name), displayed_(user.server == 0 ? "" : Display(user)) {}
  operator absl::string_view() const {  // NOLINT: it stands for the text
    return displayed_.empty() ? name_ : absl::string_view(displayed_);
  }

 private:
  const absl::string_view name_;
  const std::string displayed_;
};

}  // namespace

Printer::Printer(PrintOptions options, OutputQueue& queue)
    : options_(std::move(options)), from_(AsShown(options_.from)), queue_(queue) {}

bool Printer::IsWanted(absl::string_view from, absl::string_view body, bool is_private) const {
  if (options_.only_private.has_value() && *options_.only_private != is_private) return false;
  if (!from_.empty() && std::find(from_.begin(), from_.end(), from) == from_.end()) return false;
  return !options_.grep.has_value() || options_.grep->Matches(body);
}

void Printer::Print(Message message) {
  const bool clock = !options_.format.has_value() && options_.style.terminal;
  if (!now_.has_value()) {
    const absl::Time now = absl::Now();
    now_.emplace(now);
    if (clock) clock_ = ClockTime(now);
  }
  message.time = &*now_;
  message.dialect = options_.dialect;
  if (options_.format.has_value()) {
    options_.format->Append(message, options_.raw, &queue_.batch());
  } else {
    AppendLine(message, options_.style, clock_, &queue_.batch());
  }
}

bool Printer::AddMessage(const Received& received) {
  if (enough()) return false;
  const Shown from(received.from);
  if (!IsWanted(from, received.body, received.is_private)) return true;
  const Shown to(received.is_private ? UserRef(received.to) : UserRef());
  Message message;
  message.kind = received.is_private ? "private" : "public";
  message.from = from;
  message.to = to;
  message.body = received.body;
  Print(message);
  ++printed_;
  return true;
}

bool Printer::AddFile(UserRef from, UserRef to, absl::string_view name, absl::string_view path,
                      uint64_t size) {
  if (enough()) return false;
  const Shown sender(from);
  if (!IsWanted(sender, name, /*is_private=*/true)) return true;
  const Shown receiver(to);
  Message message;
  message.kind = "file";
  message.from = sender;
  message.to = receiver;
  message.body = name;
  message.path = path;
  message.size = size;
  Print(message);
  ++printed_;
  return true;
}

bool Printer::AddNotice(absl::string_view text) {
  // Who wants certain messages does not want these among them.
  const bool all =
      from_.empty() && !options_.only_private.has_value() && !options_.grep.has_value();
  if (!options_.notices || !all || enough()) return false;
  Message message;
  message.kind = "notice";
  message.body = text;
  Print(message);
  return true;
}

void Printer::AddGap(absl::string_view text) {
  if (!options_.notices || enough()) return;
  Message message;
  message.kind = "notice";
  message.detail = "gap";
  message.body = text;
  Print(message);
}

void Printer::Flush() {
  if (std::exchange(printed_before_, printed_) != printed_) {
    last_printed_ = std::chrono::steady_clock::now();
  }
  now_.reset();
  queue_.Commit();
}

}  // namespace chat::tools
