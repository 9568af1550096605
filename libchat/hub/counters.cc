#include "libchat/hub/counters.h"

#include "absl/strings/str_cat.h"

namespace chat {

absl::string_view CounterName(Counter counter) {
  switch (counter) {
    case Counter::kConnectionsAccepted:
      return "connections_accepted";
    case Counter::kLogins:
      return "logins";
    case Counter::kLoginsRefused:
      return "logins_refused";
    case Counter::kMessagesPublic:
      return "messages_public";
    case Counter::kMessagesPrivate:
      return "messages_private";
    case Counter::kMessagesServer:
      return "messages_server";
    case Counter::kBytesIn:
      return "bytes_in";
    case Counter::kBytesOut:
      return "bytes_out";
    case Counter::kMessagesForwarded:
      return "messages_forwarded";
    case Counter::kFileBytes:
      return "file_bytes";
    case Counter::kTunnelsOpened:
      return "tunnels_opened";
    case Counter::kTunnelsEstablished:
      return "tunnels_established";
    case Counter::kTunnelBytes:
      return "tunnel_bytes";
    case Counter::kRefusedUnauthenticated:
      return "refused_unauthenticated";
    case Counter::kRefusedUnauthenticatedPerAddress:
      return "refused_unauthenticated_per_address";
    case Counter::kRefusedConnections:
      return "refused_connections";
    case Counter::kRefusedConnectionsPerAddress:
      return "refused_connections_per_address";
    case Counter::kRefusedNewPerAddress:
      return "refused_new_connections_per_address";
    case Counter::kRefusedMemory:
      return "refused_memory";
    case Counter::kAcceptNoDescriptors:
      return "accept_no_descriptors";
    case Counter::kCutLogin:
      return "cut_login";
    case Counter::kCutLag:
      return "cut_lag";
    case Counter::kCutStall:
      return "cut_stall";
    case Counter::kCutPrivateQueue:
      return "cut_private_queue";
    case Counter::kCutMemory:
      return "cut_memory";
    case Counter::kCutKicked:
      return "cut_kicked";
    case Counter::kCutProtocol:
      return "cut_protocol";
    case Counter::kCutReplaced:
      return "cut_replaced";
    case Counter::kCutShutdown:
      return "cut_shutdown";
    case Counter::kThrottled:
      return "throttled";
    case Counter::kFileWaits:
      return "file_waits";
    case Counter::kRefusedMailbox:
      return "refused_mailbox";
    case Counter::kRefusedRequestsPerPair:
      return "refused_requests_per_pair";
    case Counter::kRefusedRequestsPerSender:
      return "refused_requests_per_sender";
    case Counter::kRefusedRequestsPerTarget:
      return "refused_requests_per_target";
    case Counter::kRequestsTimedOut:
      return "requests_timed_out";
    case Counter::kTalksOpened:
      return "talks_opened";
    case Counter::kRefusedTalks:
      return "refused_talks";
    case Counter::kRefusedTalksPerUser:
      return "refused_talks_per_user";
    case Counter::kMessagesHeld:
      return "messages_held";
    case Counter::kRefusedHeldPerPair:
      return "refused_held_per_pair";
    case Counter::kRefusedHeldInAll:
      return "refused_held_in_all";
    case Counter::kRefusedFiles:
      return "refused_files";
    case Counter::kRefusedMerges:
      return "refused_merges";
    case Counter::kRefusedMergeTargets:
      return "refused_merge_targets";
    case Counter::kRefusedTunnels:
      return "refused_tunnels";
    case Counter::kRefusedTunnelsPerUser:
      return "refused_tunnels_per_user";
    case Counter::kRefusedPendingTunnels:
      return "refused_pending_tunnels";
    case Counter::kConnectIdsExpired:
      return "connect_ids_expired";
    case Counter::kBadConnectIds:
      return "bad_connect_ids";
    case Counter::kRefusedBadConnectIds:
      return "refused_bad_connect_ids";
    case Counter::kRelaysCut:
      return "relays_cut";
    case Counter::kRegistrations:
      return "registrations";
    case Counter::kRefusedRegistrations:
      return "refused_registrations";
    case Counter::kRefusedAccounts:
      return "refused_accounts";
    case Counter::kRefusedLoginsPerConnection:
      return "refused_logins_per_connection";
    case Counter::kRefusedLoginsPerAddress:
      return "refused_logins_per_address";
    case Counter::kRefusedHashing:
      return "refused_hashing";
    case Counter::kAccountErrors:
      return "account_errors";
  }
  return "unknown";
}

CounterValues Counters::Values() const {
  CounterValues values;
  for (size_t i = 0; i <= static_cast<size_t>(Counter::kLast); ++i) {
    const Counter counter = static_cast<Counter>(i);
    values.emplace_back(CounterName(counter), value(counter));
  }
  for (size_t i = 0; i <= static_cast<size_t>(Fault::kLast); ++i) {
    const Fault fault = static_cast<Fault>(i);
    values.emplace_back(absl::StrCat("fault_", CounterName(fault)), value(fault));
  }
  return values;
}

}  // namespace chat
