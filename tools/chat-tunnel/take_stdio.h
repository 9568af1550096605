// This process' own input and output as one end of a tunnel.

#ifndef TOOLS_CHAT_TUNNEL_TAKE_STDIO_H_
#define TOOLS_CHAT_TUNNEL_TAKE_STDIO_H_

#include "asio/any_io_executor.hpp"
#include "libchat/client/tunnel.h"

namespace chat::tools {

// Standard input and output, which become /dev/null for the rest of this process: so whoever reads
// the output sees its end when the tunnel closes it. Other processes that share them do not notice:
// none of their flags is changed.
client::TunnelSide TakeStdio(asio::any_io_executor executor);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_TAKE_STDIO_H_
