#include "libchat/client/client.h"

#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/substitute.h"
#include "absl/synchronization/notification.h"
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
using ::testing::StartsWith;

ServerUrl UrlOf(const ScriptedServer& server) {
  return *ParseServerUrl(absl::StrCat("toy://127.0.0.1:", server.port()), Toys());
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
    absl::StatusCode code;
    const char* said;  // $0 is the URL
  };
  constexpr absl::StatusCode kDenied = absl::StatusCode::kPermissionDenied;
  for (const Case& c : {
           Case{"WRONG\n", kDenied, "wrong password for ann on $0, or no such account"},
           Case{"UNKNOWN\n", kDenied, "no such account on $0: ann"},
           Case{"NO\n", kDenied, "$0 refused the login as ann"},
           Case{"UNNAMED\n", kDenied, "$0 does not allow the name ann"},
           // Perhaps by this user's own lost connection, so it may pass.
           Case{"ELSEWHERE\n", absl::StatusCode::kAlreadyExists, "the name ann is taken on $0"},
       }) {
    ScriptedServer server([&c](int fd) {
      GetLine(fd);
      Put(fd, c.answer);
    });
    asio::io_context io;
    Client client(io.get_executor(), UrlOf(server));
    ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
    EXPECT_EQ(Await(io, client.Login("ann", "secret")),
              absl::Status(c.code, absl::Substitute(c.said, ToString(client.url()))));
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
            absl::OutOfRangeError(
                absl::StrCat(ToString(client.url()), " closed the connection: full house")));
}

TEST(Client, GivesUpWaitingForALogin) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    GetLine(fd);  // says nothing until the client has gone
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server), Impatient());
  EXPECT_EQ(LogIn(io, client, "ann"),
            absl::DeadlineExceededError(absl::StrCat(ToString(client.url()),
                                                     " did not answer the login as ann within 50ms",
                                                     " (does it speak toy?)")));
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

// A name lookup that takes as long as the test.
class Blocked {
 public:
  ~Blocked() { go_on_->Notify(); }
  Resolver* resolver() { return &resolver_; }

 private:
  // Shared with a thread that may outlive the test.
  const std::shared_ptr<absl::Notification> go_on_ = std::make_shared<absl::Notification>();
  Resolver resolver_{[go_on = go_on_](const std::string&) {
    go_on->WaitForNotification();
    return absl::StatusOr<Addresses>(absl::UnavailableError("too late"));
  }};
};

TEST(Client, ItsTimeoutAndItsCloseEndALookup) {
  Blocked blocked;
  asio::io_context io;
  const ServerUrl url = *ParseServerUrl("toy://slow.example", Toys());
  ClientOptions options = Impatient();
  options.resolver = blocked.resolver();
  Client impatient(io.get_executor(), url, options);
  EXPECT_EQ(Await(io, impatient.Connect()),
            absl::UnavailableError("cannot reach toy://slow.example:7000: no answer within 50ms"));

  options.connect_timeout = absl::Hours(1);
  Client closed(io.get_executor(), url, options);
  asio::post(io, [&closed] { closed.Close(); });
  EXPECT_EQ(Await(io, closed.Connect()).code(), absl::StatusCode::kUnavailable);
}

// What Connect and Login say, if the server runs `script` once somebody has connected.
absl::Status FailureWith(ScriptedServer::Script script, const Dialect* port_of = nullptr) {
  ScriptedServer server(std::move(script));
  asio::io_context io;
  ServerUrl url = UrlOf(server);
  url.port_of = port_of;
  Client client(io.get_executor(), url, Impatient());
  const absl::Status status = LogIn(io, client, "ann");
  return absl::Status(status.code(),
                      absl::StrReplaceAll(status.message(), {{ToString(url), "$0"}}));
}

TEST(Client, GuessesWhatSpeaksThereInstead) {
  struct Case {
    absl::string_view bytes;
    absl::string_view guess;
  };
  for (const Case& c : {
           Case{"SSH-2.0-x\r\n", " (it answers like an SSH server)"},
           Case{"HTTP/1.1 400 Bad Request\r\n", " (it answers like a web server)"},
           Case{"+OK ready\n", " (it answers like a POP3 server)"},
           Case{"220 mx ESMTP\r\n", " (it answers like a mail or FTP server)"},
           Case{absl::string_view("\x15\x03\x03\0\x02\x02\x46\n", 8),
                " (it answers with TLS: say toy+tls://127.0.0.1:"},
           Case{"what is this\n", ""},
       }) {
    const absl::Status status = FailureWith([&c](int fd) {
      GetLine(fd);
      Put(fd, c.bytes);
      GetLine(fd);
    });
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()),
                StartsWith(absl::StrCat("nothing at $0 speaks toy", c.guess)));
  }
}

TEST(Client, NamesTheProtocolWhosePortItIs) {
  const auto hang_up = [](int fd) { GetLine(fd); };
  EXPECT_EQ(FailureWith(hang_up, &Toy()),
            absl::OutOfRangeError(
                "$0 closed the connection before it answered the login (it may be a toy port)"));
  EXPECT_EQ(FailureWith(hang_up),
            absl::OutOfRangeError(
                "$0 closed the connection before it answered the login (does it speak toy?)"));
}

TEST(Client, DoubtsTheProtocolOnlyUntilItWasSpoken) {
  ScriptedServer server([](int fd) {
    GetLine(fd);
    Put(fd, "TAKEN\n");
    GetLine(fd);
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  EXPECT_EQ(LogIn(io, client, "ann").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Await(io, client.Login("ann2")),
            absl::OutOfRangeError(absl::StrCat(ToString(client.url()), " closed the connection")));
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
  EXPECT_EQ(std::get<Received>(events->at(0)).body, absl::StrCat(kCount + 1));  // and BYE
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Client, SaysGoodbyeOnceBeforeItsHalfClose) {
  std::string said;
  {
    ScriptedServer server([&said](int fd) {
      GetLine(fd);
      Put(fd, "OK\n");
      for (std::string line; !(line = GetLine(fd)).empty();) said += line;
    });
    asio::io_context io;
    Client client(io.get_executor(), UrlOf(server));
    ASSERT_EQ(LogIn(io, client, "ann"), absl::OkStatus());
    ASSERT_EQ(client.session().SendPublic(1, Text::From("last").value()), absl::OkStatus());
    EXPECT_EQ(Await(io, client.FinishSending()), absl::OkStatus());
    (void)Await(io, client.FinishSending());
    EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kOutOfRange);
  }
  EXPECT_EQ(said, "SAY 1 last\nBYE\n");
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
