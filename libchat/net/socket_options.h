// What the kernel is told of a connection.

#ifndef LIBCHAT_NET_SOCKET_OPTIONS_H_
#define LIBCHAT_NET_SOCKET_OPTIONS_H_

#include <cstdint>

#include "libchat/hub/limits.h"

namespace chat::net {

void SetOption(int fd, int level, int name, int64_t value);

// For every connection. Accepted sockets inherit these from the listening one, so they cost nothing
// a connection.
void SetSocketOptions(int fd, const Limits& limits);

// For a link to another server, on top of those: a dead one is seen within 20 seconds, so that it
// does not stand in the way of the next; and what people say does not stand behind megabytes of
// somebody's file in the kernel.
void SetLinkOptions(int fd);

// Peers on this machine have no bottleneck on their way that they would have to be paced for.
// Where the system's default is bbr, that costs a timer a write; reno is always there. Inherited,
// too.
void SetUnpaced(int fd);

}  // namespace chat::net

#endif  // LIBCHAT_NET_SOCKET_OPTIONS_H_
