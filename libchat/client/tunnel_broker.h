// Agrees on private connections with other users, over the connection that a user is logged in on.

#ifndef LIBCHAT_CLIENT_TUNNEL_BROKER_H_
#define LIBCHAT_CLIENT_TUNNEL_BROKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/client/client.h"
#include "libchat/dialect/client_session.h"

namespace chat::client {

// Asks others for private connections and answers those who ask.
//
// A request names no number, so an answer cannot be matched to one of several requests to the same
// user: every grant is as good as another, and goes to whoever has waited longest. A server lets
// only so many requests be open; the others wait here until it is their turn.
//
// Thread safety: none; it lives on its executor's one thread, and outlives Serve and Ask.
class TunnelBroker {
 public:
  // Open requests that every server allows (limits.requests of the server).
  static constexpr size_t kOpenAPair = 16;
  static constexpr size_t kOpenInAll = 64;

  struct Events {
    // `from` asks for a private connection. True accepts, and then Granted follows if `from` is
    // still there.
    std::function<bool(const User& from)> asked;
    // Somebody whom `asked` accepted was granted it. False: it is not wanted any more.
    std::function<bool(const RelayGranted& grant)> granted;
    // `by` wants to end a private connection with this user; the server says not which.
    std::function<void(const User& by)> ending;
  };

  TunnelBroker(asio::any_io_executor executor, Events events)
      : executor_(std::move(executor)), events_(std::move(events)) {}

  // Uses `client`, which is logged in as `self`, until its connection ends; returns why. One at a
  // time. Requests that are not answered by then are made again by the next Serve.
  asio::awaitable<absl::Status> Serve(Client& client, std::string self);

  // Asks `target` for a private connection. May be called before Serve.
  //   kDeadlineExceeded  no answer within `timeout`: servers say nothing about users who are absent
  //   kPermissionDenied  refused
  //   kInvalidArgument   the dialect cannot say that name
  //   as of GiveUp
  asio::awaitable<absl::StatusOr<RelayGranted>> Ask(User target, absl::Duration timeout);

  // Ends every Ask that waits now, with `why`: no Serve will follow.
  void GiveUp(const absl::Status& why);

 private:
  struct Asking {
    Asking(asio::any_io_executor executor, User target)
        : target(std::move(target)), done(std::move(executor)) {}

    User target;
    bool open = false;  // the server has it
    absl::StatusOr<RelayGranted> answer = absl::DeadlineExceededError("");
    asio::steady_timer done;  // ends at the timeout, or earlier with an answer
  };

  void Handle(const ClientEvent& event);
  // The server's answer to the oldest open request to `target`. False if there is none.
  bool Settle(const User& target, absl::StatusOr<RelayGranted> answer);
  void Finish(std::deque<std::shared_ptr<Asking>>::iterator asking,
              absl::StatusOr<RelayGranted> answer);
  // Makes the requests whose turn it is.
  void AskMore();

  const asio::any_io_executor executor_;
  const Events events_;
  Client* client_ = nullptr;  // while Serve runs
  User self_;
  std::deque<std::shared_ptr<Asking>> asking_;  // in the order of Ask, all that are not answered
};

// Presents `connect_id` on a connection of its own, and waits for the other half for as long as
// `patience`: then kDeadlineExceeded. Else as Client::Connect and Client::OpenRelay.
asio::awaitable<absl::StatusOr<Relay>> OpenTunnel(asio::any_io_executor executor, ServerUrl url,
                                                  ClientOptions options, int64_t connect_id,
                                                  absl::Duration patience);

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_TUNNEL_BROKER_H_
