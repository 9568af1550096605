#include "libchat/net/relay.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
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
}

void Relay::Start() {
  Run(0);
  Run(1);
}

void Relay::Run(size_t from) {
  if (ended_ || (reset_ && *reset_ != from)) return;
  const size_t to = 1 - from;
  Pump& pump = pumps_[from];
  const Pump::Wait wait = pump.Run(kRunBudget);
  const uint64_t due = sides_[to].end.due.size();
  (from == 0 ? traffic_->from_first : traffic_->from_second)
      .store(pump.bytes() - std::min(pump.bytes(), due), std::memory_order_relaxed);
  switch (wait) {
    case Pump::Wait::kReadable:
      return AwaitThenRun(from, sides_[from].socket, asio::ip::tcp::socket::wait_read);
    case Pump::Wait::kWritable:
      return AwaitThenRun(from, sides_[to].socket, asio::ip::tcp::socket::wait_write);
    case Pump::Wait::kAgain:
      return shard_.AtEndOfTurn([self = shared_from_this(), from] {
        asio::post(self->sides_[from].socket.get_executor(), [self, from] { self->Run(from); });
      });
    case Pump::Wait::kDone:
      done_[from] = true;
      if (reset_) return;  // AbortOnceDelivered looks at it
      if (done_[to]) return End("both sides have ended");
      return AwaitReset(from);
    case Pump::Wait::kReset:
      return OnReset(pump.failed_on_write() ? to : from);
  }
}

void Relay::AwaitThenRun(size_t from, asio::ip::tcp::socket& socket,
                         asio::ip::tcp::socket::wait_type what) {
  shard_.AtEndOfTurn([self = shared_from_this(), from, &socket, what] {
    if (self->ended_) return;
    socket.async_wait(what, [self, from](const asio::error_code& error) {
      if (error) return self->Abort("cannot wait");  // not if it has ended
      self->Run(from);
    });
  });
}

void Relay::AwaitReset(size_t from) {
  sides_[from].socket.async_wait(asio::ip::tcp::socket::wait_error,
                                 [self = shared_from_this(), from](const asio::error_code& error) {
                                   if (error || self->ended_) return;
                                   int failed = 0;
                                   socklen_t size = sizeof(failed);
                                   ::getsockopt(self->sides_[from].socket.native_handle(),
                                                SOL_SOCKET, SO_ERROR, &failed, &size);
                                   if (failed != 0) self->OnReset(from);
                                 });
}

void Relay::OnReset(size_t side) {
  if (ended_ || reset_) return;
  if (!pumps_[side].input_ended()) return Abort("reset");
  // It had said all that it had to say, which arrives before its reset does.
  reset_ = side;
  reset_by_ = shard_.now() + shard_.limits().relay_close;
  AbortOnceDelivered();
}

void Relay::AbortOnceDelivered() {
  if (ended_) return;
  asio::ip::tcp::socket& receiver = sides_[1 - *reset_].socket;
  int queued = 0;
  ::ioctl(receiver.native_handle(), SIOCOUTQ, &queued);
  if ((done_[*reset_] && queued == 0) || shard_.now() >= reset_by_) return Abort("reset");
  delivery_timer_ = std::make_unique<asio::steady_timer>(receiver.get_executor());
  delivery_timer_->expires_after(kDeliveryCheck);
  delivery_timer_->async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) self->AbortOnceDelivered();
  });
}

void Relay::Abort(absl::string_view why) {
  if (ended_) return;
  for (Side& side : sides_) ResetOnClose(side.socket.native_handle());
  End(why);
}

void Relay::CloseAfter(absl::Duration grace) {
  // Nobody can put off an end that was asked for earlier.
  const absl::Time at = shard_.now() + grace;
  if (ended_ || at >= close_at_) return;
  close_at_ = at;
  close_timer_ = std::make_unique<asio::steady_timer>(sides_[0].socket.get_executor());
  close_timer_->expires_after(absl::ToChronoNanoseconds(grace));
  close_timer_->async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (error || self->ended_) return;
    self->shard_.hub().counters().Add(Counter::kRelaysCut);
    // What it cuts short must not look like an orderly end.
    const bool cut_short = self->pumps_[0].held() + self->pumps_[1].held() != 0;
    cut_short ? self->Abort("closed") : self->End("closed");
  });
}

void Relay::End(absl::string_view why) {
  if (ended_) return;
  ended_ = true;
  const std::shared_ptr<Relay> self = shared_from_this();  // until the shard has forgotten it
  close_timer_.reset();
  delivery_timer_.reset();
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
