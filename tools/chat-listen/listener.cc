#include "tools/chat-listen/listener.h"

#include <unistd.h>

#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/event/user.h"

namespace chat::tools {

Listener::Listener(asio::io_context& io, ListenOptions options, Output& output,
                   Diagnostics& diagnostics)
    : options_(std::move(options)),
      output_(output),
      diagnostics_(diagnostics),
      io_(io),
      random_(std::random_device()()),
      backoff_(options_.reconnect, random_),
      timeout_(io),
      changed_(io.get_executor()) {}

asio::awaitable<ExitCode> Listener::Run() {
  output_.OnReaderGone([this] { Stop(kExitBrokenPipe); });
  if (options_.timeout.has_value()) {
    timeout_.expires_after(absl::ToChronoNanoseconds(*options_.timeout));
    timeout_.async_wait([this](asio::error_code error) {
      if (!error) Stop(options_.count.has_value() ? kExitTimeout : kExitOk);
    });
  }
  asio::co_spawn(io_, Serve(), asio::detached);
  while (!stopped_.has_value()) co_await changed_.Wait();
  co_return *stopped_;
}

void Listener::Stop(ExitCode code) {
  if (!stopped_.has_value()) stopped_ = code;
  changed_.Notify();
}

asio::awaitable<void> Listener::Serve() {
  for (;;) {
    const auto client = std::make_unique<client::Client>(io_.get_executor(), options_.account.url,
                                                         options_.account.options);
    const absl::StatusOr<std::string> name =
        co_await ConnectAndLogIn(*client, options_.account, random_);
    absl::Status status = name.status();
    if (status.ok()) {
      diagnostics_.Detail(absl::StrCat("listening on ", ToString(client->url()), " as ", *name));
      backoff_.Reset();
      SayReady();
      status = co_await Listen(*client);
    }
    if (status.ok()) co_return Stop(kExitOk);
    if (absl::IsAborted(status)) co_return Stop(kExitBrokenPipe);

    std::optional<absl::Duration> wait;
    if (absl::IsUnavailable(status) || absl::IsOutOfRange(status) ||
        absl::IsDeadlineExceeded(status)) {
      wait = backoff_.Next();
    }
    if (!wait.has_value()) {
      diagnostics_.Error(status.message());
      co_return Stop(absl::IsInternal(status) ? kExitIoError : ExitCodeFor(status));
    }
    diagnostics_.Notice(absl::StrCat(status.message(), "; trying again"));
    asio::steady_timer timer(io_, absl::ToChronoNanoseconds(*wait));
    asio::error_code never;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, never));
  }
}

asio::awaitable<absl::Status> Listener::Listen(client::Client& client) {
  while (!Enough()) {
    const absl::StatusOr<std::vector<ClientEvent>> events = co_await client.Receive();
    if (!events.ok()) co_return events.status();
    Print(*events);
    const absl::Status written = co_await output_.Write(batch_);
    batch_.clear();
    if (!written.ok()) co_return written;
  }
  co_return absl::OkStatus();
}

void Listener::Print(const std::vector<ClientEvent>& events) {
  const Moment now(absl::Now());
  for (const ClientEvent& event : events) {
    const auto* received = std::get_if<Received>(&event);
    if (received == nullptr || Enough()) continue;
    const std::string from = Display(received->from);
    if (!Wanted(*received, from)) continue;
    const std::string to = received->is_private ? Display(received->to) : "";
    Message message;
    message.time = &now;
    message.kind = received->is_private ? "private" : "public";
    message.dialect = options_.account.url.dialect->name();
    message.from = from;
    message.to = to;
    message.body = received->body;
    options_.format.Append(message, options_.raw, &batch_);
    ++printed_;
  }
}

bool Listener::Wanted(const Received& message, const std::string& from) const {
  if (options_.only_private.has_value() && *options_.only_private != message.is_private) {
    return false;
  }
  return options_.from.empty() || options_.from == from;
}

void Listener::SayReady() {
  if (options_.ready_fd < 0 || std::exchange(ready_said_, true)) return;
  if (::write(options_.ready_fd, "\n", 1) != 1) {
    diagnostics_.Notice("nobody reads what --ready-fd says");
  }
  ::close(options_.ready_fd);
}

}  // namespace chat::tools
