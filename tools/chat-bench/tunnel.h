// One stream through a relay: how fast, and at what cost?

#ifndef TOOLS_CHAT_BENCH_TUNNEL_H_
#define TOOLS_CHAT_BENCH_TUNNEL_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libchat/dialect/dialect.h"
#include "tools/chat-bench/connection.h"

namespace chat::bench {

// The two ends of a stream: what is written to `in` comes out of `out`.
struct Stream {
  Socket in;
  Socket out;
};

// Logs two users in on a chat server and opens a private connection between them. Unimplemented if
// the dialect has no relays. `dialect` is used during the call only.
absl::StatusOr<Stream> OpenRelay(const HostPort& server, const Dialect& dialect,
                                 const DialectOptions& options);

// A connection to `proxy`, which must connect to 127.0.0.1:`sink_port` for it, and the other end
// of that one.
absl::StatusOr<Stream> OpenThroughProxy(const HostPort& proxy, uint16_t sink_port);

struct TunnelOptions {
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(5);
  // If not 0, the measurement is of this many bytes, from the first to the last, without warm-up.
  uint64_t bytes = 0;
  // Compare every byte that comes out with what went in. Costs more than the relay itself.
  bool verify = false;
  // The relay's process; 0: its CPU time is not measured.
  int server_pid = 0;
};

struct TunnelResult {
  uint64_t bytes = 0;  // that came out while it was measured
  absl::Duration elapsed;
  std::optional<absl::Duration> server_cpu;
};

// Sends through `stream` as fast as it takes it, then ends it with a half-close. DataLoss if not
// exactly what went in has come out, followed by the end of the stream.
absl::StatusOr<TunnelResult> RunTunnel(const Stream& stream, const TunnelOptions& options);

}  // namespace chat::bench

#endif  // TOOLS_CHAT_BENCH_TUNNEL_H_
