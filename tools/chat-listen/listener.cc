#include "tools/chat-listen/listener.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/event/user.h"
#include "tools/common/announcement.h"
#include "tools/common/signals.h"

namespace chat::tools {

Listener::Listener(asio::io_context& io, ListenOptions options, Output& output,
                   Diagnostics& diagnostics)
    : options_(std::move(options)),
      diagnostics_(diagnostics),
      io_(io),
      random_(std::random_device()()),
      reconnector_(options_.reconnect, random_, diagnostics),
      timeout_(io),
      idle_(io),
      signals_(io),
      changed_(io.get_executor()),
      output_(output),
      queue_(io.get_executor(), output, changed_),
      refusals_(diagnostics),
      printer_(options_.print, queue_),
      inbox_(options_.inbox, printer_),
      files_(io, inbox_, refusals_),
      direct_(io, inbox_, printer_, queue_, refusals_, diagnostics) {}

asio::awaitable<ExitCode> Listener::Run() {
  output_.OnReaderGone([this] { EndWith(kExitBrokenPipe, Haste::kAtOnce); });
  CatchSignals();
  WatchTheTime();
  asio::co_spawn(io_, Serve(), asio::detached);
  while (!IsOver()) co_await changed_.Wait();
  const ExitCode code = Outcome();
  if (code == kExitOk && printer_.done()) co_await direct_.Finish(kGrace);
  co_await SayGoodbye();
  co_return code;
}

// ---- How it ends ----

void Listener::EndWith(ExitCode code, Haste haste) {
  printer_.Close();
  if (!end_.has_value() || (haste == Haste::kAtOnce && end_->haste != haste)) end_ = {code, haste};
  changed_.Notify();
}

bool Listener::IsOver() const {
  if (!queue_.status().ok() || (ready_ && printer_.done())) return true;
  return end_.has_value() && (end_->haste == Haste::kAtOnce || queue_.empty());
}

ExitCode Listener::Outcome() const {
  if (absl::IsAborted(queue_.status())) return kExitBrokenPipe;
  if (!queue_.status().ok()) {
    diagnostics_.Error(queue_.status().message());
    return kExitIoError;
  }
  return ready_ && printer_.done() ? kExitOk : end_->code;
}

// Some documents want a word from a client that leaves. The kernel takes it at once, as a rule.
asio::awaitable<void> Listener::SayGoodbye() {
  const std::shared_ptr<client::Client> client = client_;
  if (client == nullptr) co_return;
  asio::steady_timer timer(io_, absl::ToChronoNanoseconds(kGoodbye));
  timer.async_wait([client](asio::error_code error) {
    if (!error) client->Close();
  });
  (void)co_await client->FinishSending();
}

void Listener::CatchSignals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) AddUnlessIgnored(signals_, signal);
  signals_.async_wait([this](asio::error_code error, int signal) {
    if (!error) EndWith(static_cast<ExitCode>(128 + signal), Haste::kAtOnce);
  });
}

void Listener::WatchTheTime() {
  if (!options_.timeout.has_value()) return;
  timeout_.expires_after(absl::ToChronoNanoseconds(*options_.timeout));
  timeout_.async_wait([this](asio::error_code error) {
    if (!error) OnTimeOver();
  });
}

void Listener::OnTimeOver() {
  const bool missing = options_.print.count.has_value() && !printer_.done();
  if (!ready_ && !end_.has_value()) {
    diagnostics_.Error(absl::StrCat("not logged in within ", ShortDuration(*options_.timeout),
                                    failure_.ok() ? "" : ": ", failure_.message()));
  }
  EndWith(missing || !ready_ ? kExitTimeout : kExitOk, Haste::kWhenWritten);
  timeout_.expires_after(absl::ToChronoNanoseconds(kGrace));
  timeout_.async_wait([this](asio::error_code error) {
    if (error || IsOver()) return;
    diagnostics_.Notice("the end of what has come was not written: the output is too slow");
    EndWith(end_->code, Haste::kAtOnce);
  });
}

Listener::Clock::time_point Listener::idle_from() const {
  return std::max({busy_, printer_.last_printed(), inbox_.last_piece()});
}

void Listener::WatchForIdleness() {
  if (!options_.idle.has_value()) return;
  idle_.expires_at(idle_from() + absl::ToChronoNanoseconds(*options_.idle));
  idle_.async_wait([this](asio::error_code error) {
    // A process that was stopped finds the timer over before it has read what came meanwhile: that
    // has its turn first.
    if (!error) asio::post(io_, [this] { OnPerhapsIdle(); });
  });
}

void Listener::OnPerhapsIdle() {
  if (client_ == nullptr || end_.has_value()) return;  // the next login begins anew
  const Clock::time_point now = Clock::now();
  if (!queue_.has_room()) busy_ = now;  // nothing comes because nothing is read
  if (now < idle_from() + absl::ToChronoNanoseconds(*options_.idle)) return WatchForIdleness();
  EndWith(options_.print.count.has_value() ? kExitTimeout : kExitOk, Haste::kWhenWritten);
}

// ---- Connections ----

asio::awaitable<void> Listener::Serve() {
  Account account = options_.account;
  for (;;) {
    const auto client =
        std::make_shared<client::Client>(io_.get_executor(), account.url, account.options);
    const absl::StatusOr<std::string> name = co_await ConnectAndLogIn(*client, account, random_);
    absl::Status status = name.status();
    if (status.ok()) {
      SayName(diagnostics_, &account, *name);
      OnLoggedIn(client, *name);
      status = co_await Listen(*client, *name);
    }
    if (end_.has_value() || (ready_ && printer_.enough())) co_return;  // Run sees to it
    client_ = nullptr;
    files_.OnDisconnected();
    failure_ = status;

    const std::optional<absl::Duration> wait = reconnector_.OnFailed(status, absl::Now());
    if (!wait.has_value()) {
      diagnostics_.Error(status.message());
      co_return EndWith(ExitCodeFor(status), Haste::kWhenWritten);
    }
    asio::steady_timer timer(io_, absl::ToChronoNanoseconds(*wait));
    asio::error_code never;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, never));
  }
}

void Listener::OnLoggedIn(std::shared_ptr<client::Client> client, const std::string& self) {
  diagnostics_.Detail(absl::StrCat("listening on ", ToString(client->url()), " as ", self));
  client_ = std::move(client);
  files_.OnConnected(client_->session());
  was_full_ = false;
  if (const std::optional<absl::Duration> away = reconnector_.OnLoggedIn(absl::Now())) {
    printer_.AddGap(absl::StrCat("connected again after ", ShortDuration(*away),
                                 "; what was said meanwhile is not here"));
    printer_.Flush();
  }
  SayReady();
  busy_ = Clock::now();
  WatchForIdleness();
  changed_.Notify();
}

asio::awaitable<absl::Status> Listener::Listen(client::Client& client, std::string self) {
  for (;;) {
    if (!queue_.has_room()) {
      was_full_ = true;
      const absl::Status room = co_await queue_.WaitForRoom();
      if (!room.ok()) co_return room;  // Run's to report
    }
    if (printer_.enough()) co_return absl::OkStatus();
    const absl::StatusOr<std::vector<ClientEvent>> events = co_await client.Receive();
    if (!events.ok()) co_return Explained(events.status());
    absl::Status status;
    for (const ClientEvent& event : *events) {
      status = OnEvent(event, client, self);
      if (!status.ok()) break;
    }
    printer_.Flush();
    if (!status.ok()) co_return status;
  }
}

absl::Status Listener::Explained(const absl::Status& status) const {
  if (!absl::IsUnavailable(status) || (queue_.empty() && !was_full_)) return status;
  return absl::UnavailableError(
      absl::StrCat(status.message(),
                   "; cut by the server, perhaps for being too far behind: the output is slow"));
}

absl::Status Listener::OnEvent(const ClientEvent& event, client::Client& client,
                               const std::string& self) {
  if (const auto* received = std::get_if<Received>(&event)) {
    reconnector_.OnProgress();
    printer_.AddMessage(*received);
  } else if (const auto* piece = std::get_if<FileChunkReceived>(&event)) {
    reconnector_.OnProgress();
    files_.Take(*piece, self, options_.allowed(piece->from));
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

void Listener::OnAsked(const Asked& asked, client::Client& client, const std::string& self) {
  absl::Status status;
  if (asked.kind == RequestKind::kRelay) {
    status = absl::UnimplementedError("this is no tunnel");
  } else if (!options_.allowed(asked.from)) {
    status = absl::PermissionDeniedError("not among those whom --allow names");
  } else if (asked.kind == RequestKind::kTalk) {
    status = client.session().Answer(RequestKind::kTalk, asked.from, /*accept=*/true);
    // What somebody has said who cannot ask comes as the reason, and not again.
    if (status.ok() && !asked.reason.empty() && !IsAnnouncement(asked.reason)) {
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
  if (std::exchange(ready_, true) || options_.ready_fd < 0) return;
  if (::write(options_.ready_fd, "\n", 1) != 1) {
    diagnostics_.Notice("nobody reads what --ready-fd says");
  }
  ::close(options_.ready_fd);
}

}  // namespace chat::tools
