#include "tools/chat-listen/listener.h"

#include <signal.h>
#include <unistd.h>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/event/user.h"
#include "tools/common/signals.h"

namespace chat::tools {

Listener::Listener(asio::io_context& io, ListenOptions options, Output& output,
                   Diagnostics& diagnostics)
    : options_(std::move(options)),
      diagnostics_(diagnostics),
      io_(io),
      random_(std::random_device()()),
      backoff_(options_.reconnect, random_),
      timeout_(io),
      signals_(io),
      changed_(io.get_executor()),
      refusals_(diagnostics),
      printer_(options_.print, output, changed_),
      output_(output),
      inbox_(options_.inbox, printer_),
      files_(io, inbox_, refusals_),
      direct_(io, inbox_, printer_, diagnostics) {}

asio::awaitable<ExitCode> Listener::Run() {
  output_.OnReaderGone([this] { Stop(kExitBrokenPipe); });
  if (options_.inbox.receiver != nullptr) CatchSignals();
  if (options_.timeout.has_value()) {
    timeout_.expires_after(absl::ToChronoNanoseconds(*options_.timeout));
    timeout_.async_wait([this](asio::error_code error) {
      const bool missing = options_.print.count.has_value() && !printer_.done();
      if (!error) Stop(missing ? kExitTimeout : kExitOk);
    });
  }
  asio::co_spawn(io_, Serve(), asio::detached);
  while (!stopped_.has_value() && !printer_.done() && printer_.status().ok()) {
    co_await changed_.Wait();
  }
  if (stopped_.has_value()) co_return *stopped_;
  if (absl::IsAborted(printer_.status())) co_return kExitBrokenPipe;
  if (!printer_.status().ok()) {
    diagnostics_.Error(printer_.status().message());
    co_return kExitIoError;
  }
  co_await direct_.Finish(kGrace);
  co_return kExitOk;
}

void Listener::CatchSignals() {
  AddUnlessIgnored(signals_, SIGINT);
  AddUnlessIgnored(signals_, SIGTERM);
  signals_.async_wait([this](asio::error_code error, int signal) {
    if (!error) Stop(static_cast<ExitCode>(128 + signal));
  });
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
      status = co_await Listen(*client, *name);
    }
    if (printer_.enough() || !printer_.status().ok()) co_return;  // Run sees to it

    std::optional<absl::Duration> wait;
    if (absl::IsUnavailable(status) || absl::IsOutOfRange(status) ||
        absl::IsDeadlineExceeded(status)) {
      wait = backoff_.Next();
    }
    if (!wait.has_value()) {
      diagnostics_.Error(status.message());
      co_return Stop(ExitCodeFor(status));
    }
    diagnostics_.Notice(absl::StrCat(status.message(), "; trying again"));
    asio::steady_timer timer(io_, absl::ToChronoNanoseconds(*wait));
    asio::error_code never;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, never));
  }
}

asio::awaitable<absl::Status> Listener::Listen(client::Client& client, std::string self) {
  files_.GiveUpAll();
  for (;;) {
    const absl::StatusOr<std::vector<ClientEvent>> events = co_await client.Receive();
    if (!events.ok()) co_return events.status();
    absl::Status status;
    for (const ClientEvent& event : *events) {
      status = OnEvent(event, client, self);
      if (!status.ok()) break;
    }
    // An error of the output is Run's to report.
    if (absl::Status written = co_await printer_.Flush(); !written.ok()) co_return written;
    if (!status.ok()) co_return status;
  }
}

absl::Status Listener::OnEvent(const ClientEvent& event, client::Client& client,
                               const std::string& self) {
  if (const auto* received = std::get_if<Received>(&event)) {
    printer_.AddMessage(*received);
  } else if (const auto* piece = std::get_if<FileChunkReceived>(&event)) {
    OnPiece(*piece, self);
  } else if (const auto* asked = std::get_if<Asked>(&event)) {
    OnAsked(*asked, client, self);
  } else if (const auto* notice = std::get_if<Notice>(&event)) {
    if (!printer_.AddNotice(notice->text)) {
      diagnostics_.Notice(absl::StrCat("the server says: ", notice->text));
    }
  } else if (const auto* opened = std::get_if<TalkOpened>(&event)) {
    diagnostics_.Detail(absl::StrCat(Display(opened->peer), " can write to ", self, " now"));
  } else if (const auto* ended = std::get_if<TalkEnded>(&event)) {
    diagnostics_.Detail(absl::StrCat(Display(ended->peer), " has ended the talk"));
  } else if (std::holds_alternative<Replaced>(event)) {
    // To come back would end the other one, which the user wants.
    return absl::PermissionDeniedError(absl::StrCat(self, " has logged in elsewhere"));
  }
  return absl::OkStatus();
}

void Listener::OnPiece(const FileChunkReceived& piece, const std::string& self) {
  if (options_.allowed(piece.from)) return files_.Take(piece, self);
  refusals_.Say(piece.from, "a file, of one not among those whom --allow names");
}

void Listener::OnAsked(const Asked& asked, client::Client& client, const std::string& self) {
  absl::Status status;
  if (asked.kind == RequestKind::kRelay) {
    status = absl::UnimplementedError("this is no tunnel");
  } else if (!options_.allowed(asked.from)) {
    status = absl::PermissionDeniedError("not among those whom --allow names");
  } else if (asked.kind == RequestKind::kTalk) {
    status = client.session().Answer(RequestKind::kTalk, asked.from, /*accept=*/true);
    // What somebody has said who cannot ask comes as the reason, and not again.
    if (status.ok() && !asked.reason.empty()) {
      printer_.AddMessage(Received{true, asked.from, User(self), asked.reason});
    }
  } else if (options_.account.url.tls) {
    status = absl::UnimplementedError("a direct connection does not go over TLS");
  } else {
    status = direct_.Accept(client, self, asked.from);
  }
  if (status.ok()) return;
  refusals_.Say(asked.from, status.message());
  // Who has gone meanwhile has no use for the answer.
  (void)client.session().Answer(asked.kind, asked.from, /*accept=*/false);
}

void Listener::SayReady() {
  if (options_.ready_fd < 0 || std::exchange(ready_said_, true)) return;
  if (::write(options_.ready_fd, "\n", 1) != 1) {
    diagnostics_.Notice("nobody reads what --ready-fd says");
  }
  ::close(options_.ready_fd);
}

}  // namespace chat::tools
