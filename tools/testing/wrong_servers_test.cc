// The tools against what is not the server that their URL says.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"

namespace chat::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// Takes connections one after the other and serves each with a script of blocking calls.
class WrongServer {
 public:
  explicit WrongServer(std::function<void(int fd)> script)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, script = std::move(script)] {
      for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
        script(fd);
        ::close(fd);
      }
    });
  }
  ~WrongServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  const int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

// Says `bytes` and then nothing more until the client has gone.
std::function<void(int)> Saying(std::string bytes) {
  return [bytes = std::move(bytes)](int fd) {
    ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    char buffer[4096];
    while (::read(fd, buffer, sizeof(buffer)) > 0) {
    }
  };
}

struct Tool {
  absl::string_view name;
  std::vector<std::string> flags;
  bool has_tls = true;
};

const Tool kTools[] = {
    {"chat-send", {"hello"}},
    {"chat-listen", {}},
    {"chat-tunnel", {"-W", "bob"}, /*has_tls=*/false},
};

// Every tool fails with words that name `url`, and by no signal.
void ExpectAllToFail(const std::string& url) {
  const bool tls = absl::StrContains(url, "+tls://");
  for (const Tool& tool : kTools) {
    for (const bool again : {false, true}) {
      std::vector<std::string> command = {
          Runfile(absl::StrCat("tools/", tool.name, "/", tool.name)),
          "-s",
          url,
          "-u",
          "ann",
          "--connect-timeout=500ms"};
      if (again) command.insert(command.end(), {"--reconnect", "1"});
      command.insert(command.end(), tool.flags.begin(), tool.flags.end());
      SCOPED_TRACE(absl::StrCat(tool.name, " -s ", url, again ? " --reconnect 1" : ""));
      const Result result = RunProcess(std::move(command));
      if (tls && !tool.has_tls) {
        EXPECT_EQ(result.exit_code, 64) << result.err;
        continue;
      }
      EXPECT_THAT(result.exit_code, AnyOf(69, 76)) << result.err;
      EXPECT_THAT(result.err, HasSubstr(url));
      EXPECT_EQ(result.out, "");
    }
  }
}

void ExpectAllToFail(const WrongServer& server) {
  for (const char* scheme : {"chaton", "chaton+tls"}) {
    ExpectAllToFail(absl::StrCat(scheme, "://", server.address()));
  }
}

TEST(WrongServers, TlsToAServerWithoutIt) {
  const ChatServer server;
  ExpectAllToFail(absl::StrCat("chaton+tls", server.url().substr(server.url().find(':'))));
}

TEST(WrongServers, AnotherProtocol) {
  const ChatServer server("cfp://127.0.0.1:0");
  for (const char* scheme : {"chaton", "chaton+tls"}) {
    ExpectAllToFail(absl::StrCat(scheme, server.url().substr(server.url().find(':'))));
  }
}

TEST(WrongServers, OneThatClosesAtOnce) {
  ExpectAllToFail(WrongServer([](int) {}));
}

TEST(WrongServers, OneThatSendsGarbage) {
  std::string garbage;
  for (int i = 0; i < 4096; ++i) garbage += static_cast<char>(i * 151 + 37);
  ExpectAllToFail(WrongServer(Saying(garbage)));
  ExpectAllToFail(WrongServer(Saying("SSH-2.0-OpenSSH_9.2p1\r\n")));
}

TEST(WrongServers, OneThatStopsInTheMiddleOfAHandshake) {
  // The head of a record of 122 bytes, and the head of the ServerHello in it.
  const std::string hello("\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03", 11);
  ExpectAllToFail(WrongServer(Saying(hello)));
  ExpectAllToFail(WrongServer(Saying("")));
}

}  // namespace
}  // namespace chat::testing
