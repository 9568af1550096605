// Finds out that the machine at the other end of a connection is gone.

#ifndef LIBCHAT_CLIENT_KEEPALIVE_H_
#define LIBCHAT_CLIENT_KEEPALIVE_H_

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace chat::client {

// Makes TCP socket `fd` fail within about two minutes then, on an idle connection too.
inline void SetKeepalive(int fd) {
  const auto set = [fd](int level, int option, int value) {
    // Refused only where the system does not know the option, and then it works without.
    (void)::setsockopt(fd, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 120 * 1000);
}

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_KEEPALIVE_H_
