// A private connection between two clients: every byte of one goes to the other, as it is.

#ifndef LIBCHAT_NET_RELAY_H_
#define LIBCHAT_NET_RELAY_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/hub/relay_desk.h"
#include "libchat/hub/snapshot.h"
#include "libchat/net/door.h"
#include "libchat/net/unique_fd.h"
#include "libchat/pump/pump.h"

namespace chat::net {

class Shard;

// A connection on its way to the shard where its relay is.
struct RelayEnd {
  UniqueFd fd;        // none: it has gone meanwhile
  std::string due;    // still to be written to it, before any byte of the relay
  std::string early;  // read from it already, for the other end
  Door::Pass pass;
  ConnectionInfo info;
  bool end_waits_for_notice = false;  // ServerSession::relay_end_waits_for_notice
};

// Thread safety: none; it lives on its shard's thread.
//
// Invariants:
//  - Each direction has a pump; a wait is under way for what the pump asked for, and no other.
//  - It ends once: both directions are done, or one was reset, or it was closed. Only the first of
//    these closes the sockets in an orderly way; every other end, that of the process included, is
//    a reset of both.
//  - What a side had said before its reset is delivered first, within limits.relay_close.
class Relay : public std::enable_shared_from_this<Relay> {
 public:
  // Ends in the order in which they came.
  Relay(Shard& shard, asio::io_context& context, uint64_t tunnel, RelayEnd first, RelayEnd second,
        std::shared_ptr<TunnelTraffic> traffic);

  void Start();
  // Unless both directions are done, both ends see a reset.
  void Close(absl::string_view why);
  // Closes it after `grace`, or earlier if that was asked for before.
  void CloseAfter(absl::Duration grace);
  // The same, once no byte has moved for `grace`.
  void CloseWhenIdle(absl::Duration grace);
  // The end of one half was announced to the other party: it may be passed on.
  void OnNotice();

  // The state of both ends, in the order in which they came.
  std::array<ConnectionInfo, 2> Info() const;

 private:
  struct Side {
    Side(asio::io_context& context, RelayEnd end);

    asio::ip::tcp::socket socket;
    RelayEnd end;  // its fd is the socket's from now on, and its early bytes a pump's
  };

  // Moves what side `from` has sent.
  void Run(size_t from);
  void CountBytes(size_t from);
  void AwaitThenRun(size_t from, asio::ip::tcp::socket& socket,
                    asio::ip::tcp::socket::wait_type what);
  // Side `from` has ended its input, which the other side may not see yet.
  void OnEndHeld(size_t from);
  void PassEndsOn();
  void OnDone(size_t from);
  // A pump has stopped. What the side that failed had said is delivered, then the other side is
  // reset, too.
  void OnFailed(size_t side, int error, bool on_write);
  void AbortOnceDelivered();
  // The input of side `from` has ended; it can still be reset.
  void AwaitReset(size_t from);
  // When it is closed, as far as is known now.
  absl::Time CloseTime() const { return std::min(close_at_, last_byte_ + idle_); }
  void AwaitClose();

  Shard& shard_;
  const uint64_t tunnel_;
  std::array<Side, 2> sides_;
  std::array<Pump, 2> pumps_;  // pumps_[i] moves what sides_[i] has sent
  std::shared_ptr<TunnelTraffic> traffic_;
  std::array<bool, 2> done_ = {false, false};
  bool ended_ = false;

  // Ends of input that wait for their announcement.
  std::array<bool, 2> end_held_ = {false, false};
  std::unique_ptr<asio::steady_timer> notice_timer_;

  std::optional<size_t> reset_;  // the side that was, while what it said is delivered
  bool reset_cuts_ = false;      // ... and what it said is not whole: no end follows it
  absl::Time reset_by_;
  std::unique_ptr<asio::steady_timer> delivery_timer_;

  absl::Time close_at_ = absl::InfiniteFuture();
  absl::Duration idle_ = absl::InfiniteDuration();
  absl::Time last_byte_;  // or when idling was forbidden
  std::unique_ptr<asio::steady_timer> close_timer_;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_RELAY_H_
