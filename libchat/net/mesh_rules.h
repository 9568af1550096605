// What this server's links to others go by.

#ifndef LIBCHAT_NET_MESH_RULES_H_
#define LIBCHAT_NET_MESH_RULES_H_

#include <cstdint>

#include "asio/ip/tcp.hpp"
#include "libchat/net/allow_list.h"
#include "libchat/net/listener_info.h"

namespace chat::net {

// Lives as long as the server. Immutable once connections exist.
struct MeshRules {
  AllowList allowed;
  bool list_self = true;
  // Where this server takes links; port 0: nowhere.
  asio::ip::tcp::endpoint at;
  // The port that others are told; 0: they are told none.
  uint16_t listed_port = 0;
  // What connections that this server opens know instead of a listener. Without a dialect there are
  // none.
  ListenerInfo outgoing;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_MESH_RULES_H_
