// A direct connection between two clients, whom the server has only introduced to each other.
//
// The client that was asked listens (DirectListener) and tells the other one where; that one
// connects (ConnectDirect). What either then has is a DirectConnection.
//
// How a sender knows that everything has arrived. The protocols of direct connections confirm
// nothing, so the end of the TCP connection says it:
//   - The side that connected ends its own stream once it has sent everything, and waits:
//     DirectConnection::Confirm does both.
//   - The side that listened takes what comes until Receive returns kOutOfRange. Only when it has
//     handled all of it, files in their place included, it calls Close: that is the confirmation.
//   - Whoever does not want what the other sends (a file that cannot be taken, say) calls Abort, or
//     just goes away, the end of the process included: the other sees a reset, kAborted.
// What the listening side has sent is not confirmed to it in this way.

#ifndef LIBCHAT_CLIENT_DIRECT_H_
#define LIBCHAT_CLIENT_DIRECT_H_

#include <cstddef>
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
#include "libchat/dialect/dialect.h"
#include "libchat/dialect/direct_session.h"
#include "libchat/event/event.h"
#include "libchat/event/text.h"

namespace chat::client {

// How long a listener waits for its peer, and who connects for the listener: both of them wait for
// nothing else, so it is now or never.
inline constexpr absl::Duration kDirectPatience = absl::Seconds(10);

struct DirectConnectionOptions {
  // Until the peers are connected and know each other.
  absl::Duration patience = kDirectPatience;
  // WaitForRoom waits while this many bytes or more are queued for the peer.
  size_t write_buffer = 256 * 1024;
};

// Between whom, and in which dialect: one that has direct connections (ClientTraits).
struct DirectParties {
  const Dialect* dialect = nullptr;
  std::string self;  // this client's login
  std::string peer;  // the other's
};

// How everything here says what went wrong:
//   kOutOfRange        the peer has sent everything and ended its stream in an orderly way
//   kAborted           the peer has reset the connection: it refuses what was sent, or is gone
//   kDataLoss          the peer broke the protocol, or ended in the middle of a packet or file
//   kUnavailable       the peer could not be reached, the connection broke, or it was closed here
//   kDeadlineExceeded  nobody came, or nobody was there, within the patience
//   kPermissionDenied  an address that nobody is to be connected to
//   kInvalidArgument   something that this dialect cannot say
//
// Thread safety: none. It lives on its executor's one thread, and outlives the coroutines that it
// returned; at most one of Receive and Confirm runs at a time, while WaitForRoom and FinishSending
// may run beside it.
class DirectConnection {
 public:
  class Link;
  explicit DirectConnection(std::shared_ptr<Link> link);  // for DirectListener and ConnectDirect
  DirectConnection(const DirectConnection&) = delete;
  DirectConnection& operator=(const DirectConnection&) = delete;
  // As Abort.
  ~DirectConnection();

  // These queue their bytes, which are written as soon as the caller gives up the thread; a caller
  // with many to send awaits WaitForRoom between them. They report what DirectSession does; after
  // FinishSending, kFailedPrecondition. What goes wrong with the connection is told by the others.
  absl::Status SendMessage(Text body);
  absl::Status SendFilePiece(absl::string_view name, absl::string_view content);
  size_t max_piece_bytes() const;

  // Waits until fewer than DirectConnectionOptions::write_buffer bytes are queued.
  asio::awaitable<absl::Status> WaitForRoom();

  // Waits for messages and pieces of files (never a DirectOpened); all that came in one read comes
  // in one batch, never empty. Events that came before an error are handed out before the error is.
  // Nothing is read from the peer between two calls: who handles slowly slows the peer.
  asio::awaitable<absl::StatusOr<std::vector<DirectEvent>>> Receive();

  // Writes what is queued, then ends the stream to the peer (a half-close). OK says that the kernel
  // has taken everything. Again: nothing more happens.
  asio::awaitable<absl::Status> FinishSending();

  // FinishSending; then waits, without a limit, until the peer says that it has handled everything
  // (see above). What the peer still sends is dropped.
  asio::awaitable<absl::Status> Confirm();

  // An orderly end, at once: what is still queued is lost (await FinishSending first).
  void Close();
  // A reset: tells the peer that this side does not take what it has sent. What waits here returns
  // kUnavailable.
  void Abort();

 private:
  std::shared_ptr<Link> link_;
};

// Waits for one peer.
//
// Thread safety: as DirectConnection.
class DirectListener {
 public:
  // Opens a listening socket on `local`, this client's own address (Client::LocalAddress), on a
  // port that the kernel chooses. kFailedPrecondition if a peer could not be told of that address.
  static absl::StatusOr<std::unique_ptr<DirectListener>> Open(asio::any_io_executor executor,
                                                              const asio::ip::address& local,
                                                              DirectConnectionOptions options = {});
  DirectListener(const DirectListener&) = delete;
  DirectListener& operator=(const DirectListener&) = delete;
  // As Close.
  ~DirectListener();

  // What to tell the peer (ClientSession::AcceptDirect): a fresh secret is in it.
  const DirectAddress& address() const;

  // Once: waits for the peer, for as long as the patience lasts. Other callers, who do not know the
  // secret or are not `parties.peer`, are closed, and are in nobody's way. The listening socket is
  // closed when this returns; the DirectConnection is independent of the listener.
  asio::awaitable<absl::StatusOr<std::unique_ptr<DirectConnection>>> Accept(DirectParties parties);

  // Stops listening. A waiting Accept returns kUnavailable.
  void Close();

 private:
  class Door;
  explicit DirectListener(std::shared_ptr<Door> door);

  std::shared_ptr<Door> door_;
};

// Connects to the peer who listens at `at`, and proves to it who this is. (If the peer does not
// believe it, it closes: that is seen later, as kAborted or kOutOfRange.) The peer's address comes
// from a stranger: 0.0.0.0/8, multicast, link-local and broadcast addresses and ports under 1024
// are refused (kPermissionDenied); nothing is sent then.
asio::awaitable<absl::StatusOr<std::unique_ptr<DirectConnection>>> ConnectDirect(
    asio::any_io_executor executor, DirectParties parties, DirectAddress at,
    DirectConnectionOptions options = {});

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_DIRECT_H_
