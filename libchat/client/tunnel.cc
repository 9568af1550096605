#include "libchat/client/tunnel.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "asio/co_spawn.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::client {
namespace {

using asio::posix::stream_descriptor;
using Ending = TunnelReport::Ending;

// Bytes that one direction moves before the others get their turn.
constexpr size_t kTurn = 1024 * 1024;

// How long, at most, and how often to look whether what was written has arrived.
constexpr absl::Duration kDrainPatience = absl::Seconds(10);
constexpr absl::Duration kDrainPause = absl::Milliseconds(10);

// A regular file cannot be waited for, and need not be: that error counts as ready.
asio::awaitable<void> WaitFor(stream_descriptor& descriptor, stream_descriptor::wait_type what) {
  asio::error_code ignored;
  co_await descriptor.async_wait(what, asio::redirect_error(asio::use_awaitable, ignored));
}

bool HasFailed(int fd) {
  pollfd entry{.fd = fd, .events = 0, .revents = 0};
  return poll(&entry, 1, 0) == 1 && (entry.revents & POLLERR) != 0;
}

}  // namespace

// ---- TunnelSide ----

TunnelSide::TunnelSide(asio::any_io_executor executor, int socket)
    : is_socket_(true), in_(executor, socket), out_(executor) {
  in_.non_blocking(true);
  ResetOnClose(socket);
}

TunnelSide::TunnelSide(asio::any_io_executor executor, int in, int out)
    : is_socket_(false), in_(executor, in), out_(executor, out) {
  in_.non_blocking(true);
  out_.non_blocking(true);
  ResetOnClose(in);
  ResetOnClose(out);
}

void TunnelSide::Cancel() {
  asio::error_code ignored;
  if (in_.is_open()) in_.cancel(ignored);
  if (out_.is_open()) out_.cancel(ignored);
}

void TunnelSide::CloseOut() {
  if (is_socket_) return;
  asio::error_code ignored;
  out_.close(ignored);
}

void TunnelSide::Close(bool reset) {
  asio::error_code ignored;
  for (stream_descriptor* descriptor : {&in_, &out_}) {
    if (!descriptor->is_open()) continue;
    ResetOnClose(descriptor->native_handle(), reset);
    descriptor->close(ignored);
  }
}

// ---- TunnelReport ----

std::string TunnelReport::Reason() const {
  if (ending == Ending::kDone) return "done";
  const char* side = ending == Ending::kLocalError ? "the local side" : "the peer";
  if (error == ECONNRESET || error == EPIPE) {
    return absl::StrCat(error == EPIPE ? "closed by " : "reset by ", side);
  }
  return absl::StrCat(failed_on_write ? "cannot write to " : "cannot read from ", side, ": ",
                      strerror(error));
}

// ---- Tunnel ----

Tunnel::Direction::Direction(TunnelSide& from, TunnelSide& to, PipePool& pool, std::string early)
    : from(from),
      to(to),
      pump(from.in().native_handle(), to.out().native_handle(), pool, std::move(early)) {}

Tunnel::Tunnel(TunnelSide local, TunnelSide peer, std::string early, PipePool& pool)
    : local_(std::move(local)),
      peer_(std::move(peer)),
      there_(local_, peer_, pool, {}),
      back_(peer_, local_, pool, std::move(early)),
      changed_(local_.in().get_executor()) {}

asio::awaitable<TunnelReport> Tunnel::Run() {
  const absl::Time start = absl::Now();
  Start(Carry(there_));
  Start(Carry(back_));
  while (running_ > 0) co_await changed_.Wait();
  if (report_.ending != Ending::kDone && !reset_) co_await LetDrain(*listener_);
  local_.Close(reset_);
  peer_.Close(reset_);
  report_.sent = there_.pump.bytes();
  report_.received = back_.pump.bytes();
  report_.lasted = absl::Now() - start;
  co_return report_;
}

void Tunnel::Start(asio::awaitable<void> part) {
  ++running_;
  asio::co_spawn(local_.in().get_executor(), std::move(part), [this](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
    --running_;
    changed_.Notify();
  });
}

asio::awaitable<void> Tunnel::Carry(Direction& direction) {
  while (!stopped_ && !direction.ended) {
    switch (direction.pump.Run(kTurn)) {
      case Pump::Wait::kReadable:
        co_await WaitFor(direction.from.in(), stream_descriptor::wait_read);
        break;
      case Pump::Wait::kWritable:
        co_await WaitFor(direction.to.out(), stream_descriptor::wait_write);
        break;
      case Pump::Wait::kAgain:
        co_await asio::post(asio::use_awaitable);
        break;
      case Pump::Wait::kDone:
        OnDone(direction);
        break;
      case Pump::Wait::kReset:
        OnFailed(direction, direction.pump.error(), direction.pump.failed_on_write());
        break;
    }
  }
}

void Tunnel::OnDone(Direction& direction) {
  direction.ended = true;
  direction.to.CloseOut();
  Direction& other = Other(direction);
  // Both directions over: whoever still watches has nothing to watch for.
  if (other.ended) return Stop();
  Start(WatchFor(other));
}

// Nobody reads from direction.to any more, so nobody would meet its reset before the next write,
// which may never come.
asio::awaitable<void> Tunnel::WatchFor(Direction& direction) {
  stream_descriptor& out = direction.to.out();
  co_await WaitFor(out, stream_descriptor::wait_error);
  if (stopped_ || direction.ended) co_return;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(out.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
    OnFailed(direction, error, /*on_write=*/true);
  }
}

void Tunnel::OnFailed(Direction& direction, int error, bool on_write) {
  direction.ended = true;
  if (report_.ending != Ending::kDone) {  // the first error is the reason
    reset_ = true;
    return Stop();
  }
  const TunnelSide& at_fault = on_write ? direction.to : direction.from;
  report_.ending = &at_fault == &local_ ? Ending::kLocalError : Ending::kPeerError;
  report_.error = error;
  report_.failed_on_write = on_write;
  // EPIPE from a socket: its peer had ended its own direction in an orderly way before it left, so
  // what there is to be read from it is whole. After any other error an end could be a lie.
  reset_ = !on_write || error != EPIPE || !direction.to.is_socket();
  listener_ = &direction.from;
  if (reset_ || Other(direction).ended) Stop();
}

void Tunnel::FinishSending() {
  if (stopped_) return;
  there_.pump.EndInput();
  // Wakes whoever waits for input; everybody else just looks again.
  asio::error_code ignored;
  local_.in().cancel(ignored);
}

void Tunnel::Stop() {
  stopped_ = true;
  local_.Cancel();
  peer_.Cancel();
}

// If its peer still talks, closing a TCP socket is a reset, which overtakes what was written to it
// last: so wait until that has arrived.
asio::awaitable<void> Tunnel::LetDrain(TunnelSide& side) {
  asio::steady_timer pause(side.in().get_executor());
  const absl::Time end = absl::Now() + kDrainPatience;
  int unsent = 0;
  while (absl::Now() < end && side.out().is_open() &&
         ioctl(side.out().native_handle(), SIOCOUTQ, &unsent) == 0 && unsent > 0 &&
         !HasFailed(side.out().native_handle())) {
    pause.expires_after(absl::ToChronoNanoseconds(kDrainPause));
    asio::error_code ignored;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace chat::client
