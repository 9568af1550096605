// Who may come in: the bounds on connections, kept at accept.

#ifndef LIBCHAT_NET_DOOR_H_
#define LIBCHAT_NET_DOOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "asio/ip/address.hpp"
#include "libchat/hub/counters.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/rate_window.h"

namespace chat::net {

// What the bounds count `address` as: itself (IPv4, also when mapped into IPv6) or its /64. Empty
// for a loopback address if those are exempt.
std::string CountedAs(const asio::ip::address& address, bool exempt_loopback);

// Thread safety: all methods may be called from any thread; a Pass belongs to one thread at a time.
// Invariants: total_, unauthenticated_ and addresses_ count exactly the passes that are out, but
// for halves of tunnels, which are not among the connections of an address.
class Door {
 public:
  // The right of one connection to be here; given back when it is destroyed. The Door outlives it.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept { *this = std::move(other); }
    Pass& operator=(Pass&& other) noexcept {
      std::swap(door_, other.door_);
      std::swap(counted_as_, other.counted_as_);
      std::swap(authenticated_, other.authenticated_);
      std::swap(is_half_, other.is_half_);
      std::swap(since_, other.since_);
      return *this;
    }
    ~Pass();

    // From now on it does not count as unauthenticated.
    void Authenticated();
    // It is half of a tunnel: from now on limits.tunnels bounds it, and not connections_per_address
    // and new_connections_per_address_per_minute.
    void BecomeHalf();
    // Empty: exempt from bounds an address.
    const std::string& counted_as() const { return counted_as_; }

   private:
    friend class Door;
    Pass(Door* door, std::string counted_as, absl::Time since)
        : door_(door), counted_as_(std::move(counted_as)), since_(since) {}

    Door* door_ = nullptr;
    std::string counted_as_;
    bool authenticated_ = false;
    bool is_half_ = false;
    absl::Time since_;
  };

  explicit Door(const Limits& limits) : limits_(limits) {}

  // A pass, or nothing: `*refused` is the bound that was reached then. `chance` is random in [0,
  // 1), for the early refusals.
  std::optional<Pass> Admit(const asio::ip::address& address, absl::Time now, double chance,
                            Counter* refused);

  // A pass for a connection that this server has opened: counted, but no bound refuses it.
  Pass AdmitOwn();

  void SetLimits(const Limits& limits);
  // Passes that are out.
  int64_t count() const;
  // Waits until no pass is out, or for `timeout`. True if none is.
  bool AwaitEmpty(absl::Duration timeout) const;

 private:
  struct Address {
    int64_t connections = 0;
    int64_t unauthenticated = 0;
  };

  // Takes one from a count of an address.
  void TakeFrom(const std::string& counted_as, int64_t Address::*count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::optional<Counter> Refusal(const std::string& counted_as, absl::Time now, double chance) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  Limits limits_ ABSL_GUARDED_BY(mu_);
  int64_t total_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t unauthenticated_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<std::string, Address> addresses_ ABSL_GUARDED_BY(mu_);
  RateWindow new_by_address_ ABSL_GUARDED_BY(mu_){absl::Minutes(1)};
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_DOOR_H_
