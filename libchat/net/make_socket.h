// From a descriptor to a socket of an event loop.

#ifndef LIBCHAT_NET_MAKE_SOCKET_H_
#define LIBCHAT_NET_MAKE_SOCKET_H_

#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "libchat/net/unique_fd.h"

namespace chat::net {

// Not open if the kernel cannot watch one more: `fd` is closed then. (The socket's own constructor
// would throw.)
inline asio::ip::tcp::socket MakeSocket(asio::io_context& context, asio::ip::tcp protocol,
                                        UniqueFd fd) {
  asio::ip::tcp::socket socket(context);
  asio::error_code error;
  socket.assign(protocol, fd.get(), error);
  if (!error) fd.release();
  return socket;
}

}  // namespace chat::net

#endif  // LIBCHAT_NET_MAKE_SOCKET_H_
