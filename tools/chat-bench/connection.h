// TCP as the load loops need it: plain non-blocking sockets, because the bench must cost little.

#ifndef TOOLS_CHAT_BENCH_CONNECTION_H_
#define TOOLS_CHAT_BENCH_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/chat-bench/endpoint.h"
#include "tools/common/host_port.h"

namespace chat::bench {

// A wait for a server that sees nothing happen for this long fails with kDeadlineExceeded.
inline constexpr int kStallSeconds = 10;

// Owns a descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

using tools::HostPort;

// Connects (blocking), with Nagle's algorithm off. Errors name the address.
absl::StatusOr<Socket> Connect(const HostPort& address);

// Listens on 127.0.0.1.
absl::StatusOr<Socket> ListenLocally(uint16_t port);
// The port that a listening socket has got.
uint16_t LocalPort(const Socket& socket);
// The next connection to `listener`.
absl::StatusOr<Socket> Accept(const Socket& listener);

// What the last system call's errno says: of this machine (kInternal), or of the connection to a
// server (kUnavailable).
absl::Status SystemError(absl::string_view what);
absl::Status PeerError(absl::string_view what);

// Raises the soft limit on open descriptors to the hard one. ResourceExhausted, naming the limit,
// if that leaves less than `wanted`.
absl::Status AllowDescriptors(uint64_t wanted);

// A socket and the endpoint that makes and understands its bytes.
// Thread safety: none.
class Connection {
 public:
  // Connects and says what is first said; does not wait for an answer.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const HostPort& address,
                                                          std::unique_ptr<Endpoint> endpoint);

  int fd() const { return socket_.fd(); }
  Endpoint& endpoint() { return *endpoint_; }

  // Writes what the endpoint has queued, as far as the socket takes it.
  absl::Status Flush();
  // True if everything queued has been written.
  bool flushed() { return endpoint_->output().empty(); }

  // Reads once what is there and hands it to the endpoint. Unavailable if the server has closed.
  absl::Status Read();
  // Bytes read so far that the endpoint has used up, and that it has not.
  uint64_t consumed() const { return consumed_; }
  size_t unconsumed() const { return input_.size(); }

  // Flushes and reads until `done` is true.
  absl::Status Await(absl::FunctionRef<bool()> done);

  // Leaves the connection; the endpoint stays.
  Socket TakeSocket() { return std::move(socket_); }

 private:
  Connection(Socket socket, std::unique_ptr<Endpoint> endpoint);

  Socket socket_;
  std::unique_ptr<Endpoint> endpoint_;
  std::string input_;
  uint64_t consumed_ = 0;
};

}  // namespace chat::bench

#endif  // TOOLS_CHAT_BENCH_CONNECTION_H_
