// Where -L listens.

#ifndef TOOLS_CHAT_TUNNEL_LISTENER_H_
#define TOOLS_CHAT_TUNNEL_LISTENER_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "tools/chat-tunnel/endpoints.h"

namespace chat::tools {

// The listening sockets of one -L: all addresses of a name with the same port, or a Unix socket.
//
// Thread safety: none; it lives on its executor's one thread.
class Listener {
 public:
  // Unavailable names the address and the reason. The file of a Unix socket is its owner's alone;
  // one that nobody listens on any more is replaced, a live one and any other file are not.
  static absl::StatusOr<Listener> Open(asio::any_io_executor executor, const Forward& forward);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  // Closes it.
  ~Listener();

  // "127.0.0.1:8080", "localhost:8080" if that has several addresses, "unix:PATH".
  const std::string& address() const { return address_; }
  // For people: every address.
  const std::string& shown() const { return shown_; }

  size_t sockets() const { return sockets_.size(); }
  bool is_open() const { return open_; }

  // Waits for a connection at the n-th socket and returns its descriptor, non-blocking. After Close
  // it returns an error, as it does when it cannot accept one now.
  asio::awaitable<absl::StatusOr<int>> Accept(size_t n);

  // Ends each Accept; removes the file of a Unix socket if it is still this one.
  void Close();

 private:
  explicit Listener(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  absl::Status ListenTcp(const Forward& forward);
  absl::Status ListenUnix(const std::string& path);
  void Add(int fd) { sockets_.emplace_back(executor_, fd); }

  asio::any_io_executor executor_;
  std::vector<asio::posix::stream_descriptor> sockets_;
  std::string address_;
  std::string shown_;
  bool open_ = true;
  // The file of a Unix socket; no path if there is none.
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_LISTENER_H_
