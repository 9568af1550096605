// chat-send with servers that do what a test says: cut, refuse a name, never close.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProcessOptions;
using testing::Result;
using testing::Runfile;
using testing::RunProcess;

// One accepted connection, with blocking calls. At the end of the stream, or after a minute without
// a byte, they return what has come.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {
    const timeval minute{60, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof(minute));
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(fd_); }

  std::string Read(size_t size) {
    std::string bytes(size, '\0');
    const ssize_t n = ::recv(fd_, bytes.data(), size, MSG_WAITALL);
    bytes.resize(n < 0 ? 0 : n);
    return bytes;
  }
  std::string ReadUntil(absl::string_view text) {
    std::string bytes;
    while (!absl::StrContains(bytes, text)) {
      const std::string byte = Read(1);
      if (byte.empty()) break;
      bytes += byte;
    }
    return bytes;
  }
  void Write(absl::string_view bytes) { ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // An orderly end: what was written arrives, whatever was not read.
  void End() {
    ::shutdown(fd_, SHUT_WR);
    while (!Read(1).empty()) {
    }
  }

 private:
  const int fd_;
};

// Serves one connection after the other: the n-th as the n-th script says, later ones as the last.
class ScriptedServer {
 public:
  using Script = std::function<void(Connection&)>;

  explicit ScriptedServer(std::vector<Script> scripts)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (size_t i = 0;; ++i) {
        const int fd = ::accept(fd_, nullptr, nullptr);
        if (fd < 0) return;
        Connection connection(fd);
        {
          absl::MutexLock lock(&mutex_);
          ++connections_;
        }
        scripts[std::min(i, scripts.size() - 1)](connection);
      }
    });
  }
  ~ScriptedServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }

  std::string Url(absl::string_view scheme) const {
    return absl::StrCat(scheme, "://127.0.0.1:", port_);
  }
  int connections() {
    absl::MutexLock lock(&mutex_);
    return connections_;
  }

 private:
  const int fd_;
  int port_ = 0;
  absl::Mutex mutex_;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

Result Send(std::vector<std::string> arguments, absl::string_view input = "",
            ProcessOptions options = {}) {
  arguments.insert(arguments.begin(), Runfile("tools/chat-send/chat-send"));
  return RunProcess(std::move(arguments), input, std::move(options));
}

// ---- Packets of chaton ----

constexpr char kAccepted[] = "\x01";
constexpr char kRefused[] = "\x02";

// A field, with its size.
std::string ReadString(Connection& connection) {
  const std::string size = connection.Read(4);
  if (size.size() < 4) return "";
  return size + connection.Read(static_cast<unsigned char>(size[3]) |
                                static_cast<unsigned char>(size[2]) << 8);
}
// LOGIN: the name.
std::string ReadLogin(Connection& connection) {
  connection.Read(1);
  const std::string login = ReadString(connection);
  return login.empty() ? "" : login.substr(4);
}
// MESSAGE, which is its own echo.
std::string ReadMessage(Connection& connection) {
  std::string packet = connection.Read(1);
  packet += ReadString(connection);
  return packet + ReadString(connection);
}

void AcceptAndCut(Connection& connection) {
  ReadLogin(connection);
  connection.Write(kAccepted);
  ReadMessage(connection);
  connection.End();
}

TEST(ChatSendServers, AMessageThatMakesTheServerCutIsNotSentForEver) {
  ScriptedServer server({AcceptAndCut});
  const Result sent =
      Send({"-s", server.Url("chaton"), "-u", "ann", "--reconnect=2", "-v", "poison"});
  EXPECT_EQ(sent.exit_code, 75);
  EXPECT_THAT(sent.err, HasSubstr("sent 1, confirmed 0, first unconfirmed is message 1: "));
  EXPECT_THAT(sent.err, HasSubstr("repeated, what is not confirmed may arrive twice"));
  EXPECT_EQ(server.connections(), 3);
}

TEST(ChatSendServers, EachConfirmationStartsTheAttemptsOver) {
  const auto confirms_one = [](Connection& connection) {
    ReadLogin(connection);
    connection.Write(kAccepted);
    connection.Write(ReadMessage(connection));
    connection.End();
  };
  ScriptedServer server({confirms_one});
  const Result sent =
      Send({"-s", server.Url("chaton"), "-u", "ann", "--reconnect=1", "-v"}, "1\n2\n3\n4\n");
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("sent 4, confirmed 4"));
  EXPECT_EQ(server.connections(), 4);
}

TEST(ChatSendServers, TheOwnGhostIsWaitedFor) {
  ProcessOptions by_default;
  by_default.environment = {{"CHAT_USER", "ann"}};
  const std::pair<std::vector<std::string>, ProcessOptions> kWays[] = {
      {{"-u", "ann"}, ProcessOptions()},
      {{}, by_default},  // whose name would get a number, but not now
  };
  for (const auto& [user, options] : kWays) {
    std::vector<std::string> names;
    std::string message;
    {
      ScriptedServer server({
          [&](Connection& connection) {
            names.push_back(ReadLogin(connection));
            connection.Write(kAccepted);
            message = ReadMessage(connection);
            connection.End();
          },
          [&](Connection& connection) {
            names.push_back(ReadLogin(connection));
            connection.Write(kRefused);
            EXPECT_EQ(connection.Read(1), "");
          },
          [&](Connection& connection) {
            names.push_back(ReadLogin(connection));
            connection.Write(kAccepted);
            EXPECT_EQ(ReadMessage(connection), message);
            connection.Write(message);
            connection.End();
          },
      });
      std::vector<std::string> arguments = {"-s", server.Url("chaton"), "--reconnect=5", "-v"};
      arguments.insert(arguments.end(), user.begin(), user.end());
      arguments.push_back("hello");
      const Result sent = Send(arguments, "", options);
      EXPECT_EQ(sent.exit_code, 0) << sent.err;
      EXPECT_THAT(sent.err, HasSubstr("the name ann is taken"));
      EXPECT_THAT(sent.err, HasSubstr("connected again after "));
      EXPECT_THAT(sent.err, HasSubstr("sent 1, confirmed 1"));
    }
    EXPECT_THAT(names, ElementsAre("ann", "ann", "ann"));
  }
}

TEST(ChatSendServers, AStrangersNameIsNotWaitedFor) {
  ScriptedServer server({[](Connection& connection) {
    ReadLogin(connection);
    connection.Write(kRefused);
    connection.End();
  }});
  const Result sent = Send({"-s", server.Url("chaton"), "-u", "ann", "--reconnect=5", "hello"});
  EXPECT_EQ(sent.exit_code, 77);
  EXPECT_EQ(server.connections(), 1);
}

// ---- crp ----

// The author's server: it confirms nothing, and closes nothing.
TEST(ChatSendServers, AServerThatDoesNotCloseHasTheMessageAllTheSame) {
  absl::Notification ended;
  std::string invitation;
  std::string rest;
  ScriptedServer server({[&](Connection& connection) {
    const std::string end("\r\n\r\n\0\r\n", 7);
    connection.ReadUntil(absl::string_view("\0", 1));
    connection.Write(absl::StrCat("SIGN\r\nStatus=Successful\r\nUserID=alice", end));
    invitation = connection.ReadUntil(absl::string_view("\n\0", 2));
    connection.Write(absl::StrCat("RSP\r\nStatus=Accepted\r\nSourceUser=alice\r\n",
                                  "TargetUser=bobby\r\nSessionID=S00001", end));
    rest = connection.Read(1'000'000);  // up to the end of what it sends
    ended.WaitForNotification();
  }});
  ProcessOptions options;
  options.environment = {{"CHAT_PASSWORD", "secret1"}};
  const Result sent =
      Send({"-s", server.Url("crp"), "-u", "alice", "-t", "bobby", "-v", "hi there"}, "", options);
  ended.Notify();
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("this server does not confirm it"));
  EXPECT_THAT(sent.err, HasSubstr("sent 1, confirmed 0\n"));
  EXPECT_THAT(sent.err, Not(HasSubstr("twice")));
  EXPECT_THAT(invitation, HasSubstr("INVT"));
  EXPECT_THAT(invitation, HasSubstr("hi there"));
  EXPECT_THAT(rest, HasSubstr("TXT"));
  EXPECT_THAT(rest, HasSubstr("hi there"));
}

}  // namespace
}  // namespace chat::tools
