// Wakes coroutines that wait for a condition.

#ifndef LIBCHAT_CLIENT_SIGNAL_H_
#define LIBCHAT_CLIENT_SIGNAL_H_

#include <utility>

#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::client {

// As a condition variable, for the coroutines of one thread:
//
//   while (!condition) co_await signal.Wait();
//
// Thread safety: none. It outlives those who wait.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor)
      : timer_(std::move(executor), asio::steady_timer::time_point::max()) {}

  // Wakes all who wait now; they go on when the caller gives up the thread.
  void Notify() { timer_.cancel(); }

  // Returns after a Notify (or without a reason).
  asio::awaitable<void> Wait() {
    asio::error_code always_cancelled;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, always_cancelled));
  }

 private:
  asio::steady_timer timer_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_SIGNAL_H_
