// Descriptors for tests: owned ones, connected pairs, and bytes to send through them.

#ifndef LIBCHAT_PUMP_TESTING_H_
#define LIBCHAT_PUMP_TESTING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace chat::testing {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  // The caller closes it from now on.
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// Two ends that are connected to each other, both blocking.
struct SocketPair {
  Fd first;
  Fd second;
};

SocketPair TcpPair();   // over 127.0.0.1
SocketPair UnixPair();  // stream sockets
// `first` is the end to write to.
SocketPair PipePair();

void SetNonBlocking(int fd);

// The same bytes for the same seed; they look random.
std::string RandomBytes(size_t size, uint64_t seed);

}  // namespace chat::testing

#endif  // LIBCHAT_PUMP_TESTING_H_
