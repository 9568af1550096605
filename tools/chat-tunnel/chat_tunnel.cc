#include "tools/chat-tunnel/chat_tunnel.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/pump/pump.h"
#include "tools/chat-tunnel/dial.h"

namespace chat::tools {
namespace {

using asio::ip::tcp;
using client::TunnelReport;
using client::TunnelSide;

// A pause after an accept that failed: descriptors may be free again.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

void Rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

asio::awaitable<void> Sleep(asio::io_context& io, absl::Duration duration) {
  asio::steady_timer timer(io, absl::ToChronoNanoseconds(duration));
  asio::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

// Trying again can help.
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsOutOfRange(status) ||
         absl::IsDeadlineExceeded(status);
}

std::string Describe(const TunnelReport& report) {
  return absl::StrCat("sent ", report.sent, " bytes, received ", report.received, " bytes in ",
                      absl::FormatDuration(absl::Trunc(report.lasted, absl::Milliseconds(1))), ": ",
                      report.Reason());
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

}  // namespace

ChatTunnel::ChatTunnel(asio::io_context& io, TunnelOptions options, Account account,
                       absl::BitGenRef random, Diagnostics& diagnostics)
    : io_(io),
      options_(std::move(options)),
      account_(std::move(account)),
      random_(random),
      diagnostics_(diagnostics),
      broker_(io.get_executor(), {[this](const User& from) { return OnAsked(from); },
                                  [this](const RelayGranted& grant) { return OnGranted(grant); },
                                  [this](const User& by) { OnEnding(by); }}),
      refusals_(diagnostics),
      changed_(io.get_executor()) {}

asio::awaitable<ExitCode> ChatTunnel::Run() {
  if (options_.stdio_to) co_return co_await RunStdio();
  if (options_.accept && options_.accept->kind == Target::Kind::kStdio) {
    co_return co_await RunAcceptStdio();
  }
  co_return co_await RunLong();
}

// ---- The connection that we are logged in on ----

asio::awaitable<absl::Status> ChatTunnel::ConnectOnce() {
  client::Client client(io_.get_executor(), account_.url, account_.options);
  const absl::StatusOr<std::string> name = co_await ConnectAndLogIn(client, account_, random_);
  if (!name.ok()) co_return name.status();
  const std::string welcome = absl::StrCat("logged in as ", *name);
  // Others have to be told a name that nobody has asked for.
  if (options_.accept && !account_.login.asked_for) {
    diagnostics_.Notice(welcome);
  } else {
    diagnostics_.Detail(welcome);
  }
  // From now on it is the name that others know.
  account_.login = {*name, /*asked_for=*/true};
  ++logins_;
  if (!options_.stdio_to) SayReady();
  co_return co_await broker_.Serve(client, *name);
}

asio::awaitable<absl::Status> ChatTunnel::StayConnected(client::ReconnectPolicy policy) {
  client::Backoff backoff(policy, random_);
  for (;;) {
    const int64_t logins = logins_;
    const absl::Status status = co_await ConnectOnce();
    if (logins_ > logins) backoff.Reset();
    // The server may still believe in the connection that we have just lost, and keep our name.
    const bool own_ghost = logins_ > 0 && absl::IsAlreadyExists(status);
    if (!MayPass(status) && !own_ghost) co_return status;
    const std::optional<absl::Duration> wait = backoff.Next();
    if (!wait) co_return status;
    diagnostics_.Notice(
        absl::StrCat(status.message(), "; trying again in ",
                     absl::FormatDuration(absl::Trunc(*wait, absl::Milliseconds(1)))));
    co_await Sleep(io_, *wait);
  }
}

asio::awaitable<void> ChatTunnel::RunConnection(client::ReconnectPolicy policy) {
  connection_ended_ = co_await StayConnected(policy);
  broker_.GiveUp(*connection_ended_);
  changed_.Notify();
}

bool ChatTunnel::OnAsked(const User& from) {
  if (!options_.accept || !options_.allowed(from)) {
    refusals_.Say(from, "not allowed");
    return false;
  }
  const bool full = options_.accept->kind == Target::Kind::kStdio
                        ? stdio_grant_.has_value()
                        : streams_ >= options_.max_streams;
  if (full) refusals_.Say(from, "enough connections are open");
  return !full;
}

bool ChatTunnel::OnGranted(const RelayGranted& grant) {
  // A server might grant what we have not accepted.
  if (!options_.accept || !options_.allowed(grant.asker)) return false;
  if (options_.accept->kind != Target::Kind::kStdio) {
    Start(AcceptedStream(grant));
    return true;
  }
  if (stdio_grant_) return false;
  stdio_grant_ = grant;
  changed_.Notify();
  return true;
}

void ChatTunnel::OnEnding(const User& by) {
  const std::string peer = Display(by);
  diagnostics_.Notice(absl::StrCat(peer, ": asked for the end of a connection"));
  // With several open it could be any: the server ends the right one before long.
  if (tunnels_.count(peer) == 1) tunnels_.find(peer)->second->FinishSending();
}

// ---- Standard input and output: one stream ----

asio::awaitable<ExitCode> ChatTunnel::RunStdio() {
  asio::co_spawn(io_, RunConnection({}), Rethrow);
  const absl::StatusOr<RelayGranted> grant =
      co_await broker_.Ask(*options_.stdio_to, options_.request_timeout);
  if (!grant.ok()) {
    if (connection_ended_) co_return Fail(*connection_ended_);
    LogFailure(*options_.stdio_to, grant.status());
    co_return absl::IsDeadlineExceeded(grant.status()) ? kExitNoUser : ExitCodeFor(grant.status());
  }
  co_return co_await StdioStream(*grant, *options_.stdio_to);
}

asio::awaitable<ExitCode> ChatTunnel::RunAcceptStdio() {
  asio::co_spawn(io_, RunConnection({}), Rethrow);
  while (!stdio_grant_ && !connection_ended_) co_await changed_.Wait();
  if (!stdio_grant_) co_return Fail(*connection_ended_);
  co_return co_await StdioStream(*stdio_grant_, stdio_grant_->asker);
}

asio::awaitable<ExitCode> ChatTunnel::StdioStream(RelayGranted grant, User peer) {
  absl::StatusOr<client::Relay> relay = co_await OpenRelay(grant);
  if (!relay.ok()) {
    LogFailure(peer, relay.status());
    co_return absl::IsDeadlineExceeded(relay.status()) ? kExitNoUser : ExitCodeFor(relay.status());
  }
  SayReady();
  TunnelSide stdio = TakeStdio(io_.get_executor());
  const TunnelReport report = co_await Join(peer, std::move(stdio), *std::move(relay));
  co_return ExitCodeOf(report);
}

// ---- -L and --accept: many streams ----

asio::awaitable<ExitCode> ChatTunnel::RunLong() {
  for (const Forward& forward : options_.forwards) {
    if (const absl::Status status = Listen(forward); !status.ok()) {
      diagnostics_.Error(status.message());
      co_return kExitIoError;
    }
  }
  for (size_t i = 0; i < acceptors_.size(); ++i) {
    asio::co_spawn(io_, AcceptConnections(acceptors_[i], options_.forwards[i].user), Rethrow);
  }
  asio::co_spawn(io_, RunConnection(options_.reconnect), Rethrow);
  while (!connection_ended_) co_await changed_.Wait();
  // What is open does not need the connection that was lost.
  for (tcp::acceptor& acceptor : acceptors_) acceptor.close();
  while (streams_ > 0) co_await changed_.Wait();
  co_return Fail(*connection_ended_);
}

absl::Status ChatTunnel::Listen(const Forward& forward) {
  asio::error_code error;
  tcp::resolver resolver(io_);
  const tcp::resolver::results_type found =
      resolver.resolve(forward.bind, absl::StrCat(forward.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  tcp::acceptor acceptor(io_);
  const tcp::endpoint wanted = error ? tcp::endpoint() : found.begin()->endpoint();
  if (!error) acceptor.open(wanted.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(wanted, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ",
                                               ToString(HostPort{forward.bind, forward.port}), ": ",
                                               error.message()));
  }
  const tcp::endpoint at = acceptor.local_endpoint();
  const std::string shown = ToString(HostPort{at.address().to_string(), at.port()});
  diagnostics_.Notice(absl::StrCat("listening on ", shown, " for ", Display(forward.user)));
  absl::StrAppend(&listening_, shown, "\n");
  acceptors_.push_back(std::move(acceptor));
  return absl::OkStatus();
}

asio::awaitable<void> ChatTunnel::AcceptConnections(tcp::acceptor& acceptor, User to) {
  while (acceptor.is_open()) {
    if (streams_ >= options_.max_streams) {
      co_await changed_.Wait();
      continue;
    }
    asio::error_code error;
    tcp::socket local =
        co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      Start(ForwardStream(std::move(local), to));
    } else if (acceptor.is_open()) {
      diagnostics_.Detail(absl::StrCat("cannot accept: ", error.message()));
      co_await Sleep(io_, kAcceptPause);
    }
  }
}

asio::awaitable<void> ChatTunnel::ForwardStream(tcp::socket local, User to) {
  // Until both ends are joined, all that goes wrong here is a reset to who has connected.
  ResetOnClose(local.native_handle());
  asio::error_code ignored;
  local.set_option(tcp::no_delay(true), ignored);
  const absl::StatusOr<RelayGranted> grant = co_await broker_.Ask(to, options_.request_timeout);
  if (!grant.ok()) co_return LogFailure(to, grant.status());
  absl::StatusOr<client::Relay> relay = co_await OpenRelay(*grant);
  if (!relay.ok()) co_return LogFailure(to, relay.status());
  TunnelSide side(io_.get_executor(), local.release());
  co_await Join(to, std::move(side), *std::move(relay));
}

asio::awaitable<void> ChatTunnel::AcceptedStream(RelayGranted grant) {
  absl::StatusOr<client::Relay> relay = co_await OpenRelay(grant);
  if (!relay.ok()) co_return LogFailure(grant.asker, relay.status());
  ResetOnClose(relay->socket.native_handle());
  absl::StatusOr<TunnelSide> local =
      co_await Dial(io_.get_executor(), *options_.accept, account_.options.connect_timeout);
  if (!local.ok()) co_return LogFailure(grant.asker, local.status());
  co_await Join(grant.asker, *std::move(local), *std::move(relay));
}

// ---- Common to all streams ----

asio::awaitable<absl::StatusOr<client::Relay>> ChatTunnel::OpenRelay(const RelayGranted& grant) {
  return client::OpenTunnel(io_.get_executor(), account_.url, account_.options, grant.connect_id,
                            options_.request_timeout);
}

asio::awaitable<TunnelReport> ChatTunnel::Join(User peer, TunnelSide local, client::Relay relay) {
  TunnelSide remote(io_.get_executor(), relay.socket.release());
  client::Tunnel tunnel(std::move(local), std::move(remote), std::move(relay.early), pipes_);
  const std::string name = Display(peer);
  const auto entry = tunnels_.emplace(name, &tunnel);
  const TunnelReport report = co_await tunnel.Run();
  tunnels_.erase(entry);
  diagnostics_.Notice(absl::StrCat(name, ": ", Describe(report)));
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
  if (std::exchange(ready_, true) || !options_.ready_fd) return;
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

void ChatTunnel::LogFailure(const User& peer, const absl::Status& status) {
  diagnostics_.Error(absl::StrCat(Display(peer), ": not connected: ", status.message()));
}

}  // namespace chat::tools
