#include "libchat/client/tunnel.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

using Ending = TunnelReport::Ending;

// Bytes that one direction moves before the others get their turn.
constexpr size_t kTurn = 1024 * 1024;

// How long, at most, and how often to look whether what was written has arrived.
constexpr absl::Duration kDrainPatience = absl::Seconds(10);
constexpr absl::Duration kDrainPause = absl::Milliseconds(10);

// What `fd` says of `events`, errors and the end of both directions included.
short PollNow(int fd, short events) {  // NOLINT: as poll(2) has it
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  return poll(&entry, 1, 0) == 1 ? entry.revents : short{0};
}

bool HasFailed(int fd) { return (PollNow(fd, 0) & POLLERR) != 0; }

bool IsFile(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// An epoll instance that has `fd` in it, or -1 if that cannot be waited for.
int EpollOf(int fd) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return epoll;
  if (epoll >= 0) close(epoll);
  return -1;
}

}  // namespace

// ---- TunnelDescriptor ----

TunnelDescriptor::TunnelDescriptor(asio::any_io_executor executor)
    : descriptor_(executor), data_epoll_(executor), failed_epoll_(executor) {}

TunnelDescriptor::TunnelDescriptor(asio::any_io_executor executor, int fd, Flags flags)
    : flags_(IsFile(fd) ? Flags::kOwn : flags),  // a file is never waited for: its flags stay
      always_ready_(IsFile(fd)),
      descriptor_(executor, fd),
      data_epoll_(executor),
      failed_epoll_(executor) {
  if (always_ready_) return;
  asio::error_code ignored;
  if (flags == Flags::kOwn) {
    descriptor_.non_blocking(true, ignored);
    return;
  }
  const int data = EpollOf(fd);
  const int failed = EpollOf(fd);
  if (data >= 0) data_epoll_.assign(data, ignored);
  if (failed >= 0) failed_epoll_.assign(failed, ignored);
  always_ready_ = data < 0 || failed < 0;
}

asio::awaitable<void> TunnelDescriptor::Wait(Descriptor& epoll, Descriptor::wait_type what,
                                             uint32_t events) {
  asio::error_code ignored;
  if (flags_ == Flags::kOwn) {
    co_await descriptor_.async_wait(what, asio::redirect_error(asio::use_awaitable, ignored));
    co_return;
  }
  epoll_event event{};
  event.events = events;
  epoll_ctl(epoll.native_handle(), EPOLL_CTL_MOD, fd(), &event);
  co_await epoll.async_wait(Descriptor::wait_read,
                            asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> TunnelDescriptor::WaitReadable() {
  if (!always_ready_) co_await Wait(data_epoll_, Descriptor::wait_read, EPOLLIN);
}

asio::awaitable<void> TunnelDescriptor::WaitWritable() {
  if (!always_ready_) co_await Wait(data_epoll_, Descriptor::wait_write, EPOLLOUT);
}

asio::awaitable<void> TunnelDescriptor::WaitFailed() {
  if (!always_ready_) co_await Wait(failed_epoll_, Descriptor::wait_error, 0);
}

void TunnelDescriptor::Cancel() {
  asio::error_code ignored;
  for (Descriptor* descriptor : {&descriptor_, &data_epoll_, &failed_epoll_}) {
    if (descriptor->is_open()) descriptor->cancel(ignored);
  }
}

void TunnelDescriptor::Close() {
  asio::error_code ignored;
  for (Descriptor* descriptor : {&descriptor_, &data_epoll_, &failed_epoll_}) {
    descriptor->close(ignored);
  }
}

// ---- TunnelSide ----

TunnelSide::TunnelSide(asio::any_io_executor executor, int socket)
    : is_socket_(true), in_(executor, socket, Flags::kOwn), out_(executor) {
  ResetOnClose(socket);
}

TunnelSide::TunnelSide(asio::any_io_executor executor, int in, int out, Flags in_flags,
                       Flags out_flags)
    : is_socket_(false), in_(executor, in, in_flags), out_(executor, out, out_flags) {
  ResetOnClose(in);
  ResetOnClose(out);
}

asio::awaitable<bool> TunnelSide::WaitUntilGone() {
  co_await in_.WaitFailed();
  if (!is_socket_ || !in_.is_open()) co_return false;
  const short said = PollNow(in_.fd(), 0);  // NOLINT: as poll(2) has it
  int readable = 0;
  const bool nothing_left = ioctl(in_.fd(), FIONREAD, &readable) != 0 || readable == 0;
  co_return (said & POLLERR) != 0 || ((said & POLLHUP) != 0 && nothing_left);
}

void TunnelSide::Cancel() {
  in_.Cancel();
  out_.Cancel();
}

void TunnelSide::CloseOut() {
  if (!is_socket_) out_.Close();
}

void TunnelSide::Close(bool reset) {
  for (TunnelDescriptor* descriptor : {&in_, &out_}) {
    if (!descriptor->is_open()) continue;
    ResetOnClose(descriptor->fd(), reset);
    descriptor->Close();
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
    : from(from), to(to), pump(from.in().fd(), to.out().fd(), pool, std::move(early)) {
  const auto shared = TunnelSide::Flags::kShared;
  if (from.in().flags() == shared || to.out().flags() == shared) pump.LeaveFlags();
}

Tunnel::Tunnel(TunnelSide local, TunnelSide peer, TunnelStart start, PipePool& pool)
    : local_(std::move(local)),
      peer_(std::move(peer)),
      there_(local_, peer_, pool, std::move(start.from_local)),
      back_(peer_, local_, pool, std::move(start.from_peer)),
      sent_ahead_(start.sent_ahead),
      delivery_(local_.in().get_executor()),
      changed_(local_.in().get_executor()) {}

void Tunnel::AnnounceEnd(std::function<void()> announce) {
  announce_ = std::move(announce);
  there_.pump.HoldEnd(true);
}

asio::awaitable<TunnelReport> Tunnel::Run() {
  const absl::Time start = absl::Now();
  Start(Carry(there_));
  Start(Carry(back_));
  while (running_ > 0) co_await changed_.Wait();
  if (last_words_ != nullptr) co_await LetDrain(last_words_->to);
  local_.Close(reset_);
  peer_.Close(reset_);
  report_.sent = sent_ahead_ + there_.pump.bytes();
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
        if (direction.pump.input_ended()) {
          co_await PassEnd(direction);
        } else {
          co_await direction.from.in().WaitReadable();
        }
        break;
      case Pump::Wait::kWritable:
        co_await direction.to.out().WaitWritable();
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

// Everything was written, and the end is held back.
asio::awaitable<void> Tunnel::PassEnd(Direction& direction) {
  if (last_words_ == &direction && reset_) {  // it is none
    OnDone(direction);
    co_return;
  }
  if (announce_) {
    std::exchange(announce_, nullptr)();
    // What was announced is written first: that was posted before this.
    co_await asio::post(asio::use_awaitable);
  }
  if (last_words_ != &direction || !reset_) direction.pump.HoldEnd(false);
}

void Tunnel::OnDone(Direction& direction) {
  if (direction.ended) return;
  direction.ended = true;
  if (&direction == &back_ && last_words_ == nullptr) report_.peer_ended = absl::Now();
  // What the failed side has said is delivered; whether that is all is for Run to say.
  if (last_words_ == &direction) return Stop();
  if (last_words_ != nullptr) return;
  direction.to.CloseOut();
  Direction& other = Other(direction);
  // Both directions over: whoever still watches has nothing to watch for.
  if (other.ended) return Stop();
  Start(WatchFor(other));
}

// Nobody reads from direction.to any more, so nobody would meet its reset before the next write,
// which may never come.
asio::awaitable<void> Tunnel::WatchFor(Direction& direction) {
  TunnelDescriptor& out = direction.to.out();
  if (stopped_ || direction.ended) co_return;
  co_await out.WaitFailed();
  if (stopped_ || direction.ended) co_return;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(out.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
    OnFailed(direction, error, /*on_write=*/true);
  }
}

void Tunnel::OnFailed(Direction& direction, int error, bool on_write) {
  direction.ended = true;
  if (report_.ending != Ending::kDone) {  // the first error is the reason
    reset_ = true;
    if (last_words_ == &direction && on_write) last_words_ = nullptr;  // nobody hears them
    return Stop();
  }
  TunnelSide& at_fault = on_write ? direction.to : direction.from;
  report_.ending = &at_fault == &local_ ? Ending::kLocalError : Ending::kPeerError;
  report_.error = error;
  report_.failed_on_write = on_write;
  // EPIPE from a socket: its peer had ended its own direction in an orderly way before it left, so
  // what there is to be read from it is whole. After any other error an end could be a lie.
  reset_ = !on_write || error != EPIPE || !at_fault.is_socket();
  Direction& from_it = on_write ? Other(direction) : direction;
  // A program that was told of a broken pipe has nothing more to say.
  if (!at_fault.is_socket() && on_write) return Stop();
  last_words_ = &from_it;
  if (from_it.ended) return Stop();
  // What it had said before it failed can still be read.
  if (!reset_) return;
  from_it.pump.HoldEnd(true);
  Start(BoundDelivery());
  // Wakes whoever waits for input: the error may have been its only sign.
  at_fault.Cancel();
}

// Gives up delivering the last words if nobody takes them.
asio::awaitable<void> Tunnel::BoundDelivery() {
  for (uint64_t delivered = 0; !stopped_; delivered = last_words_->pump.bytes()) {
    delivery_.expires_after(absl::ToChronoNanoseconds(kDrainPatience));
    asio::error_code ignored;
    co_await delivery_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (!stopped_ && last_words_->pump.bytes() == delivered) Stop();
  }
}

void Tunnel::FinishSending() {
  if (stopped_) return;
  there_.pump.EndInput();
  // Wakes whoever waits for input; everybody else just looks again.
  local_.in().Cancel();
}

void Tunnel::Stop() {
  stopped_ = true;
  delivery_.cancel();
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
         ioctl(side.out().fd(), SIOCOUTQ, &unsent) == 0 && unsent > 0 &&
         !HasFailed(side.out().fd())) {
    pause.expires_after(absl::ToChronoNanoseconds(kDrainPause));
    asio::error_code ignored;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace chat::client
