#include "libchat/client/tunnel_broker.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::client {

asio::awaitable<absl::Status> TunnelBroker::Serve(Client& client, std::string self) {
  client_ = &client;
  self_ = User(std::move(self));
  AskMore();
  absl::Status status;
  while (status.ok()) {
    const absl::StatusOr<std::vector<ClientEvent>> events = co_await client.Receive();
    status = events.status();
    if (!status.ok()) break;
    for (const ClientEvent& event : *events) Handle(event);
  }
  client_ = nullptr;
  for (const std::shared_ptr<Asking>& asking : asking_) asking->open = false;
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
    if (!wanted) (void)client_->session().CloseRelay(*grant);
  } else if (const auto* refused = std::get_if<Refused>(&event)) {
    Settle(refused->target, absl::PermissionDeniedError("refused"));
  } else if (const auto* ending = std::get_if<RelayEnding>(&event)) {
    events_.ending(ending->by);
  }
}

bool TunnelBroker::Settle(const User& target, absl::StatusOr<RelayGranted> answer) {
  const auto oldest = std::find_if(asking_.begin(), asking_.end(), [&](const auto& asking) {
    return asking->open && asking->target == target;
  });
  if (oldest == asking_.end()) return false;
  Finish(oldest, std::move(answer));
  AskMore();
  return true;
}

void TunnelBroker::Finish(std::deque<std::shared_ptr<Asking>>::iterator asking,
                          absl::StatusOr<RelayGranted> answer) {
  (*asking)->answer = std::move(answer);
  (*asking)->done.cancel();
  asking_.erase(asking);
}

void TunnelBroker::AskMore() {
  if (client_ == nullptr) return;
  const auto open = [](const auto& asking) { return asking->open; };
  size_t in_all = std::count_if(asking_.begin(), asking_.end(), open);
  for (size_t i = 0; i < asking_.size() && in_all < kOpenInAll;) {
    Asking& next = *asking_[i];
    const size_t pair = std::count_if(asking_.begin(), asking_.end(), [&](const auto& asking) {
      return asking->open && asking->target == next.target;
    });
    if (next.open || pair >= kOpenAPair) {
      ++i;
      continue;
    }
    const absl::Status status = client_->session().Ask(RequestKind::kRelay, next.target, Text());
    if (!status.ok()) {
      Finish(asking_.begin() + i, status);
      continue;
    }
    next.open = true;
    ++in_all;
    ++i;
  }
}

asio::awaitable<absl::StatusOr<RelayGranted>> TunnelBroker::Ask(User target,
                                                                absl::Duration timeout) {
  const auto asking = std::make_shared<Asking>(executor_, std::move(target));
  asking->answer =
      absl::DeadlineExceededError(absl::StrCat("no answer within ", absl::FormatDuration(timeout)));
  asking->done.expires_after(absl::ToChronoNanoseconds(timeout));
  asking_.push_back(asking);
  AskMore();
  if (absl::c_linear_search(asking_, asking)) {  // else it was refused at once
    asio::error_code ignored;
    co_await asking->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  const auto left = std::find(asking_.begin(), asking_.end(), asking);
  if (left != asking_.end()) {
    asking_.erase(left);
    AskMore();
  }
  co_return asking->answer;
}

void TunnelBroker::GiveUp(const absl::Status& why) {
  while (!asking_.empty()) Finish(asking_.begin(), why);
}

asio::awaitable<absl::StatusOr<Relay>> OpenTunnel(asio::any_io_executor executor, ServerUrl url,
                                                  ClientOptions options, int64_t connect_id,
                                                  absl::Duration patience) {
  const auto client = std::make_shared<Client>(executor, std::move(url), options);
  absl::Status status = co_await client->Connect();
  if (!status.ok()) co_return status;
  asio::steady_timer timer(executor, absl::ToChronoNanoseconds(patience));
  const auto timed_out = std::make_shared<bool>(false);
  timer.async_wait([client, timed_out](asio::error_code error) {
    if (error) return;
    *timed_out = true;
    client->Close();
  });
  absl::StatusOr<Relay> relay = co_await client->OpenRelay(connect_id);
  timer.cancel();
  if (!relay.ok() && *timed_out) {
    co_return absl::DeadlineExceededError(
        absl::StrCat("the other half did not come within ", absl::FormatDuration(patience)));
  }
  co_return relay;
}

}  // namespace chat::client
