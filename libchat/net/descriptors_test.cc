// A process without descriptors left: the server rests, does not spin, and recovers.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"

namespace chat::net {
namespace {

// Lets this process open no more descriptors, as long as it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    none.rlim_cur = static_cast<rlim_t>(lowest);
    ::close(lowest);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

TEST(DescriptorsTest, WithoutDescriptorsItRestsAndRecovers) {
  TestServer server;
  TestClient member = server.LoggedIn("member");
  std::vector<TestClient> clients(50);  // their sockets, before there are none left
  {
    const NoDescriptors none;
    const auto start = std::chrono::steady_clock::now();
    for (TestClient& client : clients) ASSERT_TRUE(client.Connect(server.port()));
    ASSERT_TRUE(server.AwaitCount(Counter::kAcceptNoDescriptors, 1));
    // One was let in by giving up a spare descriptor, to be closed: it does not wait in vain.
    EXPECT_TRUE(Await([&] { return clients[0].Readable(); }, "its end"));
    // It tries again, ever more rarely: 10, 20 and 40 ms later.
    ASSERT_TRUE(server.AwaitCount(Counter::kAcceptNoDescriptors, 4));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(70));
    // Meanwhile those who are there are served.
    member.Send(Message("member", "hello"));
    EXPECT_TRUE(member.Expect(Message("member", "hello")));
  }
  // The others come in now.
  clients.back().Send(Login("last"));
  EXPECT_TRUE(clients.back().Expect(LoginAccepted()));
  TestClient next = server.LoggedIn("next");
}

TEST(DescriptorsTest, AServerThatCannotStartSaysWhy) {
  const NoDescriptors none;
  ServerOptions options;
  options.log = [](LogLevel, absl::string_view) {};
  EXPECT_EQ(Server::Start(std::move(options)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace chat::net
