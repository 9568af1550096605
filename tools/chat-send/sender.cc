#include "tools/chat-send/sender.h"

#include <signal.h>

#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/event/user.h"

namespace chat::tools {
namespace {

absl::Status Reason(Rejected::Reason reason, absl::string_view to) {
  switch (reason) {
    case Rejected::Reason::kNoSuchUser:
      return absl::NotFoundError(absl::StrCat("no such user: ", to));
    case Rejected::Reason::kNotAllowed:
      return absl::PermissionDeniedError("the server does not allow it");
    case Rejected::Reason::kTooLong:
      return absl::InvalidArgumentError("too long for the server");
    case Rejected::Reason::kOther:
      break;
  }
  return absl::AbortedError("the server did not deliver it");
}

}  // namespace

Sender::Sender(asio::io_context& io, SendOptions options, Source& source, Diagnostics& diagnostics)
    : options_(std::move(options)),
      traits_(options_.account.url.dialect->client_traits()),
      source_(source),
      diagnostics_(diagnostics),
      io_(io),
      signals_(io, SIGINT, SIGTERM),
      random_(std::random_device()()),
      backoff_(options_.reconnect, random_),
      changed_(io.get_executor()),
      silence_(io) {}

asio::awaitable<ExitCode> Sender::Run() {
  signals_.async_wait([this](asio::error_code error, int signal) {
    if (error) return;
    Report(absl::CancelledError("interrupted"));
    Stop(static_cast<ExitCode>(128 + signal));
  });
  asio::co_spawn(io_, Serve(), asio::detached);
  asio::co_spawn(io_, Produce(), asio::detached);
  while (!stopped_.has_value()) co_await changed_.Wait();
  co_return *stopped_;
}

void Sender::Stop(ExitCode code) {
  if (!stopped_.has_value()) stopped_ = code;
  changed_.Notify();
}

// ---- The connection ----

asio::awaitable<void> Sender::Serve() {
  for (;;) {
    auto client = std::make_shared<client::Client>(io_.get_executor(), options_.account.url,
                                                   options_.account.options);
    const absl::StatusOr<std::string> name =
        co_await ConnectAndLogIn(*client, options_.account, random_);
    absl::Status status = name.status();
    if (status.ok()) {
      diagnostics_.Detail(absl::StrCat("logged in to ", ToString(client->url()), " as ", *name));
      backoff_.Reset();
      was_logged_in_ = true;
      client_ = client;
      status = co_await Converse();
      client_ = nullptr;
    }
    client->Close();
    if (status.ok()) {
      Report(absl::OkStatus());
      co_return Stop(ExitFor(absl::OkStatus()));
    }
    const std::optional<absl::Duration> wait =
        MayRetry(status) ? backoff_.Next() : std::optional<absl::Duration>();
    if (!wait.has_value()) {
      Report(status);
      co_return Stop(ExitFor(status));
    }
    diagnostics_.Notice(absl::StrCat(status.message(), "; trying again"));
    asio::steady_timer timer(io_, absl::ToChronoNanoseconds(*wait));
    asio::error_code never;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, never));
  }
}

asio::awaitable<absl::Status> Sender::Converse() {
  status_ = absl::OkStatus();
  asio::co_spawn(io_, Listen(client_), asio::detached);
  // What the connection before this one took to its grave.
  for (const Ledger::InFlight& old : ledger_.in_flight()) {
    if (absl::Status status = Transmit(old.token, old.part); !status.ok()) co_return status;
  }
  WatchForSilence();
  changed_.Notify();
  while (status_.ok() && !(input_done_ && ledger_.in_flight().empty())) co_await changed_.Wait();
  if (status_.ok() && ledger_.needs_barrier()) co_return co_await Barrier();
  co_return status_;
}

asio::awaitable<absl::Status> Sender::Barrier() {
  if (absl::Status status = co_await client_->FinishSending(); !status.ok()) co_return status;
  WatchForSilence();
  while (status_.ok()) co_await changed_.Wait();
  if (!absl::IsOutOfRange(status_)) co_return status_;
  ledger_.ConfirmAll();
  co_return absl::OkStatus();
}

asio::awaitable<void> Sender::Listen(std::shared_ptr<client::Client> client) {
  for (;;) {
    const absl::StatusOr<std::vector<ClientEvent>> events = co_await client->Receive();
    if (client != client_) co_return;
    const int64_t confirmed = ledger_.confirmed();
    if (events.ok()) {
      for (const ClientEvent& event : *events) OnEvent(event);
    } else if (status_.ok()) {
      status_ = events.status();
    }
    if (ledger_.confirmed() != confirmed) WatchForSilence();
    changed_.Notify();
    if (!status_.ok()) co_return;
  }
}

void Sender::OnEvent(const ClientEvent& event) {
  if (const auto* confirmed = std::get_if<Confirmed>(&event)) {
    ledger_.Confirm(confirmed->token);
  } else if (const auto* rejected = std::get_if<Rejected>(&event)) {
    if (!status_.ok()) return;
    status_ = Reason(rejected->reason, options_.to);
  }
}

void Sender::WatchForSilence() {
  silence_.cancel();
  if (ledger_.in_flight().empty() && !(input_done_ && ledger_.needs_barrier())) return;
  silence_.expires_after(absl::ToChronoNanoseconds(options_.ack_timeout));
  silence_.async_wait([this](asio::error_code error) {
    if (error || !status_.ok()) return;
    status_ = absl::DeadlineExceededError(
        absl::StrCat("no confirmation within ", absl::FormatDuration(options_.ack_timeout)));
    changed_.Notify();
  });
}

// ---- The input ----

asio::awaitable<void> Sender::Produce() {
  while (input_status_.ok()) {
    absl::StatusOr<std::optional<Outgoing>> message = source_.Take();
    if (!message.ok()) {
      input_status_ = InMessage(source_.next_number(), message.status());
    } else if (message->has_value()) {
      sending_ = (*message)->number;
      input_status_ = InMessage(sending_, co_await Send(**std::move(message)));
      sending_ = 0;
    } else if (source_.ended()) {
      break;
    } else {
      input_status_ = co_await source_.Fill();
    }
  }
  input_done_ = true;
  changed_.Notify();
}

absl::Status Sender::InMessage(int64_t number, const absl::Status& status) const {
  return absl::Status(status.code(),
                      absl::StrCat(source_.unit(), " ", number, ": ", status.message()));
}

asio::awaitable<absl::Status> Sender::Send(Outgoing message) {
  const absl::StatusOr<std::vector<absl::string_view>> bodies =
      Cut(message.body, traits_.max_message_bytes, options_.overlong);
  if (!bodies.ok()) co_return bodies.status();
  const std::string& to = options_.to.empty() ? message.to : options_.to;
  for (size_t i = 0; i < bodies->size(); ++i) {
    Part part{message.number, i + 1 == bodies->size(), to, std::string((*bodies)[i])};
    if (absl::Status status = co_await SendPart(std::move(part)); !status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::SendPart(Part part) {
  for (;;) {
    while (client_ == nullptr || !status_.ok() || ledger_.in_flight().size() >= kWindow) {
      co_await changed_.Wait();
    }
    const absl::Status status = Transmit(ledger_.next_token(), part);
    if (status.ok()) break;
    // The connection broke just now; Listen is about to say so.
    if (!absl::IsFailedPrecondition(status)) co_return status;
    co_await changed_.Wait();
  }
  const bool confirmable = Confirmable(part);
  const bool first = ledger_.in_flight().empty();
  ledger_.Sent(std::move(part), confirmable);
  if (confirmable) {
    if (first) WatchForSilence();
    co_return absl::OkStatus();
  }
  // Nothing but a full buffer holds these back. An error is Listen's to report.
  const std::shared_ptr<client::Client> client = client_;
  (void)co_await client->WaitForRoom();
  co_return absl::OkStatus();
}

bool Sender::Confirmable(const Part& part) const {
  return (part.to.empty() ? traits_.public_confirmation : traits_.private_confirmation) !=
         Confirmation::kNone;
}

absl::Status Sender::Transmit(SendToken token, const Part& part) {
  const std::optional<Text> text = Text::From(part.body);
  if (!text.has_value()) return absl::InvalidArgumentError("not valid UTF-8");
  return part.to.empty() ? client_->session().SendPublic(token, *text)
                         : client_->session().SendPrivate(token, ParseUser(part.to), *text);
}

// ---- The end ----

bool Sender::MayRetry(const absl::Status& status) const {
  return !ledger_.needs_barrier() && (absl::IsUnavailable(status) || absl::IsOutOfRange(status) ||
                                      absl::IsDeadlineExceeded(status));
}

ExitCode Sender::ExitForInput() const {
  switch (input_status_.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInternal:
      return kExitIoError;
    case absl::StatusCode::kUnimplemented:  // not something that is said in this dialect
      return kExitUsage;
    default:
      return kExitBadInput;
  }
}

ExitCode Sender::ExitFor(const absl::Status& status) const {
  if (status.ok()) return ExitForInput();
  if (!was_logged_in_) return ExitCodeFor(status);
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return kExitBadInput;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kDataLoss:
      return ExitCodeFor(status);
    default:
      return kExitUnconfirmed;
  }
}

void Sender::Report(const absl::Status& failure) {
  if (!input_status_.ok()) diagnostics_.Error(input_status_.message());
  if (!failure.ok() && !was_logged_in_) return diagnostics_.Error(failure.message());

  std::string said = absl::StrCat("sent ", ledger_.sent(), ", confirmed ", ledger_.confirmed());
  int64_t first = ledger_.first_unconfirmed();
  if (first == 0) first = sending_;
  if (first > 0) absl::StrAppend(&said, ", first unconfirmed is ", source_.unit(), " ", first);
  if (!failure.ok()) {
    diagnostics_.Error(absl::StrCat(said, ": ", failure.message()));
  } else if (!input_status_.ok()) {
    diagnostics_.Notice(said);
  } else {
    diagnostics_.Detail(said);
  }
}

}  // namespace chat::tools
