// Connects to the servers that this one is to be merged with.

#ifndef LIBCHAT_NET_LINK_DIALER_H_
#define LIBCHAT_NET_LINK_DIALER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/ip/address_v4.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/steady_timer.hpp"
#include "libchat/event/mesh.h"

namespace chat::net {

class Shard;
struct Shared;

// How a connection that this server had opened to another has ended.
enum class LinkEnd : uint8_t {
  kLost,     // for whatever reason
  kAlready,  // the two are merged by another one, the other server says
  kRefused,  // the two cannot merge
};

// A target is tried again, with a wait that doubles up to half a minute, until it is refused or
// there is a link to that server: a link that was opened here and breaks is opened again. One that
// was never merged is given up after ten minutes. Only those that it shall keep (Keep) are never
// given up.
//
// Thread safety: Dial, OnMerged and OnEnded may be called from any thread; everything else on the
// thread of the shard that it was given. Outlives that thread.
class LinkDialer {
 public:
  // Dials on the thread of `home`.
  LinkDialer(Shard& home, Shared& shared);

  // A server that this one was told of. It is not connected to unless it is allowed.
  void Dial(const Sibling& server);
  // What an operator asks for; `host` is an IPv4 address or a name. How it ends is logged.
  // Errors: InvalidArgument, PermissionDenied (mesh.allow_merge_from), AlreadyExists,
  // ResourceExhausted (limits.merge_targets), FailedPrecondition.
  absl::Status Merge(absl::string_view host, uint16_t port) { return Add(host, port, false); }
  // The same, whenever there is no link to it, for as long as the server runs.
  absl::Status Keep(absl::string_view host, uint16_t port) { return Add(host, port, true); }
  // No target is left, and none will come.
  void Stop();

  // What has become of the connection that was opened to target `id`.
  void OnMerged(uint64_t id, int32_t server);
  void OnEnded(uint64_t id, LinkEnd end);

 private:
  struct Target {
    explicit Target(asio::io_context& context) : timer(context), socket(context) {}

    std::string host;
    uint16_t port = 0;
    bool is_name = false;
    bool kept = false;                            // never given up
    std::optional<asio::ip::address_v4> address;  // once it is known
    int32_t server = 0;                           // its id, once it is known
    bool under_way = false;                       // else `timer` runs for the next attempt
    bool has_merged = false;
    bool complained = false;  // in the log, since it has last merged
    absl::Duration wait;
    absl::Time merged;   // the last time
    absl::Time give_up;  // unless it has merged once
    asio::steady_timer timer;
    asio::ip::tcp::socket socket;  // while it connects
  };

  Target* Find(uint64_t id);
  absl::Status Add(absl::string_view host, uint16_t port, bool keep);
  absl::Status Add(absl::string_view host, uint16_t port,
                   std::optional<asio::ip::address_v4> address, int32_t server, bool keep);
  // Known under that name or address already.
  Target* FindSame(absl::string_view host, uint16_t port,
                   std::optional<asio::ip::address_v4> address);
  void Try(uint64_t id);
  void Resolve(uint64_t id);
  void Connect(uint64_t id);
  void OnConnected(uint64_t id, const asio::error_code& error);
  void TryAgain(uint64_t id, absl::Duration longest_wait);
  // There is nothing to be done about it, for now.
  void GiveUp(uint64_t id);
  void Complain(Target& target, absl::string_view why);
  bool IsAllowed(asio::ip::address_v4 address) const;
  bool IsThisServer(asio::ip::address_v4 address, uint16_t port) const;
  // The server of a link to the target; 0: there is none.
  int32_t LinkTo(const Target& target) const;

  Shard& home_;
  Shared& shared_;
  asio::ip::tcp::resolver resolver_;
  absl::btree_map<uint64_t, std::unique_ptr<Target>> targets_;
  uint64_t last_id_ = 0;
  uint32_t next_shard_ = 0;
  bool stopped_ = false;
  std::minstd_rand random_;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_LINK_DIALER_H_
