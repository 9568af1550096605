#include "libchat/client/client.h"

#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "asio/io_context.hpp"
#include "asio/post.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/scripted_server.h"
#include "libchat/client/toy_dialect.h"

namespace chat::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ServerUrl UrlOf(const ScriptedServer& server) {
  return *ParseServerUrl(absl::StrCat("toy://127.0.0.1:", server.port()), FindToy);
}

ClientOptions SmallBuffer() {
  ClientOptions options;
  options.write_buffer = 4096;
  return options;
}

ClientOptions Impatient() {
  ClientOptions options;
  options.connect_timeout = absl::Milliseconds(50);
  return options;
}

absl::Status LogIn(asio::io_context& io, Client& client, const std::string& name) {
  absl::Status status = Await(io, client.Connect());
  return status.ok() ? Await(io, client.Login(name)) : status;
}

TEST(Client, LogsInUnderTheNameGiven) {
  std::string login;
  {
    ScriptedServer server([&login](int fd) {
      login = GetLine(fd);
      Put(fd, "OK\n");
      GetLine(fd);
    });
    asio::io_context io;
    Client client(io.get_executor(), UrlOf(server));
    EXPECT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  }
  EXPECT_EQ(login, "LOGIN ann\n");
}

TEST(Client, TriesAnotherNameOnTheSameConnection) {
  ScriptedServer server([](int fd) {
    EXPECT_EQ(GetLine(fd), "LOGIN ann\n");
    Put(fd, "TAKEN\n");
    EXPECT_EQ(GetLine(fd), "LOGIN ann2\n");
    Put(fd, "OK\n");
    GetLine(fd);
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  EXPECT_EQ(LogIn(io, client, "ann").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Await(io, client.Login("ann2")), absl::OkStatus());
}

TEST(Client, SaysThatALoginIsRefusedForGood) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "NO\n");
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  EXPECT_EQ(LogIn(io, client, "ann").code(), absl::StatusCode::kPermissionDenied);
}

TEST(Client, LogsInToAnAccountThatItHasMade) {
  ScriptedServer server([](int fd) {
    EXPECT_EQ(GetLine(fd), "REGISTER ann secret\n");
    Put(fd, "MADE\n");
    EXPECT_EQ(GetLine(fd), "LOGIN ann secret\n");
    Put(fd, "OK\n");
    GetLine(fd);
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
  EXPECT_EQ(Await(io, client.Register("ann", "secret")), absl::OkStatus());
  EXPECT_EQ(Await(io, client.Login("ann", "secret")), absl::OkStatus());
}

TEST(Client, SaysWhyAnAccountIsRefused) {
  struct Case {
    const char* answer;
    const char* said;
  };
  for (const Case& c :
       {Case{"WRONG\n", "wrong password, or no such account"}, Case{"UNKNOWN\n", "no such account"},
        Case{"NO\n", "the server refused the login"}}) {
    ScriptedServer server([&c](int fd) {
      GetLine(fd);
      Put(fd, c.answer);
    });
    asio::io_context io;
    Client client(io.get_executor(), UrlOf(server));
    ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
    EXPECT_EQ(Await(io, client.Login("ann", "secret")), absl::PermissionDeniedError(c.said));
  }
}

TEST(Client, SaysThatAnAccountWasNotMade) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "UNMADE\n");
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
  const absl::Status status = Await(io, client.Register("ann", "secret"));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
}

TEST(Client, PassesOnWhatTheServerSaidInsteadOfAnAnswer) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "SAYS full house\n");
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  EXPECT_EQ(LogIn(io, client, "ann"),
            absl::OutOfRangeError("the server closed the connection: full house"));
}

TEST(Client, GivesUpWaitingForALogin) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    GetLine(fd);  // says nothing until the client has gone
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server), Impatient());
  EXPECT_EQ(LogIn(io, client, "ann").code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Client, SaysWhatItCouldNotReach) {
  ServerUrl url;
  {
    ScriptedServer gone([](int) {});
    url = UrlOf(gone);
  }
  asio::io_context io;
  Client client(io.get_executor(), url);
  const absl::Status status = Await(io, client.Connect());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(ToString(url)));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Connection refused"));
}

TEST(Client, KeepsWhatComesWithTheLogin) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "OK\nMSG bob hello\nMSG bob again\n");
    GetLine(fd);
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  std::vector<std::string> bodies;
  while (bodies.size() < 2) {
    const auto events = Await(io, client.Receive());
    ASSERT_TRUE(events.ok()) << events.status();
    for (const ClientEvent& event : *events) bodies.push_back(std::get<Received>(event).body);
  }
  EXPECT_THAT(bodies, testing::ElementsAre("hello", "again"));
}

TEST(Client, HandsOutEventsBeforeTheEnd) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "OK\nMSG bob last words\n");
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  const auto events = Await(io, client.Receive());
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(std::get<Received>(events->at(0)).body, "last words");
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Client, TellsAResetFromACleanEnd) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "OK\n");
    const linger reset{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Client, SaysThatTheServerBrokeTheProtocol) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "OK\nwhat is this\n");
    GetLine(fd);
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Client, RefusesAPacketThatDoesNotEnd) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "OK\nMSG ");
    Put(fd, std::string(1 << 20, 'x'));
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kDataLoss);
}

asio::awaitable<absl::Status> SendMany(Client& client, int count, std::string body) {
  const Text text = Text::From(body).value();
  for (int i = 0; i < count; ++i) {
    if (absl::Status status = client.session().SendPublic(i, text); !status.ok()) co_return status;
    if (absl::Status status = co_await client.WaitForRoom(); !status.ok()) co_return status;
  }
  co_return co_await client.FinishSending();
}

TEST(Client, DeliversEverythingBeforeItsHalfCloseAndStillReceives) {
  constexpr int kCount = 20000;
  const std::string body(100, 'x');
  int lines = 0;
  ScriptedServer server([&lines](int fd) {
    GetLine(fd);
    Put(fd, "OK\n");
    std::string bytes(64 * 1024, '\0');
    for (ssize_t n; (n = ::read(fd, bytes.data(), bytes.size())) > 0;) {
      lines += std::count(bytes.begin(), bytes.begin() + n, '\n');
    }
    Put(fd, absl::StrCat("MSG bob ", lines, "\n"));
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server), SmallBuffer());
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  EXPECT_EQ(Await(io, SendMany(client, kCount, body)), absl::OkStatus());
  const auto events = Await(io, client.Receive());
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(std::get<Received>(events->at(0)).body, absl::StrCat(kCount));
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Client, ASenderWithoutRoomLearnsThatTheConnectionBroke) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "OK\n");
    GetLine(fd);  // and no more: what the client has sent after it makes this close a reset
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server), SmallBuffer());
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  EXPECT_EQ(Await(io, SendMany(client, 1 << 20, std::string(1000, 'x'))).code(),
            absl::StatusCode::kUnavailable);
}

TEST(Client, BecomesARelayWithTheBytesThatCameBehind) {
  ScriptedServer server([](int fd) {
    EXPECT_EQ(GetLine(fd), "TICKET 17\n");
    Put(fd, "OPEN\nearly ");
    EXPECT_EQ(GetLine(fd), "from the client\n");
    Put(fd, "late\n");
  });
  asio::io_context io;
  auto client = std::make_unique<Client>(io.get_executor(), UrlOf(server));
  ASSERT_EQ(Await(io, client->Connect()), absl::OkStatus());
  absl::StatusOr<Relay> relay = Await(io, client->OpenRelay(17));
  client.reset();  // the socket is not its own any more
  ASSERT_TRUE(relay.ok()) << relay.status();

  std::string bytes = relay->early;
  relay->socket.native_non_blocking(false);
  const int fd = relay->socket.native_handle();
  Put(fd, "from the client\n");
  bytes += GetLine(fd);
  EXPECT_EQ(bytes, "early late\n");
}

TEST(Client, ATicketThatIsRefusedIsACleanEnd) {
  ScriptedServer server([](int fd) { GetLine(fd); });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
  EXPECT_EQ(Await(io, client.OpenRelay(17)).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Client, CloseEndsAWaitingReceive) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "OK\n");
    GetLine(fd);
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
  asio::post(io, [&client] { client.Close(); });
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace chat::client
