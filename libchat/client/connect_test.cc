#include "libchat/client/connect.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/address.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/post.hpp"
#include "asio/steady_timer.hpp"
#include "gtest/gtest.h"
#include "libchat/client/scripted_server.h"

namespace chat::client {
namespace {

// Longer than any test: what waits for it is not served in time.
constexpr absl::Duration kNever = absl::Hours(1);

Addresses Parse(const std::vector<std::string>& texts) {
  Addresses addresses;
  for (const std::string& text : texts) addresses.push_back(asio::ip::make_address(text));
  return addresses;
}

Resolver Knowing(std::vector<std::string> addresses) {
  return Resolver(
      [addresses](const std::string&) -> absl::StatusOr<Addresses> { return Parse(addresses); });
}

// An address on which nobody answers: a listener whose queue is full, so that the kernel drops
// whatever asks for more.
class SilentAddress {
 public:
  SilentAddress(const char* host, uint16_t port)
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)), filler_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, host, &address.sin_addr), 1);
    const auto* bound = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, bound, sizeof(address)), 0) << host;
    EXPECT_EQ(::listen(listener_, 0), 0);
    EXPECT_EQ(::connect(filler_, bound, sizeof(address)), 0);
    pollfd queued{listener_, POLLIN, 0};
    EXPECT_EQ(::poll(&queued, 1, -1), 1);
  }
  ~SilentAddress() {
    ::close(filler_);
    ::close(listener_);
  }

 private:
  const int listener_;
  const int filler_;
};

size_t OpenDescriptors() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)entry;
    ++count;
  }
  return count;
}

// Says a line to the first who connects.
ScriptedServer::Script Saying(std::string line) {
  return [line = std::move(line)](int fd) {
    Put(fd, line);
    GetLine(fd);
  };
}

std::string LineFrom(asio::ip::tcp::socket& socket) {
  socket.native_non_blocking(false);
  return GetLine(socket.native_handle());
}

TEST(InTurn, AlternatesTheFamiliesAndKeepsTheirOrder) {
  EXPECT_EQ(InTurn(Parse({"::1", "::2", "::3", "1.1.1.1", "2.2.2.2"})),
            Parse({"::1", "1.1.1.1", "::2", "2.2.2.2", "::3"}));
  EXPECT_EQ(InTurn(Parse({"1.1.1.1", "2.2.2.2", "::1"})), Parse({"1.1.1.1", "::1", "2.2.2.2"}));
  EXPECT_EQ(InTurn(Parse({"1.1.1.1"})), Parse({"1.1.1.1"}));
}

TEST(Connector, TakesAnAddressWithoutALookup) {
  ScriptedServer server(Saying("hello\n"));
  Resolver resolver([](const std::string& host) -> absl::StatusOr<Addresses> {
    ADD_FAILURE() << host;
    return absl::UnavailableError("not to be asked");
  });
  asio::io_context io;
  Connector connector(io.get_executor(), {.resolver = &resolver});
  auto socket = Await(io, connector.Connect("127.0.0.1", server.port()));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(LineFrom(*socket), "hello\n");
}

TEST(Connector, TakesANameThatTheSystemKnows) {
  ScriptedServer server(Saying("hello\n"));
  asio::io_context io;
  Connector connector(io.get_executor());
  auto socket = Await(io, connector.Connect("localhost", server.port()));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(LineFrom(*socket), "hello\n");
}

TEST(Connector, TriesTheNextAddressWhenOneIsSilent) {
  ScriptedServer server(Saying("hello\n"));
  const SilentAddress silent("127.9.9.9", server.port());
  const SilentAddress another("127.9.9.10", server.port());
  Resolver resolver = Knowing({"127.9.9.9", "127.9.9.10", "127.0.0.1"});
  asio::io_context io;
  const asio::steady_timer timer(io);  // the loop has its own descriptors from here on
  const size_t before = OpenDescriptors();
  Connector connector(io.get_executor(),
                      {.head_start = absl::Milliseconds(5), .resolver = &resolver});
  auto socket = Await(io, connector.Connect("two", server.port()));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(LineFrom(*socket), "hello\n");
  // The attempts that lost are over, and soon the lookup's thread as well. What remains is the two
  // ends of the connection.
  while (OpenDescriptors() > before + 2) std::this_thread::yield();
}

TEST(Connector, TriesTheNextAddressAtOnceWhenOneRefuses) {
  ScriptedServer server(Saying("hello\n"));
  Resolver resolver = Knowing({"127.9.9.9", "127.9.9.10", "127.0.0.1"});
  asio::io_context io;
  Connector connector(io.get_executor(), {.head_start = kNever, .resolver = &resolver});
  auto socket = Await(io, connector.Connect("two", server.port()));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(LineFrom(*socket), "hello\n");
}

TEST(Connector, LeavesTheFirstAddressItsHeadStart) {
  ScriptedServer server(Saying("first\n"));
  Resolver resolver = Knowing({"127.0.0.1", "127.9.9.9"});
  asio::io_context io;
  Connector connector(io.get_executor(), {.head_start = kNever, .resolver = &resolver});
  auto socket = Await(io, connector.Connect("two", server.port()));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(LineFrom(*socket), "first\n");
}

TEST(Connector, NamesTheFirstCause) {
  uint16_t port = 0;
  {
    ScriptedServer gone([](int) {});
    port = gone.port();
  }
  const auto failure = [port](std::vector<std::string> addresses) {
    Resolver resolver = Knowing(std::move(addresses));
    asio::io_context io;
    Connector connector(io.get_executor(), {.resolver = &resolver});
    const absl::Status status = Await(io, connector.Connect("two", port)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    return std::string(status.message());
  };
  // A multicast address cannot be connected to at all.
  EXPECT_EQ(failure({"127.0.0.1", "224.0.0.1"}), "Connection refused");
  EXPECT_NE(failure({"224.0.0.1", "127.0.0.1"}), "Connection refused");
  EXPECT_EQ(failure({}), "the name has no address");
}

// While one is alive, no descriptor can be opened.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

// UndefinedBehaviorSanitizer opens a pipe to look at an object whose class it does not know yet: it
// takes such an object for a broken one where there are no descriptors.
#if !defined(__SANITIZE_ADDRESS__)
TEST(Connector, SaysThatThereAreNoDescriptors) {
  asio::io_context io;
  const auto failure = [&io](const std::string& host, Resolver* resolver) {
    Connector connector(io.get_executor(), {.resolver = resolver});
    return Await(io, connector.Connect(host, 1)).status();
  };
  // When the sockets are opened, and when the lookup begins.
  std::unique_ptr<NoDescriptors> none;
  Resolver resolver([&none](const std::string&) -> absl::StatusOr<Addresses> {
    none = std::make_unique<NoDescriptors>();
    return Parse({"127.0.0.1", "127.0.0.2"});
  });
  EXPECT_EQ(failure("two", &resolver), absl::UnavailableError("Too many open files"));
  EXPECT_EQ(failure("three", &resolver), absl::UnavailableError("Too many open files"));
  EXPECT_EQ(failure("127.0.0.1", &resolver), absl::UnavailableError("Too many open files"));
  Connector connector(io.get_executor());
  EXPECT_EQ(Await(io, connector.ConnectLocal("/x")).status(),
            absl::UnavailableError("Too many open files"));
}
#endif

TEST(Connector, GivesUpOnASilentAddress) {
  ScriptedServer server([](int) {});
  const SilentAddress silent("127.9.9.9", server.port());
  asio::io_context io;
  Connector connector(io.get_executor(), {.timeout = absl::Milliseconds(20)});
  EXPECT_EQ(Await(io, connector.Connect("127.9.9.9", server.port())).status(),
            absl::DeadlineExceededError("no answer within 20ms"));
}

// A resolver that does not answer before it is allowed to.
class Blocked {
 public:
  ~Blocked() { Release(); }
  void Release() {
    if (!go_on_->HasBeenNotified()) go_on_->Notify();
  }
  Resolver* resolver() { return &resolver_; }
  int calls() const { return *calls_; }

 private:
  // Shared with threads that may outlive the test.
  const std::shared_ptr<absl::Notification> go_on_ = std::make_shared<absl::Notification>();
  const std::shared_ptr<std::atomic<int>> calls_ = std::make_shared<std::atomic<int>>(0);
  Resolver resolver_{[go_on = go_on_, calls = calls_](const std::string&) {
    ++*calls;
    go_on->WaitForNotification();
    return absl::StatusOr<Addresses>(Parse({"127.0.0.1"}));
  }};
};

TEST(Connector, GivesUpOnALookup) {
  Blocked blocked;
  asio::io_context io;
  Connector connector(io.get_executor(),
                      {.timeout = absl::Milliseconds(20), .resolver = blocked.resolver()});
  EXPECT_EQ(Await(io, connector.Connect("slow", 1)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(Connector, CancelEndsALookup) {
  Blocked blocked;
  asio::io_context io;
  Connector connector(io.get_executor(), {.resolver = blocked.resolver()});
  asio::post(io, [&connector] { connector.Cancel(); });
  EXPECT_EQ(Await(io, connector.Connect("slow", 1)).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Await(io, connector.Connect("slow", 1)).status().code(), absl::StatusCode::kCancelled);
}

TEST(Connector, AnEventLoopMayEndBeforeALookup) {
  Blocked blocked;
  auto io = std::make_unique<asio::io_context>();
  auto connector = std::make_unique<Connector>(io->get_executor(),
                                               ConnectOptions{.resolver = blocked.resolver()});
  bool ended = false;
  asio::co_spawn(
      *io, connector->Connect("slow", 1),
      [&ended](std::exception_ptr, const absl::StatusOr<asio::ip::tcp::socket>&) { ended = true; });
  while (blocked.calls() == 0) io->poll();
  connector.reset();
  io.reset();
  EXPECT_FALSE(ended);
  blocked.Release();
}

TEST(ConnectorDeathTest, AProcessMayEndBeforeALookup) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        auto* never = new Blocked;
        asio::io_context io;
        {
          Connector connector(io.get_executor(),
                              {.timeout = absl::Milliseconds(20), .resolver = never->resolver()});
          (void)Await(io, connector.Connect("slow", 1));
        }
        ::exit(7);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(Resolver, LooksANameUpOnceForAllWhoAsk) {
  Blocked blocked;
  asio::io_context io;
  std::vector<std::unique_ptr<Connector>> connectors;
  int ended = 0;
  for (const char* host : {"one", "one", "other", "one"}) {
    connectors.push_back(std::make_unique<Connector>(
        io.get_executor(),
        ConnectOptions{.timeout = absl::Milliseconds(20), .resolver = blocked.resolver()}));
    asio::co_spawn(
        io, connectors.back()->Connect(host, 1),
        [&ended](std::exception_ptr, const absl::StatusOr<asio::ip::tcp::socket>&) { ++ended; });
  }
  while (ended < 4) io.run_one();
  while (blocked.calls() < 2) std::this_thread::yield();
  EXPECT_EQ(blocked.calls(), 2);
}

TEST(Resolver, SaysThatThereIsNoSuchName) {
  // A label is at most 63 bytes long, so no server is asked.
  const absl::StatusOr<Addresses> addresses = LookUpInSystem(std::string(70, 'x') + ".invalid");
  EXPECT_EQ(addresses.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(addresses.status().message().empty());
}

// A Unix socket that listens, with room for `backlog` connections and one more.
class LocalListener {
 public:
  explicit LocalListener(int backlog) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    std::string pattern = "/tmp/connect_test.XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/s";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd_, backlog), 0);
  }
  ~LocalListener() {
    ::close(fd_);
    std::filesystem::remove_all(directory_);
  }

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }

 private:
  const int fd_;
  std::string directory_;
  std::string path_;
};

absl::Status ConnectLocal(asio::io_context& io, const std::string& path,
                          ConnectOptions options = {}) {
  Connector connector(io.get_executor(), options);
  return Await(io, connector.ConnectLocal(path)).status();
}

TEST(Connector, WaitsForAPlaceInTheQueueOfAUnixSocket) {
  LocalListener listener(0);
  asio::io_context io;
  Connector first(io.get_executor());
  const auto queued = Await(io, first.ConnectLocal(listener.path()));
  ASSERT_TRUE(queued.ok()) << queued.status();
  EXPECT_EQ(ConnectLocal(io, listener.path(), {.timeout = absl::Milliseconds(20)}),
            absl::DeadlineExceededError("no answer within 20ms"));

  std::thread server;
  asio::steady_timer later(io, std::chrono::milliseconds(20));
  later.async_wait([&](asio::error_code) {
    server = std::thread([&listener] {
      for (int i = 0; i < 2; ++i) ::close(::accept(listener.fd(), nullptr, nullptr));
    });
  });
  EXPECT_EQ(ConnectLocal(io, listener.path()), absl::OkStatus());
  server.join();
}

TEST(Connector, SaysWhyAUnixSocketCannotBeReached) {
  asio::io_context io;
  EXPECT_EQ(ConnectLocal(io, "/nonexistent/s"),
            absl::UnavailableError("No such file or directory"));
  EXPECT_EQ(ConnectLocal(io, "/" + std::string(200, 'x')),
            absl::UnavailableError("File name too long"));
  LocalListener listener(1);
  Connector connector(io.get_executor());
  connector.Cancel();
  EXPECT_EQ(Await(io, connector.ConnectLocal(listener.path())).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace chat::client
