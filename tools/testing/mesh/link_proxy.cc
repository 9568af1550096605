#include "tools/testing/mesh/link_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace chat::testing {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int NewSocket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(fd, 0) << strerror(errno);
  return fd;
}

bool SendAll(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

LinkProxy::LinkProxy() : listener_(NewSocket()) {
  sockaddr_in own = Loopback(0);
  socklen_t size = sizeof(own);
  auto* const address = reinterpret_cast<sockaddr*>(&own);
  EXPECT_EQ(::bind(listener_, address, size), 0) << strerror(errno);
  EXPECT_EQ(::listen(listener_, 16), 0) << strerror(errno);
  EXPECT_EQ(::getsockname(listener_, address, &size), 0) << strerror(errno);
  port_ = ntohs(own.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

LinkProxy::~LinkProxy() {
  {
    absl::MutexLock lock(&mutex_);
    over_ = true;
  }
  Cut();
  ::shutdown(listener_, SHUT_RDWR);  // wakes the thread that accepts
  accepting_.join();
  std::vector<std::thread> threads;  // no more of them are started
  {
    absl::MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  absl::MutexLock lock(&mutex_);
  for (int fd : sockets_) ::close(fd);
  ::close(listener_);
}

void LinkProxy::LeadTo(uint16_t port) {
  absl::MutexLock lock(&mutex_);
  target_ = port;
}

void LinkProxy::Stall() { Set(State::kStall); }
void LinkProxy::Drop() { Set(State::kDrop); }
void LinkProxy::Cut() { Set(State::kCut); }
void LinkProxy::Heal() { Set(State::kPass); }

void LinkProxy::Set(State state) {
  absl::MutexLock lock(&mutex_);
  state_ = state;
  if (state != State::kCut) return;
  for (int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
}

void LinkProxy::Accept() {
  for (;;) {
    const int here = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    absl::MutexLock lock(&mutex_);
    if (over_) {
      if (here >= 0) ::close(here);
      return;
    }
    if (here < 0) continue;
    const int there = NewSocket();
    const sockaddr_in target = Loopback(target_);
    const auto* const address = reinterpret_cast<const sockaddr*>(&target);
    if (state_ == State::kCut || ::connect(there, address, sizeof(target)) != 0) {
      ::close(here);
      ::close(there);
      continue;
    }
    for (int fd : {here, there}) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      sockets_.push_back(fd);
    }
    threads_.emplace_back([this, here, there] { Carry(here, there); });
    threads_.emplace_back([this, here, there] { Carry(there, here); });
  }
}

void LinkProxy::Carry(int from, int to) {
  char bytes[64 * 1024];
  for (;;) {
    const ssize_t n = ::recv(from, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EINTR) continue;
    const bool passes = MayPass(n <= 0);
    if (n <= 0) break;
    if (passes && !SendAll(to, bytes, static_cast<size_t>(n))) break;
  }
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

bool LinkProxy::MayPass(bool is_end) {
  absl::MutexLock lock(&mutex_);
  const auto moves = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return state_ == State::kPass || state_ == State::kCut || (state_ == State::kDrop && !is_end);
  };
  mutex_.Await(absl::Condition(&moves));
  return state_ == State::kPass;
}

}  // namespace chat::testing
