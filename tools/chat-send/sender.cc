#include "tools/chat-send/sender.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/dialect/registry.h"
#include "libchat/event/user.h"
#include "tools/chat-send/progress.h"
#include "tools/common/announcement.h"
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

// True if `status`, of something done for one receiver, says nothing about the others.
bool IsAboutReceiver(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsPermissionDenied(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
}

// Tells an absent user, and needs no agreement before a message.
bool TellsAtOnce(const ClientTraits& traits) {
  return traits.tells_absent && traits.private_way == PrivateWay::kServer;
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
      reconnector_(options_.reconnect, random_, diagnostics_),
      changed_(io.get_executor()),
      next_transfer_(static_cast<uint32_t>(random_())),
      silence_(io),
      agreements_(io.get_executor()) {}

asio::awaitable<ExitCode> Sender::Run() {
  if (absl::Status status = OpenFiles(); !status.ok()) {
    diagnostics_.Error(status.message());
    co_return ExitForFile(status);
  }
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) AddUnlessIgnored(signals_, signal);
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
      (void)reconnector_.OnLoggedIn(absl::Now());
      // The shell's own name surprises nobody; one with a number behind it is said.
      LoginName& login = options_.account.login;
      if (*name == login.name) login.asked_for = true;
      SayName(diagnostics_, &options_.account, *name);
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
    std::optional<absl::Duration> wait;
    if (MayRetry()) wait = reconnector_.OnFailed(status, absl::Now());
    if (!wait.has_value()) {
      Report(status);
      co_return Stop(ExitFor(status));
    }
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
  const std::string no_reason;
  SendToken next = 0;
  while (const Ledger::InFlight* old = ledger_.find(next)) {
    const SendToken token = old->token;
    const Part part = old->part;  // confirmations come meanwhile
    next = token + 1;
    if (old->settled) continue;
    if (lost_.count(part.to) != 0) {
      ledger_.Reject(token);
      continue;
    }
    const std::optional<RequestKind> needed = Needed(part.to);
    if (needed && !agreements_.Has(*needed, part.to)) {
      const absl::Status status = co_await Agree(*needed, part.to, no_reason);
      if (!status_.ok()) co_return status_;
      if (!status.ok()) {
        if (!IsAboutReceiver(status) || !Lose(part.to, part.number, status)) co_return status;
        ledger_.Reject(token);
        continue;
      }
    }
    if (absl::Status status = Transmit(token, part); !status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::Barrier() {
  for (const auto& [to, connection] : direct_) {
    if (lost_.count(to) != 0) continue;
    const absl::Status status = co_await ConfirmDirect(to);
    if (!status.ok() && !Lose(to, 0, status)) co_return status;
  }
  if (server_barrier_) {
    const absl::Status status = co_await AwaitServersEnd();
    if (!status.ok()) co_return status;
  }
  // Which message was not delivered to whom is not always said.
  if (first_failure_.ok()) ledger_.ConfirmBarrier();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::AwaitServersEnd() {
  const absl::Status status = co_await client_->FinishSending();
  if (!status.ok()) co_return status;
  const bool may_stay_open = traits_.private_way == PrivateWay::kTalk &&
                             traits_.private_confirmation == Confirmation::kNone;
  if (may_stay_open) {
    const absl::Duration wait = std::min(kGoodbyeWait, options_.ack_timeout);
    const SteadyTime until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait);
    co_await WaitUntil(until, nullptr);
    if (status_.ok()) {
      diagnostics_.Notice("sent; this server does not confirm it: the connection stays open");
      ledger_.WaiveBarrier();
      co_return absl::OkStatus();
    }
  }
  WatchForSilence();
  while (status_.ok()) co_await changed_.Wait();
  if (absl::IsOutOfRange(status_)) co_return absl::OkStatus();
  co_return status_;
}

asio::awaitable<void> Sender::WaitUntil(SteadyTime time, const bool* over) {
  asio::steady_timer timer(io_, time);
  const auto passed = std::make_shared<bool>(false);
  timer.async_wait([this, weak = std::weak_ptr<bool>(passed)](asio::error_code error) {
    const std::shared_ptr<bool> passed = weak.lock();
    if (error || passed == nullptr) return;
    *passed = true;
    changed_.Notify();
  });
  while (status_.ok() && !*passed && (over == nullptr || !*over)) co_await changed_.Wait();
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
    const int64_t progress = ledger_.progress();
    if (events.ok()) {
      for (const ClientEvent& event : *events) OnEvent(event);
    } else if (status_.ok()) {
      status_ = events.status();
    }
    if (ledger_.progress() != progress) {
      reconnector_.OnProgress();
      WatchForSilence();
    }
    changed_.Notify();
    if (!status_.ok()) co_return;
  }
}

void Sender::OnEvent(const ClientEvent& event) {
  if (const auto* confirmed = std::get_if<Confirmed>(&event)) {
    ledger_.Confirm(confirmed->token);
  } else if (const auto* rejected = std::get_if<Rejected>(&event)) {
    OnRejected(*rejected);
  } else if (const auto* asked = std::get_if<Asked>(&event)) {
    // Nobody is here to read. Who has gone meanwhile has no use for the answer.
    (void)client_->session().Answer(asked->kind, asked->from, /*accept=*/false);
  } else if (const auto* notice = std::get_if<Notice>(&event)) {
    diagnostics_.Notice(absl::StrCat("the server says: ", notice->text));
  } else if (const auto* undeliverable = std::get_if<Undeliverable>(&event)) {
    OnUndeliverable(*undeliverable);
  } else if (std::holds_alternative<Replaced>(event)) {
    Fail(absl::PermissionDeniedError(absl::StrCat(name_, " has logged in elsewhere")));
  } else {
    agreements_.OnEvent(event);
  }
}

void Sender::OnRejected(const Rejected& event) {
  const Ledger::InFlight* found = ledger_.find(event.token);
  if (found == nullptr || found->token != event.token) {
    return Fail(WhyRejected(event.reason, absl::StrJoin(options_.to, ", ")));
  }
  const std::string to = found->part.to;
  const absl::Status why = WhyRejected(event.reason, to);
  const bool lost =
      lost_.count(to) != 0 || (IsAboutReceiver(why) && Lose(to, found->part.number, why));
  if (!lost) return Fail(why);
  ledger_.Reject(event.token);
}

void Sender::OnUndeliverable(const Undeliverable& event) {
  last_refusal_ = std::chrono::steady_clock::now();
  if (on_its_way_ != nullptr) {
    if (!file_refused_) {
      refusal_ = event.no_server ? WhyUndelivered(event) : WhyNotTaken(*on_its_way_);
    }
    file_refused_ = true;
  } else if (file_begun_) {
    // Nothing of a file that was refused comes that late; each of its pieces may have been.
    if (!first_failure_.ok()) return;
    Note(files_.size() == 1 ? WhyNotTaken(files_.front())
                            : absl::NotFoundError("one of the files was not taken"));
    ledger_.Fail(files_.front().number);
  } else if (options_.to.size() < 2) {
    Fail(WhyUndelivered(event));
  } else if (first_failure_.ok()) {
    Note(About("not everybody gets it", WhyUndelivered(event)));
  }
}

absl::Status Sender::WhyNotTaken(const File& file) const {
  return absl::NotFoundError(absl::StrCat(file.to, " did not take ", file.content->name(),
                                          " (it exists there, or ", file.to,
                                          " does not allow you, or is not there)"));
}

absl::Status Sender::WhyUndelivered(const Undeliverable& event) const {
  // To whom it was is not said.
  if (on_its_way_ == nullptr && written_to_.size() > 1) {
    if (event.no_server) {
      return absl::NotFoundError("one of the users is on a server that is not there");
    }
    const std::string those =
        options_.to.empty() ? "those written to" : absl::StrJoin(options_.to, ", ");
    return absl::NotFoundError(absl::StrCat("no such user: one of ", those, " (",
                                            options_.account.url.dialect->name(),
                                            " does not say which)"));
  }
  std::string to = absl::StrJoin(written_to_, "");  // one, if the server is right
  if (on_its_way_ != nullptr) to = on_its_way_->to;
  if (!event.no_server) return absl::NotFoundError(absl::StrCat("no such user: ", to));
  return absl::NotFoundError(absl::StrCat("no such server: ", ParseUser(to).server, ", of ", to));
}

void Sender::Fail(const absl::Status& status) {
  if (status_.ok()) status_ = status;
  changed_.Notify();
}

void Sender::WatchForSilence() {
  silence_.cancel();
  if (ledger_.in_flight().empty() && !(input_done_ && server_barrier_)) return;
  silence_.expires_after(absl::ToChronoNanoseconds(options_.ack_timeout));
  const char* const missing = ledger_.in_flight().empty()
                                  ? "the server has not ended the connection within "
                                  : "no confirmation within ";
  silence_.async_wait([this, missing](asio::error_code error) {
    if (error) return;
    Fail(absl::DeadlineExceededError(
        absl::StrCat(missing, absl::FormatDuration(options_.ack_timeout))));
  });
}

// ---- The input ----

absl::Status Sender::OpenFiles() {
  for (const std::string& path : options_.files) {
    for (const std::string& to : options_.to) {
      absl::StatusOr<std::unique_ptr<client::FileSender>> content =
          client::FileSender::Open(io_.get_executor(), path);
      if (!content.ok()) return About(path, content.status());
      const bool size_known = (*content)->size().has_value();
      if (traits_.file_way == FileWay::kServer && !size_known) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": its size has to be known before it is sent"));
      }
      if (options_.to.size() > 1 && !size_known) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": it can be read once, and there are several receivers"));
      }
      files_.push_back({*std::move(content), to, 0, to == options_.to.back()});
    }
  }
  return absl::OkStatus();
}

asio::awaitable<void> Sender::Produce() {
  input_status_ = co_await ProduceMessages();
  int64_t number = source_.next_number();
  for (File& file : files_) {
    if (!input_status_.ok()) break;
    file.number = sending_ = number;
    input_status_ = co_await SendFile(file);
    sending_ = 0;
    if (file.last) ++number;
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
      status = co_await Send(**message);
      if (!status.ok()) status = InMessage(sending_, status);
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

asio::awaitable<absl::Status> Sender::Send(const Outgoing& message) {
  const absl::StatusOr<std::vector<absl::string_view>> bodies =
      Cut(message.body, traits_.max_message_bytes, options_.overlong);
  if (!bodies.ok()) {
    if (source_.Skip(message.number, bodies.status())) co_return absl::OkStatus();
    co_return bodies.status();
  }
  const bool is_reason = bodies->size() == 1 && message.body.size() <= kMaxReasonBytes &&
                         !absl::StrContains(message.body, '\n');
  const std::string reason = is_reason ? Announce(message.body) : "";
  std::vector<std::string> receivers = options_.to;
  if (receivers.empty()) receivers.push_back(message.to);
  for (const std::string& to : receivers) {
    for (const absl::string_view& body : *bodies) {
      const bool last = &to == &receivers.back() && &body == &bodies->back();
      const Part part{message.number, last, to, std::string(body)};
      const absl::Status status = co_await SendOrDrop(part, reason);
      if (status.ok()) continue;
      // What --to names is no fault of the message.
      if (options_.to.empty() && source_.Skip(message.number, status)) co_return absl::OkStatus();
      co_return status;
    }
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::SendOrDrop(const Part& part, const std::string& reason) {
  if (lost_.count(part.to) == 0) {
    Part copy = part;
    const absl::Status status = co_await SendPart(std::move(copy), reason);
    if (status.ok()) co_return absl::OkStatus();
    if (!IsAboutReceiver(status) || !Lose(part.to, part.number, status)) co_return status;
  }
  ledger_.Drop(part, ProofOf(part));
  co_return absl::OkStatus();
}

bool Sender::Lose(const std::string& to, int64_t number, const absl::Status& why) {
  if (lost_.count(to) != 0) return true;
  if (lost_.size() + 1 >= options_.to.size()) return false;
  lost_[to] = why;
  const absl::Status said = number > 0 ? InMessage(number, why) : why;
  Note(absl::Status(said.code(), absl::StrCat(said.message(), "; the others get theirs")));
  return true;
}

void Sender::Note(const absl::Status& failure) {
  if (first_failure_.ok()) first_failure_ = failure;
  diagnostics_.Error(failure.message());
}

std::optional<RequestKind> Sender::Needed(const std::string& to) const {
  if (to.empty() || traits_.private_way == PrivateWay::kServer) return std::nullopt;
  return traits_.private_way == PrivateWay::kTalk ? RequestKind::kTalk : RequestKind::kDirect;
}

asio::awaitable<absl::Status> Sender::Reach(std::optional<RequestKind> kind, const std::string& to,
                                            const std::string& reason) {
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
    const absl::Status status = co_await Agree(*kind, to, reason);
    if (!status.ok() && client == client_ && status_.ok()) co_return status;
  }
}

asio::awaitable<absl::Status> Sender::Agree(RequestKind kind, const std::string& to,
                                            const std::string& reason) {
  if (kind == RequestKind::kDirect && options_.account.url.tls) {
    co_return absl::UnimplementedError("a direct connection does not go over TLS");
  }
  diagnostics_.Detail(absl::StrCat("asking ", to));
  const absl::Status status = co_await agreements_.Ask(kind, to, reason, options_.answer_timeout);
  if (absl::IsPermissionDenied(status) && !traits_.tells_absent) {
    co_return absl::PermissionDeniedError(absl::StrCat(to, " refused, or is not there (",
                                                       options_.account.url.dialect->name(),
                                                       " does not say which)"));
  }
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

asio::awaitable<absl::Status> Sender::SendPart(Part part, const std::string& reason) {
  const std::optional<RequestKind> needed = Needed(part.to);
  for (;;) {
    absl::Status status = co_await Reach(needed, part.to, reason);
    if (!status.ok()) co_return status;
    status = Transmit(ledger_.next_token(), part);
    if (status.ok()) break;
    // The connection broke or the talk has ended just now; Listen is about to say so.
    if (!absl::IsFailedPrecondition(status)) co_return status;
    co_await changed_.Wait();
  }
  const Proof proof = ProofOf(part);
  const bool first = ledger_.in_flight().empty();
  const std::string to = part.to;
  const int64_t number = part.number;
  if (!to.empty() && written_to_.size() < 2) written_to_.insert(to);
  ledger_.Sent(std::move(part), proof);
  if (proof == Proof::kOwn) {
    if (first) WatchForSilence();
    co_return absl::OkStatus();
  }
  if (proof == Proof::kNone) SayWhatIsNotKnown(to);
  // Nothing but a full buffer holds these back.
  if (needed == RequestKind::kDirect) {
    const std::shared_ptr<client::DirectConnection> connection = direct_.at(to);
    const absl::Status status = co_await connection->WaitForRoom();
    if (!status.ok() && !Lose(to, number, About(to, status))) Fail(About(to, status));
    co_return absl::OkStatus();
  }
  server_barrier_ = true;
  const std::shared_ptr<client::Client> client = client_;
  (void)co_await client->WaitForRoom();  // an error is Listen's to report
  co_return absl::OkStatus();
}

Proof Sender::ProofOf(const Part& part) const {
  if (Needed(part.to) == RequestKind::kDirect) return Proof::kBarrier;
  const Confirmation confirmation =
      part.to.empty() ? traits_.public_confirmation : traits_.private_confirmation;
  if (confirmation != Confirmation::kNone) return Proof::kOwn;
  return part.to.empty() || traits_.tells_absent ? Proof::kBarrier : Proof::kNone;
}

void Sender::SayWhatIsNotKnown(const std::string& to) {
  if (std::exchange(said_what_is_not_known_, true)) return;
  const std::string whom = options_.to.empty() ? to : absl::StrJoin(options_.to, ", ");
  const std::string others = DialectsThat(TellsAtOnce, AllDialects());
  diagnostics_.Notice(absl::StrCat(
      "sent to ", whom, "; ", options_.account.url.dialect->name(), " does not say whether ",
      options_.to.size() > 1 ? "they are" : absl::StrCat(whom, " is"), " there (", others,
      absl::StrContains(others, ',') ? " do)" : " does)"));
}

absl::Status Sender::Transmit(SendToken token, const Part& part) {
  const std::optional<Text> text = Text::From(part.body);
  if (!text.has_value()) return absl::InvalidArgumentError("not valid UTF-8");
  if (part.to.empty()) return client_->session().SendPublic(token, *text);
  if (Needed(part.to) == RequestKind::kDirect) return direct_.at(part.to)->SendMessage(*text);
  return client_->session().SendPrivate(token, ParseUser(part.to), *text);
}

asio::awaitable<absl::Status> Sender::SendFile(File& file) {
  const bool direct = traits_.file_way == FileWay::kDirect;
  const std::string& name = file.content->name();
  Part part{file.number, file.last, file.to, ""};
  absl::Status status;
  if (lost_.count(file.to) == 0) {
    const std::string no_reason;
    std::optional<RequestKind> needed;
    if (direct) needed = RequestKind::kDirect;
    status = co_await Reach(needed, file.to, no_reason);
    if (!status.ok()) status = About(name, status);
    const bool others = !status.ok() && IsAboutReceiver(status) && Lose(file.to, 0, status);
    if (!status.ok() && !others) co_return status;
  }
  if (lost_.count(file.to) != 0) {
    ledger_.Drop(std::move(part), Proof::kNone);
    co_return absl::OkStatus();
  }
  const SteadyTime begun = std::chrono::steady_clock::now();
  if (direct) {
    status = co_await SendPieces(file);
  } else {
    status = co_await SendChunks(file);
  }
  if (absl::IsInvalidArgument(status)) co_return About(name, status);
  if (!status.ok()) co_return absl::InternalError(absl::StrCat(name, ": ", status.message()));
  ledger_.Sent(std::move(part), direct ? Proof::kBarrier : Proof::kNone);
  if (!direct) co_await HearOfFile(file, begun);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::SendPieces(File& file) {
  client::FileSender& content = *file.content;
  const std::shared_ptr<client::DirectConnection> connection = direct_.at(file.to);
  Progress progress(options_.progress, content.name(), content.size());
  for (bool last = false; !last;) {
    const absl::StatusOr<client::FilePiece> piece =
        co_await content.Next(connection->max_piece_bytes());
    if (!piece.ok()) {
      connection->Abort();  // what has come of it is not the file
      co_return piece.status();
    }
    last = piece->last;
    absl::Status status = connection->SendFilePiece(content.name(), piece->content);
    if (status.ok()) status = co_await connection->WaitForRoom();
    if (!status.ok()) {
      const absl::Status why = About(absl::StrCat(content.name(), " to ", file.to), status);
      ledger_.Fail(file.number);
      if (!Lose(file.to, 0, why)) Fail(why);
      co_return absl::OkStatus();
    }
    progress.Show(content.bytes());
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Sender::SendChunks(File& file) {
  client::FileSender& content = *file.content;
  const std::shared_ptr<client::Client> client = client_;
  const auto transfer = static_cast<int32_t>(next_transfer_++);
  const int64_t size = *content.size();
  Progress progress(options_.progress, content.name(), content.size());
  file_begun_ = server_barrier_ = true;
  on_its_way_ = &file;
  file_refused_ = false;
  // Once the connection has failed, Converse says why.
  for (bool last = false; !last && !file_refused_ && client == client_ && status_.ok();) {
    const absl::StatusOr<client::FilePiece> piece = co_await content.Next(kFileChunkBytes);
    if (!piece.ok()) co_return piece.status();
    last = piece->last;
    if (piece->content.empty() && size > 0) break;  // whole pieces were all of it
    const absl::Status status = client->session().SendFileChunk(
        ParseUser(file.to), transfer, content.name(), size, piece->content);
    if (absl::IsInvalidArgument(status)) co_return status;
    if (!status.ok() || !(co_await client->WaitForRoom()).ok()) break;
    progress.Show(content.bytes());
  }
  co_return absl::OkStatus();
}

asio::awaitable<void> Sender::HearOfFile(const File& file, SteadyTime begun) {
  const auto wait = absl::ToChronoNanoseconds(kRefusalWait);
  co_await WaitUntil(begun + wait, &file_refused_);
  if (file_refused_) {
    Note(refusal_);
    ledger_.Fail(file.number);
    // Each piece may have been refused: the next file is not to be taken for this one.
    while (&file != &files_.back() && status_.ok() &&
           std::chrono::steady_clock::now() < last_refusal_ + wait) {
      co_await WaitUntil(last_refusal_ + wait, nullptr);
    }
  } else if (status_.ok()) {
    diagnostics_.Detail(absl::StrCat("sent ", file.content->name(), " to ", file.to, "; ",
                                     options_.account.url.dialect->name(), " does not say whether ",
                                     file.to, " kept it"));
  }
  on_its_way_ = nullptr;
}

// ---- The end ----

bool Sender::MayRetry() const { return !ledger_.needs_barrier() && !file_begun_; }

ExitCode Sender::ExitForInput(const absl::Status& status) {
  switch (status.code()) {
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
      return ExitCodeFor(status);
    default:
      return kExitBadInput;
  }
}

ExitCode Sender::ExitFor(const absl::Status& status) const {
  if (status.ok()) return ExitForInput(input_status_.ok() ? first_failure_ : input_status_);
  if (!reconnector_.was_logged_in()) return ExitCodeFor(status);
  // A file that could not be read is why nothing was confirmed.
  if (absl::IsInternal(input_status_)) return kExitIoError;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return kExitBadInput;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDataLoss:
      return ExitCodeFor(status);
    default:
      return kExitUnconfirmed;
  }
}

void Sender::Report(const absl::Status& failure) {
  if (!input_status_.ok()) diagnostics_.Error(input_status_.message());
  if (!failure.ok() && !reconnector_.was_logged_in()) return diagnostics_.Error(failure.message());
  if (const std::string skipped = source_.WhatWasSkipped(); !skipped.empty()) {
    diagnostics_.Notice(skipped);
  }
  if (source_.reports() > 0) {
    diagnostics_.Detail(
        absl::StrCat("skipped ", source_.reports(), " that chat-listen reports and nobody says"));
  }

  std::string said = absl::StrCat("sent ", ledger_.sent(), ", confirmed ", ledger_.confirmed());
  int64_t first = ledger_.first_unconfirmed();
  if (first == 0) first = sending_;
  if (first > 0) absl::StrAppend(&said, ", first unconfirmed is ", source_.unit(), " ", first);
  if (!failure.ok()) {
    absl::StrAppend(&said, ": ", failure.message());
    if (ExitFor(failure) == kExitUnconfirmed) {
      absl::StrAppend(&said, "; repeated, what is not confirmed may arrive twice");
    }
    diagnostics_.Error(said);
  } else if (!input_status_.ok() || !first_failure_.ok()) {
    diagnostics_.Notice(said);
  } else {
    diagnostics_.Detail(said);
  }
}

}  // namespace chat::tools
