// Joins a local connection to the private connection that a server relays.

#ifndef LIBCHAT_CLIENT_TUNNEL_H_
#define LIBCHAT_CLIENT_TUNNEL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "libchat/client/signal.h"
#include "libchat/pump/pipe_pool.h"
#include "libchat/pump/pump.h"

namespace chat::client {

// One side of a tunnel: where its bytes come from and where those for it go. Owns its descriptors
// and makes them non-blocking. However it goes away, the end of the process included, a TCP peer
// gets a reset: only Close(false) is an orderly end.
class TunnelSide {
 public:
  // A connected stream socket; or, with two descriptors, something like stdin and stdout.
  TunnelSide(asio::any_io_executor executor, int socket);
  TunnelSide(asio::any_io_executor executor, int in, int out);
  TunnelSide(TunnelSide&&) = default;

  bool is_socket() const { return is_socket_; }
  asio::posix::stream_descriptor& in() { return in_; }
  asio::posix::stream_descriptor& out() { return is_socket_ ? in_ : out_; }

  // Ends every wait.
  void Cancel();
  // Nothing more is written. For a pipe or file, which cannot be shut down.
  void CloseOut();
  void Close(bool reset);

 private:
  const bool is_socket_;
  asio::posix::stream_descriptor in_;
  asio::posix::stream_descriptor out_;
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

  // For people: "done", "reset by the peer", ...
  std::string Reason() const;
};

// Carries bytes both ways until both directions have ended. An end travels as a half-close, and
// the other direction goes on; an error travels as a reset. Who has said everything and then is
// gone altogether is no error to who only listens: what was said is carried to its end, and then
// both sides are closed.
//
// The process must ignore SIGPIPE.
//
// Thread safety: none; it lives on its executor's one thread. It and `pool` outlive Run.
class Tunnel {
 public:
  // `early`: the peer's first bytes, which were read already.
  Tunnel(TunnelSide local, TunnelSide peer, std::string early, PipePool& pool);

  // Once. Both sides are closed when it returns.
  asio::awaitable<TunnelReport> Run();

  // Takes no more from the local side: what was taken still goes to the peer, and then the end. The
  // other direction goes on.
  void FinishSending();

 private:
  struct Direction {
    Direction(TunnelSide& from, TunnelSide& to, PipePool& pool, std::string early);

    TunnelSide& from;
    TunnelSide& to;
    Pump pump;
    bool ended = false;
  };

  asio::awaitable<void> Carry(Direction& direction);
  asio::awaitable<void> WatchFor(Direction& direction);
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
  TunnelReport report_;
  bool stopped_ = false;
  bool reset_ = false;
  TunnelSide* listener_ = nullptr;  // after an error: to whom the side that has gone was talking
  int running_ = 0;                 // coroutines
  Signal changed_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_TUNNEL_H_
