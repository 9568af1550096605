// One I/O thread and its connections.

#ifndef LIBCHAT_NET_SHARD_H_
#define LIBCHAT_NET_SHARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/accounts/accounts.h"
#include "libchat/event/text.h"
#include "libchat/hub/hub.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/rate_window.h"
#include "libchat/hub/session_id.h"
#include "libchat/net/connection.h"
#include "libchat/net/door.h"
#include "libchat/net/link_dialer.h"
#include "libchat/net/listener_info.h"
#include "libchat/net/mesh_rules.h"
#include "libchat/net/relay.h"
#include "libchat/net/server.h"
#include "libchat/net/unique_fd.h"
#include "libchat/pump/pipe_pool.h"

namespace chat::net {

// A clock that never jumps.
absl::Time SteadyNow();

// The way back to a shard for the answers of other threads. They may come after the server's end:
// then they are dropped.
// Thread safety: all methods may be called from any thread.
class WayBack {
 public:
  explicit WayBack(std::vector<std::unique_ptr<Shard>>& shards) : shards_(&shards) {}

  // Runs `task` on that shard's thread, soon, unless the way is closed.
  void Post(uint32_t shard, absl::AnyInvocable<void(Shard&)> task) ABSL_LOCKS_EXCLUDED(mu_);
  // Before the shards are stopped.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  std::vector<std::unique_ptr<Shard>>* shards_ ABSL_GUARDED_BY(mu_);  // null: closed
};

// What all shards of a server share. Owned by the server, outlives them.
struct Shared {
  Hub& hub;
  Door& door;
  std::vector<std::unique_ptr<Shard>>& shards;
  const absl::AnyInvocable<void(LogLevel, absl::string_view) const>& log;
  Accounts* accounts;  // may be null
  std::shared_ptr<WayBack> way_back;
  const MeshRules& mesh;
  LinkDialer* dialer = nullptr;
  std::atomic<int64_t> own_bytes = 0;  // that wait in outboxes, behind no log
  // Log lines about refused connections, by source. Of the thread on which all listeners live.
  RateWindow refusals_logged{absl::Minutes(1)};
};

// Connections belong to one shard for good, but for relays, which move to where they meet.
//
// Each turn: the handlers that are ready run, mail is delivered, then everything that is due is
// written, so one write carries whatever came meanwhile. What has had its go waits for its socket
// again only then (AtEndOfTurn), so no client's haste can make a turn endless. A shard that has
// nothing to do tells the hub that it sleeps, and is woken only then.
//
// Thread safety: Post and Stop may be called from any thread; everything else is called on the
// shard's own.
class Shard {
 public:
  Shard(uint32_t index, Shared& shared, const Limits& limits);
  ~Shard();

  void Start();
  // Ends the thread at once; what is open is closed.
  void Stop();

  // Runs `task` on this shard's thread, soon. Not after Stop.
  void Post(absl::AnyInvocable<void()> task);
  // Makes it look for mail and messages.
  void Wake();

  asio::io_context& context() { return context_; }
  Hub& hub() { return shared_.hub; }
  Accounts* accounts() { return shared_.accounts; }
  const MeshRules& mesh() const { return shared_.mesh; }
  LinkDialer& dialer() { return *shared_.dialer; }
  const std::shared_ptr<WayBack>& way_back() { return shared_.way_back; }
  const Limits& limits() const { return limits_; }
  PipePool& pipes() { return pipes_; }
  // Read once a turn, when it is first asked for.
  absl::Time now() const {
    if (now_ == absl::InfinitePast()) now_ = SteadyNow();
    return now_;
  }
  // Queue and log bytes of the whole server, as a part of limits.memory.
  double MemoryUse() const;
  void Log(LogLevel level, absl::string_view line) const { shared_.log(level, line); }

  void SetLimits(const Limits& limits) { limits_ = limits; }
  // Takes over an accepted connection.
  void Adopt(UniqueFd fd, asio::ip::tcp protocol, const ListenerInfo& listener, Door::Pass pass);
  // Takes over a connection that the dialer has opened to `target`, as its number `dialed`.
  void AdoptLink(UniqueFd fd, const Sibling& target, uint64_t dialed);
  // Says the dialect's last words to a connection that may not come in.
  void Refuse(UniqueFd fd, asio::ip::tcp protocol, const ListenerInfo& listener);
  // All clients are told, and their connections end (limits.drain).
  void Drain();

  // ---- For its connections, relays and listeners ----
  // Runs `task` once everything that is due was written in this turn: where to begin a wait whose
  // end may be there already.
  void AtEndOfTurn(absl::AnyInvocable<void()> task) { at_end_.push_back(std::move(task)); }
  // The end of what may be written of a log in this turn.
  uint64_t head(size_t dialect) const { return heads_[dialect]; }
  // Scratch of at least `size` bytes, shared by all: valid until the next call.
  char* ReadBuffer(size_t size);
  std::vector<Text>& publishes() { return publishes_; }
  void Follow(Connection& connection);
  void Unfollow(Connection& connection);
  void MarkDirty(Connection& connection);
  // The kernel takes nothing more for it now: it may become a slow consumer.
  void Blocked(Connection& connection);
  void CountBytesOut(size_t n) { bytes_out_ += n; }
  // OnTime of the connection is called at `when`, if it is still there.
  void CallAt(absl::Time when, SessionId connection);
  // Null if it is not there any more.
  Connection* Find(SessionId id) const;
  // It is closed; it is forgotten at the end of the turn.
  void Forget(Connection& connection);
  void SendToRelay(const JoinRelay& join, RelayEnd end);
  // The end of `tunnel`, whose relay is on shard `shard`, was announced to the other party.
  void PassNotice(uint32_t shard, uint64_t tunnel);
  void RelayEnded(uint64_t tunnel, absl::string_view why);
  void AddOwnBytes(int64_t delta) { shared_.own_bytes.fetch_add(delta, std::memory_order_relaxed); }

  // Connections with ids above `after`, relays' included, in the order of ids.
  std::vector<ConnectionInfo> Connections(SessionId after) const;

 private:
  struct Slot {
    std::shared_ptr<Connection> connection;
    uint32_t generation = 0;
  };
  // The first end of a relay waits for the second, which is on its way.
  struct Meeting {
    RelayEnd end;
    uint32_t half = 0;
    // What came for the relay meanwhile.
    bool closed = false;
    bool noticed = false;
    absl::Duration close_after = absl::InfiniteDuration();
    absl::Duration close_when_idle = absl::InfiniteDuration();
  };

  // The connection has a slot, and has not begun. Null if the kernel cannot watch one more.
  Connection* NewConnection(UniqueFd fd, asio::ip::tcp protocol, const ListenerInfo& listener,
                            Door::Pass pass);
  void Run();
  void Turn();
  void DeliverMail();
  void FlushAll();
  void CutLaggards();
  void CutForMemory(std::vector<SessionId> blocked);
  void BeginWaits();
  void CallOnTime();
  void ArmTimer();
  void ForgetGone();
  void Meet(const JoinRelay& join, RelayEnd end);
  void EndRelay(const chat::EndRelay& end);
  void OnNotice(uint64_t tunnel);

  const uint32_t index_;
  Shared& shared_;
  Limits limits_;
  PipePool pipes_;  // outlives the relays that the context's handlers hold
  asio::io_context context_;
  std::thread thread_;
  bool stopped_ = false;
  mutable absl::Time now_ = absl::InfinitePast();  // not read yet in this turn

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<std::vector<Connection*>> followers_;  // a list a dialect
  std::vector<std::shared_ptr<Connection>> dirty_;
  std::vector<SessionId> blocked_;  // some may not be any more
  std::vector<SessionId> gone_;
  std::vector<absl::AnyInvocable<void()>> at_end_;
  uint64_t bytes_out_ = 0;         // of this turn
  std::vector<uint64_t> heads_;    // of each log, when the mail was taken
  std::vector<uint64_t> seen_;     // the head of each log that was flushed
  std::vector<uint64_t> checked_;  // the head of each log when laggards were last looked for
  std::vector<Mail> mail_;
  std::vector<Text> publishes_;
  std::vector<char> read_buffer_;

  absl::btree_multimap<absl::Time, SessionId> calls_;
  asio::steady_timer timer_;
  absl::Time timer_at_ = absl::InfiniteFuture();
  absl::Time next_check_;

  absl::btree_map<uint64_t, std::shared_ptr<Relay>> relays_;
  absl::btree_map<uint64_t, Meeting> meetings_;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_SHARD_H_
