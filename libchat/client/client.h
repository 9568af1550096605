// One connection to a server, driving the dialect's ClientSession over a socket.

#ifndef LIBCHAT_CLIENT_CLIENT_H_
#define LIBCHAT_CLIENT_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/ip/address.hpp"
#include "asio/ip/tcp.hpp"
#include "libchat/client/resolver.h"
#include "libchat/client/url.h"
#include "libchat/dialect/client_session.h"

namespace chat::client {

struct ClientOptions {
  // For connecting (the name's lookup, all its addresses and TLS), and for the answer to a login.
  absl::Duration connect_timeout = absl::Seconds(10);
  // WaitForRoom waits while this many bytes or more are queued for the server.
  size_t write_buffer = 256 * 1024;
  // With TLS: the PEM file of certificates to trust. Empty: those that this system trusts.
  std::string tls_ca;
  Resolver* resolver = &Resolver::System();  // outlives the Client
};

// What remains of a connection that became half of a relay.
struct Relay {
  asio::ip::tcp::socket socket;  // non-blocking
  std::string early;             // the peer's first bytes, which came with the server's last words
};

// How every method here says what went wrong, each in words that name the server's URL or the user:
//   kUnavailable       the server could not be reached, or the connection broke
//   kOutOfRange        the server closed the connection cleanly: no more events will come
//   kDataLoss          the server broke the protocol, or never spoke it
//   kAlreadyExists     login refused: the name is taken, or another one is worth a try
//   kPermissionDenied  login or account refused, or the server has not proved who it is (TLS)
//   kInvalidArgument   something that this dialect cannot say; or an unusable tls_ca
//   kDeadlineExceeded  the server did not answer the login in time
//
// Thread safety: none. A Client lives on its executor's one thread, and outlives the coroutines
// that it returned; at most one of Connect, Login, Register, OpenRelay and Receive runs at a time,
// while WaitForRoom, SendAhead and FinishSending may run beside them.
class Client {
 public:
  Client(asio::any_io_executor executor, ServerUrl url, ClientOptions options = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  // Closes the connection; what is still queued is lost.
  ~Client();

  const ServerUrl& url() const;
  ClientTraits traits() const;

  // This client's own address on the connection. kUnavailable if there is none.
  absl::StatusOr<asio::ip::address> LocalAddress() const;

  // First: opens the connection.
  asio::awaitable<absl::Status> Connect();

  // Then: logs in, once or (after kAlreadyExists, without a password) again with another name.
  asio::awaitable<absl::Status> Login(std::string name);
  // The same, to an account. `password` lives until it is done, and is in no message.
  asio::awaitable<absl::Status> Login(std::string name, absl::string_view password);

  // Before a Login, or without one: makes an account. `password` as above.
  asio::awaitable<absl::Status> Register(std::string name, absl::string_view password);

  // Instead of Login, as the only call: presents `connect_id` and waits, without a limit, for the
  // other half. Nothing but SendAhead may be called afterwards. Not over TLS (kUnimplemented).
  asio::awaitable<absl::StatusOr<Relay>> OpenRelay(int64_t connect_id);

  // While OpenRelay waits: sends the other half the first bytes, right behind connect_id. Returns
  // how many of `bytes` were taken; 0 as well if OpenRelay has come to its end meanwhile.
  asio::awaitable<size_t> SendAhead(absl::string_view bytes);

  // To speak with, after Login. A call queues its bytes, which are written as soon as the caller
  // gives up the thread, several calls' in one write; a caller with many to send awaits
  // WaitForRoom between them. Events come from Receive alone. Valid as long as the Client.
  ClientSession& session();

  // Waits until fewer than ClientOptions::write_buffer bytes are queued.
  asio::awaitable<absl::Status> WaitForRoom();

  // Waits for something to happen; all that came in one read comes in one batch, never empty.
  // Events that came before an error are handed out before the error is.
  asio::awaitable<absl::StatusOr<std::vector<ClientEvent>>> Receive();

  // Takes leave, writes what is queued, then ends the stream to the server (a half-close): it still
  // sends what is due to this client. Nothing can be sent afterwards. OK says that the kernel has
  // taken everything; that the server has read it is said by kOutOfRange from Receive.
  asio::awaitable<absl::Status> FinishSending();

  // True if there is something to be read from the server, its end included. After Connect.
  bool IsReadable() const;

  // Closes the connection at once. What waits here returns kUnavailable.
  void Close();

 private:
  class Connection;
  std::shared_ptr<Connection> connection_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_CLIENT_H_
