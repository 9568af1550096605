// Agrees on private connections with other users, over the connection that a user is logged in on.

#ifndef LIBCHAT_CLIENT_TUNNEL_BROKER_H_
#define LIBCHAT_CLIENT_TUNNEL_BROKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/client/client.h"
#include "libchat/client/signal.h"
#include "libchat/client/tunnel.h"
#include "libchat/dialect/client_session.h"

namespace chat::client {

// Asks others for private connections and answers those who ask.
//
// A request names no number, so an answer cannot be matched to one of several requests to the same
// user. Every grant is as good as another, and goes to whoever has waited longest. Refusals come in
// the order of the requests, so one for a request that nobody waits for any more is dropped. A
// server lets only so many requests be open; the others wait here until it is their turn.
//
// Thread safety: none; it lives on its executor's one thread, and outlives Serve and Ask.
class TunnelBroker {
 private:
  struct Asking;

 public:
  // Open requests that every server allows (limits.requests of the server).
  static constexpr size_t kOpenAPair = 16;
  static constexpr size_t kOpenInAll = 64;
  // Of those in all, the last ones are for users who have none open: who is absent and never
  // answers leaves room for others.
  static constexpr size_t kKeptForOthers = 16;
  // How long a server may still answer a request that nobody waits for (limits.requests).
  static constexpr absl::Duration kAnswerMayCome = absl::Seconds(65);
  // Requests that nobody waits for, at most: the oldest are forgotten.
  static constexpr size_t kMostGivenUp = 1024;

  struct Events {
    // `from` asks for a private connection. True accepts, and then Granted follows if `from` is
    // still there.
    std::function<bool(const User& from)> asked;
    // Somebody whom `asked` accepted was granted it. False: it is not wanted any more.
    std::function<bool(const RelayGranted& grant)> granted;
    // `by` wants to end a private connection with this user; the server says not which.
    std::function<void(const User& by)> ending;
  };

  // Ends an Ask that nobody wants any more.
  class Withdrawal {
   public:
    // The Ask returns kCancelled, unless it was over already.
    void Withdraw();

   private:
    friend class TunnelBroker;
    std::weak_ptr<Asking> asking_;
  };

  TunnelBroker(asio::any_io_executor executor, Events events)
      : executor_(executor), events_(std::move(events)), answered_(std::move(executor)) {}

  // Uses `client`, which is logged in as `self`, until its connection ends; returns why. One at a
  // time. Requests that are not answered by then are made again by the next Serve.
  asio::awaitable<absl::Status> Serve(Client& client, std::string self);

  // Asks `target` for a private connection. May be called before Serve; the time runs while there
  // is one.
  //   kDeadlineExceeded  no answer within `timeout`: servers say nothing about users who are absent
  //   kPermissionDenied  refused
  //   kInvalidArgument   the dialect cannot say that name
  //   kCancelled         withdrawn
  //   as of GiveUp
  asio::awaitable<absl::StatusOr<RelayGranted>> Ask(User target, absl::Duration timeout,
                                                    Withdrawal* withdrawal = nullptr);

  // Ends every Ask that waits now, with `why`: no Serve will follow.
  void GiveUp(const absl::Status& why);

  // A Serve runs.
  bool serves() const { return client_ != nullptr; }

  // Asks the server for the end of the private connection; nothing if there is no Serve.
  void CloseRelay(const RelayGranted& grant);
  // As of the client's session; false if there is no Serve.
  bool announces_relay_end() const;

  // Waits until the server has done something that it was asked for now: what it ended before that
  // it has not ended by dying. True if it did, or said nothing within `patience`; false if its
  // connection has ended.
  asio::awaitable<bool> ServerLives(absl::Duration patience);

 private:
  struct Asking {
    Asking(asio::any_io_executor executor, User target, absl::Duration timeout)
        : target(std::move(target)), timeout(timeout), done(std::move(executor)) {}

    const User target;
    const absl::Duration timeout;
    bool open = false;      // the server has it
    bool given_up = false;  // nobody waits for it, but the server may still answer
    bool over = false;
    absl::Time forget_at = absl::InfiniteFuture();
    absl::StatusOr<RelayGranted> answer = absl::DeadlineExceededError("");
    asio::steady_timer done;  // ends at the timeout, or earlier with an answer
  };
  using Queue = std::deque<std::shared_ptr<Asking>>;

  void Handle(const ClientEvent& event);
  // The server's answer to the oldest open request to `target`. False if nobody waits for it.
  bool Settle(const User& target, absl::StatusOr<RelayGranted> answer);
  // The oldest request to `target` that is open (`open`) or waited for (`waited_for`).
  Queue::iterator Oldest(const User& target, bool open, bool waited_for);
  static void Finish(Asking& asking, absl::StatusOr<RelayGranted> answer);
  void GiveUp(Asking& asking);
  void Forget();
  static void StartClock(Asking& asking);
  // Makes the requests whose turn it is.
  void AskMore();

  const asio::any_io_executor executor_;
  const Events events_;
  Client* client_ = nullptr;  // while Serve runs
  User self_;
  Queue asking_;                  // in the order of Ask, all that are not answered
  uint64_t probes_ = 0;           // ServerLives: asked
  uint64_t probes_answered_ = 0;  // and answered
  Signal answered_;
};

// Both halves of a private connection are there.
struct OpenHalf {
  asio::ip::tcp::socket socket;
  TunnelStart start;
};

// One half of a private connection: a connection of its own to the server. It can be made before
// it is known whether it will be needed; unless Open has returned it, it ends with this.
//
// Thread safety: none; it lives on its executor's one thread, and outlives Open.
class TunnelHalf {
 public:
  // What is sent to the other half before it has come; servers keep 64 KiB (limits.tunnels).
  static constexpr size_t kAheadBytes = 32 * 1024;

  TunnelHalf(asio::any_io_executor executor, ServerUrl url, ClientOptions options);
  TunnelHalf(const TunnelHalf&) = delete;
  TunnelHalf& operator=(const TunnelHalf&) = delete;
  ~TunnelHalf();

  // Begins to connect, and does not wait for it. Open does that, too.
  void Connect();
  bool connects() const;

  // Presents `connect_id` and waits for the other half for as long as `patience`: then
  // kDeadlineExceeded. Meanwhile the other half is sent what `local` says, if it is given, and if
  // it is gone, this is kCancelled. Else as Client::Connect and Client::OpenRelay. Once.
  asio::awaitable<absl::StatusOr<OpenHalf>> Open(int64_t connect_id, absl::Duration patience,
                                                 TunnelSide* local = nullptr);

  // Ends Open, which returns `why`.
  void GiveUp(absl::Status why);

 private:
  struct State;

  static asio::awaitable<void> ConnectNow(std::shared_ptr<State> state);
  // Waits until there is a connection that the server has not ended meanwhile.
  static asio::awaitable<absl::Status> AwaitConnection(std::shared_ptr<State> state);
  static asio::awaitable<void> SayAhead(std::shared_ptr<State> state, TunnelSide& local);

  const std::shared_ptr<State> state_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_TUNNEL_BROKER_H_
