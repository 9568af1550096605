// One sender, many receivers: what does a delivery cost?

#ifndef TOOLS_CHAT_BENCH_FANOUT_H_
#define TOOLS_CHAT_BENCH_FANOUT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/chat-bench/connection.h"
#include "tools/chat-bench/endpoint.h"
#include "tools/chat-bench/histogram.h"

namespace chat::bench {

struct FanoutOptions {
  size_t receivers = 50;
  // Messages in flight. A message is in flight until every receiver has it and, where the server
  // confirms messages, its sender has the confirmation: the same for all servers.
  uint64_t window = 256;
  size_t message_bytes = 100;
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(5);
  // If not 0, the measurement lasts for this many messages and not for `duration`.
  uint64_t messages = 0;
  // Fails with kDeadlineExceeded if nothing arrives for so long.
  absl::Duration stall = absl::Seconds(kStallSeconds);
  // The server's process; 0: its CPU time is not measured.
  int server_pid = 0;
};

struct FanoutResult {
  uint64_t messages = 0;
  // Messages that came out of the server: one a receiver and, if the server echoes it, one for the
  // sender. A confirmation that is not the message itself is no delivery.
  uint64_t deliveries = 0;
  bool sender_echo = false;
  // Of a message as a receiver gets it, in bytes.
  uint64_t frame_bytes = 0;
  absl::Duration elapsed;
  // CPU time that was used from the first message sent to the last one received.
  std::optional<absl::Duration> server_cpu;
  absl::Duration bench_cpu;
  // From sending a message to its confirmation; empty if the server confirms nothing.
  Histogram confirmation_nanos;
  // From sending a message to its arrival at the last receiver.
  Histogram delivery_nanos;
};

// Makes the endpoints of one kind of server. `index` tells receivers apart; the sender's is 0.
using EndpointFactory = std::function<std::unique_ptr<Endpoint>(Role role, size_t index)>;

// Connects, checks with one message that every receiver gets it, warms up, measures, and checks
// that every receiver got each byte, once, and a last message behind them. Between the first and
// the last message receivers only count bytes, which every server's cost depends on alike.
// Fails if anything is missing, is too much, or is different.
absl::StatusOr<FanoutResult> RunFanout(const HostPort& server, const EndpointFactory& new_endpoint,
                                       const FanoutOptions& options);

}  // namespace chat::bench

#endif  // TOOLS_CHAT_BENCH_FANOUT_H_
