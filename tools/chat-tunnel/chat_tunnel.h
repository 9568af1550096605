// chat-tunnel: TCP connections through the private connections of a chat server.

#ifndef TOOLS_CHAT_TUNNEL_CHAT_TUNNEL_H_
#define TOOLS_CHAT_TUNNEL_CHAT_TUNNEL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "libchat/client/client.h"
#include "libchat/client/reconnect.h"
#include "libchat/client/signal.h"
#include "libchat/client/tunnel.h"
#include "libchat/client/tunnel_broker.h"
#include "libchat/pump/pipe_pool.h"
#include "tools/chat-tunnel/endpoints.h"
#include "tools/chat-tunnel/listener.h"
#include "tools/chat-tunnel/stream_log.h"
#include "tools/common/allowed.h"
#include "tools/common/client_flags.h"
#include "tools/common/diagnostics.h"
#include "tools/common/exit_codes.h"
#include "tools/common/reconnector.h"
#include "tools/common/refusals.h"

namespace chat::tools {

struct TunnelOptions {
  // Exactly one of these three.
  std::optional<Destination> stdio_to;  // -W
  std::vector<Forward> forwards;        // -L
  std::vector<Service> services;        // --accept; standard input and output alone, if at all
  Allowed allowed;                      // with --accept

  // For the other user to answer, and then again for the connection to come.
  absl::Duration request_timeout = absl::Seconds(10);
  // Established connections at once, and a quarter of them for one user if there are several;
  // further ones wait to be accepted (-L) or are refused (--accept).
  int64_t max_streams = 256;
  bool json_log = false;
  client::ReconnectPolicy reconnect;
  std::optional<int64_t> ready_fd;
};

// Thread safety: none; all on the one thread of its io_context, which outlives it.
class ChatTunnel {
 public:
  // Of -L: connections to one user that wait for an answer, and that have it and wait for the
  // other half.
  static constexpr int64_t kWaitingATarget = 16;
  static constexpr int64_t kOpeningATarget = 32;
  // Of --accept: connections that were accepted and have not come, in all and of one user.
  static constexpr int64_t kPendingInAll = 512;
  static constexpr int64_t kPendingAUser = 128;
  // Connections to the server that are made before it is known whether they will be needed: it
  // bounds those of one address that have not said what they are for (limits.unauthenticated).
  static constexpr int64_t kConnectedAhead = 8;

  // `log` takes the lines of --log json.
  ChatTunnel(asio::io_context& io, TunnelOptions options, Account account, absl::BitGenRef random,
             Diagnostics& diagnostics, std::ostream& log);

  // Does what the options say; returns the exit code. Once.
  asio::awaitable<ExitCode> Run();

  // Removes what would outlive the process. Streams end with it, by a reset.
  void CleanUp();

 private:
  class Count;
  class UserCount;

  // A stream of a user of ours with another user, from the grant on.
  struct Stream {
    client::TunnelHalf* half = nullptr;  // until both halves are there
    client::Tunnel* tunnel = nullptr;    // from then on
  };

  // A connection that was accepted and has not come yet.
  struct Pending;

  // One user that this process is logged in as.
  struct Login {
    Login(ChatTunnel& tunnel, Account account, const Service* service);

    Account account;
    const Service* const service;  // of --accept; null if it only asks
    client::TunnelBroker broker;
    Reconnector reconnector;
    std::string name;  // since the first login
    std::optional<absl::Status> ended;
    absl::Time lost_at = absl::InfinitePast();
    std::deque<std::shared_ptr<Pending>> pending;                 // that wait for a grant
    std::multimap<std::string, std::shared_ptr<Stream>> streams;  // by peer
    // Of --accept -:
    std::shared_ptr<Pending> stdio;
  };

  // What -L has under way with one user.
  struct Asked {
    int64_t waiting = 0;
    int64_t opening = 0;
    int64_t established = 0;
    bool answers = true;  // the last time
  };

  // ---- The connections that we are logged in on ----
  // Keeps it up as long as the policy says; returns why it does not any more.
  asio::awaitable<absl::Status> StayConnected(Login& login);
  asio::awaitable<absl::Status> ConnectOnce(Login& login);
  asio::awaitable<void> RunConnection(Login& login);
  bool OnAsked(Login& login, const User& from);
  bool OnGranted(Login& login, const RelayGranted& grant);
  void OnEnding(Login& login, const User& by);
  asio::awaitable<void> FinishUnlessEnded(std::shared_ptr<Stream> stream);

  // ---- What it is for ----
  asio::awaitable<ExitCode> RunStdio();
  asio::awaitable<ExitCode> RunAcceptStdio();
  asio::awaitable<ExitCode> RunLong();
  asio::awaitable<ExitCode> StdioStream(Login& login, StreamName name, RelayGranted grant,
                                        client::TunnelSide stdio, client::OpenHalf half);
  asio::awaitable<bool> ServerDied(Login& login, absl::Time peer_ended);

  asio::awaitable<void> AcceptConnections(Listener& listener, size_t socket, Destination to);
  bool HasPlace(const Asked& asked) const;
  asio::awaitable<void> ForwardStream(client::TunnelSide local, Destination to,
                                      std::unique_ptr<Count> waiting);
  // Asks for it; gives up if `local` is gone.
  asio::awaitable<absl::StatusOr<RelayGranted>> AskFor(Login& login, User to,
                                                       client::TunnelSide& local);
  asio::awaitable<void> DialAhead(std::shared_ptr<Pending> pending, Target target);
  asio::awaitable<void> AcceptedStream(Login& login, std::shared_ptr<Pending> pending);
  asio::awaitable<absl::StatusOr<client::OpenHalf>> Open(Login& login, client::TunnelHalf& half,
                                                         RelayGranted grant,
                                                         client::TunnelSide* local);
  asio::awaitable<client::TunnelReport> Join(Login& login, StreamName name, RelayGranted grant,
                                             client::TunnelSide local, client::OpenHalf half);

  // Null if there are enough of them.
  std::unique_ptr<Count> ConnectAhead(client::TunnelHalf& half);
  bool TakesStdio() const;
  int64_t Quarter() const;
  absl::Status Full(const User& asker) const;
  void Start(asio::awaitable<void> stream);
  void SayReady();
  ExitCode Fail(const absl::Status& status);
  const absl::Status* Ended() const;

  asio::io_context& io_;
  const TunnelOptions options_;
  absl::BitGenRef random_;
  Diagnostics& diagnostics_;
  StreamLog log_;

  PipePool pipes_;
  std::deque<Listener> listeners_;
  std::string listening_;  // a line for each -L, for --ready-fd

  int64_t streams_ = 0;      // coroutines of Start
  int64_t established_ = 0;  // streams that have a place of max_streams
  int64_t ahead_ = 0;        // connected ahead
  int64_t pending_ = 0;      // of --accept
  std::map<std::string, int64_t> pending_by_user_;
  std::map<std::string, int64_t> established_by_user_;
  std::map<std::string, Asked> asked_;  // of -L, by login

  bool ready_ = false;
  bool stopping_ = false;
  Refusals refusals_;
  client::Signal changed_;
  std::deque<Login> logins_;  // its connections are among what is counted above
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_CHAT_TUNNEL_H_
