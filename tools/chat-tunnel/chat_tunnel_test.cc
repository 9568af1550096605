// The real chat-tunnel, with a real chatd and real sockets at both ends.

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/pump/pump.h"
#include "libchat/pump/testing.h"
#include "tools/chat-tunnel/testing.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"

namespace chat::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// ann's -L, bob's --accept, and a target behind it.
class ForwardTest : public ::testing::Test {
 protected:
  struct Ends {
    Fd near;  // what has connected to ann
    Fd far;   // what bob has connected to the target
  };

  Ends Open() {
    Ends ends;
    ends.near = ConnectTo(ann_.port());
    ends.far = target_.Accept();
    return ends;
  }

  ChatServer server_;
  TcpListener target_;
  RunningTunnel bob_{server_, "bob", {"--accept", target_.address(), "--allow=ann"}};
  RunningTunnel ann_{server_, "ann", {"-L", "0:bob"}};
};

TEST_F(ForwardTest, ListensOnLoopbackAlone) {
  EXPECT_THAT(ann_.address(), MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_THAT(ann_.process().Stderr(), HasSubstr("listening on " + ann_.address() + " for bob"));
}

TEST_F(ForwardTest, CarriesBothWaysAndLogsTheEnd) {
  Ends ends = Open();
  ASSERT_TRUE(WriteAll(ends.near.get(), "question"));
  EXPECT_EQ(ReadExactly(ends.far.get(), 8), "question");
  ASSERT_TRUE(WriteAll(ends.far.get(), "answer"));
  EXPECT_EQ(ReadExactly(ends.near.get(), 6), "answer");
  ends.near.reset();
  EXPECT_EQ(ReadToEnd(ends.far.get()), "");
  ends.far.reset();
  ann_.process().WaitForText(2, "bob: sent 8 bytes, received 6 bytes in ");
  EXPECT_THAT(ann_.process().WaitForText(2, ": done\n"), HasSubstr(": done\n"));
  bob_.process().WaitForText(2, "ann: sent 6 bytes, received 8 bytes in ");
}

TEST_F(ForwardTest, AHalfCloseTravelsThere) {
  Ends ends = Open();
  ASSERT_TRUE(WriteAll(ends.near.get(), "all I have"));
  shutdown(ends.near.get(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(ends.far.get()), "all I have");
  ASSERT_TRUE(WriteAll(ends.far.get(), "still here"));
  EXPECT_EQ(ReadExactly(ends.near.get(), 10), "still here");
  ends.far.reset();
  EXPECT_EQ(ReadToEnd(ends.near.get()), "");
  EXPECT_EQ(errno, 0);
}

TEST_F(ForwardTest, AHalfCloseTravelsBack) {
  Ends ends = Open();
  shutdown(ends.far.get(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(ends.near.get()), "");
  EXPECT_EQ(errno, 0);
  ASSERT_TRUE(WriteAll(ends.near.get(), "still here"));
  ends.near.reset();
  EXPECT_EQ(ReadToEnd(ends.far.get()), "still here");
}

TEST_F(ForwardTest, AResetTravelsThere) {
  Ends ends = Open();
  ResetOnClose(ends.near.get());
  ends.near.reset();
  EXPECT_EQ(ReadToEnd(ends.far.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  ann_.process().WaitForText(2, "reset by the local side");
  bob_.process().WaitForText(2, "reset by the peer");
}

TEST_F(ForwardTest, AResetTravelsBack) {
  Ends ends = Open();
  ResetOnClose(ends.far.get());
  ends.far.reset();
  EXPECT_EQ(ReadToEnd(ends.near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(ForwardTest, AToolThatDiesIsNoEnd) {
  Ends ends = Open();
  ASSERT_TRUE(WriteAll(ends.near.get(), "x"));
  EXPECT_EQ(ReadExactly(ends.far.get(), 1), "x");
  bob_.process().Signal(SIGKILL);
  EXPECT_EQ(ReadToEnd(ends.near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(ReadToEnd(ends.far.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(ForwardTest, ASignalEndsItWithResets) {
  Ends ends = Open();
  ann_.process().Signal(SIGTERM);
  EXPECT_EQ(ann_.process().Wait(), 128 + SIGTERM);
  EXPECT_EQ(ReadToEnd(ends.near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(ForwardTest, AnOperatorCanCloseIt) {
  Ends ends = Open();
  ASSERT_TRUE(WriteAll(ends.near.get(), "x"));
  EXPECT_EQ(ReadExactly(ends.far.get(), 1), "x");
  const std::string admin = Runfile("tools/chat-admin/chat-admin");
  const Result list = RunProcess({admin, "-a", server_.admin(), "tunnels", "-o", "csv"});
  EXPECT_THAT(list.out, HasSubstr("ann"));
  const std::string row = list.out.substr(list.out.find('\n') + 1);
  const Result closed =
      RunProcess({admin, "-a", server_.admin(), "close-tunnel", row.substr(0, row.find(','))});
  EXPECT_EQ(closed.exit_code, 0) << closed.err;
  EXPECT_EQ(ReadToEnd(ends.near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(ReadToEnd(ends.far.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  // The tools themselves stay.
  ends = Open();
  ASSERT_TRUE(WriteAll(ends.near.get(), "y"));
  EXPECT_EQ(ReadExactly(ends.far.get(), 1), "y");
}

TEST_F(ForwardTest, AKickEndsTheStreamsToo) {
  Ends ends = Open();
  ASSERT_TRUE(WriteAll(ends.near.get(), "x"));
  EXPECT_EQ(ReadExactly(ends.far.get(), 1), "x");
  const Result kicked =
      RunProcess({Runfile("tools/chat-admin/chat-admin"), "-a", server_.admin(), "kick", "ann"});
  EXPECT_EQ(kicked.exit_code, 0) << kicked.err;
  EXPECT_EQ(ReadToEnd(ends.near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(ReadToEnd(ends.far.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(ann_.process().Wait(), 69);
}

TEST_F(ForwardTest, ATargetThatIsNotThereIsAReset) {
  RunningTunnel carol(server_, "carol", {"--accept", "127.0.0.1:1", "--allow=*"});
  RunningTunnel dave(server_, "dave", {"-L", "0:carol"});
  const Fd near = ConnectTo(dave.port());
  EXPECT_EQ(ReadToEnd(near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  carol.process().WaitForText(2, "dave: not connected: cannot reach 127.0.0.1:1: ");
}

TEST_F(ForwardTest, WhoIsNotAllowedReachesNothing) {
  RunningTunnel mallory(server_, "mallory", {"-L", "0:bob"});
  const Fd near = ConnectTo(mallory.port());
  EXPECT_EQ(ReadToEnd(near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  mallory.process().WaitForText(2, "bob: not connected: refused");
  bob_.process().WaitForText(2, "mallory: refused: not allowed");
  pollfd dialled{.fd = target_.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&dialled, 1, 0), 0);
}

TEST_F(ForwardTest, SomebodyAbsentIsAReset) {
  RunningTunnel dave(server_, "dave", {"-L", "0:nobody", "--request-timeout=200ms"});
  const Fd near = ConnectTo(dave.port());
  EXPECT_EQ(ReadToEnd(near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  dave.process().WaitForText(2, "nobody: not connected: no answer within 200ms");
}

TEST_F(ForwardTest, TwoHundredAtOnce) {
  constexpr size_t kStreams = 200;
  std::thread echo([this] {
    std::vector<Fd> far;
    while (far.size() < kStreams) far.push_back(target_.Accept());
    for (const Fd& fd : far) WriteAll(fd.get(), ReadExactly(fd.get(), 4));
    for (const Fd& fd : far) EXPECT_EQ(ReadToEnd(fd.get()), "");
  });
  std::vector<Fd> near;
  for (size_t i = 0; i < kStreams; ++i) near.push_back(ConnectTo(ann_.port()));
  for (size_t i = 0; i < kStreams; ++i) {
    ASSERT_TRUE(WriteAll(near[i].get(), absl::StrCat(1000 + i)));
  }
  for (size_t i = 0; i < kStreams; ++i) {
    EXPECT_EQ(ReadExactly(near[i].get(), 4), absl::StrCat(1000 + i));
  }
  for (Fd& fd : near) shutdown(fd.get(), SHUT_WR);
  echo.join();
  ann_.process().WaitForOutput(2, [](absl::string_view said) {
    size_t done = 0;
    for (size_t at = 0; (at = said.find(": done\n", at)) != said.npos; ++at) ++done;
    return done == kStreams;
  });
}

TEST_F(ForwardTest, FurtherOnesWaitForAFreePlace) {
  RunningTunnel carol(server_, "ann2", {"-L", "0:bob2", "--max-streams=1"});
  RunningTunnel bob2(server_, "bob2", {"--accept", target_.address(), "--allow=ann2"});
  Fd first = ConnectTo(carol.port());
  const Fd second = ConnectTo(carol.port());
  Fd far = target_.Accept();
  ASSERT_TRUE(WriteAll(second.get(), "second"));
  ASSERT_TRUE(WriteAll(first.get(), "first"));
  first.reset();
  EXPECT_EQ(ReadToEnd(far.get()), "first");
  far.reset();
  far = target_.Accept();
  EXPECT_EQ(ReadExactly(far.get(), 6), "second");
}

TEST_F(ForwardTest, AGiBArrivesWhole) {
  constexpr size_t kBlock = 1 << 20;
  constexpr size_t kBlocks = 1024;
  const auto hash = [](uint64_t seed, absl::string_view bytes) {
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      uint64_t word;
      __builtin_memcpy(&word, bytes.data() + i, 8);
      seed = (seed ^ word) * 0x100000001b3;
    }
    return seed;
  };
  Ends ends = Open();
  uint64_t sent = 0;
  std::thread sender([&] {
    std::string block = RandomBytes(kBlock, 11);
    for (size_t i = 0; i < kBlocks; ++i) {
      __builtin_memcpy(block.data(), &i, sizeof i);
      sent = hash(sent, block);
      if (!WriteAll(ends.far.get(), block)) return;
    }
    shutdown(ends.far.get(), SHUT_WR);
  });
  uint64_t received = 0;
  size_t blocks = 0;
  for (std::string block; (block = ReadExactly(ends.near.get(), kBlock)).size() == kBlock;) {
    received = hash(received, block);
    ++blocks;
  }
  sender.join();
  EXPECT_EQ(blocks, kBlocks);
  EXPECT_EQ(received, sent);
}

TEST_F(ForwardTest, ComesBackAfterTheServer) {
  RunningTunnel bob(server_, "bob2",
                    {"--accept", target_.address(), "--allow=ann2", "--reconnect=forever", "-v"});
  RunningTunnel ann(server_, "ann2", {"-L", "0:bob2", "--reconnect=forever", "-v"});
  server_.Restart();
  const auto twice = [](absl::string_view said) {
    const size_t first = said.find("logged in");
    return first != said.npos && said.find("logged in", first + 1) != said.npos;
  };
  bob.process().WaitForOutput(2, twice);
  ann.process().WaitForOutput(2, twice);
  const Fd near = ConnectTo(ann.port());
  const Fd far = target_.Accept();
  ASSERT_TRUE(WriteAll(near.get(), "again"));
  EXPECT_EQ(ReadExactly(far.get(), 5), "again");
  // Those who were not told to come back have left.
  EXPECT_EQ(ann_.process().Wait(), 69);
  EXPECT_EQ(bob_.process().Wait(), 69);
}

TEST(Listening, OnIpv6AndOnSeveral) {
  const Fd probe(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  if (bind(probe.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) != 0) {
    GTEST_SKIP() << "this machine has no IPv6 loopback";
  }
  ChatServer server;
  RunningTunnel ann(server, "ann", {"-L", "[::1]:0:bob", "-L", "127.0.0.1:0:bob"});
  EXPECT_THAT(ann.address(0), MatchesRegex("\\[::1\\]:[0-9]+"));
  EXPECT_THAT(ann.address(1), MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));
}

TEST(Listening, OnAPortThatIsTakenFails) {
  ChatServer server;
  TcpListener taken;
  const Result result =
      RunProcess(TunnelCommand(server, "ann", {"-L", absl::StrCat(taken.port(), ":bob")}));
  EXPECT_EQ(result.exit_code, 74);
  EXPECT_THAT(result.err, HasSubstr(absl::StrCat("cannot listen on ", taken.address())));
}

TEST(Accepting, ToAUnixSocket) {
  ChatServer server;
  TempDir directory;
  const std::string path = directory.path() + "/target";
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  RunningTunnel bob(server, "bob", {"--accept", "unix:" + path, "--allow=ann"});
  RunningTunnel ann(server, "ann", {"-L", "0:bob"});
  Fd near = ConnectTo(ann.port());
  const Fd far(accept(listener.get(), nullptr, nullptr));
  ASSERT_TRUE(WriteAll(near.get(), "to a unix socket"));
  near.reset();
  EXPECT_EQ(ReadToEnd(far.get()), "to a unix socket");
}

class StdioTest : public ::testing::Test {
 protected:
  ChatServer server_;
};

TEST_F(StdioTest, JoinsTwoPipelines) {
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=ann"});
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}));
  const std::string there = RandomBytes(3 << 20, 1);
  const std::string back = RandomBytes(2 << 20, 2);
  ASSERT_TRUE(ann.Write(there));
  ann.CloseStdin();
  bob.process().WaitForOutput(1, [&](absl::string_view got) { return got.size() >= there.size(); });
  // ann's input has ended; hers is still an open ear.
  ASSERT_TRUE(bob.process().Write(back));
  EXPECT_EQ(bob.process().Wait(), 0);
  EXPECT_EQ(ann.Wait(), 0);
  EXPECT_TRUE(bob.process().Stdout() == there);
  EXPECT_TRUE(ann.Stdout() == back);
  EXPECT_THAT(ann.Stderr(), HasSubstr("bob: sent 3145728 bytes, received 2097152 bytes in "));
}

TEST_F(StdioTest, AcceptsOneAlone) {
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=*"});
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}));
  ASSERT_TRUE(ann.Write("x"));
  bob.process().WaitForText(1, "x");
  EXPECT_EQ(RunProcess(TunnelCommand(server_, "carol", {"-W", "bob"})).exit_code, 77);
  bob.process().WaitForText(2, "carol: refused: enough connections are open");
}

TEST_F(StdioTest, SaysNothingOnStdoutByItself) {
  const Result result =
      RunProcess(TunnelCommand(server_, "ann", {"-W", "nobody", "--request-timeout=100ms", "-v"}));
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.exit_code, 68);
  EXPECT_THAT(result.err, HasSubstr("nobody: not connected: no answer within 100ms"));
}

TEST_F(StdioTest, ARefusalIsSaid) {
  RunningTunnel bob(server_, "bob", {"--accept=127.0.0.1:1", "--allow=carol"});
  const Result result = RunProcess(TunnelCommand(server_, "ann", {"-W", "bob"}));
  EXPECT_EQ(result.exit_code, 77);
  EXPECT_THAT(result.err, HasSubstr("bob: not connected: refused"));
}

TEST_F(StdioTest, AResetOfThePeerIsNoSuccess) {
  TcpListener target;
  RunningTunnel bob(server_, "bob", {"--accept", target.address(), "--allow=ann"});
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}));
  Fd far = target.Accept();
  ResetOnClose(far.get());
  far.reset();
  ann.WaitForText(2, "reset by the peer");
  EXPECT_EQ(ann.Wait(), 69);
}

TEST_F(StdioTest, AReaderThatLeavesEndsIt) {
  TcpListener target;
  RunningTunnel bob(server_, "bob", {"--accept", target.address(), "--allow=ann"});
  SocketPair out = PipePair();
  ProcessOptions options;
  options.stdout_fd = out.first.get();
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}), options);
  const Fd far = target.Accept();
  out.first.reset();
  out.second.reset();
  ASSERT_TRUE(WriteAll(far.get(), "to nobody"));
  ann.WaitForText(2, "closed by the local side");
  EXPECT_EQ(ann.Wait(), 128 + SIGPIPE);
  EXPECT_EQ(ReadToEnd(far.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(StdioTest, ReadsAFile) {
  TempDir directory;
  const std::string bytes = RandomBytes(1'000'000, 4);
  const std::string path = directory.Write("input", bytes);
  const Fd input(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ProcessOptions options;
  options.stdin_fd = input.get();
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=ann"});
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}), options);
  EXPECT_EQ(bob.process().Wait(), 0);
  EXPECT_TRUE(bob.process().Stdout() == bytes);
  EXPECT_EQ(ann.Wait(), 0);
}

TEST_F(StdioTest, WritesToATerminal) {
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=ann"});
  ProcessOptions options;
  options.stdout_is_terminal = true;
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}), options);
  ASSERT_TRUE(bob.process().Write("to a terminal"));
  ann.WaitForText(1, "to a terminal");
  ann.CloseStdin();
  EXPECT_EQ(bob.process().Wait(), 0);
  EXPECT_EQ(ann.Wait(), 0);
}

TEST_F(StdioTest, AServerThatIsNotThereIsUnavailable) {
  const Result result = RunProcess({Runfile("tools/chat-tunnel/chat-tunnel"), "-s",
                                    "chaton://127.0.0.1:1", "-W", "bob", "-u", "ann"});
  EXPECT_EQ(result.exit_code, 69);
}

TEST_F(StdioTest, ANameThatIsTakenIsRefusedAtOnce) {
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=*", "--reconnect=forever"});
  const Result result =
      RunProcess(TunnelCommand(server_, "bob", {"--accept=-", "--allow=*", "--reconnect=forever"}));
  EXPECT_EQ(result.exit_code, 77);
}

}  // namespace
}  // namespace chat::testing
