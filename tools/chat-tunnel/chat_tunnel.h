// chat-tunnel: TCP connections through the private connections of a chat server.

#ifndef TOOLS_CHAT_TUNNEL_CHAT_TUNNEL_H_
#define TOOLS_CHAT_TUNNEL_CHAT_TUNNEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "libchat/client/client.h"
#include "libchat/client/reconnect.h"
#include "libchat/client/signal.h"
#include "libchat/client/tunnel.h"
#include "libchat/client/tunnel_broker.h"
#include "libchat/pump/pipe_pool.h"
#include "tools/chat-tunnel/endpoints.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/refusals.h"

namespace chat::tools {

struct TunnelOptions {
  // Exactly one of these three.
  std::optional<User> stdio_to;   // -W
  std::vector<Forward> forwards;  // -L
  std::optional<Target> accept;   // --accept
  Allowed allowed;                // with --accept

  // For the other user to answer, and then again for the connection to come.
  absl::Duration request_timeout = absl::Seconds(60);
  // Connections at once; further ones wait to be accepted (-L) or are refused (--accept).
  int64_t max_streams = 256;
  client::ReconnectPolicy reconnect;
  std::optional<int64_t> ready_fd;
};

// Thread safety: none; all on the one thread of its io_context, which outlives it.
class ChatTunnel {
 public:
  ChatTunnel(asio::io_context& io, TunnelOptions options, Account account, absl::BitGenRef random,
             Diagnostics& diagnostics);

  // Does what the options say; returns the exit code. Once.
  asio::awaitable<ExitCode> Run();

 private:
  // ---- The connection that we are logged in on ----
  // Keeps it up as long as the policy says; returns why it does not any more.
  asio::awaitable<absl::Status> StayConnected(client::ReconnectPolicy policy);
  asio::awaitable<absl::Status> ConnectOnce();
  asio::awaitable<void> RunConnection(client::ReconnectPolicy policy);
  bool OnAsked(const User& from);
  bool OnGranted(const RelayGranted& grant);
  void OnEnding(const User& by);

  // ---- What it is for ----
  asio::awaitable<ExitCode> RunStdio();
  asio::awaitable<ExitCode> RunAcceptStdio();
  asio::awaitable<ExitCode> RunLong();
  asio::awaitable<ExitCode> StdioStream(RelayGranted grant, User peer);

  absl::Status Listen(const Forward& forward);
  asio::awaitable<void> AcceptConnections(asio::ip::tcp::acceptor& acceptor, User to);
  asio::awaitable<void> ForwardStream(asio::ip::tcp::socket local, User to);
  asio::awaitable<void> AcceptedStream(RelayGranted grant);
  asio::awaitable<absl::StatusOr<client::Relay>> OpenRelay(const RelayGranted& grant);
  asio::awaitable<client::TunnelReport> Join(User peer, client::TunnelSide local,
                                             client::Relay relay);

  void Start(asio::awaitable<void> stream);
  void SayReady();
  ExitCode Fail(const absl::Status& status);
  void LogFailure(const User& peer, const absl::Status& status);

  asio::io_context& io_;
  const TunnelOptions options_;
  Account account_;
  absl::BitGenRef random_;
  Diagnostics& diagnostics_;

  client::TunnelBroker broker_;
  PipePool pipes_;
  std::vector<asio::ip::tcp::acceptor> acceptors_;
  std::string listening_;                                // a line for each, for --ready-fd
  std::multimap<std::string, client::Tunnel*> tunnels_;  // open ones, by peer
  int64_t streams_ = 0;
  bool ready_ = false;
  int64_t logins_ = 0;
  std::optional<absl::Status> connection_ended_;
  std::optional<RelayGranted> stdio_grant_;
  Refusals refusals_;
  client::Signal changed_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_CHAT_TUNNEL_H_
