#include "libchat/net/door.h"

#include <algorithm>

namespace chat::net {

std::string CountedAs(const asio::ip::address& address, bool exempt_loopback) {
  asio::ip::address plain = address;
  if (plain.is_v6() && plain.to_v6().is_v4_mapped()) {
    plain = asio::ip::make_address_v4(asio::ip::v4_mapped, plain.to_v6());
  }
  if (exempt_loopback && plain.is_loopback()) return "";
  if (plain.is_v4()) return plain.to_string();
  auto bytes = plain.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string() + "/64";
}

std::optional<Counter> Door::Refusal(const std::string& counted_as, absl::Time now,
                                     double chance) const {
  if (total_ >= limits_.connections) return Counter::kRefusedConnections;
  if (unauthenticated_ >= limits_.unauthenticated) return Counter::kRefusedUnauthenticated;
  const double above = static_cast<double>(unauthenticated_ - limits_.unauthenticated_random_from);
  const double span =
      static_cast<double>(limits_.unauthenticated - limits_.unauthenticated_random_from);
  if (above > 0 && chance < above / span) return Counter::kRefusedUnauthenticated;
  if (counted_as.empty()) return std::nullopt;
  if (new_by_address_.count(counted_as, now) >= limits_.new_connections_per_address_per_minute) {
    return Counter::kRefusedNewPerAddress;
  }
  const auto it = addresses_.find(counted_as);
  if (it == addresses_.end()) return std::nullopt;
  if (it->second.connections >= limits_.connections_per_address) {
    return Counter::kRefusedConnectionsPerAddress;
  }
  if (it->second.unauthenticated >= limits_.unauthenticated_per_address) {
    return Counter::kRefusedUnauthenticatedPerAddress;
  }
  return std::nullopt;
}

std::optional<Door::Pass> Door::Admit(const asio::ip::address& address, absl::Time now,
                                      double chance, Counter* refused) {
  absl::MutexLock lock(&mu_);
  std::string counted_as = CountedAs(address, limits_.exempt_loopback);
  const std::optional<Counter> refusal = Refusal(counted_as, now, chance);
  if (!counted_as.empty()) new_by_address_.Add(counted_as, now);
  if (refusal) {
    *refused = *refusal;
    return std::nullopt;
  }
  ++total_;
  ++unauthenticated_;
  if (!counted_as.empty()) {
    Address& counts = addresses_[counted_as];
    ++counts.connections;
    ++counts.unauthenticated;
  }
  return Pass(this, std::move(counted_as), now);
}

Door::Pass Door::AdmitOwn() {
  Pass pass(this, "", absl::InfinitePast());
  pass.authenticated_ = true;
  absl::MutexLock lock(&mu_);
  ++total_;
  return pass;
}

void Door::Pass::Authenticated() {
  if (door_ == nullptr || authenticated_) return;
  authenticated_ = true;
  absl::MutexLock lock(&door_->mu_);
  --door_->unauthenticated_;
  door_->TakeFrom(counted_as_, &Address::unauthenticated);
}

void Door::Pass::BecomeHalf() {
  if (door_ == nullptr || is_half_) return;
  is_half_ = true;
  absl::MutexLock lock(&door_->mu_);
  door_->TakeFrom(counted_as_, &Address::connections);
  door_->new_by_address_.TakeBack(counted_as_, since_);
}

Door::Pass::~Pass() {
  if (door_ == nullptr) return;
  Authenticated();
  absl::MutexLock lock(&door_->mu_);
  --door_->total_;
  if (!is_half_) door_->TakeFrom(counted_as_, &Address::connections);
}

void Door::TakeFrom(const std::string& counted_as, int64_t Address::*count) {
  if (counted_as.empty()) return;
  const auto it = addresses_.find(counted_as);
  --(it->second.*count);
  if (it->second.connections == 0 && it->second.unauthenticated == 0) addresses_.erase(it);
}

void Door::SetLimits(const Limits& limits) {
  absl::MutexLock lock(&mu_);
  limits_ = limits;
}

int64_t Door::count() const {
  absl::MutexLock lock(&mu_);
  return total_;
}

bool Door::AwaitEmpty(absl::Duration timeout) const {
  absl::MutexLock lock(&mu_);
  const auto empty = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return total_ == 0; };
  return mu_.AwaitWithTimeout(absl::Condition(&empty), timeout);
}

}  // namespace chat::net
