#include "libchat/net/relay.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "asio/post.hpp"
#include "libchat/net/make_socket.h"
#include "libchat/net/shard.h"

namespace chat::net {
namespace {

// Bytes of one direction before the others get their turn.
constexpr size_t kRunBudget = 1 << 20;

// A relay's socket may keep more in the kernel than a chat connection's (limits.kernel_unsent): a
// pump that finds room for a whole pipe needs fewer calls, and wakes the receiver less often.
constexpr int kUnsent = 1 << 20;
// How often it is looked whether what a client said before its reset has arrived.
constexpr std::chrono::milliseconds kDeliveryCheck(20);

// limits.user_timeout is not for a relay: to the kernel, a side that lives but does not read is as
// good as dead. It may pause for as long as it likes; that stops the other side, and no more.
constexpr int kNoUserTimeout = 0;

asio::ip::tcp::socket SocketOf(asio::io_context& context, UniqueFd fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsent, sizeof(kUnsent));
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kNoUserTimeout, sizeof(kNoUserTimeout));
  const auto v4 = asio::ip::tcp::v4();
  return MakeSocket(context, address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : v4,
                    std::move(fd));
}

// The connection is no more, by the doing of its client or of the network.
bool IsGone(int error) {
  switch (error) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

// What has befallen a socket, and nobody has been told yet; 0: nothing.
int TakeError(asio::ip::tcp::socket& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

Relay::Side::Side(asio::io_context& context, RelayEnd given)
    : socket(SocketOf(context, std::move(given.fd))), end(std::move(given)) {}

Relay::Relay(Shard& shard, asio::io_context& context, uint64_t tunnel, RelayEnd first,
             RelayEnd second, std::shared_ptr<TunnelTraffic> traffic)
    : shard_(shard),
      tunnel_(tunnel),
      sides_{Side(context, std::move(first)), Side(context, std::move(second))},
      pumps_{Pump(sides_[0].socket.native_handle(), sides_[1].socket.native_handle(), shard.pipes(),
                  sides_[1].end.due + sides_[0].end.early),
             Pump(sides_[1].socket.native_handle(), sides_[0].socket.native_handle(), shard.pipes(),
                  sides_[0].end.due + sides_[1].end.early)},
      traffic_(std::move(traffic)) {
  for (Side& side : sides_) std::string().swap(side.end.early);  // the pumps have it
  if (sides_[0].end.end_waits_for_notice || sides_[1].end.end_waits_for_notice) {
    for (Pump& pump : pumps_) pump.HoldEnd(true);
  }
}

void Relay::Start() {
  Run(0);
  Run(1);
}

void Relay::Run(size_t from) {
  if (ended_ || end_held_[from] || (reset_ && *reset_ != from)) return;
  const size_t to = 1 - from;
  Pump& pump = pumps_[from];
  const Pump::Wait wait = pump.Run(kRunBudget);
  CountBytes(from);
  switch (wait) {
    case Pump::Wait::kReadable:
      if (pump.input_ended()) return OnEndHeld(from);
      return AwaitThenRun(from, sides_[from].socket, asio::ip::tcp::socket::wait_read);
    case Pump::Wait::kWritable:
      return AwaitThenRun(from, sides_[to].socket, asio::ip::tcp::socket::wait_write);
    case Pump::Wait::kAgain:
      return shard_.AtEndOfTurn([self = shared_from_this(), from] {
        asio::post(self->sides_[from].socket.get_executor(), [self, from] { self->Run(from); });
      });
    case Pump::Wait::kDone:
      return OnDone(from);
    case Pump::Wait::kReset:
      return OnFailed(pump.failed_on_write() ? to : from, pump.error(), pump.failed_on_write());
  }
}

void Relay::CountBytes(size_t from) {
  const uint64_t due = sides_[1 - from].end.due.size();
  const uint64_t bytes = pumps_[from].bytes() - std::min(pumps_[from].bytes(), due);
  std::atomic<uint64_t>& moved = from == 0 ? traffic_->from_first : traffic_->from_second;
  if (idle_ != absl::InfiniteDuration() && bytes != moved.load(std::memory_order_relaxed)) {
    last_byte_ = shard_.now();
  }
  moved.store(bytes, std::memory_order_relaxed);
}

void Relay::AwaitThenRun(size_t from, asio::ip::tcp::socket& socket,
                         asio::ip::tcp::socket::wait_type what) {
  shard_.AtEndOfTurn([self = shared_from_this(), from, &socket, what] {
    if (self->ended_) return;
    socket.async_wait(what, [self, from](const asio::error_code& error) {
      if (error) return self->Close("cannot wait");  // not if it has ended
      self->Run(from);
    });
  });
}

void Relay::OnDone(size_t from) {
  done_[from] = true;
  if (reset_) return AbortOnceDelivered();
  if (done_[1 - from]) {
    for (Side& side : sides_) ResetOnClose(side.socket.native_handle(), false);
    return Close("both sides have ended");
  }
  AwaitReset(from);
  PassEndsOn();  // the other side has seen an end, and lives
}

// ---- Ends that are announced ----

void Relay::OnEndHeld(size_t from) {
  end_held_[from] = true;
  if (reset_cuts_) return AbortOnceDelivered();
  const absl::Duration patience = shard_.limits().relay_notice;
  if (notice_timer_ != nullptr || patience == absl::InfiniteDuration()) return;
  notice_timer_ = std::make_unique<asio::steady_timer>(sides_[from].socket.get_executor());
  notice_timer_->expires_after(absl::ToChronoNanoseconds(patience));
  notice_timer_->async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) self->PassEndsOn();
  });
}

void Relay::OnNotice() { PassEndsOn(); }

void Relay::PassEndsOn() {
  for (size_t from : {0, 1}) {
    if (ended_ || (reset_cuts_ && *reset_ == from)) continue;
    pumps_[from].HoldEnd(false);
    if (std::exchange(end_held_[from], false)) Run(from);
  }
}

// ---- Resets ----

void Relay::AwaitReset(size_t from) {
  sides_[from].socket.async_wait(asio::ip::tcp::socket::wait_error,
                                 [self = shared_from_this(), from](const asio::error_code& error) {
                                   if (error || self->ended_) return;
                                   const int failed = TakeError(self->sides_[from].socket);
                                   if (failed != 0)
                                     self->OnFailed(from, failed, /*on_write=*/false);
                                 });
}

void Relay::OnFailed(size_t side, int error, bool on_write) {
  if (ended_) return;
  if (reset_) return Close("reset");  // neither side can be told anything
  Pump& said = pumps_[side];
  // EPIPE: it had ended its own stream before. After any other error of a write, what it had said
  // may still be read, but an end that follows would be a lie.
  const bool whole = said.input_ended() || (on_write && error == EPIPE);
  if (!whole && !IsGone(error)) return Close("failed");
  reset_ = side;
  reset_by_ = shard_.now() + shard_.limits().relay_close;
  reset_cuts_ = !whole;
  if (reset_cuts_) {
    said.HoldEnd(true);
    end_held_[side] = !on_write;  // it was read to its end
  }
  AbortOnceDelivered();
}

void Relay::AbortOnceDelivered() {
  if (ended_) return;
  asio::ip::tcp::socket& receiver = sides_[1 - *reset_].socket;
  int queued = 0;
  ::ioctl(receiver.native_handle(), SIOCOUTQ, &queued);
  const bool read = reset_cuts_ ? end_held_[*reset_] : done_[*reset_];
  if ((read && queued == 0) || shard_.now() >= reset_by_ || TakeError(receiver) != 0) {
    return Close("reset");
  }
  delivery_timer_ = std::make_unique<asio::steady_timer>(receiver.get_executor());
  delivery_timer_->expires_after(kDeliveryCheck);
  delivery_timer_->async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) self->AbortOnceDelivered();
  });
}

// ---- The end ----

void Relay::CloseAfter(absl::Duration grace) {
  // Nobody can put off an end that was asked for earlier.
  const absl::Time at = shard_.now() + grace;
  if (ended_ || at >= close_at_) return;
  close_at_ = at;
  AwaitClose();
}

void Relay::CloseWhenIdle(absl::Duration grace) {
  if (ended_ || grace >= idle_) return;
  if (idle_ == absl::InfiniteDuration()) last_byte_ = shard_.now();
  idle_ = grace;
  AwaitClose();
}

void Relay::AwaitClose() {
  close_timer_ = std::make_unique<asio::steady_timer>(sides_[0].socket.get_executor());
  close_timer_->expires_after(absl::ToChronoNanoseconds(CloseTime() - shard_.now()));
  close_timer_->async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (error || self->ended_) return;
    if (self->shard_.now() < self->CloseTime()) return self->AwaitClose();  // bytes have moved
    self->shard_.hub().counters().Add(Counter::kRelaysCut);
    self->Close("closed");
  });
}

void Relay::Close(absl::string_view why) {
  if (ended_) return;
  ended_ = true;
  const std::shared_ptr<Relay> self = shared_from_this();  // until the shard has forgotten it
  close_timer_.reset();
  delivery_timer_.reset();
  notice_timer_.reset();
  for (Side& side : sides_) {
    asio::error_code ignored;
    side.socket.close(ignored);
  }
  shard_.RelayEnded(tunnel_, why);
}

std::array<ConnectionInfo, 2> Relay::Info() const {
  std::array<ConnectionInfo, 2> both = {sides_[0].end.info, sides_[1].end.info};
  const std::array<uint64_t, 2> moved = {traffic_->from_first, traffic_->from_second};
  for (size_t i : {0, 1}) {
    both[i].bytes_in += moved[i];
    both[i].bytes_out += moved[1 - i];
    both[i].queued_bytes = pumps_[1 - i].held();
  }
  return both;
}

}  // namespace chat::net
