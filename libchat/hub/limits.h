// The server's bounds, under the names that they have in the config (limits.*). What they guard,
// and what happens at each, stands beside it; each has a counter (counters.h).

#ifndef LIBCHAT_HUB_LIMITS_H_
#define LIBCHAT_HUB_LIMITS_H_

#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace chat {

// A bound that was lifted ("unlimited" in the config).
inline constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

struct Limits {
  // ---- Connections ----
  // A connection that has neither logged in nor presented a connect_id by then is closed. Each
  // answer to a login or registration gives it that time again: people type.
  absl::Duration login = absl::Minutes(5);
  // Largest declared frame, in bytes, before and after login.
  int64_t frame_before_login = 512;
  int64_t frame = 64 * 1024;
  // Connections that have not logged in: in all, of one address, and from how many on new ones are
  // refused at random, ever more likely.
  int64_t unauthenticated = 1000;
  int64_t unauthenticated_per_address = 32;
  int64_t unauthenticated_random_from = 300;
  // Connections in all; 0 here (not in the config) derives it from the descriptor limit, less 64.
  int64_t connections = 0;
  // Connections of one address, and how many it may open in a minute. Halves of tunnels do not
  // count: limits.tunnels_* bound them.
  int64_t connections_per_address = 64;
  int64_t new_connections_per_address_per_minute = 64;
  int64_t accepts_per_wake = 16;

  // ---- Slow consumers: cut, with last words ----
  // Bytes behind the broadcast log.
  int64_t lag = 4 << 20;
  // Time without progress while something is due.
  absl::Duration stall = absl::Seconds(30);
  // Bytes of its own that wait for one connection.
  int64_t private_queue = 256 * 1024;
  // Events that wait for one I/O thread; beyond it private messages, requests and the closing of
  // relays are refused.
  int64_t mailbox = 65536;
  // Unsent bytes that the kernel keeps for one connection (TCP_NOTSENT_LOWAT).
  int64_t kernel_unsent = 128 * 1024;
  // Bytes of all queues and logs together. From 90% on the worst laggards are cut, from 95% on
  // nothing is accepted.
  int64_t memory = int64_t{512} << 20;

  // ---- Rates ----
  // Messages a second of one connection, and how many may come at once. Beyond it reading pauses.
  int64_t messages_per_second = 50;
  int64_t messages_burst = 200;
  // Bytes read from one connection before the others get their turn.
  int64_t read_budget = 64 * 1024;

  // ---- Requests and tunnels ----
  int64_t requests_per_pair = 1;         // talk and direct connections
  int64_t relay_requests_per_pair = 16;  // relays, answered in order
  int64_t requests_per_sender = 64;
  int64_t requests_per_target = 64;
  absl::Duration request = absl::Seconds(60);  // not answered by then: refused
  int64_t talks_per_user = 1024;
  // Private messages that wait for their receiver's consent: of one user to one other, and in all.
  int64_t held_messages = 16;
  int64_t held_bytes = 64 * 1024;
  int64_t held_bytes_in_all = 16 << 20;
  // Bytes of files on their way to one receiver, beyond which its senders wait; and how long a link
  // to another server waits for one receiver, which everybody behind it shares.
  int64_t file_window = 256 * 1024;
  absl::Duration file_patience = absl::Seconds(1);
  // Servers that this one connects to, or tries to, to merge with them.
  int64_t merge_targets = 64;
  int64_t tunnels = 4096;
  int64_t tunnels_per_user = 256;
  int64_t pending_tunnels_per_address = 64;       // of the asker; those that wait for a half
  absl::Duration connect_id = absl::Seconds(60);  // both halves must have come by then
  int64_t early_bytes = 64 * 1024;                // of a half that waits for the other
  int64_t bad_connect_ids_per_minute = 10;        // of one address
  int64_t bad_connect_ids_per_second = 100;       // in all
  // A relay that shall end, or a side of which was reset, is closed after so long without a byte.
  absl::Duration relay_close = absl::Seconds(10);
  // The end of one half waits so long for its announcement, where clients need that first
  // (ServerSession::relay_end_waits_for_notice).
  absl::Duration relay_notice = absl::Milliseconds(250);

  // ---- Accounts ----
  // Failed logins of one connection: after the last it is closed.
  int64_t logins_per_connection = 3;
  // Failed logins of one address within logins_window bring a refusal of logins_refusal. Each
  // further one doubles it, up to logins_longest_refusal. So many addresses are remembered.
  int64_t logins_per_address = 10;
  absl::Duration logins_window = absl::Minutes(5);
  absl::Duration logins_refusal = absl::Seconds(5);
  absl::Duration logins_longest_refusal = absl::Minutes(10);
  int64_t logins_addresses = 65536;
  // Threads that hash passwords, fixed at start, and passwords that may wait for them: beyond it
  // the connection is closed.
  int64_t hashing_threads = 2;
  int64_t hashing_queue = 64;
  // Registrations within registrations_window: in all, and of one address.
  int64_t registrations = 30;
  int64_t registrations_per_address = 10;
  absl::Duration registrations_window = absl::Minutes(10);
  int64_t accounts = 100'000;  // in all

  // ---- The end ----
  absl::Duration drain = absl::Seconds(10);         // connections
  absl::Duration drain_relays = absl::Seconds(30);  // relays

  // ---- Dead peers ----
  absl::Duration keepalive_idle = absl::Seconds(60);
  absl::Duration keepalive_interval = absl::Seconds(15);
  int64_t keepalive_probes = 4;
  absl::Duration user_timeout = absl::Seconds(120);

  // Loopback addresses are exempt from the bounds that count by address, and from messages_*.
  bool exempt_loopback = true;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_LIMITS_H_
