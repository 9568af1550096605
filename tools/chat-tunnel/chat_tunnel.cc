#include "tools/chat-tunnel/chat_tunnel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/pump/pump.h"
#include "tools/chat-tunnel/dial.h"
#include "tools/chat-tunnel/take_stdio.h"
#include "tools/common/standard_descriptors.h"

namespace chat::tools {
namespace {

using client::OpenHalf;
using client::TunnelHalf;
using client::TunnelReport;
using client::TunnelSide;

// A pause after an accept that failed: descriptors may be free again.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

// A connection that has lasted this long was good for something.
constexpr absl::Duration kGoodConnection = absl::Seconds(30);

// A peer that asks for the end of a connection ends its own direction soon, or it leaves that to
// this side.
constexpr absl::Duration kEndingGrace = absl::Seconds(1);

// An end of the peer that comes this close to the end of the server may be the server's.
constexpr absl::Duration kTogether = absl::Seconds(1);

void Rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

asio::awaitable<void> Sleep(asio::io_context& io, absl::Duration duration) {
  asio::steady_timer timer(io, absl::ToChronoNanoseconds(duration));
  asio::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

ExitCode ExitCodeOf(const TunnelReport& report) {
  switch (report.ending) {
    case TunnelReport::Ending::kDone:
      return kExitOk;
    case TunnelReport::Ending::kLocalError:
      return report.failed_on_write && report.error == EPIPE ? kExitBrokenPipe : kExitIoError;
    case TunnelReport::Ending::kPeerError:
      break;
  }
  return kExitUnavailable;
}

// Of a stream that could not be made.
ExitCode ExitCodeOf(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) return kExitNoUser;
  if (absl::IsAborted(status)) return kExitUnavailable;  // the peer has withdrawn
  return ExitCodeFor(status);
}

std::string PeerOf(const RelayGranted& grant, absl::string_view self) {
  return Display(grant.asker.name == self && grant.asker.server == 0 ? grant.target : grant.asker);
}

// Notices that `local` has gone while somebody waits for something else.
struct Watch {
  explicit Watch(asio::any_io_executor executor) : over(std::move(executor)) {}

  bool enough = false;
  bool runs = true;
  client::Signal over;
};

asio::awaitable<void> WithdrawIfGone(TunnelSide& local,
                                     client::TunnelBroker::Withdrawal& withdrawal, Watch& watch) {
  if (!watch.enough) {
    const bool gone = co_await local.WaitUntilGone();
    if (gone && !watch.enough) withdrawal.Withdraw();
  }
  watch.runs = false;
  watch.over.Notify();
}

}  // namespace

// One more of what is counted in `count`, as long as it lives.
class ChatTunnel::Count {
 public:
  Count(ChatTunnel& tunnel, int64_t& count) : tunnel_(tunnel), count_(count) { ++count_; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;
  ~Count() {
    --count_;
    tunnel_.changed_.Notify();
  }

 private:
  ChatTunnel& tunnel_;
  int64_t& count_;
};

// The same, of one user.
class ChatTunnel::UserCount {
 public:
  UserCount(std::map<std::string, int64_t>& counts, std::string user)
      : counts_(counts), entry_(counts.try_emplace(std::move(user), 0).first) {
    ++entry_->second;
  }
  UserCount(const UserCount&) = delete;
  UserCount& operator=(const UserCount&) = delete;
  ~UserCount() {
    if (--entry_->second == 0) counts_.erase(entry_);
  }

 private:
  std::map<std::string, int64_t>& counts_;
  const std::map<std::string, int64_t>::iterator entry_;
};

struct ChatTunnel::Pending {
  Pending(asio::any_io_executor executor, User asker, const Account& account)
      : asker(std::move(asker)), half(executor, account.url, account.options), changed(executor) {}

  const User asker;
  client::TunnelHalf half;
  std::optional<RelayGranted> grant;
  std::optional<absl::StatusOr<client::TunnelSide>> local;  // once it was dialled
  bool late = false;
  client::Signal changed;
  std::unique_ptr<Count> ahead;
  std::unique_ptr<Count> in_all;
  std::unique_ptr<UserCount> of_user;
};

ChatTunnel::Login::Login(ChatTunnel& tunnel, Account given, const Service* service)
    : account(std::move(given)),
      service(service),
      broker(tunnel.io_.get_executor(),
             {[this, &tunnel](const User& from) { return tunnel.OnAsked(*this, from); },
              [this, &tunnel](const RelayGranted& grant) { return tunnel.OnGranted(*this, grant); },
              [this, &tunnel](const User& by) { tunnel.OnEnding(*this, by); }}),
      // One stream of standard input and output is not continued by another one.
      reconnector(tunnel.options_.stdio_to || tunnel.TakesStdio() ? client::ReconnectPolicy()
                                                                  : tunnel.options_.reconnect,
                  tunnel.random_, tunnel.diagnostics_) {}

ChatTunnel::ChatTunnel(asio::io_context& io, TunnelOptions options, Account account,
                       absl::BitGenRef random, Diagnostics& diagnostics, std::ostream& log)
    : io_(io),
      options_(std::move(options)),
      random_(random),
      diagnostics_(diagnostics),
      log_(diagnostics, log, options_.json_log),
      refusals_(diagnostics),
      changed_(io.get_executor()) {
  for (const Service& service : options_.services) {
    Account of_service = account;
    of_service.login.name = ServiceLogin(account.login.name, service.name);
    logins_.emplace_back(*this, std::move(of_service), &service);
  }
  if (logins_.empty()) logins_.emplace_back(*this, std::move(account), nullptr);
}

bool ChatTunnel::TakesStdio() const {
  return options_.services.size() == 1 &&
         options_.services.front().target.kind == Target::Kind::kStdio;
}

asio::awaitable<ExitCode> ChatTunnel::Run() {
  if (!options_.stdio_to && !TakesStdio()) co_return co_await RunLong();
  if (WasClosed(STDIN_FILENO)) {
    diagnostics_.Error("standard input is closed");
    co_return kExitNoInput;
  }
  if (WasClosed(STDOUT_FILENO)) {
    diagnostics_.Error("standard output is closed");
    co_return kExitIoError;
  }
  if (options_.stdio_to) co_return co_await RunStdio();
  co_return co_await RunAcceptStdio();
}

void ChatTunnel::CleanUp() {
  for (Listener& listener : listeners_) listener.Close();
}

// ---- The connections that we are logged in on ----

asio::awaitable<absl::Status> ChatTunnel::ConnectOnce(Login& login) {
  client::Client client(io_.get_executor(), login.account.url, login.account.options);
  const absl::StatusOr<std::string> name = co_await ConnectAndLogIn(client, login.account, random_);
  if (!name.ok()) co_return name.status();
  const std::string welcome = absl::StrCat("logged in as ", *name);
  // Others have to be told a name that nobody has asked for.
  if (login.account.login.asked_for) {
    diagnostics_.Detail(welcome);
  } else {
    diagnostics_.Notice(welcome);
  }
  // From now on it is the name that others know.
  login.account.login = {*name, /*asked_for=*/true};
  login.name = *name;
  login.reconnector.OnLoggedIn(absl::Now());
  changed_.Notify();
  if (!options_.stdio_to) SayReady();
  const absl::Status status = co_await login.broker.Serve(client, *name);
  login.lost_at = absl::Now();
  co_return status;
}

asio::awaitable<absl::Status> ChatTunnel::StayConnected(Login& login) {
  for (;;) {
    const absl::Time start = absl::Now();
    const absl::Status status = co_await ConnectOnce(login);
    if (login.lost_at - start > kGoodConnection) login.reconnector.OnProgress();
    if (stopping_) co_return status;
    const std::optional<absl::Duration> wait = login.reconnector.OnFailed(status, absl::Now());
    if (!wait.has_value()) co_return status;
    co_await Sleep(io_, *wait);
  }
}

asio::awaitable<void> ChatTunnel::RunConnection(Login& login) {
  login.ended = co_await StayConnected(login);
  login.broker.GiveUp(*login.ended);
  changed_.Notify();
}

int64_t ChatTunnel::Quarter() const {
  const bool several =
      options_.services.empty() ? asked_.size() > 1 : !options_.allowed.is_one_user();
  return several ? std::max<int64_t>(1, options_.max_streams / 4) : options_.max_streams;
}

absl::Status ChatTunnel::Full(const User& asker) const {
  const auto of = [&](const std::map<std::string, int64_t>& counts) {
    const auto entry = counts.find(Display(asker));
    return entry == counts.end() ? 0 : entry->second;
  };
  if (established_ >= options_.max_streams) {
    return absl::ResourceExhaustedError(
        absl::StrCat("enough connections are open (--max-streams ", options_.max_streams, ")"));
  }
  if (of(established_by_user_) >= Quarter()) {
    return absl::ResourceExhaustedError(absl::StrCat("a user's share of connections is open (",
                                                     Quarter(), ", a quarter of --max-streams)"));
  }
  if (pending_ >= kPendingInAll || of(pending_by_user_) >= kPendingAUser) {
    return absl::ResourceExhaustedError(
        absl::StrCat("too many connections were granted and have not come (", kPendingAUser,
                     " a user, ", kPendingInAll, " in all)"));
  }
  return absl::OkStatus();
}

bool ChatTunnel::OnAsked(Login& login, const User& from) {
  if (login.service == nullptr || stopping_ || !options_.allowed(from)) {
    refusals_.Say(from, "not allowed");
    return false;
  }
  if (TakesStdio()) {
    if (login.stdio != nullptr && login.stdio->grant.has_value()) {
      refusals_.Say(from, "enough connections are open");
      return false;
    }
    login.stdio = std::make_shared<Pending>(io_.get_executor(), from, login.account);
    login.stdio->ahead = ConnectAhead(login.stdio->half);
    return true;
  }
  if (const absl::Status full = Full(from); !full.ok()) {
    refusals_.Say(from, full.message());
    return false;
  }
  const auto pending = std::make_shared<Pending>(io_.get_executor(), from, login.account);
  pending->in_all = std::make_unique<Count>(*this, pending_);
  pending->of_user = std::make_unique<UserCount>(pending_by_user_, Display(from));
  pending->ahead = ConnectAhead(pending->half);
  login.pending.push_back(pending);
  Start(AcceptedStream(login, pending));
  return true;
}

bool ChatTunnel::OnGranted(Login& login, const RelayGranted& grant) {
  // A server might grant what was not accepted.
  if (login.service == nullptr || stopping_ || !options_.allowed(grant.asker)) return false;
  if (TakesStdio()) {
    if (login.stdio == nullptr || login.stdio->grant.has_value()) return false;
    login.stdio->grant = grant;
    changed_.Notify();
    return true;
  }
  const auto oldest = absl::c_find_if(
      login.pending, [&](const auto& pending) { return pending->asker == grant.asker; });
  if (oldest == login.pending.end()) return false;
  (*oldest)->grant = grant;
  (*oldest)->changed.Notify();
  login.pending.erase(oldest);
  return true;
}

void ChatTunnel::OnEnding(Login& login, const User& by) {
  const std::string peer = Display(by);
  diagnostics_.Detail(absl::StrCat(peer, ": asked for the end of a connection"));
  // With several it could be any: the server ends the right one before long.
  if (login.streams.count(peer) != 1) return;
  const std::shared_ptr<Stream> stream = login.streams.find(peer)->second;
  if (stream->half != nullptr) {
    stream->half->GiveUp(absl::AbortedError(absl::StrCat(peer, " has withdrawn it")));
  } else {
    asio::co_spawn(io_, FinishUnlessEnded(stream), Rethrow);
  }
}

asio::awaitable<void> ChatTunnel::FinishUnlessEnded(std::shared_ptr<Stream> stream) {
  co_await Sleep(io_, kEndingGrace);
  // If its direction has ended, that was what it announced, and it may wait for more from here.
  if (stream->tunnel == nullptr || stream->tunnel->peer_has_ended()) co_return;
  stream->tunnel->FinishSending();
}

// ---- Standard input and output: one stream ----

asio::awaitable<ExitCode> ChatTunnel::RunStdio() {
  Login& login = logins_.front();
  asio::co_spawn(io_, RunConnection(login), Rethrow);
  while (login.name.empty() && !login.ended) co_await changed_.Wait();
  if (login.ended) co_return Fail(*login.ended);
  const Destination& to = *options_.stdio_to;
  StreamName name{Display(to.user), to.service, /*asked=*/true, std::nullopt};
  TunnelHalf half(io_.get_executor(), login.account.url, login.account.options);
  half.Connect();
  const User user = to.Login();
  const absl::StatusOr<RelayGranted> grant =
      co_await login.broker.Ask(user, options_.request_timeout);
  if (!grant.ok()) {
    if (login.ended) co_return Fail(*login.ended);
    log_.NotConnected(name, grant.status());
    co_return ExitCodeOf(grant.status());
  }
  TunnelSide stdio = TakeStdio(io_.get_executor());
  absl::StatusOr<OpenHalf> open = co_await Open(login, half, *grant, &stdio);
  if (!open.ok()) {
    log_.NotConnected(name, open.status());
    co_return ExitCodeOf(open.status());
  }
  SayReady();
  co_return co_await StdioStream(login, std::move(name), *grant, std::move(stdio),
                                 *std::move(open));
}

asio::awaitable<ExitCode> ChatTunnel::RunAcceptStdio() {
  Login& login = logins_.front();
  asio::co_spawn(io_, RunConnection(login), Rethrow);
  for (;;) {
    while (!(login.stdio != nullptr && login.stdio->grant) && !login.ended) {
      co_await changed_.Wait();
    }
    if (login.stdio == nullptr || !login.stdio->grant) co_return Fail(*login.ended);
    const std::shared_ptr<Pending> pending = login.stdio;
    StreamName name{Display(pending->grant->asker), login.service->name, /*asked=*/false,
                    std::nullopt};
    absl::StatusOr<OpenHalf> open = co_await Open(login, pending->half, *pending->grant, nullptr);
    if (open.ok()) {
      TunnelSide stdio = TakeStdio(io_.get_executor());
      co_return co_await StdioStream(login, std::move(name), *pending->grant, std::move(stdio),
                                     *std::move(open));
    }
    // Nothing was taken from the input yet, so the next one can have it.
    log_.NotConnected(name, open.status());
    login.stdio = nullptr;
  }
}

asio::awaitable<ExitCode> ChatTunnel::StdioStream(Login& login, StreamName name, RelayGranted grant,
                                                  TunnelSide stdio, OpenHalf half) {
  const std::string shown = name.ToString();
  const TunnelReport report =
      co_await Join(login, std::move(name), grant, std::move(stdio), std::move(half));
  if (report.ending == TunnelReport::Ending::kDone) {
    const bool died = co_await ServerDied(login, report.peer_ended);
    if (!died) co_return kExitOk;
    diagnostics_.Error(absl::StrCat(
        shown, ": the server went away with the end of it: what was received may be cut short"));
    co_return kExitUnavailable;
  }
  co_return ExitCodeOf(report);
}

asio::awaitable<bool> ChatTunnel::ServerDied(Login& login, absl::Time peer_ended) {
  if (login.ended) co_return absl::AbsDuration(login.lost_at - peer_ended) <= kTogether;
  if (absl::Now() - peer_ended > kTogether) co_return false;
  const bool lives = co_await login.broker.ServerLives(kTogether);
  co_return !lives;
}

// ---- -L and --accept: many streams ----

asio::awaitable<ExitCode> ChatTunnel::RunLong() {
  for (const Forward& forward : options_.forwards) {
    absl::StatusOr<Listener> listener = Listener::Open(io_.get_executor(), forward);
    if (!listener.ok()) {
      diagnostics_.Error(listener.status().message());
      co_return kExitIoError;
    }
    diagnostics_.Notice(
        absl::StrCat("listening on ", listener->shown(), " for ", ToString(forward.to)));
    absl::StrAppend(&listening_, listener->address(), "\n");
    listeners_.push_back(*std::move(listener));
    asked_[Display(forward.to.Login())];
  }
  for (size_t i = 0; i < listeners_.size(); ++i) {
    for (size_t socket = 0; socket < listeners_[i].sockets(); ++socket) {
      asio::co_spawn(io_, AcceptConnections(listeners_[i], socket, options_.forwards[i].to),
                     Rethrow);
    }
  }
  for (Login& login : logins_) asio::co_spawn(io_, RunConnection(login), Rethrow);
  while (Ended() == nullptr) co_await changed_.Wait();
  const absl::Status why = *Ended();
  stopping_ = true;
  // What is open does not need the connection that was lost.
  CleanUp();
  while (streams_ > 0) co_await changed_.Wait();
  co_return Fail(why);
}

const absl::Status* ChatTunnel::Ended() const {
  for (const Login& login : logins_) {
    if (login.ended) return &*login.ended;
  }
  return nullptr;
}

bool ChatTunnel::HasPlace(const Asked& asked) const {
  const int64_t under_way = asked.waiting + asked.opening;
  return asked.waiting < kWaitingATarget && asked.opening < kOpeningATarget &&
         established_ + under_way < options_.max_streams &&
         asked.established + under_way < Quarter();
}

asio::awaitable<void> ChatTunnel::AcceptConnections(Listener& listener, size_t socket,
                                                    Destination to) {
  Asked& asked = asked_[Display(to.Login())];
  while (listener.is_open()) {
    if (!HasPlace(asked)) {
      co_await changed_.Wait();
      continue;
    }
    const absl::StatusOr<int> fd = co_await listener.Accept(socket);
    if (fd.ok()) {
      const int on = 1;
      setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      // Until both ends are joined, all that goes wrong here is a reset to who has connected.
      TunnelSide local(io_.get_executor(), *fd);
      std::unique_ptr<Count> waiting = std::make_unique<Count>(*this, asked.waiting);
      Start(ForwardStream(std::move(local), to, std::move(waiting)));
    } else if (listener.is_open()) {
      diagnostics_.Detail(absl::StrCat("cannot accept: ", fd.status().message()));
      co_await Sleep(io_, kAcceptPause);
    }
  }
}

std::unique_ptr<ChatTunnel::Count> ChatTunnel::ConnectAhead(TunnelHalf& half) {
  if (ahead_ >= kConnectedAhead) return nullptr;
  half.Connect();
  return std::make_unique<Count>(*this, ahead_);
}

asio::awaitable<absl::StatusOr<RelayGranted>> ChatTunnel::AskFor(Login& login, User to,
                                                                 TunnelSide& local) {
  client::TunnelBroker::Withdrawal withdrawal;
  Watch watch(io_.get_executor());
  asio::co_spawn(io_, WithdrawIfGone(local, withdrawal, watch), Rethrow);
  absl::StatusOr<RelayGranted> grant =
      co_await login.broker.Ask(std::move(to), options_.request_timeout, &withdrawal);
  watch.enough = true;
  local.Cancel();
  while (watch.runs) co_await watch.over.Wait();
  co_return grant;
}

asio::awaitable<void> ChatTunnel::ForwardStream(TunnelSide local, Destination to,
                                                std::unique_ptr<Count> waiting) {
  Login& login = logins_.front();
  const User user = to.Login();
  Asked& asked = asked_[Display(user)];
  StreamName name{Display(to.user), to.service, /*asked=*/true, LocalPort(local.in().fd())};
  TunnelHalf half(io_.get_executor(), login.account.url, login.account.options);
  // A user who did not answer the last time will hardly need it.
  std::unique_ptr<Count> ahead;
  if (asked.answers && login.broker.serves()) ahead = ConnectAhead(half);
  const absl::StatusOr<RelayGranted> grant = co_await AskFor(login, user, local);
  asked.answers = grant.ok();
  ahead.reset();
  if (absl::IsCancelled(grant.status())) {
    co_return log_.GivenUp(name, absl::CancelledError("the local side is gone"));
  }
  if (!grant.ok()) co_return log_.NotConnected(name, grant.status());
  waiting.reset();
  if (established_ >= options_.max_streams) {
    login.broker.CloseRelay(*grant);
    co_return log_.NotConnected(name, Full(user));
  }
  std::unique_ptr<Count> opening = std::make_unique<Count>(*this, asked.opening);
  const Count place(*this, established_);
  absl::StatusOr<OpenHalf> open = co_await Open(login, half, *grant, &local);
  if (absl::IsCancelled(open.status())) co_return log_.GivenUp(name, open.status());
  if (!open.ok()) co_return log_.NotConnected(name, open.status());
  opening.reset();
  const Count established(*this, asked.established);
  co_await Join(login, std::move(name), *grant, std::move(local), *std::move(open));
}

asio::awaitable<void> ChatTunnel::DialAhead(std::shared_ptr<Pending> pending, Target target) {
  absl::StatusOr<TunnelSide> local =
      co_await Dial(io_.get_executor(), target, logins_.front().account.options.connect_timeout);
  pending->local.emplace(std::move(local));
  pending->changed.Notify();
}

asio::awaitable<void> ChatTunnel::AcceptedStream(Login& login, std::shared_ptr<Pending> pending) {
  StreamName name{Display(pending->asker), login.service->name, /*asked=*/false, std::nullopt};
  // The dialling may outlive this.
  const absl::Cleanup release = [pending] {
    pending->ahead.reset();
    pending->in_all.reset();
    pending->of_user.reset();
  };
  asio::co_spawn(io_, DialAhead(pending, login.service->target), Rethrow);
  asio::steady_timer timer(io_, absl::ToChronoNanoseconds(options_.request_timeout));
  timer.async_wait([pending](asio::error_code error) {
    if (error) return;
    pending->late = true;
    pending->changed.Notify();
  });
  while (!pending->grant && !pending->late) co_await pending->changed.Wait();
  timer.cancel();
  pending->ahead.reset();
  if (!pending->grant) {  // the asker has gone
    login.pending.erase(absl::c_find(login.pending, pending));
    co_return log_.GivenUp(name, absl::DeadlineExceededError("it was not granted"));
  }
  const RelayGranted grant = *pending->grant;
  if (pending->local && !pending->local->ok()) {
    login.broker.CloseRelay(grant);
    co_return log_.NotConnected(name, pending->local->status());
  }
  TunnelSide* local = pending->local ? &**pending->local : nullptr;
  absl::StatusOr<OpenHalf> open = co_await Open(login, pending->half, grant, local);
  pending->in_all.reset();
  pending->of_user.reset();
  if (!open.ok()) co_return log_.NotConnected(name, open.status());
  ResetOnClose(open->socket.native_handle());
  const absl::Status full = Full(pending->asker);
  if (!full.ok()) co_return log_.NotConnected(name, full);
  const Count place(*this, established_);
  const UserCount of_user(established_by_user_, Display(pending->asker));
  while (!pending->local) co_await pending->changed.Wait();
  if (!pending->local->ok()) co_return log_.NotConnected(name, pending->local->status());
  TunnelSide dialled = *std::move(*pending->local);
  name.local_port = LocalPort(dialled.in().fd());
  co_await Join(login, std::move(name), grant, std::move(dialled), *std::move(open));
}

// ---- Common to all streams ----

asio::awaitable<absl::StatusOr<OpenHalf>> ChatTunnel::Open(Login& login, TunnelHalf& half,
                                                           RelayGranted grant, TunnelSide* local) {
  login.reconnector.OnProgress();
  const auto stream = std::make_shared<Stream>();
  stream->half = &half;
  const auto entry = login.streams.emplace(PeerOf(grant, login.name), stream);
  absl::StatusOr<OpenHalf> open =
      co_await half.Open(grant.connect_id, options_.request_timeout, local);
  stream->half = nullptr;
  login.streams.erase(entry);
  // The other half need not be waited for by anybody.
  if (!open.ok() && !absl::IsAborted(open.status())) login.broker.CloseRelay(grant);
  co_return open;
}

asio::awaitable<TunnelReport> ChatTunnel::Join(Login& login, StreamName name, RelayGranted grant,
                                               TunnelSide local, OpenHalf half) {
  TunnelSide remote(io_.get_executor(), half.socket.release());
  client::Tunnel tunnel(std::move(local), std::move(remote), std::move(half.start), pipes_);
  if (login.broker.announces_relay_end()) {
    tunnel.AnnounceEnd([&login, grant] { login.broker.CloseRelay(grant); });
  }
  const auto stream = std::make_shared<Stream>();
  stream->tunnel = &tunnel;
  const auto entry = login.streams.emplace(PeerOf(grant, login.name), stream);
  const TunnelReport report = co_await tunnel.Run();
  stream->tunnel = nullptr;
  login.streams.erase(entry);
  log_.Ended(name, report);
  co_return report;
}

void ChatTunnel::Start(asio::awaitable<void> stream) {
  ++streams_;
  asio::co_spawn(io_, std::move(stream), [this](std::exception_ptr thrown) {
    Rethrow(thrown);
    --streams_;
    changed_.Notify();
  });
}

void ChatTunnel::SayReady() {
  const bool logged_in =
      absl::c_all_of(logins_, [](const Login& login) { return !login.name.empty(); });
  if (!logged_in || std::exchange(ready_, true) || !options_.ready_fd) return;
  const std::string lines = listening_ + "\n";
  const int fd = static_cast<int>(*options_.ready_fd);
  if (write(fd, lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) {
    diagnostics_.Error(absl::StrCat("cannot write to descriptor ", fd, ": ", strerror(errno)));
  }
  if (fd > STDERR_FILENO) close(fd);
}

ExitCode ChatTunnel::Fail(const absl::Status& status) {
  diagnostics_.Error(status.message());
  return ExitCodeFor(status);
}

}  // namespace chat::tools
