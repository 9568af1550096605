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
#include "tools/chat-send/progress.h"
#include "tools/common/signals.h"

namespace chat::tools {
namespace {

absl::Status WhyRejected(Rejected::Reason reason, absl::string_view to) {
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

absl::Status About(absl::string_view what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

// For what cannot be opened, before anything is sent.
ExitCode ExitForFile(const absl::Status& status) {
  const bool unfit = absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status);
  return unfit ? kExitBadInput : kExitNoInput;
}

}  // namespace

Sender::Sender(asio::io_context& io, SendOptions options, Source& source, Diagnostics& diagnostics)
    : options_(std::move(options)),
      traits_(options_.account.url.dialect->client_traits()),
      source_(source),
      diagnostics_(diagnostics),
      io_(io),
      signals_(io),
      random_(std::random_device()()),
      backoff_(options_.reconnect, random_),
      changed_(io.get_executor()),
      next_transfer_(static_cast<uint32_t>(random_())),
      silence_(io),
      agreements_(io.get_executor()) {}

asio::awaitable<ExitCode> Sender::Run() {
  if (absl::Status status = OpenFiles(); !status.ok()) {
    diagnostics_.Error(status.message());
    co_return ExitForFile(status);
  }
  AddUnlessIgnored(signals_, SIGINT);
  AddUnlessIgnored(signals_, SIGTERM);
  signals_.async_wait([this](asio::error_code error, int signal) {
    if (error) return;
    Report(absl::CancelledError("interrupted"));
    Stop(static_cast<ExitCode>(128 + signal));
  });
  asio::co_spawn(io_, Serve(), asio::detached);
  if (!options_.only_account) asio::co_spawn(io_, Produce(), asio::detached);
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
    absl::StatusOr<std::string> name = co_await LogInto(*client);
    if (name.ok() && options_.only_account) co_return Stop(kExitOk);
    absl::Status status = name.status();
    if (status.ok()) {
      diagnostics_.Detail(absl::StrCat("logged in to ", ToString(client->url()), " as ", *name));
      backoff_.Reset();
      was_logged_in_ = true;
      client_ = client;
      name_ = *std::move(name);
      status = co_await Converse();
      client_ = nullptr;
      agreements_.Use(nullptr);
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

asio::awaitable<absl::StatusOr<std::string>> Sender::LogInto(client::Client& client) {
  const Account& account = options_.account;
  absl::Status status = co_await client.Connect();
  if (status.ok() && options_.make_account && !account_made_) {
    status = co_await client.Register(account.login.name, account.password->bytes());
    if (!status.ok()) co_return About(account.login.name, status);
    account_made_ = true;
    diagnostics_.Detail(absl::StrCat("made the account ", account.login.name));
  }
  if (!status.ok()) co_return status;
  if (options_.only_account) co_return account.login.name;
  co_return co_await LogIn(client, account, random_);
}

asio::awaitable<absl::Status> Sender::Converse() {
  status_ = absl::OkStatus();
  direct_.clear();
  agreements_.Use(&client_->session());
  asio::co_spawn(io_, Listen(client_), asio::detached);
  sending_again_ = true;
  const absl::Status sent_again = co_await SendAgain();
  sending_again_ = false;
  if (!sent_again.ok()) co_return sent_again;
  WatchForSilence();
  changed_.Notify();
  while (status_.ok() && !(input_done_ && ledger_.in_flight().empty())) co_await changed_.Wait();
  if (status_.ok() && ledger_.needs_barrier()) co_return co_await Barrier();
  co_return status_;
}

asio::awaitable<absl::Status> Sender::SendAgain() {
  SendToken next = 0;
  while (const Ledger::InFlight* old = ledger_.find(next)) {
    const SendToken token = old->token;
    const Part part = old->part;  // confirmations come meanwhile
    next = token + 1;
    const std::optional<RequestKind> needed = Needed(part.to);
    if (needed && !agreements_.Has(*needed, part.to)) {
      const absl::Status status = co_await Agree(*needed, part.to);
      if (!status_.ok() || !status.ok()) co_return status_.ok() ? status : status_;
    }
    if (absl::Status status = Transmit(token, part); !status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::Barrier() {
  for (const auto& [to, connection] : direct_) {
    if (absl::Status status = co_await ConfirmDirect(to); !status.ok()) co_return status;
  }
  if (server_barrier_) {
    if (absl::Status status = co_await client_->FinishSending(); !status.ok()) co_return status;
    WatchForSilence();
    while (status_.ok()) co_await changed_.Wait();
    if (!absl::IsOutOfRange(status_)) co_return status_;
  }
  ledger_.ConfirmAll();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::ConfirmDirect(const std::string& to) {
  const std::shared_ptr<client::DirectConnection> connection = direct_.at(to);
  // However long that takes: the kernel ends it if the peer's machine has gone.
  absl::Status status = co_await connection->FinishSending();
  if (!status.ok()) co_return About(to, status);
  asio::steady_timer timer(io_, absl::ToChronoNanoseconds(options_.ack_timeout));
  const auto over = std::make_shared<bool>(false);
  timer.async_wait([connection, over](asio::error_code error) {
    if (error) return;
    *over = true;
    connection->Abort();
  });
  status = co_await connection->Confirm();
  if (status.ok()) co_return absl::OkStatus();
  if (!*over) co_return About(to, status);
  co_return absl::DeadlineExceededError(
      absl::StrCat(to, ": no confirmation within ", absl::FormatDuration(options_.ack_timeout)));
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
    const Ledger::InFlight* found = ledger_.find(rejected->token);
    const bool known = found != nullptr && found->token == rejected->token;
    Fail(WhyRejected(rejected->reason, known ? found->part.to : options_.to));
  } else if (const auto* asked = std::get_if<Asked>(&event)) {
    // Nobody is here to read. Who has gone meanwhile has no use for the answer.
    (void)client_->session().Answer(asked->kind, asked->from, /*accept=*/false);
  } else if (const auto* notice = std::get_if<Notice>(&event)) {
    diagnostics_.Notice(absl::StrCat("the server says: ", notice->text));
  } else if (const auto* undeliverable = std::get_if<Undeliverable>(&event)) {
    Fail(WhyUndelivered(*undeliverable));
  } else if (std::holds_alternative<Replaced>(event)) {
    Fail(absl::PermissionDeniedError(absl::StrCat(name_, " has logged in elsewhere")));
  } else {
    agreements_.OnEvent(event);
  }
}

absl::Status Sender::WhyUndelivered(const Undeliverable& event) const {
  // To whom it was is not said.
  if (options_.to.empty()) {
    return absl::NotFoundError(event.no_server ? "one of the users is on a server that is not there"
                                               : "no such user: one of those written to");
  }
  if (event.no_server) {
    return absl::NotFoundError(
        absl::StrCat("no such server: ", ParseUser(options_.to).server, ", of ", options_.to));
  }
  return absl::NotFoundError(absl::StrCat(
      "no such user", file_begun_ ? ", or one who takes no files: " : ": ", options_.to));
}

void Sender::Fail(const absl::Status& status) {
  if (status_.ok()) status_ = status;
  changed_.Notify();
}

void Sender::WatchForSilence() {
  silence_.cancel();
  if (ledger_.in_flight().empty() && !(input_done_ && server_barrier_)) return;
  silence_.expires_after(absl::ToChronoNanoseconds(options_.ack_timeout));
  silence_.async_wait([this](asio::error_code error) {
    if (error) return;
    Fail(absl::DeadlineExceededError(
        absl::StrCat("no confirmation within ", absl::FormatDuration(options_.ack_timeout))));
  });
}

// ---- The input ----

absl::Status Sender::OpenFiles() {
  for (const std::string& path : options_.files) {
    absl::StatusOr<std::unique_ptr<client::FileSender>> file =
        client::FileSender::Open(io_.get_executor(), path);
    if (!file.ok()) return About(path, file.status());
    if (traits_.file_way == FileWay::kServer && !(*file)->size().has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": its size has to be known before it is sent"));
    }
    files_.push_back(*std::move(file));
  }
  return absl::OkStatus();
}

asio::awaitable<void> Sender::Produce() {
  input_status_ = co_await ProduceMessages();
  for (size_t i = 0; i < files_.size() && input_status_.ok(); ++i) {
    sending_ = source_.next_number() + static_cast<int64_t>(i);
    input_status_ = co_await SendFile(*files_[i]);
    sending_ = 0;
  }
  input_done_ = true;
  changed_.Notify();
}

asio::awaitable<absl::Status> Sender::ProduceMessages() {
  for (;;) {
    absl::Status status;
    absl::StatusOr<std::optional<Outgoing>> message = source_.Take();
    if (!message.ok()) {
      status = InMessage(source_.next_number(), message.status());
    } else if (message->has_value()) {
      sending_ = (*message)->number;
      status = InMessage(sending_, co_await Send(**std::move(message)));
      sending_ = 0;
    } else if (source_.ended()) {
      co_return absl::OkStatus();
    } else {
      status = co_await source_.Fill();
    }
    if (!status.ok()) co_return status;
  }
}

absl::Status Sender::InMessage(int64_t number, const absl::Status& status) const {
  return About(absl::StrCat(source_.unit(), " ", number), status);
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

std::optional<RequestKind> Sender::Needed(const std::string& to) const {
  if (to.empty() || traits_.private_way == PrivateWay::kServer) return std::nullopt;
  return traits_.private_way == PrivateWay::kTalk ? RequestKind::kTalk : RequestKind::kDirect;
}

asio::awaitable<absl::Status> Sender::Reach(std::optional<RequestKind> kind,
                                            const std::string& to) {
  for (;;) {
    while (client_ == nullptr || !status_.ok() || sending_again_ ||
           ledger_.in_flight().size() >= kWindow) {
      co_await changed_.Wait();
    }
    const bool agreed =
        !kind.has_value() ||
        (*kind == RequestKind::kDirect ? direct_.count(to) != 0 : agreements_.Has(*kind, to));
    if (agreed) co_return absl::OkStatus();
    const std::shared_ptr<client::Client> client = client_;
    const absl::Status status = co_await Agree(*kind, to);
    if (!status.ok() && client == client_ && status_.ok()) co_return status;
  }
}

asio::awaitable<absl::Status> Sender::Agree(RequestKind kind, const std::string& to) {
  if (kind == RequestKind::kDirect && options_.account.url.tls) {
    co_return absl::UnimplementedError("a direct connection does not go over TLS");
  }
  diagnostics_.Detail(absl::StrCat("asking ", to));
  const absl::Status status = co_await agreements_.Ask(kind, to, options_.answer_timeout);
  if (!status.ok() || kind != RequestKind::kDirect) co_return status;
  co_return co_await ConnectTo(to);
}

asio::awaitable<absl::Status> Sender::ConnectTo(const std::string& to) {
  const std::optional<DirectAddress> at = agreements_.TakeAddress(to);
  if (!at.has_value()) co_return absl::UnavailableError("the connection has ended");
  // Named: GCC 12 destroys a braced argument of a coroutine twice.
  client::DirectParties parties{options_.account.url.dialect, name_, to};
  absl::StatusOr<std::unique_ptr<client::DirectConnection>> connection =
      co_await client::ConnectDirect(io_.get_executor(), std::move(parties), *at);
  if (!connection.ok()) co_return About(to, connection.status());
  direct_[to] = *std::move(connection);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::SendPart(Part part) {
  const std::optional<RequestKind> needed = Needed(part.to);
  for (;;) {
    absl::Status status = co_await Reach(needed, part.to);
    if (!status.ok()) co_return status;
    status = Transmit(ledger_.next_token(), part);
    if (status.ok()) break;
    // The connection broke or the talk has ended just now; Listen is about to say so.
    if (!absl::IsFailedPrecondition(status)) co_return status;
    co_await changed_.Wait();
  }
  const bool confirmable = Confirmable(part);
  const bool first = ledger_.in_flight().empty();
  const std::string to = part.to;
  ledger_.Sent(std::move(part), confirmable);
  if (confirmable) {
    if (first) WatchForSilence();
    co_return absl::OkStatus();
  }
  // Nothing but a full buffer holds these back.
  if (needed == RequestKind::kDirect) {
    const std::shared_ptr<client::DirectConnection> connection = direct_.at(to);
    const absl::Status status = co_await connection->WaitForRoom();
    if (!status.ok()) Fail(About(to, status));
    co_return absl::OkStatus();
  }
  server_barrier_ = true;
  const std::shared_ptr<client::Client> client = client_;
  (void)co_await client->WaitForRoom();  // an error is Listen's to report
  co_return absl::OkStatus();
}

bool Sender::Confirmable(const Part& part) const {
  if (Needed(part.to) == RequestKind::kDirect) return false;
  return (part.to.empty() ? traits_.public_confirmation : traits_.private_confirmation) !=
         Confirmation::kNone;
}

absl::Status Sender::Transmit(SendToken token, const Part& part) {
  const std::optional<Text> text = Text::From(part.body);
  if (!text.has_value()) return absl::InvalidArgumentError("not valid UTF-8");
  if (part.to.empty()) return client_->session().SendPublic(token, *text);
  if (Needed(part.to) == RequestKind::kDirect) return direct_.at(part.to)->SendMessage(*text);
  return client_->session().SendPrivate(token, ParseUser(part.to), *text);
}

asio::awaitable<absl::Status> Sender::SendFile(client::FileSender& file) {
  const bool direct = traits_.file_way == FileWay::kDirect;
  std::optional<RequestKind> needed;
  if (direct) needed = RequestKind::kDirect;
  absl::Status status = co_await Reach(needed, options_.to);
  if (!status.ok()) co_return About(file.name(), status);
  const int64_t number = sending_;
  if (direct) {
    status = co_await SendPieces(file);
  } else {
    status = co_await SendChunks(file);
  }
  if (absl::IsInvalidArgument(status)) co_return About(file.name(), status);
  if (!status.ok())
    co_return absl::InternalError(absl::StrCat(file.name(), ": ", status.message()));
  ledger_.Sent({number, /*last=*/true, options_.to, ""}, /*confirmable=*/false);
  if (!direct) server_barrier_ = true;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::SendPieces(client::FileSender& file) {
  const std::shared_ptr<client::DirectConnection> connection = direct_.at(options_.to);
  Progress progress(options_.progress, file.name(), file.size());
  for (bool last = false; !last;) {
    const absl::StatusOr<client::FilePiece> piece =
        co_await file.Next(connection->max_piece_bytes());
    if (!piece.ok()) {
      connection->Abort();  // what has come of it is not the file
      co_return piece.status();
    }
    last = piece->last;
    absl::Status status = connection->SendFilePiece(file.name(), piece->content);
    if (status.ok()) status = co_await connection->WaitForRoom();
    if (!status.ok()) {
      Fail(About(absl::StrCat(file.name(), " to ", options_.to), status));
      co_return absl::OkStatus();
    }
    progress.Show(file.bytes());
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::SendChunks(client::FileSender& file) {
  const std::shared_ptr<client::Client> client = client_;
  const auto transfer = static_cast<int32_t>(next_transfer_++);
  const int64_t size = *file.size();
  Progress progress(options_.progress, file.name(), file.size());
  file_begun_ = true;
  // Once the connection has failed, Converse says why.
  for (bool last = false; !last && client == client_ && status_.ok();) {
    const absl::StatusOr<client::FilePiece> piece = co_await file.Next(kFileChunkBytes);
    if (!piece.ok()) co_return piece.status();
    last = piece->last;
    if (piece->content.empty() && size > 0) break;  // whole pieces were all of it
    const absl::Status status = client->session().SendFileChunk(ParseUser(options_.to), transfer,
                                                                file.name(), size, piece->content);
    if (absl::IsInvalidArgument(status)) co_return status;
    if (!status.ok() || !(co_await client->WaitForRoom()).ok()) break;
    progress.Show(file.bytes());
  }
  co_return absl::OkStatus();
}

// ---- The end ----

bool Sender::MayRetry(const absl::Status& status) const {
  return !ledger_.needs_barrier() && !file_begun_ &&
         (absl::IsUnavailable(status) || absl::IsOutOfRange(status) ||
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
    case absl::StatusCode::kDeadlineExceeded:  // of somebody who had to agree
      return kExitTimeout;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable:
      return ExitCodeFor(input_status_);
    default:
      return kExitBadInput;
  }
}

ExitCode Sender::ExitFor(const absl::Status& status) const {
  if (status.ok()) return ExitForInput();
  if (!was_logged_in_) return ExitCodeFor(status);
  // A file that could not be read is why nothing was confirmed.
  if (absl::IsInternal(input_status_)) return kExitIoError;
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
