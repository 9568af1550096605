#include "tools/chat-tunnel/dial.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "gtest/gtest.h"
#include "libchat/client/scripted_server.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

using client::Await;
using client::ScriptedServer;

Target Tcp(const std::string& host, uint16_t port) {
  return *ParseTarget(absl::StrCat(host, ":", port));
}

absl::Status DialStatus(const Target& target) {
  asio::io_context io;
  return Await(io, Dial(io.get_executor(), target, absl::Hours(1))).status();
}

TEST(Dial, ReachesAnAddressAndAName) {
  for (const char* host : {"127.0.0.1", "localhost"}) {
    ScriptedServer server([](int) {});
    EXPECT_EQ(DialStatus(Tcp(host, server.port())), absl::OkStatus()) << host;
  }
}

TEST(Dial, SaysWhyATargetCannotBeReached) {
  uint16_t port = 0;
  {
    ScriptedServer gone([](int) {});
    port = gone.port();
  }
  EXPECT_EQ(DialStatus(Tcp("127.0.0.1", port)),
            absl::UnavailableError(
                absl::StrCat("cannot reach 127.0.0.1:", port, ": Connection refused")));
  EXPECT_EQ(DialStatus(*ParseTarget("unix:/nonexistent/s")),
            absl::UnavailableError("cannot reach unix:/nonexistent/s: No such file or directory"));
}

// Not under UndefinedBehaviorSanitizer, which needs a descriptor to look at an object.
#if !defined(__SANITIZE_ADDRESS__)
TEST(Dial, SaysThatThereAreNoDescriptors) {
  ScriptedServer server([](int) {});
  asio::io_context io;
  // The loop makes its own descriptors when the first one is used.
  EXPECT_TRUE(Await(io, Dial(io.get_executor(), Tcp("127.0.0.1", server.port()), absl::Hours(1)))
                  .status()
                  .ok());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const absl::Status status =
      Await(io, Dial(io.get_executor(), Tcp("127.0.0.1", 1), absl::Hours(1))).status();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status, absl::UnavailableError("cannot reach 127.0.0.1:1: Too many open files"));
}
#endif

// All ask at once, before the listener takes the first one: most of them find its queue full.
TEST(Dial, AllAreServedByAUnixSocketWithAShortQueue) {
  constexpr int kDials = 40;
  const testing::TempDir directory;
  const std::string path = directory.path() + "/s";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener, 1), 0);

  asio::io_context io;
  const Target target = *ParseTarget("unix:" + path);
  int ended = 0;
  for (int i = 0; i < kDials; ++i) {
    asio::co_spawn(
        io, Dial(io.get_executor(), target, absl::Hours(1)),
        [&ended](std::exception_ptr thrown, const absl::StatusOr<client::TunnelSide>& side) {
          EXPECT_EQ(thrown, nullptr);
          EXPECT_TRUE(side.ok()) << side.status();
          ++ended;
        });
  }
  io.poll();
  EXPECT_LT(ended, kDials);
  std::thread server([listener] {
    for (int i = 0; i < kDials; ++i) ::close(::accept(listener, nullptr, nullptr));
  });
  while (ended < kDials) io.run_one();
  server.join();
  ::close(listener);
}

}  // namespace
}  // namespace chat::tools
