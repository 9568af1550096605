// What a relayed GiB costs: one thread writes into a TCP connection on loopback, a pump carries the
// bytes to a second one, another thread reads them. Prints Gbit/s and the pump thread's CPU seconds
// per GiB, once by splice and once by copy.
//
//   bazel run //libchat/pump:pump_benchmark [GIB]

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "libchat/pump/pipe_pool.h"
#include "libchat/pump/pump.h"
#include "libchat/pump/testing.h"

namespace chat {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

void Write(int fd, uint64_t total) {
  std::vector<char> block(256 * 1024, 'x');
  while (total > 0) {
    const ssize_t n = write(fd, block.data(), std::min<uint64_t>(block.size(), total));
    if (n <= 0) std::abort();
    total -= static_cast<uint64_t>(n);
  }
  shutdown(fd, SHUT_WR);
}

void ReadToEnd(int fd) {
  std::vector<char> block(256 * 1024);
  while (read(fd, block.data(), block.size()) > 0) {
  }
}

double ThreadCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + 1e-6 * t.tv_usec; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Runs the pump to its end over epoll, armed anew at each wait, as Asio does it.
bool RunToEnd(Pump& pump, int from, int to) {
  const int epoll = epoll_create1(0);
  epoll_event event{};
  epoll_ctl(epoll, EPOLL_CTL_ADD, from, &event);
  epoll_ctl(epoll, EPOLL_CTL_ADD, to, &event);
  Pump::Wait wait = Pump::Wait::kAgain;
  while (wait != Pump::Wait::kDone && wait != Pump::Wait::kReset) {
    if (wait != Pump::Wait::kAgain) {
      const bool reading = wait == Pump::Wait::kReadable;
      event.events = (reading ? EPOLLIN : EPOLLOUT) | EPOLLONESHOT;
      epoll_ctl(epoll, EPOLL_CTL_MOD, reading ? from : to, &event);
      epoll_event ready{};
      epoll_wait(epoll, &ready, 1, -1);
    }
    wait = pump.Run(1024 * 1024);
  }
  close(epoll);
  return wait == Pump::Wait::kDone;
}

bool Measure(const char* name, size_t pipes, size_t pipe_bytes, double gib) {
  testing::SocketPair in = testing::TcpPair();
  testing::SocketPair out = testing::TcpPair();
  testing::SetNonBlocking(in.second.get());
  testing::SetNonBlocking(out.first.get());
  PipePool pool(pipes, pipe_bytes);
  Pump pump(in.second.get(), out.first.get(), pool);
  std::thread writer(Write, in.first.get(), static_cast<uint64_t>(gib * kGiB));
  std::thread reader(ReadToEnd, out.second.get());
  const double cpu = ThreadCpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  const bool done = RunToEnd(pump, in.second.get(), out.first.get());
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  std::printf("%-12s %6.2f Gbit/s  %.3f CPU s/GiB\n", name, gib * kGiB * 8e-9 / wall.count(),
              (ThreadCpuSeconds() - cpu) / gib);
  writer.join();
  out.first.reset();
  reader.join();
  return done;
}

}  // namespace
}  // namespace chat

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const double gib = argc > 1 ? std::atof(argv[1]) : 4;
  bool done = true;
  for (size_t kib : {64, 256, 1024}) {
    char name[32];
    std::snprintf(name, sizeof name, "splice %zuK", kib);
    done &= chat::Measure(name, 1, kib * 1024, gib);
  }
  done &= chat::Measure("copy", 0, 0, gib);
  return done ? 0 : 1;
}
