// What the server has counted since it started. Each bound has a counter; so has each fault.

#ifndef LIBCHAT_HUB_COUNTERS_H_
#define LIBCHAT_HUB_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "libchat/dialect/session_host.h"
#include "libchat/hub/snapshot.h"

namespace chat {

// Everything that is counted, but the faults of clients (Fault). Names: CounterName.
enum class Counter : uint8_t {
  // Traffic
  kConnectionsAccepted,
  kLogins,
  kLoginsRefused,
  kMessagesPublic,
  kMessagesPrivate,
  kMessagesServer,
  kBytesIn,
  kBytesOut,
  kMessagesForwarded,  // to and from merged servers
  kFileBytes,
  kTunnelsOpened,
  kTunnelsEstablished,
  kTunnelBytes,
  // Connections refused at the door, by bound
  kRefusedUnauthenticated,
  kRefusedUnauthenticatedPerAddress,
  kRefusedConnections,
  kRefusedConnectionsPerAddress,
  kRefusedNewPerAddress,
  kRefusedMemory,
  kAcceptNoDescriptors,
  // Connections cut, by reason
  kCutLogin,
  kCutLag,
  kCutStall,
  kCutPrivateQueue,
  kCutMemory,
  kCutKicked,
  kCutProtocol,
  kCutReplaced,
  kCutShutdown,
  // Waits and refusals inside
  kThrottled,
  kFileWaits,  // of senders, for a receiver that is slow to read
  kRefusedMailbox,
  kRefusedRequestsPerPair,
  kRefusedRequestsPerSender,
  kRefusedRequestsPerTarget,
  kRequestsTimedOut,
  kTalksOpened,
  kRefusedTalks,
  kRefusedTalksPerUser,
  kMessagesHeld,
  kRefusedHeldPerPair,
  kRefusedHeldInAll,
  kRefusedFiles,
  kRefusedMerges,
  kRefusedMergeTargets,
  kRefusedTunnels,
  kRefusedTunnelsPerUser,
  kRefusedPendingTunnels,
  kConnectIdsExpired,
  kBadConnectIds,
  kRefusedBadConnectIds,
  kRelaysCut,
  // Accounts
  kRegistrations,
  kRefusedRegistrations,
  kRefusedAccounts,
  kRefusedLoginsPerConnection,
  kRefusedLoginsPerAddress,
  kRefusedHashing,
  kAccountErrors,  // of the disk
  kLast = kAccountErrors,
};

absl::string_view CounterName(Counter counter);

// Thread safety: all methods may be called from any thread.
class Counters {
 public:
  void Add(Counter counter, uint64_t n = 1) {
    counters_[static_cast<size_t>(counter)].fetch_add(n, std::memory_order_relaxed);
  }
  void Add(Fault fault) {
    faults_[static_cast<size_t>(fault)].fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t value(Counter counter) const {
    return counters_[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
  }
  uint64_t value(Fault fault) const {
    return faults_[static_cast<size_t>(fault)].load(std::memory_order_relaxed);
  }

  // All of them, faults as "fault_" and their name.
  CounterValues Values() const;

 private:
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kLast) + 1> counters_ = {};
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Fault::kLast) + 1> faults_ = {};
};

}  // namespace chat

#endif  // LIBCHAT_HUB_COUNTERS_H_
