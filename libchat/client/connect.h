// Connections to hosts that have several addresses, of which not every one answers.

#ifndef LIBCHAT_CLIENT_CONNECT_H_
#define LIBCHAT_CLIENT_CONNECT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/local/stream_protocol.hpp"
#include "libchat/client/resolver.h"

namespace chat::client {

// Alternates the families, that of the first address first; within one the order stays.
Addresses InTurn(const Addresses& addresses);

struct ConnectOptions {
  // For all of it: the lookup and every address.
  absl::Duration timeout = absl::InfiniteDuration();
  // How long an address is waited for before the next one is tried as well.
  absl::Duration head_start = absl::Milliseconds(250);
  Resolver* resolver = &Resolver::System();  // outlives the Connector
};

// Connects once. Errors are in words for people, without the host:
//   kUnavailable        no address could be reached; the first cause of that
//   kDeadlineExceeded   the timeout has passed
//   kCancelled          Cancel was called
//
// Thread safety: none. Outlives the coroutine that it returned.
class Connector {
 public:
  explicit Connector(asio::any_io_executor executor, ConnectOptions options = {});
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  ~Connector();  // cancels

  // Looks `host` up, a name or an address, and tries its addresses, of both families in turn, as
  // RFC 8305 says: the next one after the head start, or as soon as one has failed. The first that
  // answers wins, the others are closed. The socket does not delay small writes.
  asio::awaitable<absl::StatusOr<asio::ip::tcp::socket>> Connect(std::string host, uint16_t port);

  // The same for a Unix socket. While its queue of connections is full, waits for a place.
  asio::awaitable<absl::StatusOr<asio::local::stream_protocol::socket>> ConnectLocal(
      std::string path);

  // May be called at any time, before a Connect too.
  void Cancel();

 private:
  class Attempt;
  const std::shared_ptr<Attempt> attempt_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_CONNECT_H_
