#include "tools/chat-listen/printer.h"

#include <utility>

#include "absl/time/clock.h"

namespace chat::tools {

Printer::Printer(PrintOptions options, Output& output, client::Signal& changed)
    : options_(std::move(options)), output_(output), changed_(changed) {}

bool Printer::Add(Message message, bool is_private) {
  if (enough()) return false;
  if (options_.only_private.has_value() && *options_.only_private != is_private) return true;
  if (!options_.from.empty() && options_.from != message.from) return true;
  const Moment now(absl::Now());
  message.time = &now;
  message.dialect = options_.dialect;
  options_.format.Append(message, options_.raw, &batch_);
  ++printed_;
  return true;
}

bool Printer::AddMessage(const Received& received) {
  const std::string from = Display(received.from);
  const std::string to = received.is_private ? Display(received.to) : "";
  Message message;
  message.kind = received.is_private ? "private" : "public";
  message.from = from;
  message.to = to;
  message.body = received.body;
  return Add(message, received.is_private);
}

bool Printer::AddFile(UserRef from, UserRef to, absl::string_view name, absl::string_view path,
                      uint64_t size) {
  const std::string sender = Display(from);
  const std::string receiver = Display(to);
  Message message;
  message.kind = "file";
  message.from = sender;
  message.to = receiver;
  message.body = name;
  message.path = path;
  message.size = size;
  return Add(message, /*is_private=*/true);
}

bool Printer::AddNotice(absl::string_view text) {
  // Who wants certain messages does not want these among them.
  const bool all = options_.from.empty() && !options_.only_private.has_value();
  if (!options_.notices || !all || enough()) return false;
  const Moment now(absl::Now());
  Message message;
  message.time = &now;
  message.kind = "notice";
  message.dialect = options_.dialect;
  message.body = text;
  options_.format.Append(message, options_.raw, &batch_);
  return true;
}

asio::awaitable<absl::Status> Printer::Flush() {
  while (writing_) co_await changed_.Wait();
  if (batch_.empty() || !status_.ok()) co_return status_;
  writing_ = true;
  const std::string bytes = std::exchange(batch_, {});
  status_ = co_await output_.Write(bytes);
  writing_ = false;
  changed_.Notify();
  co_return status_;
}

}  // namespace chat::tools
