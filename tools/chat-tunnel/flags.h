// chat-tunnel's command line.

#ifndef TOOLS_CHAT_TUNNEL_FLAGS_H_
#define TOOLS_CHAT_TUNNEL_FLAGS_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "libchat/dialect/dialect.h"
#include "tools/chat-tunnel/chat_tunnel.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/settings.h"

namespace chat::tools {

struct TunnelFlags {
  TunnelOptions options;
  Account account;
  bool verbose = false;
  bool quiet = false;
};

// Reads it all; `dialects` are those that a server's URL may name. If the program has to end now,
// that was said, and *exit_code is set.
std::optional<TunnelFlags> ReadTunnelFlags(int argc, const char* const* argv,
                                           const std::vector<const Dialect*>& dialects,
                                           const Surroundings& surroundings, ExitCode* exit_code);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_FLAGS_H_
