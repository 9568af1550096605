#include "libchat/client/tunnel_broker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>
#include <variant>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::client {
namespace {

// What a user says to itself to see that the server answers.
constexpr absl::string_view kProbe = "are you there?";

}  // namespace

// ---- TunnelBroker ----

void TunnelBroker::Withdrawal::Withdraw() {
  const std::shared_ptr<Asking> asking = asking_.lock();
  if (asking == nullptr || asking->over) return;
  Finish(*asking, absl::CancelledError("withdrawn"));
}

asio::awaitable<absl::Status> TunnelBroker::Serve(Client& client, std::string self) {
  client_ = &client;
  self_ = User(std::move(self));
  for (const std::shared_ptr<Asking>& asking : asking_) StartClock(*asking);
  AskMore();
  absl::Status status;
  while (status.ok()) {
    const absl::StatusOr<std::vector<ClientEvent>> events = co_await client.Receive();
    status = events.status();
    if (!status.ok()) break;
    for (const ClientEvent& event : *events) Handle(event);
  }
  client_ = nullptr;
  answered_.Notify();
  // The next server connection knows nothing of what was asked on this one.
  asking_.erase(std::remove_if(asking_.begin(), asking_.end(),
                               [](const auto& asking) { return asking->given_up; }),
                asking_.end());
  for (const std::shared_ptr<Asking>& asking : asking_) {
    asking->open = false;
    asking->done.expires_at(asio::steady_timer::time_point::max());
  }
  co_return status;
}

void TunnelBroker::Handle(const ClientEvent& event) {
  if (const auto* asked = std::get_if<Asked>(&event)) {
    if (asked->kind != RequestKind::kRelay) return;
    // Who has gone meanwhile has no use for the answer; the session refuses nothing else.
    (void)client_->session().Answer(RequestKind::kRelay, asked->from, events_.asked(asked->from));
  } else if (const auto* grant = std::get_if<RelayGranted>(&event)) {
    const bool wanted =
        grant->target == self_ ? events_.granted(*grant) : Settle(grant->target, *grant);
    // The other party need not wait for it either.
    if (!wanted) CloseRelay(*grant);
  } else if (const auto* refused = std::get_if<Refused>(&event)) {
    Settle(refused->target, absl::PermissionDeniedError(absl::StrCat(Display(refused->target),
                                                                     " refused ", Display(self_))));
  } else if (const auto* ending = std::get_if<RelayEnding>(&event)) {
    events_.ending(ending->by);
  } else if (const auto* received = std::get_if<Received>(&event)) {
    if (received->from != self_ || received->body != kProbe) return;
    probes_answered_ = probes_;
    answered_.Notify();
  }
}

TunnelBroker::Queue::iterator TunnelBroker::Oldest(const User& target, bool open, bool waited_for) {
  return std::find_if(asking_.begin(), asking_.end(), [&](const auto& asking) {
    return asking->target == target && (!open || asking->open) &&
           (!waited_for || !(asking->given_up || asking->over));
  });
}

bool TunnelBroker::Settle(const User& target, absl::StatusOr<RelayGranted> answer) {
  Forget();
  const Queue::iterator oldest = Oldest(target, /*open=*/true, /*waited_for=*/false);
  if (oldest == asking_.end()) return false;
  const std::shared_ptr<Asking> answered = *oldest;
  bool wanted = !answered->given_up && !answered->over;
  if (!wanted && answer.ok()) {
    // Somebody who asked later can have it, and that request is then the one to be dropped.
    const Queue::iterator waiting = Oldest(target, /*open=*/false, /*waited_for=*/true);
    wanted = waiting != asking_.end();
    if (wanted) Finish(**waiting, std::move(answer));
  } else if (wanted) {
    Finish(*answered, std::move(answer));
  }
  asking_.erase(absl::c_find(asking_, answered));
  AskMore();
  return wanted;
}

void TunnelBroker::Finish(Asking& asking, absl::StatusOr<RelayGranted> answer) {
  asking.answer = std::move(answer);
  asking.over = true;
  asking.done.cancel();
}

void TunnelBroker::GiveUp(Asking& asking) {
  asking.given_up = true;
  asking.forget_at = absl::Now() + kAnswerMayCome;
}

void TunnelBroker::Forget() {
  const absl::Time now = absl::Now();
  size_t too_many = std::count_if(asking_.begin(), asking_.end(),
                                  [](const auto& asking) { return asking->given_up; });
  too_many -= std::min(too_many, kMostGivenUp);
  asking_.erase(std::remove_if(asking_.begin(), asking_.end(),
                               [&](const auto& asking) {
                                 if (!asking->given_up) return false;
                                 if (asking->forget_at <= now) return true;
                                 return too_many > 0 && too_many-- > 0;
                               }),
                asking_.end());
}

void TunnelBroker::StartClock(Asking& asking) {
  if (!asking.over) asking.done.expires_after(absl::ToChronoNanoseconds(asking.timeout));
}

void TunnelBroker::AskMore() {
  if (client_ == nullptr) return;
  const auto open = [](const auto& asking) {
    return asking->open && !asking->given_up && !asking->over;
  };
  size_t in_all = std::count_if(asking_.begin(), asking_.end(), open);
  for (size_t i = 0; i < asking_.size() && in_all < kOpenInAll; ++i) {
    Asking& next = *asking_[i];
    if (next.open || next.over) continue;
    const size_t pair = std::count_if(asking_.begin(), asking_.end(), [&](const auto& asking) {
      return open(asking) && asking->target == next.target;
    });
    const size_t most = in_all < kOpenInAll - kKeptForOthers ? kOpenAPair : 1;
    if (pair >= most) continue;
    const absl::Status status = client_->session().Ask(RequestKind::kRelay, next.target, Text());
    if (!status.ok()) {
      Finish(next, status);
      continue;
    }
    next.open = true;
    ++in_all;
  }
}

asio::awaitable<absl::StatusOr<RelayGranted>> TunnelBroker::Ask(User target, absl::Duration timeout,
                                                                Withdrawal* withdrawal) {
  const auto asking = std::make_shared<Asking>(executor_, std::move(target), timeout);
  if (withdrawal != nullptr) withdrawal->asking_ = asking;
  asking->answer =
      absl::DeadlineExceededError(absl::StrCat("no answer within ", absl::FormatDuration(timeout)));
  asking->done.expires_at(asio::steady_timer::time_point::max());
  if (client_ != nullptr) StartClock(*asking);
  Forget();
  asking_.push_back(asking);
  AskMore();
  // A wait ends early when there is an answer, and when the clock is set.
  asio::error_code woken;
  do {
    if (asking->over) break;
    co_await asking->done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  } while (woken);
  asking->over = true;
  // If it was not the server's answer that ended it, that may still come.
  const auto left = absl::c_find(asking_, asking);
  if (left != asking_.end()) {
    asking->open ? GiveUp(*asking) : void(asking_.erase(left));
    AskMore();
  }
  co_return asking->answer;
}

void TunnelBroker::GiveUp(const absl::Status& why) {
  for (const std::shared_ptr<Asking>& asking : asking_) {
    if (!asking->over) Finish(*asking, why);
  }
}

void TunnelBroker::CloseRelay(const RelayGranted& grant) {
  // It fails only if the connection has come to its end, and then there is nobody to tell.
  if (client_ != nullptr) (void)client_->session().CloseRelay(grant);
}

bool TunnelBroker::announces_relay_end() const {
  return client_ != nullptr && client_->session().announces_relay_end();
}

asio::awaitable<bool> TunnelBroker::ServerLives(absl::Duration patience) {
  if (client_ == nullptr) co_return false;
  const uint64_t probe = ++probes_;
  const Text text = Text::From(kProbe).value_or(Text());
  if (!client_->session().SendPrivate(0, self_, text).ok()) co_return true;
  asio::steady_timer timer(executor_, absl::ToChronoNanoseconds(patience));
  const auto late = std::make_shared<bool>(false);
  timer.async_wait([this, late](asio::error_code error) {
    if (error) return;
    *late = true;
    answered_.Notify();
  });
  while (client_ != nullptr && probes_answered_ < probe && !*late) co_await answered_.Wait();
  timer.cancel();
  co_return client_ != nullptr;
}

// ---- TunnelHalf ----

struct TunnelHalf::State {
  State(asio::any_io_executor executor, ServerUrl url, ClientOptions options)
      : executor(executor),
        url(std::move(url)),
        options(std::move(options)),
        changed(std::move(executor)) {}

  void End(absl::Status status) {
    if (why.ok()) why = std::move(status);
    if (client != nullptr) client->Close();
    changed.Notify();
  }

  const asio::any_io_executor executor;
  const ServerUrl url;
  const ClientOptions options;
  std::unique_ptr<Client> client;  // once it connects
  Signal changed;
  bool connects = false;
  bool connected = false;  // or not: then `connection` says why
  absl::Status connection;
  absl::Status why;  // it was ended on this side
  // SayAhead:
  bool speaks = false;
  bool enough = false;
  TunnelStart start;
};

TunnelHalf::TunnelHalf(asio::any_io_executor executor, ServerUrl url, ClientOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(url), std::move(options))) {}

TunnelHalf::~TunnelHalf() { state_->End(absl::CancelledError("not wanted any more")); }

void TunnelHalf::Connect() {
  if (std::exchange(state_->connects, true)) return;
  asio::co_spawn(state_->executor, ConnectNow(state_), asio::detached);
}

bool TunnelHalf::connects() const { return state_->connects; }

asio::awaitable<void> TunnelHalf::ConnectNow(std::shared_ptr<State> state) {
  state->client = std::make_unique<Client>(state->executor, state->url, state->options);
  if (state->why.ok()) state->connection = co_await state->client->Connect();
  state->connected = true;
  state->changed.Notify();
}

asio::awaitable<absl::Status> TunnelHalf::AwaitConnection(std::shared_ptr<State> state) {
  const bool ahead = state->connects;
  if (!ahead) {
    state->connects = true;
    co_await ConnectNow(state);
  }
  while (!state->connected) co_await state->changed.Wait();
  // A server does not wait for ever for what a connection has to say.
  const bool lost = !state->connection.ok() || state->client->IsReadable();
  if (ahead && lost && state->why.ok()) co_await ConnectNow(state);
  co_return state->why.ok() ? state->connection : state->why;
}

void TunnelHalf::GiveUp(absl::Status why) { state_->End(std::move(why)); }

asio::awaitable<absl::StatusOr<OpenHalf>> TunnelHalf::Open(int64_t connect_id,
                                                           absl::Duration patience,
                                                           TunnelSide* local) {
  const std::shared_ptr<State> state = state_;
  const absl::Status connection = co_await AwaitConnection(state);
  if (!connection.ok()) co_return connection;

  asio::steady_timer timer(state->executor, absl::ToChronoNanoseconds(patience));
  timer.async_wait([state, patience](asio::error_code error) {
    if (error) return;
    state->End(absl::DeadlineExceededError(
        absl::StrCat("the other half did not come within ", absl::FormatDuration(patience))));
  });
  if (local != nullptr && local->in().flags() == TunnelSide::Flags::kOwn) {
    state->speaks = true;
    asio::co_spawn(state->executor, SayAhead(state, *local), asio::detached);
  }
  absl::StatusOr<Relay> relay = co_await state->client->OpenRelay(connect_id);
  timer.cancel();
  state->enough = true;
  if (state->speaks) local->Cancel();
  while (state->speaks) co_await state->changed.Wait();
  if (!state->why.ok()) co_return state->why;
  if (!relay.ok()) co_return relay.status();
  state->start.from_peer = std::move(relay->early);
  OpenHalf open{std::move(relay->socket), std::move(state->start)};
  co_return open;
}

// Ends with what was read and could not be sent in state->start.
asio::awaitable<void> TunnelHalf::SayAhead(std::shared_ptr<State> state, TunnelSide& local) {
  TunnelStart& start = state->start;
  std::vector<char> buffer(kAheadBytes);
  bool more = true;
  while (more && !state->enough) {
    co_await local.in().WaitReadable();
    if (state->enough) break;
    const ssize_t n = read(local.in().fd(), buffer.data(), kAheadBytes - start.sent_ahead);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) {
      state->End(absl::CancelledError("the local side is gone"));
      break;
    }
    const absl::string_view bytes(buffer.data(), static_cast<size_t>(n));
    const size_t sent = co_await state->client->SendAhead(bytes);
    start.sent_ahead += sent;
    start.from_local = std::string(bytes.substr(sent));
    // An end is left to the tunnel.
    more = n > 0 && start.from_local.empty() && start.sent_ahead < kAheadBytes;
  }
  if (!state->enough && local.is_socket()) {
    const bool gone = co_await local.WaitUntilGone();
    if (gone && !state->enough) state->End(absl::CancelledError("the local side is gone"));
  }
  state->speaks = false;
  state->changed.Notify();
}

}  // namespace chat::client
