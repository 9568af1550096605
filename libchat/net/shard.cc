#include "libchat/net/shard.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "asio/post.hpp"
#include "libchat/net/make_socket.h"

namespace chat::net {
namespace {

// How often shard 0 lets the hub end what has waited too long, and each shard looks for clients
// that make no progress.
constexpr absl::Duration kCheckInterval = absl::Milliseconds(250);
// From this share of limits.memory on the worst laggards are cut.
constexpr double kMemoryHigh = 0.90;

thread_local const Shard* current_shard = nullptr;

std::chrono::steady_clock::time_point ToSteady(absl::Time time) {
  return std::chrono::steady_clock::time_point(absl::ToChronoNanoseconds(time - absl::UnixEpoch()));
}

}  // namespace

absl::Time SteadyNow() {
  return absl::FromUnixNanos(std::chrono::steady_clock::now().time_since_epoch().count());
}

void WayBack::Post(uint32_t shard, absl::AnyInvocable<void(Shard&)> task) {
  absl::MutexLock lock(&mu_);
  if (shards_ == nullptr) return;
  Shard& there = *(*shards_)[shard];
  there.Post([&there, task = std::move(task)]() mutable { task(there); });
}

void WayBack::Close() {
  absl::MutexLock lock(&mu_);
  shards_ = nullptr;
}

Shard::Shard(uint32_t index, Shared& shared, const Limits& limits)
    : index_(index),
      shared_(shared),
      limits_(limits),
      context_(1),
      followers_(shared.hub.dialects()),
      heads_(shared.hub.dialects()),
      seen_(shared.hub.dialects()),
      checked_(shared.hub.dialects()),
      timer_(context_),
      next_check_(SteadyNow()) {}

Shard::~Shard() { Stop(); }

void Shard::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Shard::Stop() {
  if (!thread_.joinable()) return;
  Post([this] { stopped_ = true; });
  thread_.join();
}

void Shard::Post(absl::AnyInvocable<void()> task) {
  asio::post(context_, [task = std::move(task)]() mutable { task(); });
}

void Shard::Wake() {
  if (current_shard == this) return;  // it looks at the end of its turn anyway
  asio::post(context_, [] {});
}

void Shard::Run() {
  current_shard = this;
  const auto work = asio::make_work_guard(context_);
  while (!stopped_) {
    context_.poll();
    Turn();
    now_ = absl::InfinitePast();
    if (stopped_ || !dirty_.empty()) continue;
    if (shared_.hub.Sleep(index_, seen_)) context_.run_one();
  }
  relays_.clear();  // each of them with a reset
  meetings_.clear();
  for (Slot& slot : slots_) slot.connection.reset();
}

void Shard::Turn() {
  CallOnTime();
  DeliverMail();
  FlushAll();
  CutLaggards();
  BeginWaits();
  ForgetGone();
  ArmTimer();
  if (bytes_out_ != 0) {
    shared_.hub.counters().Add(Counter::kBytesOut, bytes_out_);
    bytes_out_ = 0;
  }
}

// ---- Connections ----

Connection* Shard::NewConnection(UniqueFd fd, asio::ip::tcp protocol, const ListenerInfo& listener,
                                 Door::Pass pass) {
  asio::ip::tcp::socket socket = MakeSocket(context_, protocol, std::move(fd));
  if (!socket.is_open()) {
    shared_.hub.counters().Add(Counter::kAcceptNoDescriptors);
    return nullptr;
  }
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  SessionId id;
  id.shard = index_;
  id.slot = slot & (kMaxSlots - 1);
  id.generation = ++slots_[slot].generation;
  if (id.generation == 0) id.generation = ++slots_[slot].generation;
  slots_[slot].connection =
      std::make_shared<Connection>(*this, id, std::move(socket), listener, std::move(pass));
  return slots_[slot].connection.get();
}

void Shard::Adopt(UniqueFd fd, asio::ip::tcp protocol, const ListenerInfo& listener,
                  Door::Pass pass) {
  Connection* connection = NewConnection(std::move(fd), protocol, listener, std::move(pass));
  if (connection != nullptr) connection->Start();
}

void Shard::AdoptLink(UniqueFd fd, const Sibling& target, uint64_t dialed) {
  Connection* connection =
      NewConnection(std::move(fd), asio::ip::tcp::v4(), mesh().outgoing, shared_.door.AdmitOwn());
  if (connection == nullptr) return dialer().OnEnded(dialed, LinkEnd::kLost);
  connection->StartLink(target, dialed);
}

void Shard::Refuse(UniqueFd fd, asio::ip::tcp protocol, const ListenerInfo& listener) {
  asio::ip::tcp::socket socket = MakeSocket(context_, protocol, std::move(fd));
  if (!socket.is_open()) return;
  std::make_shared<Connection>(*this, SessionId(), std::move(socket), listener, Door::Pass())
      ->TurnAway();
}

Connection* Shard::Find(SessionId id) const {
  if (id.slot >= slots_.size()) return nullptr;
  const Slot& slot = slots_[id.slot];
  return slot.generation == id.generation ? slot.connection.get() : nullptr;
}

void Shard::Forget(Connection& connection) { gone_.push_back(connection.id()); }

void Shard::ForgetGone() {
  for (size_t i = 0; i < gone_.size(); ++i) {
    const SessionId id = gone_[i];
    if (Find(id) == nullptr) continue;
    slots_[id.slot].connection.reset();
    free_slots_.push_back(id.slot);
  }
  gone_.clear();
}

void Shard::Follow(Connection& connection) {
  std::vector<Connection*>& list = followers_[connection.dialect()];
  connection.follower_index = list.size();
  list.push_back(&connection);
}

void Shard::Unfollow(Connection& connection) {
  if (!connection.following()) return;
  std::vector<Connection*>& list = followers_[connection.dialect()];
  Connection* last = list.back();
  list[connection.follower_index] = last;
  last->follower_index = connection.follower_index;
  list.pop_back();
}

void Shard::MarkDirty(Connection& connection) { dirty_.push_back(connection.shared_from_this()); }

void Shard::Blocked(Connection& connection) { blocked_.push_back(connection.id()); }

// ---- A turn ----

void Shard::DeliverMail() {
  shared_.hub.TakeMail(index_, mail_, absl::MakeSpan(heads_));
  for (Mail& mail : mail_) {
    if (const auto* end = std::get_if<chat::EndRelay>(&mail.what)) {
      EndRelay(*end);
    } else if (Connection* connection = Find(mail.to);
               connection != nullptr && !connection->gone()) {
      connection->OnMail(mail);
    } else if (const auto* join = std::get_if<JoinRelay>(&mail.what)) {
      SendToRelay(*join, RelayEnd());
    }
  }
  mail_.clear();
}

void Shard::FlushAll() {
  for (size_t d = 0; d < followers_.size(); ++d) {
    if (heads_[d] == seen_[d]) continue;
    seen_[d] = heads_[d];
    for (size_t i = 0; i < followers_[d].size();) {
      Connection* connection = followers_[d][i];
      connection->Flush();
      // One that could not be written to has left the list, and another stands in its place.
      if (i < followers_[d].size() && followers_[d][i] == connection) ++i;
    }
  }
  std::vector<std::shared_ptr<Connection>> dirty;
  dirty.swap(dirty_);
  for (const auto& connection : dirty) connection->FlushMarked();
}

double Shard::MemoryUse() const {
  const double used = static_cast<double>(shared_.hub.log_bytes()) +
                      static_cast<double>(shared_.own_bytes.load(std::memory_order_relaxed));
  return used / static_cast<double>(limits_.memory);
}

// Looks at those that the kernel takes nothing for: when a log has grown by a chunk, and from time
// to time.
void Shard::CutLaggards() {
  bool grown = false;
  for (size_t d = 0; d < seen_.size(); ++d) {
    if (seen_[d] - checked_[d] < fanout::Chunk::kBytes) continue;
    checked_[d] = seen_[d];
    grown = true;
  }
  const bool time = now() >= next_check_;
  if (time) {
    next_check_ = now() + kCheckInterval;
    if (index_ == 0) shared_.hub.Tick();
  }
  if (blocked_.empty() || !(grown || time || MemoryUse() > kMemoryHigh)) return;
  std::vector<SessionId> still;
  for (SessionId id : blocked_) {
    Connection* connection = Find(id);
    if (connection == nullptr || connection->gone() || !connection->blocked()) continue;
    const int64_t backlog = static_cast<int64_t>(connection->backlog());
    if (backlog > limits_.lag) {
      connection->CutOff(Farewell::kSlowConsumer, Counter::kCutLag);
    } else if (now() - connection->progress() > limits_.stall) {
      connection->CutOff(Farewell::kSlowConsumer, Counter::kCutStall);
    } else {
      still.push_back(id);
    }
  }
  std::sort(still.begin(), still.end());
  still.erase(std::unique(still.begin(), still.end()), still.end());
  blocked_.swap(still);
  if (MemoryUse() > kMemoryHigh) CutForMemory(blocked_);
}

// The worst first, as many as it takes.
void Shard::CutForMemory(std::vector<SessionId> blocked) {
  const auto backlog = [this](SessionId id) {
    const Connection* connection = Find(id);
    return connection->gone() ? 0 : connection->backlog();
  };
  std::sort(blocked.begin(), blocked.end(),
            [&](SessionId a, SessionId b) { return backlog(a) > backlog(b); });
  for (SessionId id : blocked) {
    if (backlog(id) == 0 || MemoryUse() <= kMemoryHigh) return;
    Find(id)->CutOff(Farewell::kSlowConsumer, Counter::kCutMemory);
  }
}

void Shard::BeginWaits() {
  for (size_t i = 0; i < at_end_.size(); ++i) {
    absl::AnyInvocable<void()> task = std::move(at_end_[i]);
    task();
  }
  at_end_.clear();
}

void Shard::CallAt(absl::Time when, SessionId connection) {
  if (when == absl::InfiniteFuture()) return;
  calls_.emplace(when, connection);
}

void Shard::CallOnTime() {
  while (!calls_.empty() && calls_.begin()->first <= now()) {
    const SessionId id = calls_.begin()->second;
    calls_.erase(calls_.begin());
    if (Connection* connection = Find(id)) connection->OnTime();
  }
}

void Shard::ArmTimer() {
  absl::Time at = calls_.empty() ? absl::InfiniteFuture() : calls_.begin()->first;
  if (index_ == 0 || !blocked_.empty()) at = std::min(at, next_check_);
  if (at == timer_at_) return;
  timer_at_ = at;
  if (at == absl::InfiniteFuture()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(ToSteady(at));
  timer_.async_wait([this](const asio::error_code& error) {
    if (!error) timer_at_ = absl::InfiniteFuture();
  });
}

char* Shard::ReadBuffer(size_t size) {
  if (read_buffer_.size() < size) read_buffer_.resize(size);
  return read_buffer_.data();
}

void Shard::Drain() {
  for (const Slot& slot : slots_) {
    if (slot.connection != nullptr) {
      slot.connection->CutOff(Farewell::kShutdown, Counter::kCutShutdown);
    }
  }
}

std::vector<ConnectionInfo> Shard::Connections(SessionId after) const {
  std::vector<ConnectionInfo> infos;
  for (const Slot& slot : slots_) {
    if (slot.connection != nullptr && !slot.connection->gone()) {
      infos.push_back(slot.connection->Info());
    }
  }
  for (const auto& [tunnel, relay] : relays_) {
    for (ConnectionInfo& info : relay->Info()) infos.push_back(std::move(info));
  }
  infos.erase(std::remove_if(infos.begin(), infos.end(),
                             [&](const ConnectionInfo& info) { return !(after < info.session); }),
              infos.end());
  return infos;
}

// ---- Relays ----

void Shard::SendToRelay(const JoinRelay& join, RelayEnd end) {
  if (join.shard == index_) return Meet(join, std::move(end));
  Shard* shard = shared_.shards[join.shard].get();
  shard->Post([shard, join, end = std::move(end)]() mutable { shard->Meet(join, std::move(end)); });
}

void Shard::Meet(const JoinRelay& join, RelayEnd end) {
  const auto it = meetings_.find(join.tunnel);
  if (it == meetings_.end()) {
    Meeting& meeting = meetings_[join.tunnel];
    meeting.end = std::move(end);
    meeting.half = join.half;
    return;
  }
  Meeting other = std::move(it->second);
  meetings_.erase(it);
  if (!end.fd || !other.end.fd || other.closed) {
    return shared_.hub.RelayEnded(join.tunnel, "one side has gone");
  }
  if (join.half == 0) std::swap(end, other.end);
  auto relay = std::make_shared<Relay>(*this, context_, join.tunnel, std::move(other.end),
                                       std::move(end), join.traffic);
  relays_.emplace(join.tunnel, relay);
  relay->CloseAfter(other.close_after);
  relay->CloseWhenIdle(other.close_when_idle);
  if (other.noticed) relay->OnNotice();
  relay->Start();
}

void Shard::EndRelay(const chat::EndRelay& end) {
  if (const auto it = meetings_.find(end.tunnel); it != meetings_.end()) {
    Meeting& meeting = it->second;
    if (end.grace <= absl::ZeroDuration()) {
      meeting.closed = true;
    } else {
      (end.when_idle ? meeting.close_when_idle : meeting.close_after) = end.grace;
    }
  }
  const auto it = relays_.find(end.tunnel);
  if (it == relays_.end()) return;
  const std::shared_ptr<Relay> relay = it->second;
  if (end.grace <= absl::ZeroDuration()) {
    shared_.hub.counters().Add(Counter::kRelaysCut);
    return relay->Close("closed by the server");
  }
  end.when_idle ? relay->CloseWhenIdle(end.grace) : relay->CloseAfter(end.grace);
}

void Shard::PassNotice(uint32_t shard, uint64_t tunnel) {
  if (shard == index_) return OnNotice(tunnel);
  Shard* there = shared_.shards[shard].get();
  there->Post([there, tunnel] { there->OnNotice(tunnel); });
}

void Shard::OnNotice(uint64_t tunnel) {
  if (const auto it = meetings_.find(tunnel); it != meetings_.end()) it->second.noticed = true;
  const auto it = relays_.find(tunnel);
  if (it != relays_.end()) std::shared_ptr<Relay>(it->second)->OnNotice();
}

void Shard::RelayEnded(uint64_t tunnel, absl::string_view why) {
  relays_.erase(tunnel);
  shared_.hub.RelayEnded(tunnel, why);
}

}  // namespace chat::net
