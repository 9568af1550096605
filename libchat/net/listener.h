// Accepts connections at one address, and hands them to the shards in turn.

#ifndef LIBCHAT_NET_LISTENER_H_
#define LIBCHAT_NET_LISTENER_H_

#include <cstdint>
#include <memory>
#include <random>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "asio/ip/tcp.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/hub/limits.h"
#include "libchat/net/listener_info.h"
#include "libchat/net/server.h"
#include "libchat/net/shard.h"
#include "libchat/net/unique_fd.h"

namespace chat::net {

// Thread safety: Open is called before the shards start; after that it lives on the thread of the
// shard that it was given.
//
// When the process has no descriptor left, a spare one is given up to accept one client and close
// it, so that it does not wait in vain; then accepting rests for a while that doubles: never a
// spin.
class Listener {
 public:
  // Accepts on the thread of `home`.
  Listener(Shard& home, Shared& shared, ListenerOptions options, size_t dialect_index);

  // Binds. Errors name the address and what was wrong with it.
  absl::Status Open(const Limits& limits);
  // Its options, with the port chosen by the kernel.
  const ListenerOptions& options() const { return options_; }

  void Start() { AwaitClients(); }
  void SetLimits(const Limits& limits);
  void Close();

 private:
  void AwaitClients();
  void Accept();
  void Admit(UniqueFd fd, const asio::ip::tcp::endpoint& from);
  // One line a minute for each source.
  void LogRefusal(const asio::ip::address& from, Counter bound);
  void Rest();

  Shard& home_;
  Shared& shared_;
  ListenerOptions options_;
  ListenerInfo info_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer rest_timer_;
  absl::Duration rest_;
  UniqueFd spare_;
  uint32_t next_shard_ = 0;
  std::minstd_rand random_;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_LISTENER_H_
