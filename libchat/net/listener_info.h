// What a connection knows of the listener that it came in at.

#ifndef LIBCHAT_NET_LISTENER_INFO_H_
#define LIBCHAT_NET_LISTENER_INFO_H_

#include <cstddef>
#include <string>

#include "libchat/dialect/dialect.h"

namespace chat::net {

// Lives as long as the server. Immutable once connections exist.
struct ListenerInfo {
  const Dialect* dialect = nullptr;
  size_t dialect_index = 0;  // in ServerOptions::dialects
  DialectOptions options;
  std::string url;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_LISTENER_INFO_H_
