// Servers that merge (document 003, section 7): what they tell each other.

#ifndef LIBCHAT_EVENT_MESH_H_
#define LIBCHAT_EVENT_MESH_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace chat {

// A merged network has at most so many servers.
inline constexpr size_t kMaxServers = 10;

// A server, and where it takes links.
struct Sibling {
  int32_t id = 0;     // positive
  uint32_t ipv4 = 0;  // 127.0.0.1 is 0x7F000001
  uint16_t port = 0;

  friend bool operator==(const Sibling&, const Sibling&) = default;
};

// Who wants to merge, or agrees to, and with whom it is merged already. The sender itself may be
// among the siblings: then others can be told where it is.
struct MergeOffer {
  int32_t id = 0;
  std::vector<Sibling> siblings;

  friend bool operator==(const MergeOffer&, const MergeOffer&) = default;
};

enum class MergeRefusal : uint8_t {
  kMerged = 0,    // the two are merged already
  kTooMany = 1,   // together they would be more than kMaxServers
  kConflict = 2,  // an id would mean two servers
};

// The answer to a MergeOffer.
struct MergeAnswer {
  std::optional<MergeOffer> accepted;            // with the answerer's own siblings
  MergeRefusal refusal = MergeRefusal::kMerged;  // unless accepted

  friend bool operator==(const MergeAnswer&, const MergeAnswer&) = default;
};

}  // namespace chat

#endif  // LIBCHAT_EVENT_MESH_H_
