#include "libchat/net/link_dialer.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libchat/net/make_socket.h"
#include "libchat/net/shard.h"
#include "libchat/net/socket_options.h"

namespace chat::net {
namespace {

// The wait before an attempt is between a half of this and all of it; each doubles it.
constexpr absl::Duration kFirstWait = absl::Seconds(1);
constexpr absl::Duration kLongestWait = absl::Seconds(30);
// For a server that says that the two are merged: the old link is dead, and its end not seen there
// yet. That takes 20 seconds at most (see SetLinkOptions).
constexpr absl::Duration kLongestWaitForOldLink = absl::Seconds(5);
// A link that has lived so long was a good one: the waits begin anew.
constexpr absl::Duration kGoodLink = absl::Seconds(10);
constexpr absl::Duration kGiveUp = absl::Minutes(10);
constexpr absl::Duration kConnectTimeout = absl::Seconds(5);

}  // namespace

LinkDialer::LinkDialer(Shard& home, Shared& shared)
    : home_(home), shared_(shared), resolver_(home.context()), random_(std::random_device()()) {}

// ---- Targets ----

void LinkDialer::Dial(const Sibling& server) {
  home_.Post([this, server] {
    const asio::ip::address_v4 address(server.ipv4);
    if (stopped_ || IsThisServer(address, server.port)) return;
    const std::string host = address.to_string();
    if (!IsAllowed(address)) {
      shared_.hub.counters().Add(Counter::kRefusedMerges);
      return home_.Log(LogLevel::kWarning,
                       absl::StrCat("not merging with server ", server.id, " at ", host, ":",
                                    server.port, ": not in mesh.allow_merge_from"));
    }
    const absl::Status added = Add(host, server.port, address, server.id, false);
    if (!added.ok() && !absl::IsAlreadyExists(added)) {
      home_.Log(LogLevel::kWarning, absl::StrCat("not merging with server ", server.id, " at ",
                                                 host, ":", server.port, ": ", added.message()));
    }
  });
}

absl::Status LinkDialer::Add(absl::string_view host, uint16_t port, bool keep) {
  if (shared_.mesh.outgoing.dialect == nullptr) {
    return absl::FailedPreconditionError("this server speaks no dialect whose servers merge");
  }
  if (host.empty() || port == 0) {
    return absl::InvalidArgumentError("a server is named by its host and a port from 1 to 65535");
  }
  asio::error_code is_name;
  const asio::ip::address address = asio::ip::make_address(std::string(host), is_name);
  if (is_name) return Add(host, port, std::nullopt, 0, keep);
  const std::optional<asio::ip::address_v4> v4 = AsV4(address);
  if (!v4) return absl::InvalidArgumentError(absl::StrCat(host, ": servers merge over IPv4 only"));
  if (IsThisServer(*v4, port)) {
    return absl::InvalidArgumentError(absl::StrCat(host, ":", port, " is this server itself"));
  }
  if (!IsAllowed(*v4)) {
    shared_.hub.counters().Add(Counter::kRefusedMerges);
    return absl::PermissionDeniedError(absl::StrCat(host, " is not in mesh.allow_merge_from"));
  }
  return Add(v4->to_string(), port, v4, 0, keep);
}

absl::Status LinkDialer::Add(absl::string_view host, uint16_t port,
                             std::optional<asio::ip::address_v4> address, int32_t server,
                             bool keep) {
  if (stopped_) return absl::FailedPreconditionError("the server is shutting down");
  const auto merged = [this](const Target& target) {
    const int32_t id = LinkTo(target);
    return id == 0 ? absl::OkStatus()
                   : absl::AlreadyExistsError(absl::StrCat("merged with server ", id, " already"));
  };
  if (const Target* same = FindSame(host, port, address); same != nullptr) return merged(*same);
  if (static_cast<int64_t>(targets_.size()) >= home_.limits().merge_targets) {
    shared_.hub.counters().Add(Counter::kRefusedMergeTargets);
    return absl::ResourceExhaustedError(
        absl::StrCat("limits.merge_targets is reached: ", home_.limits().merge_targets));
  }
  auto target = std::make_unique<Target>(home_.context());
  target->host = std::string(host);
  target->port = port;
  target->is_name = !address;
  target->kept = keep;
  target->address = address;
  target->server = server;
  target->wait = kFirstWait;
  target->give_up = home_.now() + kGiveUp;
  if (absl::Status status = merged(*target); !status.ok() && !keep) return status;
  const uint64_t id = ++last_id_;
  targets_.emplace(id, std::move(target));
  Try(id);
  return absl::OkStatus();
}

LinkDialer::Target* LinkDialer::Find(uint64_t id) {
  const auto it = targets_.find(id);
  return it == targets_.end() ? nullptr : it->second.get();
}

LinkDialer::Target* LinkDialer::FindSame(absl::string_view host, uint16_t port,
                                         std::optional<asio::ip::address_v4> address) {
  for (auto& [id, target] : targets_) {
    const bool same = target->host == host || (address && target->address == address);
    if (same && target->port == port) return target.get();
  }
  return nullptr;
}

void LinkDialer::Stop() {
  stopped_ = true;
  resolver_.cancel();
  targets_.clear();
}

bool LinkDialer::IsAllowed(asio::ip::address_v4 address) const {
  return shared_.mesh.allowed.Allows(address);
}

bool LinkDialer::IsThisServer(asio::ip::address_v4 address, uint16_t port) const {
  const asio::ip::tcp::endpoint& own = shared_.mesh.at;
  if (own.port() != port) return false;
  return own.address() == asio::ip::address(address) ||
         (own.address().is_unspecified() && address.is_loopback());
}

int32_t LinkDialer::LinkTo(const Target& target) const {
  for (const ServerInfo& server : shared_.hub.Servers()) {
    const bool there = server.at && target.address &&
                       server.at->ipv4 == target.address->to_uint() &&
                       server.at->port == target.port;
    if (there || server.id == target.server) return server.id;
  }
  return 0;
}

// ---- Attempts ----

void LinkDialer::Try(uint64_t id) {
  Target* target = Find(id);
  if (target == nullptr || target->under_way) return;
  if (LinkTo(*target) != 0) return GiveUp(id);
  target->under_way = true;
  target->is_name ? Resolve(id) : Connect(id);
}

void LinkDialer::Resolve(uint64_t id) {
  Target* target = Find(id);
  try {
    resolver_.async_resolve(asio::ip::tcp::v4(), target->host, std::to_string(target->port),
                            [this, id](const asio::error_code& error,
                                       const asio::ip::tcp::resolver::results_type& all) {
                              Target* target = Find(id);
                              if (target == nullptr) return;
                              for (const auto& one : all) {
                                const asio::ip::address_v4 address =
                                    one.endpoint().address().to_v4();
                                if (!IsAllowed(address)) continue;
                                target->address = address;
                                return Connect(id);
                              }
                              if (error) {
                                Complain(*target, error.message());
                                return TryAgain(id, kLongestWait);
                              }
                              shared_.hub.counters().Add(Counter::kRefusedMerges);
                              Complain(*target, "not in mesh.allow_merge_from");
                              GiveUp(id);
                            });
  } catch (const std::system_error& error) {  // no thread for it
    Complain(*target, error.what());
    TryAgain(id, kLongestWait);
  }
}

void LinkDialer::Connect(uint64_t id) {
  Target* target = Find(id);
  if (LinkTo(*target) != 0) return GiveUp(id);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd) target->socket = MakeSocket(home_.context(), asio::ip::tcp::v4(), std::move(fd));
  if (!target->socket.is_open()) {
    Complain(*target, "no descriptor left");
    return TryAgain(id, kLongestWait);
  }
  const int socket = target->socket.native_handle();
  if (target->address->is_loopback()) SetUnpaced(socket);
  SetSocketOptions(socket, home_.limits());
  target->socket.async_connect({*target->address, target->port},
                               [this, id](const asio::error_code& e) { OnConnected(id, e); });
  target->timer.expires_after(absl::ToChronoNanoseconds(kConnectTimeout));
  target->timer.async_wait([this, id](const asio::error_code& error) {
    Target* target = Find(id);
    if (error || target == nullptr) return;
    asio::error_code ignored;
    target->socket.close(ignored);
  });
}

void LinkDialer::OnConnected(uint64_t id, const asio::error_code& error) {
  Target* target = Find(id);
  if (target == nullptr) return;
  target->timer.cancel();
  asio::ip::tcp::socket socket = std::move(target->socket);
  asio::error_code failed = error;
  // On one machine, the kernel may choose as our port the one that nobody listens on.
  const bool to_itself =
      !failed && socket.local_endpoint(failed) == socket.remote_endpoint(failed) && !failed;
  if (failed || to_itself) {
    Complain(*target, to_itself ? "nobody listens there" : failed.message());
    return TryAgain(id, kLongestWait);
  }
  UniqueFd fd(socket.release(failed));
  const Sibling at = {target->server, target->address->to_uint(), target->port};
  Shard* shard = shared_.shards[next_shard_].get();
  next_shard_ = (next_shard_ + 1) % static_cast<uint32_t>(shared_.shards.size());
  shard->Post(
      [shard, fd = std::move(fd), at, id]() mutable { shard->AdoptLink(std::move(fd), at, id); });
}

void LinkDialer::OnMerged(uint64_t id, int32_t server) {
  home_.Post([this, id, server] {
    Target* target = Find(id);
    if (target == nullptr) return;
    target->server = server;
    target->has_merged = true;
    target->complained = false;
    target->merged = home_.now();
  });
}

void LinkDialer::OnEnded(uint64_t id, LinkEnd end) {
  home_.Post([this, id, end] {
    Target* target = Find(id);
    if (target == nullptr) return;
    if (end == LinkEnd::kRefused) return GiveUp(id);
    if (end == LinkEnd::kAlready) return TryAgain(id, kLongestWaitForOldLink);
    if (target->has_merged && home_.now() - target->merged >= kGoodLink) target->wait = kFirstWait;
    TryAgain(id, kLongestWait);
  });
}

void LinkDialer::TryAgain(uint64_t id, absl::Duration longest_wait) {
  Target* target = Find(id);
  target->under_way = false;
  if (!target->kept && !target->has_merged && home_.now() >= target->give_up) {
    home_.Log(LogLevel::kWarning,
              absl::StrCat("gave up merging with ", target->host, ":", target->port));
    return GiveUp(id);
  }
  const absl::Duration wait = std::min(target->wait, longest_wait);
  target->wait = std::min(2 * wait, kLongestWait);
  const double share = std::uniform_real_distribution<double>(0.5, 1)(random_);
  target->timer.expires_after(absl::ToChronoNanoseconds(wait * share));
  target->timer.async_wait([this, id](const asio::error_code& error) {
    if (!error) Try(id);
  });
}

void LinkDialer::GiveUp(uint64_t id) {
  Target* target = Find(id);
  if (!target->kept) {
    targets_.erase(id);
    return;
  }
  target->wait = kLongestWait;
  TryAgain(id, kLongestWait);
}

// Once: it is tried for long.
void LinkDialer::Complain(Target& target, absl::string_view why) {
  if (std::exchange(target.complained, true)) return;
  home_.Log(LogLevel::kWarning,
            absl::StrCat("cannot merge with ", target.host, ":", target.port, ": ", why));
}

}  // namespace chat::net
