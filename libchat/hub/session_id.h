// The name of a connection across threads.

#ifndef LIBCHAT_HUB_SESSION_ID_H_
#define LIBCHAT_HUB_SESSION_ID_H_

#include <cstdint>

namespace chat {

// (shard, slot, generation): resolved only on its own shard. A slot that is used again has a new
// generation, so an id of a connection that is gone names nobody. A generation is never 0: the
// default SessionId names nobody.
struct SessionId {
  uint32_t generation = 0;
  uint32_t slot : 24 = 0;
  uint32_t shard : 8 = 0;

  uint64_t value() const { return uint64_t{shard} << 56 | uint64_t{slot} << 32 | generation; }
  static SessionId FromValue(uint64_t v) {
    SessionId id;
    id.generation = static_cast<uint32_t>(v);
    id.slot = (v >> 32) & 0xffffff;
    id.shard = static_cast<uint32_t>(v >> 56);
    return id;
  }
  explicit operator bool() const { return generation != 0; }

  friend bool operator==(SessionId a, SessionId b) { return a.value() == b.value(); }
  friend bool operator<(SessionId a, SessionId b) { return a.value() < b.value(); }
  template <typename H>
  friend H AbslHashValue(H h, SessionId id) {
    return H::combine(std::move(h), id.value());
  }
};

inline constexpr uint32_t kMaxShards = 64;
// No shard: the hub's own names for users of merged servers.
inline constexpr uint32_t kRemoteShard = 255;
inline constexpr uint32_t kMaxSlots = 1 << 24;

}  // namespace chat

#endif  // LIBCHAT_HUB_SESSION_ID_H_
