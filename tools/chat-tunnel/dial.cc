#include "tools/chat-tunnel/dial.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "asio/ip/tcp.hpp"
#include "asio/local/stream_protocol.hpp"
#include "libchat/client/connect.h"

namespace chat::tools {

asio::awaitable<absl::StatusOr<client::TunnelSide>> Dial(asio::any_io_executor executor,
                                                         Target target, absl::Duration timeout) {
  client::ConnectOptions options;
  options.timeout = timeout;
  client::Connector connector(executor, options);
  absl::Status status;
  asio::error_code ignored;
  if (target.kind == Target::Kind::kUnix) {
    absl::StatusOr<asio::local::stream_protocol::socket> socket =
        co_await connector.ConnectLocal(target.path);
    if (socket.ok()) co_return client::TunnelSide(executor, socket->release(ignored));
    status = socket.status();
  } else {
    absl::StatusOr<asio::ip::tcp::socket> socket =
        co_await connector.Connect(target.tcp.host, target.tcp.port);
    if (socket.ok()) co_return client::TunnelSide(executor, socket->release(ignored));
    status = socket.status();
  }
  co_return absl::UnavailableError(
      absl::StrCat("cannot reach ", ToString(target), ": ", status.message()));
}

}  // namespace chat::tools
