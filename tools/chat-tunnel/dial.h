// The local ends of tunnels: connections to a fixed target.

#ifndef TOOLS_CHAT_TUNNEL_DIAL_H_
#define TOOLS_CHAT_TUNNEL_DIAL_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "libchat/client/tunnel.h"
#include "tools/chat-tunnel/endpoints.h"

namespace chat::tools {

// Connects to `target`, which is not kStdio. Unavailable says why not; after `timeout` it gives up.
asio::awaitable<absl::StatusOr<client::TunnelSide>> Dial(asio::any_io_executor executor,
                                                         Target target, absl::Duration timeout);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_DIAL_H_
