// A descriptor that is closed with its owner.

#ifndef LIBCHAT_NET_UNIQUE_FD_H_
#define LIBCHAT_NET_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace chat::net {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_UNIQUE_FD_H_
