// The real chat-tunnel, with a real chatd and real sockets at both ends.

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/client_session.h"
#include "libchat/pump/pump.h"
#include "libchat/pump/testing.h"
#include "tools/chat-tunnel/far_away.h"
#include "tools/chat-tunnel/testing.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"
#include "tools/testing/user/test_user.h"

namespace chat::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Fd ConnectToUnix(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(path);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

uint16_t PeerPort(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

// A server that lets ann log in, grants what she asks for, and then dies in the middle of it, in a
// way that looks like an end.
class EndingServer {
 public:
  EndingServer() : thread_([this] { Serve(); }) {}
  ~EndingServer() { thread_.join(); }
  std::string url() const { return "chaton://" + listener_.address(); }

 private:
  static std::string Field(absl::string_view text) {
    return std::string(3, '\0') + static_cast<char>(text.size()) + std::string(text);
  }

  void Serve() {
    const Fd main = listener_.Accept();
    ReadExactly(main.get(), 1 + 4 + 3);  // LOGIN ann
    WriteAll(main.get(), "\1");          // LOGIN_ACCEPTED
    // REQUEST_PRIVATE ann bob, while her half connects.
    ReadExactly(main.get(), 1 + 4 + 3 + 4 + 3);
    const Fd half = listener_.Accept();
    // ID_PRIVATE
    WriteAll(main.get(),
             absl::StrCat("\x08", Field("ann"), Field("bob"), std::string(3, '\0'), "\x11"));
    ReadExactly(half.get(), 1 + 4);          // LOGIN_PRIVATE
    WriteAll(half.get(), "\x0ahalf of it");  // ESTABLISHED, and what comes behind it
    ReadToEnd(half.get());
    // ... and both descriptors are closed.
  }

  TcpListener listener_;
  std::thread thread_;
};

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
  RunningTunnel bob_{server_, "bob", {"--accept", target_.address(), "--allow=ann", "-v"}};
  RunningTunnel ann_{server_, "ann", {"-L", "0:bob", "-v"}};
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
  ASSERT_TRUE(WriteAll(ends.near.get(), "x"));
  EXPECT_EQ(ReadExactly(ends.far.get(), 1), "x");
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
  mallory.process().WaitForText(2, "bob: not connected: bob refused mallory");
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

TEST_F(ForwardTest, OnlyStreamsThatFailAreSaidWithoutVerbose) {
  RunningTunnel bob(server_, "bob2", {"--accept", target_.address(), "--allow=ann2"});
  RunningTunnel ann(server_, "ann2", {"-L", "0:bob2"});
  for (const bool reset : {false, true}) {
    Fd near = ConnectTo(ann.port());
    Fd far = target_.Accept();
    ASSERT_TRUE(WriteAll(near.get(), "x"));
    EXPECT_EQ(ReadExactly(far.get(), 1), "x");
    if (reset) ResetOnClose(near.get());
    near.reset();
    ReadToEnd(far.get());
  }
  for (RunningTunnel* tunnel : {&bob, &ann}) {
    const std::string said = tunnel->process().WaitForText(2, "reset by ");
    EXPECT_THAT(said, Not(HasSubstr(": done")));
  }
}

TEST_F(ForwardTest, LogsJsonIfAsked) {
  RunningTunnel bob(
      server_, "bob2",
      {"--accept", absl::StrCat("web=", target_.address()), "--allow=ann2", "--log", "json"});
  RunningTunnel ann(server_, "ann2", {"-L", "0:bob2/web", "--log=json"});
  Fd near = ConnectTo(ann.port());
  Fd far = target_.Accept();
  const uint16_t dialled_from = PeerPort(far.get());
  ASSERT_TRUE(WriteAll(near.get(), "question"));
  EXPECT_EQ(ReadExactly(far.get(), 8), "question");
  near.reset();
  far.reset();
  EXPECT_THAT(
      ann.process().WaitForText(2, "}\n"),
      ContainsRegex(absl::StrCat(
          "\\{\"time\":\"20[-0-9]+T[0-9:.]+Z\",\"peer\":\"bob2\",\"service\":\"web\","
          "\"local_port\":",
          ann.port(), ",\"sent\":8,\"received\":0,\"duration\":[0-9.]+,\"reason\":\"done\"\\}\n")));
  EXPECT_THAT(bob.process().WaitForText(2, "}\n"),
              HasSubstr(absl::StrCat("\"peer\":\"ann2\",\"service\":\"web\",\"local_port\":",
                                     dialled_from, ",\"sent\":0,\"received\":8,")));
}

// A server that refuses an upload answers and closes without reading it.
TEST_F(ForwardTest, WhatTheTargetSaysBeforeItClosesArrivesBehindAnUpload) {
  const std::string answer = RandomBytes(20'000, 13);
  for (int i = 0; i < 20; ++i) {
    Ends ends = Open();
    std::thread upload([&] {
      const std::string block(1 << 20, 'x');
      while (WriteAll(ends.near.get(), block)) {
      }
    });
    EXPECT_EQ(ReadExactly(ends.far.get(), 1000).size(), 1000u);
    ASSERT_TRUE(WriteAll(ends.far.get(), answer));
    ends.far.reset();
    upload.join();
    EXPECT_TRUE(ReadExactly(ends.near.get(), answer.size()) == answer) << i;
  }
}

TEST_F(ForwardTest, OneAbsentUserDoesNotStopTheOthers) {
  RunningTunnel dave(
      server_, "ann2",
      {"-L", "0:nobody", "-L", "0:bob2", "--max-streams=4", "--request-timeout=600"});
  RunningTunnel bob(server_, "bob2", {"--accept", target_.address(), "--allow=ann2"});
  std::vector<Fd> waiting;
  for (int i = 0; i < 40; ++i) waiting.push_back(ConnectTo(dave.port(0)));
  const Fd near = ConnectTo(dave.port(1));
  ASSERT_TRUE(WriteAll(near.get(), "x"));
  const Fd far = target_.Accept();
  EXPECT_EQ(ReadExactly(far.get(), 1), "x");
}

TEST_F(ForwardTest, WhoHasGoneGivesItsPlaceBack) {
  RunningTunnel ann(server_, "ann2", {"-L", "0:bob2", "--request-timeout=600", "-v"});
  // More than may wait at once for one user.
  for (int i = 0; i < 40; ++i) {
    Fd near = ConnectTo(ann.port());
    ResetOnClose(near.get());
  }
  ann.process().WaitForOutput(2, [](absl::string_view said) {
    size_t gone = 0;
    for (size_t at = 0; (at = said.find("the local side is gone", at)) != said.npos; ++at) ++gone;
    return gone >= 16;
  });
  RunningTunnel bob(server_, "bob2", {"--accept", target_.address(), "--allow=ann2"});
  const Fd late = ConnectTo(ann.port());
  ASSERT_TRUE(WriteAll(late.get(), "late"));
  const Fd far = target_.Accept();
  EXPECT_EQ(ReadExactly(far.get(), 4), "late");
}

TEST_F(ForwardTest, AsksThatNeverComeHoldNobodyElsesPlace) {
  RunningTunnel bob(server_, "bob2",
                    {"--accept", target_.address(), "--allow=*", "--max-streams=8"});
  TestUser mallory(server_.url());
  mallory.LogIn("mallory");
  int granted = 0;
  int refused = 0;
  for (int i = 0; i < 256; ++i) {
    ASSERT_TRUE(mallory.session().Ask(RequestKind::kRelay, User("bob2"), Text()).ok());
    for (ClientEvent event; mallory.NextEvent(event);) {
      if (std::holds_alternative<RelayGranted>(event) && ++granted > 0) break;
      if (std::holds_alternative<Refused>(event) && ++refused > 0) break;
    }
  }
  EXPECT_GT(granted, 0);
  EXPECT_LE(granted, 128);
  Process ann(TunnelCommand(server_, "ann2", {"-W", "bob2"}));
  ASSERT_TRUE(ann.Write("honest"));
  // The target is dialled for those who do not come as well: theirs stay silent.
  std::vector<Fd> dialled;
  std::string said;
  while (said.empty()) {
    std::vector<pollfd> polled = {{target_.fd(), POLLIN, 0}};
    for (const Fd& fd : dialled) polled.push_back({fd.get(), POLLIN, 0});
    poll(polled.data(), polled.size(), -1);
    for (size_t i = 1; i < polled.size(); ++i) {
      if ((polled[i].revents & POLLIN) != 0) said += ReadExactly(polled[i].fd, 6);
    }
    if ((polled[0].revents & POLLIN) != 0) dialled.push_back(target_.Accept());
  }
  EXPECT_EQ(said, "honest");
}

TEST_F(ForwardTest, AUserHasAQuarterIfThereMayBeOthers) {
  RunningTunnel bob(server_, "bob2",
                    {"--accept", target_.address(), "--allow=*", "--max-streams=4"});
  RunningTunnel ann(server_, "ann2", {"-L", "0:bob2"});
  const Fd first = ConnectTo(ann.port());
  const Fd far = target_.Accept();
  ASSERT_TRUE(WriteAll(first.get(), "x"));
  EXPECT_EQ(ReadExactly(far.get(), 1), "x");
  const Fd second = ConnectTo(ann.port());
  EXPECT_EQ(ReadToEnd(second.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
  bob.process().WaitForText(2, "a user's share of connections is open (1, a quarter");
  Process zoe(TunnelCommand(server_, "zoe", {"-W", "bob2"}));
  ASSERT_TRUE(zoe.Write("z"));
  EXPECT_EQ(ReadExactly(target_.Accept().get(), 1), "z");
}

// The one half need not wait for as long as it would.
TEST_F(ForwardTest, AHalfThatFailsWithdrawsTheOther) {
  RunningTunnel carol(server_, "carol", {"--accept", "127.0.0.1:1", "--allow=*"});
  RunningTunnel dave(server_, "dave", {"-L", "0:carol", "--request-timeout=600"});
  const Fd near = ConnectTo(dave.port());
  EXPECT_EQ(ReadToEnd(near.get()), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(Services, OneProcessHasSeveral) {
  ChatServer server;
  TcpListener plain;
  TcpListener web;
  RunningTunnel bob(server, "bob",
                    {"--accept", plain.address(), "--accept", absl::StrCat("web=", web.address()),
                     "--allow=ann*", "-v"});
  EXPECT_THAT(bob.process().Stderr(),
              AllOf(HasSubstr("logged in as bob\n"), HasSubstr("logged in as bob-web\n")));
  RunningTunnel ann(server, "ann2", {"-L", "0:bob/web", "-L", "0:bob", "-v"});
  Fd to_web = ConnectTo(ann.port(0));
  ASSERT_TRUE(WriteAll(to_web.get(), "web"));
  EXPECT_EQ(ReadExactly(web.Accept().get(), 3), "web");
  to_web.reset();
  const Fd to_plain = ConnectTo(ann.port(1));
  ASSERT_TRUE(WriteAll(to_plain.get(), "plain"));
  EXPECT_EQ(ReadExactly(plain.Accept().get(), 5), "plain");
  ann.process().WaitForText(2, "bob/web: sent 3 bytes");
  bob.process().WaitForText(2, "ann2 to web: sent 0 bytes");
  Process stdio(TunnelCommand(server, "ann", {"-W", "bob/web"}));
  ASSERT_TRUE(stdio.Write("by stdio"));
  EXPECT_EQ(ReadExactly(web.Accept().get(), 8), "by stdio");
  // Who does not match the pattern is told which name was refused.
  const Result refused = RunProcess(TunnelCommand(server, "joann", {"-W", "bob/web"}));
  EXPECT_EQ(refused.exit_code, 77);
  EXPECT_THAT(refused.err, HasSubstr("bob/web: not connected: bob-web refused joann"));
}

TEST(Listening, OnAUnixSocketOfItsOwner) {
  ChatServer server;
  TempDir directory;
  TcpListener target;
  const std::string path = directory.path() + "/socket";
  {  // left behind by somebody who was killed
    const Fd stale(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = UnixAddress(path);
    ASSERT_EQ(bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  RunningTunnel bob(server, "bob", {"--accept", target.address(), "--allow=ann"});
  RunningTunnel ann(server, "ann", {"-L", absl::StrCat("unix:", path, ":bob")});
  EXPECT_EQ(ann.address(), "unix:" + path);
  struct stat found;
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  Fd near = ConnectToUnix(path);
  ASSERT_TRUE(WriteAll(near.get(), "question"));
  const Fd far = target.Accept();
  EXPECT_EQ(ReadExactly(far.get(), 8), "question");
  ASSERT_TRUE(WriteAll(far.get(), "answer"));
  EXPECT_EQ(ReadExactly(near.get(), 6), "answer");
  // One that lives is not replaced.
  const Result second =
      RunProcess(TunnelCommand(server, "zoe", {"-L", absl::StrCat("unix:", path, ":bob")}));
  EXPECT_EQ(second.exit_code, 74);
  EXPECT_THAT(second.err, HasSubstr(absl::StrCat("cannot listen on unix:", path,
                                                 ": a running program listens there")));
  ann.process().Signal(SIGTERM);
  EXPECT_EQ(ann.process().Wait(), 128 + SIGTERM);
  EXPECT_NE(stat(path.c_str(), &found), 0);
}

TEST(Listening, NeverReplacesAFile) {
  ChatServer server;
  TempDir directory;
  const std::string path = directory.Write("file", "precious");
  const Result result =
      RunProcess(TunnelCommand(server, "ann", {"-L", absl::StrCat("unix:", path, ":bob")}));
  EXPECT_EQ(result.exit_code, 74);
  EXPECT_THAT(result.err, HasSubstr("there is a file that is no socket"));
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
}

// localhost is 127.0.0.1 and, on most machines, ::1.
TEST(Listening, OnAllAddressesOfAName) {
  ChatServer server;
  RunningTunnel ann(server, "ann", {"-L", "localhost:0:bob"});
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  ASSERT_EQ(getaddrinfo("localhost", absl::StrCat(ann.port()).c_str(), &hints, &found), 0);
  int connected = 0;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const Fd probe(socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int result = connect(probe.get(), entry->ai_addr, entry->ai_addrlen);
    if (result != 0 && (errno == EADDRNOTAVAIL || errno == ENETUNREACH)) continue;  // not here
    EXPECT_EQ(result, 0) << "family " << entry->ai_family;
    ++connected;
  }
  freeaddrinfo(found);
  EXPECT_GT(connected, 0);
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
  const sockaddr_un address = UnixAddress(path);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  RunningTunnel bob(server, "bob", {"--accept", "unix:" + path, "--allow=ann"});
  RunningTunnel ann(server, "ann", {"-L", "0:bob"});
  Fd near = ConnectTo(ann.port());
  const Fd far(accept(listener.get(), nullptr, nullptr));
  ASSERT_TRUE(WriteAll(near.get(), "to a unix socket"));
  near.reset();
  EXPECT_EQ(ReadToEnd(far.get()), "to a unix socket");
}

// A listener with a short queue makes others wait; it is no error.
TEST(Accepting, ToAUnixSocketWhoseQueueIsFull) {
  constexpr size_t kStreams = 40;
  ChatServer server;
  TempDir directory;
  const std::string path = directory.path() + "/target";
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(path);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  RunningTunnel bob(server, "bob", {"--accept", "unix:" + path, "--allow=ann"});
  RunningTunnel ann(server, "ann", {"-L", "0:bob"});
  std::vector<Fd> near;
  for (size_t i = 0; i < kStreams; ++i) near.push_back(ConnectTo(ann.port()));
  std::thread target([&] {
    for (size_t i = 0; i < kStreams; ++i) {
      const Fd far(accept(listener.get(), nullptr, nullptr));
      WriteAll(far.get(), "served");
    }
  });
  for (const Fd& fd : near) EXPECT_EQ(ReadExactly(fd.get(), 6), "served");
  target.join();
}

// How long an answer takes to come through, in journeys of bytes from one end of the network to the
// other, when both tools are far from the server.
TEST(SettingUp, TakesFourRoundTripsWithTheFirstAnswer) {
  ChatServer server;
  TcpListener target;
  FarAway network(server, 2);
  RunningTunnel bob(network.url(0), "bob", {"--accept", target.address(), "--allow=ann"});
  RunningTunnel ann(network.url(1), "ann", {"-L", "0:bob"});
  network.StartCounting();
  const Fd near = ConnectTo(ann.port());
  ASSERT_TRUE(WriteAll(near.get(), "question"));
  const Fd far = target.Accept();
  EXPECT_EQ(ReadExactly(far.get(), 8), "question");
  ASSERT_TRUE(WriteAll(far.get(), "answer"));
  EXPECT_EQ(ReadExactly(near.get(), 6), "answer");
  EXPECT_LE(network.journeys(1), 8);
  // Less cannot be: the request, its passing on, the answer, the id, and then the bytes.
  EXPECT_GE(network.journeys(1), 6);
}

// A program of the 8-byte dialect that is not told before dies of the end of a relay.
TEST(Announcing, TheEndIsAnnouncedWhereItHasToBe) {
  ChatServer server("chaton://127.0.0.1:0?long_bytes=8");
  TestUser bob(server.url());
  bob.LogIn("bob");
  Process ann(TunnelCommand(server, "ann", {"-W", "bob"}));
  EXPECT_EQ(bob.Await<Asked>().from, User("ann"));
  ASSERT_TRUE(bob.session().Answer(RequestKind::kRelay, User("ann"), true).ok());
  const RelayGranted grant = bob.Await<RelayGranted>();
  TestUser half(server.url());
  ASSERT_TRUE(half.session().PresentTicket(grant.connect_id).ok());
  half.Await<RelayOpen>();
  ASSERT_TRUE(ann.Write("all"));
  EXPECT_EQ(half.ReadTunnel(3), "all");
  ann.CloseStdin();
  EXPECT_EQ(bob.Await<RelayEnding>().by, User("ann"));
  half.WriteTunnel("answer");
  ann.WaitForText(1, "answer");
  half.EndTunnel();
  EXPECT_FALSE(half.AwaitTunnelReset());
  EXPECT_EQ(ann.Wait(), 0);
}

// However the server ends a stream before its time, nobody takes it for whole.
class CutShort : public ::testing::TestWithParam<const char*> {
 protected:
  // Sends without an end.
  void Feed(Fd fd) {
    sender_ = std::thread([fd = std::move(fd)] {
      const std::string block(1 << 20, 'x');
      while (WriteAll(fd.get(), block)) {
      }
    });
  }
  // Ends the server in the middle of what `fd` reads; returns how that ended.
  int CutWhileReading(int fd) {
    EXPECT_EQ(ReadExactly(fd, 1 << 20).size(), size_t{1} << 20);
    const std::string how = GetParam();
    if (how == "kill") {
      server_.process().Signal(SIGKILL);
    } else {
      server_.process().Signal(SIGTERM);
    }
    for (;;) {
      const bool ended = ReadExactly(fd, 1 << 20).size() < size_t{1} << 20;
      const int error = errno;
      if (ended) return error;
      if (how == "second SIGTERM") server_.process().Signal(SIGTERM);
    }
  }
  ~CutShort() override {
    if (sender_.joinable()) sender_.join();
  }

  TempDir directory_;
  ChatServer server_{"chaton://127.0.0.1:0",
                     {"--config", directory_.Write("config", "limits { drain_relays: \"1s\" }")}};
  TcpListener target_;
  RunningTunnel bob_{server_, "bob", {"--accept", target_.address(), "--allow=*"}};
  std::thread sender_;
};

TEST_P(CutShort, StandardOutputIsNoSuccess) {
  SocketPair out = PipePair();
  ProcessOptions options;
  options.stdout_fd = out.first.get();
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}), options);
  Feed(target_.Accept());
  out.first.reset();
  CutWhileReading(out.second.get());
  EXPECT_EQ(ann.Wait(), 69);
}

TEST_P(CutShort, AClientSeesAReset) {
  RunningTunnel ann(server_, "ann", {"-L", "0:bob"});
  const Fd near = ConnectTo(ann.port());
  Feed(target_.Accept());
  EXPECT_EQ(CutWhileReading(near.get()), ECONNRESET);
}

INSTANTIATE_TEST_SUITE_P(All, CutShort, ::testing::Values("kill", "SIGTERM", "second SIGTERM"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{" ", "_"}});
                         });

// A server that dies may end its streams with what looks like their end.
TEST(Dying, AnEndThatComesWithTheEndOfTheServerIsNoSuccess) {
  EndingServer server;
  const Result result = RunProcess(
      {Runfile("tools/chat-tunnel/chat-tunnel"), "-s", server.url(), "-u", "ann", "-W", "bob"});
  EXPECT_EQ(result.exit_code, 69);
  EXPECT_EQ(result.out, "half of it");
  EXPECT_THAT(result.err, HasSubstr("bob: the server went away with the end of it"));
}

class StdioTest : public ::testing::Test {
 protected:
  ChatServer server_;
};

TEST_F(StdioTest, JoinsTwoPipelines) {
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=ann"});
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob", "-v"}));
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
  EXPECT_THAT(result.err, HasSubstr("bob: not connected: bob refused ann"));
}

TEST_F(StdioTest, AResetOfThePeerIsNoSuccess) {
  TcpListener target;
  RunningTunnel bob(server_, "bob", {"--accept", target.address(), "--allow=ann"});
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}));
  Fd far = target.Accept();
  ASSERT_TRUE(ann.Write("x"));
  EXPECT_EQ(ReadExactly(far.get(), 1), "x");
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

TEST_F(StdioTest, ASilentServerIsUnavailableHoweverLittleTimeThereIsToAnswer) {
  TcpListener silent;
  const Result result =
      RunProcess({Runfile("tools/chat-tunnel/chat-tunnel"), "-s", "chaton://" + silent.address(),
                  "-W", "bob", "-u", "ann", "--connect-timeout=500ms", "--request-timeout=1ms"});
  EXPECT_EQ(result.exit_code, 69);
  EXPECT_THAT(result.err, HasSubstr("did not answer the login"));
}

TEST_F(StdioTest, LeavesTheFlagsOfSharedDescriptorsAsTheyAre) {
  SocketPair in = UnixPair();
  SocketPair out = UnixPair();
  ProcessOptions options;
  options.stdin_fd = in.second.get();
  options.stdout_fd = out.first.get();
  TcpListener target;
  RunningTunnel bob(server_, "bob", {"--accept", target.address(), "--allow=ann"});
  Process ann(TunnelCommand(server_, "ann", {"-W", "bob"}), options);
  const Fd far = target.Accept();
  ASSERT_TRUE(WriteAll(in.first.get(), "question"));
  EXPECT_EQ(ReadExactly(far.get(), 8), "question");
  ASSERT_TRUE(WriteAll(far.get(), "answer"));
  EXPECT_EQ(ReadExactly(out.second.get(), 6), "answer");
  EXPECT_EQ(fcntl(in.second.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(out.first.get(), F_GETFL) & O_NONBLOCK, 0);
  shutdown(in.first.get(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(far.get()), "");
  shutdown(far.get(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(out.second.get()), "");
  EXPECT_EQ(ann.Wait(), 0);
}

TEST_F(StdioTest, AMissingInputOrOutputIsAnErrorAtOnce) {
  const auto run = [&](absl::string_view redirection) {
    std::vector<std::string> command = {"/bin/sh", "-c", absl::StrCat("exec \"$@\" ", redirection),
                                        "sh"};
    for (const std::string& word : TunnelCommand(server_, "ann", {"-W", "bob"})) {
      command.push_back(word);
    }
    return RunProcess(command).exit_code;
  };
  EXPECT_EQ(run("<&-"), 66);
  EXPECT_EQ(run(">&-"), 74);
}

TEST_F(StdioTest, SaysANameThatWasNotAskedFor) {
  std::vector<std::string> command = TunnelCommand(server_, "", {"-W", "nobody"});
  command.erase(std::find(command.begin(), command.end(), "-u"), command.begin() + 5);
  command.push_back("--request-timeout=50ms");
  const Result result = RunProcess(command);
  EXPECT_EQ(result.exit_code, 68);
  EXPECT_THAT(result.err, ContainsRegex("logged in as [a-z0-9]+-tunnel\n"));
}

TEST_F(StdioTest, ASignalThatWasIgnoredStaysIgnored) {
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=ann"});
  std::vector<std::string> command = {"/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh"};
  for (const std::string& word : TunnelCommand(server_, "ann", {"-W", "bob"})) {
    command.push_back(word);
  }
  Process ann(command);
  ASSERT_TRUE(ann.Write("one "));
  bob.process().WaitForText(1, "one ");
  ann.Signal(SIGINT);
  ASSERT_TRUE(ann.Write("two"));
  bob.process().WaitForText(1, "one two");
  ann.CloseStdin();
  EXPECT_EQ(bob.process().Wait(), 0);
  EXPECT_EQ(ann.Wait(), 0);
}

TEST_F(StdioTest, ANameThatIsTakenIsRefusedAtOnce) {
  RunningTunnel bob(server_, "bob", {"--accept=-", "--allow=*", "--reconnect=forever"});
  const Result result =
      RunProcess(TunnelCommand(server_, "bob", {"--accept=-", "--allow=*", "--reconnect=forever"}));
  EXPECT_EQ(result.exit_code, 77);
}

}  // namespace
}  // namespace chat::testing
