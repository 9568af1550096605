#include "libchat/net/server.h"

#include <sys/random.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "libchat/net/allow_list.h"
#include "libchat/net/door.h"
#include "libchat/net/link_dialer.h"
#include "libchat/net/listener.h"
#include "libchat/net/mesh_rules.h"
#include "libchat/net/shard.h"

namespace chat::net {
namespace {

// Descriptors that connections leave for everything else.
constexpr int64_t kReservedDescriptors = 64;

int64_t DerivedConnections() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kUnlimited;
  }
  return std::max<int64_t>(1, static_cast<int64_t>(limit.rlim_cur) - kReservedDescriptors);
}

uint64_t SecureRandom() {
  uint64_t value = 0;
  while (::getrandom(&value, sizeof(value), 0) != sizeof(value)) {
  }
  return value;
}

absl::StatusOr<MeshRules> RulesOf(const ServerOptions& options) {
  if (options.mesh.server_id <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("mesh.server_id: ", options.mesh.server_id, " is not positive"));
  }
  absl::StatusOr<AllowList> allowed = AllowList::Parse(options.mesh.allow_merge_from);
  if (!allowed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("mesh.allow_merge_from: ", allowed.status().message()));
  }
  MeshRules rules;
  rules.allowed = *std::move(allowed);
  rules.list_self = options.mesh.list_self;
  rules.listed_port = options.mesh.listed_port;
  for (size_t i = options.dialects.size(); i-- > 0;) {
    if (!options.dialects[i]->links()) continue;
    rules.outgoing.dialect = options.dialects[i];
    rules.outgoing.dialect_index = i;
    rules.outgoing.url = absl::StrCat(options.dialects[i]->name(), " (opened here)");
  }
  return rules;
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, MeshRules mesh)
      : log_(std::move(options.log)),
        threads_(options.threads != 0
                     ? options.threads
                     : std::clamp(std::thread::hardware_concurrency(), 1u, kMaxShards)),
        door_(options.limits),
        hub_(HubOptions(options)),
        mesh_(std::move(mesh)),
        shared_{hub_, door_, shards_, log_, options.accounts, std::make_shared<WayBack>(shards_),
                mesh_} {
    for (uint32_t i = 0; i < threads_; ++i) {
      shards_.push_back(std::make_unique<Shard>(i, shared_, options.limits));
    }
    dialer_ = std::make_unique<LinkDialer>(*shards_[0], shared_);
    shared_.dialer = dialer_.get();
  }

  ~ServerImpl() override {
    shared_.way_back->Close();
    for (auto& shard : shards_) shard->Stop();
    dialer_.reset();
    listeners_.clear();
    shards_.clear();
  }

  absl::Status Open(std::vector<ListenerOptions> listeners,
                    const std::vector<const Dialect*>& dialects, const Limits& limits) {
    for (ListenerOptions& listener : listeners) {
      const size_t index = static_cast<size_t>(
          std::find(dialects.begin(), dialects.end(), listener.dialect) - dialects.begin());
      if (index == dialects.size()) {
        return absl::InvalidArgumentError(absl::StrCat("unknown dialect in ", ToUrl(listener)));
      }
      if (absl::Status status = listener.dialect->CheckOptions(listener.options); !status.ok()) {
        return status;
      }
      listeners_.push_back(
          std::make_unique<Listener>(*shards_[0], shared_, std::move(listener), index));
      if (absl::Status status = listeners_.back()->Open(limits); !status.ok()) return status;
      SetWhereLinksCome(listeners_.back()->options());
    }
    for (auto& listener : listeners_) listener->Start();
    for (auto& shard : shards_) shard->Start();
    return absl::OkStatus();
  }

  // The others that there shall always be a link to.
  absl::Status MergeWith(const std::vector<MergeTarget>& targets) {
    absl::Status status;
    OnAllShards([&](Shard&, size_t i) {
      if (i != 0) return;
      for (const MergeTarget& target : targets) {
        absl::Status added = dialer_->Keep(target.host, target.port);
        if (added.ok()) continue;
        status = absl::InvalidArgumentError(absl::StrCat("mesh.merge_with: ", target.host, ":",
                                                         target.port, ": ", added.message()));
      }
    });
    return status;
  }

  std::vector<ListenerOptions> listeners() const override {
    std::vector<ListenerOptions> all;
    for (const auto& listener : listeners_) all.push_back(listener->options());
    return all;
  }

  uint32_t threads() const override { return threads_; }
  Hub& hub() override { return hub_; }
  size_t connection_count() const override { return static_cast<size_t>(door_.count()); }
  uint64_t memory_bytes() const override {
    const int64_t own = shared_.own_bytes.load(std::memory_order_relaxed);
    return hub_.log_bytes() + static_cast<uint64_t>(std::max<int64_t>(0, own));
  }

  std::vector<ConnectionInfo> Connections(SessionId after, size_t max) override {
    std::vector<std::vector<ConnectionInfo>> parts(shards_.size());
    OnAllShards([&](Shard& shard, size_t i) { parts[i] = shard.Connections(after); });
    std::vector<ConnectionInfo> all;
    for (auto& part : parts) std::move(part.begin(), part.end(), std::back_inserter(all));
    std::sort(all.begin(), all.end(), [](const ConnectionInfo& a, const ConnectionInfo& b) {
      return a.session < b.session;
    });
    if (all.size() > max) all.resize(max);
    return all;
  }

  void SetLimits(const Limits& limits) override {
    Limits now = limits;
    now.connections = hub_.limits().connections;
    hub_.SetLimits(now);
    door_.SetLimits(now);
    OnAllShards([&](Shard& shard, size_t i) {
      shard.SetLimits(now);
      if (i != 0) return;
      for (auto& listener : listeners_) listener->SetLimits(now);
    });
  }

  absl::Status Kick(absl::string_view user) override {
    if (hub_.Kick(user)) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("no such user: ", user));
  }

  absl::Status CloseTunnel(uint64_t id) override {
    if (hub_.CloseTunnel(id)) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("no such tunnel: ", id));
  }

  absl::Status Merge(absl::string_view host, uint16_t port) override {
    absl::Status status;
    OnAllShards([&](Shard&, size_t i) {
      if (i == 0) status = dialer_->Merge(host, port);
    });
    return status;
  }

  void Drain() override {
    if (draining_.exchange(true)) return;
    OnAllShards([&](Shard&, size_t i) {
      if (i != 0) return;
      dialer_->Stop();
      for (auto& listener : listeners_) listener->Close();
    });
    // Whoever was let in before that is on the way to a shard, ahead of this.
    OnAllShards([](Shard& shard, size_t) { shard.Drain(); });
    hub_.EndTunnels(hub_.limits().drain_relays);
    ServerEvent event;
    event.kind = ServerEvent::Kind::kDrain;
    hub_.events().Emit(std::move(event));
  }

  bool draining() const override { return draining_; }

  void AwaitDrained() override {
    const Limits limits = hub_.limits();
    door_.AwaitEmpty(std::max(limits.drain, limits.drain_relays) + absl::Seconds(1));
  }

 private:
  Hub::Options HubOptions(const ServerOptions& options) {
    Hub::Options hub;
    hub.dialects = options.dialects;
    hub.shards = threads_;
    hub.limits = options.limits;
    hub.wake = [this](uint32_t shard) { shards_[shard]->Wake(); };
    hub.server_id = options.mesh.server_id;
    hub.dial = [this](const Sibling& server) { dialer_->Dial(server); };
    hub.random = SecureRandom;
    hub.now = SteadyNow;
    return hub;
  }

  // The first listener for links is the one that others are told of.
  void SetWhereLinksCome(const ListenerOptions& listener) {
    if (!listener.dialect->links() || mesh_.at.port() != 0) return;
    asio::error_code bound;  // so it is an address
    mesh_.at = {asio::ip::make_address(listener.host, bound), listener.port};
    if (mesh_.listed_port == 0) mesh_.listed_port = listener.port;
  }

  // Runs `task` on each shard's thread, and waits for all.
  void OnAllShards(const std::function<void(Shard&, size_t)>& task) {
    absl::BlockingCounter left(static_cast<int>(shards_.size()));
    for (size_t i = 0; i < shards_.size(); ++i) {
      shards_[i]->Post([&, i] {
        task(*shards_[i], i);
        left.DecrementCount();
      });
    }
    left.Wait();
  }

  const absl::AnyInvocable<void(LogLevel, absl::string_view) const> log_;
  const uint32_t threads_;
  Door door_;
  Hub hub_;
  MeshRules mesh_;
  std::vector<std::unique_ptr<Shard>> shards_;
  Shared shared_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<LinkDialer> dialer_;
  std::atomic<bool> draining_ = false;
};

}  // namespace

std::string ToUrl(const ListenerOptions& listener) {
  const bool v6 = absl::StrContains(listener.host, ':');
  std::string url = absl::StrCat(listener.dialect->name(), "://", v6 ? "[" : "", listener.host,
                                 v6 ? "]" : "", ":", listener.port);
  char separator = '?';
  for (const auto& [key, value] : listener.options) {
    absl::StrAppend(&url, std::string(1, separator), key, "=", value);
    separator = '&';
  }
  return url;
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  if (options.threads > kMaxShards) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads: ", options.threads, " is over the limit of ", kMaxShards));
  }
  if (options.limits.connections == 0) options.limits.connections = DerivedConnections();
  std::vector<ListenerOptions> listeners = std::move(options.listeners);
  const std::vector<const Dialect*> dialects = options.dialects;
  const Limits limits = options.limits;
  const std::vector<MergeTarget> merge_with = options.mesh.merge_with;
  absl::StatusOr<MeshRules> mesh = RulesOf(options);
  if (!mesh.ok()) return mesh.status();
  try {
    auto server = std::make_unique<ServerImpl>(std::move(options), *std::move(mesh));
    if (absl::Status status = server->Open(std::move(listeners), dialects, limits); !status.ok()) {
      return status;
    }
    if (absl::Status status = server->MergeWith(merge_with); !status.ok()) return status;
    return server;
  } catch (const std::system_error& error) {  // no descriptor, no thread
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start the I/O threads: ", error.what()));
  }
}

}  // namespace chat::net
