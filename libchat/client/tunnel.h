// Joins a local connection to the private connection that a server relays.

#ifndef LIBCHAT_CLIENT_TUNNEL_H_
#define LIBCHAT_CLIENT_TUNNEL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/client/signal.h"
#include "libchat/pump/pipe_pool.h"
#include "libchat/pump/pump.h"

namespace chat::client {

// A descriptor that can be waited for. Owns it.
class TunnelDescriptor {
 public:
  enum class Flags : uint8_t {
    kOwn,     // it is made non-blocking
    kShared,  // other processes share its flags, which are left as they are
  };

  // None.
  explicit TunnelDescriptor(asio::any_io_executor executor);
  TunnelDescriptor(asio::any_io_executor executor, int fd, Flags flags);
  TunnelDescriptor(TunnelDescriptor&&) = default;

  bool is_open() const { return descriptor_.is_open(); }
  int fd() { return descriptor_.native_handle(); }
  Flags flags() const { return flags_; }
  asio::any_io_executor get_executor() { return descriptor_.get_executor(); }

  // Each returns when that is so, or after a Cancel. What cannot be waited for, as a regular file,
  // is always ready.
  asio::awaitable<void> WaitReadable();
  asio::awaitable<void> WaitWritable();
  // `fd` reports an error, or that both directions are over.
  asio::awaitable<void> WaitFailed();

  void Cancel();
  void Close();

 private:
  using Descriptor = asio::posix::stream_descriptor;

  asio::awaitable<void> Wait(Descriptor& epoll, Descriptor::wait_type what, uint32_t events);

  Flags flags_ = Flags::kOwn;
  bool always_ready_ = false;
  Descriptor descriptor_;  // owns fd
  // Of kShared: these wait for it, because the event loop makes non-blocking what it waits for.
  Descriptor data_epoll_;
  Descriptor failed_epoll_;
};

// One side of a tunnel: where its bytes come from and where those for it go. Owns its descriptors.
// However it goes away, the end of the process included, a TCP peer gets a reset: only Close(false)
// is an orderly end.
class TunnelSide {
 public:
  using Flags = TunnelDescriptor::Flags;

  // A connected stream socket; or, with two descriptors, something like stdin and stdout.
  TunnelSide(asio::any_io_executor executor, int socket);
  TunnelSide(asio::any_io_executor executor, int in, int out, Flags in_flags = Flags::kOwn,
             Flags out_flags = Flags::kOwn);
  TunnelSide(TunnelSide&&) = default;

  bool is_socket() const { return is_socket_; }
  TunnelDescriptor& in() { return in_; }
  TunnelDescriptor& out() { return is_socket_ ? in_ : out_; }

  // Returns when the socket's other end is gone altogether, or after a Cancel: it was reset, or (as
  // only Unix sockets tell) closed with nothing left to read. An end of what it says is not that.
  // False if it was cancelled, or if what is left to read has to be read first.
  asio::awaitable<bool> WaitUntilGone();

  // Ends every wait.
  void Cancel();
  // Nothing more is written. For a pipe or file, which cannot be shut down.
  void CloseOut();
  void Close(bool reset);

 private:
  bool is_socket_;
  TunnelDescriptor in_;
  TunnelDescriptor out_;
};

// How a tunnel ended.
struct TunnelReport {
  enum class Ending : uint8_t {
    kDone,        // both directions came to their end
    kLocalError,  // reading from or writing to the local side failed
    kPeerError,   // the same on the relayed side: the peer or the server is gone
  };

  Ending ending = Ending::kDone;
  int error = 0;                 // errno of a kLocalError or kPeerError
  bool failed_on_write = false;  // of which kind it was
  uint64_t sent = 0;             // bytes from the local side to the peer
  uint64_t received = 0;         // and from the peer to the local side
  absl::Duration lasted;
  // When the peer's end came; in the future if it did not.
  absl::Time peer_ended = absl::InfiniteFuture();

  // For people: "done", "reset by the peer", ...
  std::string Reason() const;
};

// What both sides have said before the tunnel begins.
struct TunnelStart {
  std::string from_peer;    // read from the peer, for the local side
  std::string from_local;   // read from the local side, for the peer
  uint64_t sent_ahead = 0;  // bytes of the local side that the peer has got already
};

// Carries bytes both ways until both directions have ended. An end travels as a half-close, and
// the other direction goes on; an error travels as a reset. What a side has said before it failed
// is carried to its end first. Who has said everything and then is gone altogether is no error to
// who only listens: both sides are closed in order then.
//
// The process must ignore SIGPIPE.
//
// Thread safety: none; it lives on its executor's one thread. It and `pool` outlive Run.
class Tunnel {
 public:
  Tunnel(TunnelSide local, TunnelSide peer, TunnelStart start, PipePool& pool);
  Tunnel(TunnelSide local, TunnelSide peer, std::string from_peer, PipePool& pool)
      : Tunnel(std::move(local), std::move(peer), TunnelStart{std::move(from_peer), {}, 0}, pool) {}

  // Before Run: `announce` is called right before the peer is told that the local side has ended.
  void AnnounceEnd(std::function<void()> announce);

  // Once. Both sides are closed when it returns.
  asio::awaitable<TunnelReport> Run();

  // Takes no more from the local side: what was taken still goes to the peer, and then the end. The
  // other direction goes on.
  void FinishSending();

  // The peer has ended what it says.
  bool peer_has_ended() const { return back_.ended; }

 private:
  struct Direction {
    Direction(TunnelSide& from, TunnelSide& to, PipePool& pool, std::string early);

    TunnelSide& from;
    TunnelSide& to;
    Pump pump;
    bool ended = false;
  };

  asio::awaitable<void> Carry(Direction& direction);
  asio::awaitable<void> PassEnd(Direction& direction);
  asio::awaitable<void> WatchFor(Direction& direction);
  asio::awaitable<void> BoundDelivery();
  void Start(asio::awaitable<void> part);
  void OnDone(Direction& direction);
  void OnFailed(Direction& direction, int error, bool on_write);
  void Stop();
  asio::awaitable<void> LetDrain(TunnelSide& side);
  Direction& Other(Direction& direction) { return &direction == &there_ ? back_ : there_; }

  TunnelSide local_;
  TunnelSide peer_;
  Direction there_;
  Direction back_;
  const uint64_t sent_ahead_;
  std::function<void()> announce_;
  TunnelReport report_;
  bool stopped_ = false;
  bool reset_ = false;
  Direction* last_words_ = nullptr;  // after an error: what the failed side said, to be delivered
  asio::steady_timer delivery_;
  int running_ = 0;  // coroutines
  Signal changed_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_TUNNEL_H_
