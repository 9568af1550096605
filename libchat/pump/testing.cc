#include "libchat/pump/testing.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace chat::testing {
namespace {

// A machine that cannot even make a pair of sockets cannot run the test.
int OrDie(int result) {
  if (result >= 0) return result;
  std::perror("testing: system call");
  std::abort();
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

SocketPair TcpPair() {
  const Fd listener(OrDie(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  OrDie(bind(listener.get(), generic, size));
  OrDie(listen(listener.get(), 1));
  OrDie(getsockname(listener.get(), generic, &size));
  SocketPair pair;
  pair.first = Fd(OrDie(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  OrDie(connect(pair.first.get(), generic, size));
  pair.second = Fd(OrDie(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  return pair;
}

SocketPair UnixPair() {
  int fds[2];
  OrDie(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  return {Fd(fds[0]), Fd(fds[1])};
}

SocketPair PipePair() {
  int fds[2];
  OrDie(pipe2(fds, O_CLOEXEC));
  return {Fd(fds[1]), Fd(fds[0])};
}

void SetNonBlocking(int fd) { OrDie(fcntl(fd, F_SETFL, OrDie(fcntl(fd, F_GETFL)) | O_NONBLOCK)); }

std::string RandomBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (size_t i = 0; i + 8 <= size; i += 8) {
    const uint64_t word = random();
    __builtin_memcpy(&bytes[i], &word, 8);
  }
  for (size_t i = size - size % 8; i < size; ++i) bytes[i] = static_cast<char>(random());
  return bytes;
}

}  // namespace chat::testing
