// chat-admin against a chatd, both as their users run them.

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tools/testing/process.h"
#include "tools/testing/server.h"
#include "tools/testing/user/test_user.h"

namespace chat {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using testing::ChatServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Process;
using testing::ProcessOptions;
using testing::Result;
using ::testing::StartsWith;
using testing::TestTunnel;
using testing::TestUser;
using ::testing::UnorderedElementsAre;

class ChatAdminTest : public ::testing::Test {
 protected:
  explicit ChatAdminTest(const std::string& listen = "chaton://127.0.0.1:0",
                         std::vector<std::string> flags = {})
      : server_(listen, std::move(flags)) {}

  std::vector<std::string> Argv(std::vector<std::string> words) const {
    words.insert(words.begin(),
                 {testing::Runfile("tools/chat-admin/chat-admin"), "-a", server_.admin()});
    return words;
  }
  Result Admin(std::vector<std::string> words) const {
    return testing::RunProcess(Argv(std::move(words)));
  }

  json AdminJson(std::vector<std::string> words) const {
    words.insert(words.end(), {"-o", "json"});
    const Result result = Admin(std::move(words));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return json::parse(result.out, nullptr, false);
  }

  // What the server has done by itself, and so a moment later than the test's last word.
  void Eventually(const std::function<bool()>& condition) const {
    const absl::Time end = absl::Now() + absl::Minutes(1);
    while (!condition()) ASSERT_LT(absl::Now(), end) << "still not so after a minute";
  }

  static std::vector<std::string> Values(const json& rows, const std::string& key) {
    std::vector<std::string> values;
    for (const json& row : rows) values.push_back(row[key]);
    return values;
  }

  ChatServer server_;
};

TEST_F(ChatAdminTest, ListsOfNothing) {
  for (const std::string verb : {"users", "connections", "tunnels", "servers"}) {
    EXPECT_EQ(Admin({verb, "-o", "json"}).out, "[]\n") << verb;
    EXPECT_EQ(Admin({verb, "--no-headers"}).out, "") << verb;
    EXPECT_EQ(Admin({verb, "-o", "csv", "--no-headers"}).out, "") << verb;
    EXPECT_EQ(Admin({verb}).exit_code, 0) << verb;
  }
  EXPECT_EQ(Admin({"users", "-o", "csv"}).out, "name,dialect,connection_id,login_time\n");
  EXPECT_EQ(Admin({"users"}).out, "NAME  DIALECT  CONNECTION_ID  LOGIN_TIME\n");
}

TEST_F(ChatAdminTest, ListsWhoIsThere) {
  TestUser bob(server_.url());
  bob.LogIn("bob");
  TestUser ann(server_.url());
  ann.LogIn("ann");
  const TestUser stranger(server_.url());

  const json users = AdminJson({"users"});
  EXPECT_THAT(Values(users, "name"), ElementsAre("ann", "bob"));
  EXPECT_TRUE(absl::StartsWith(server_.url(), users[0]["dialect"].get<std::string>()));

  Eventually([&] { return AdminJson({"connections"}).size() == 3; });
  const json connections = AdminJson({"connections"});
  EXPECT_THAT(Values(connections, "user"), UnorderedElementsAre("bob", "ann", ""));
  for (const json& connection : connections) {
    EXPECT_EQ(connection["state"], connection["user"] == "" ? "login" : "open");
    EXPECT_EQ(connection["listener"], server_.url());
    EXPECT_FALSE(connection.contains("address"));
    if (connection["user"] == "ann") {
      EXPECT_EQ(connection["id"], users[0]["connection_id"]);
    }
  }

  const json status = AdminJson({"status"});
  EXPECT_EQ(status["users"], 2);
  EXPECT_EQ(status["connections"], 3);
  EXPECT_EQ(status["tunnels"], 0);
  EXPECT_THAT(status["listeners"], ElementsAre(server_.url()));
  EXPECT_EQ(status["draining"], false);
  EXPECT_EQ(status["counters"]["logins"], 2);
  EXPECT_THAT(Admin({"status"}).out, HasSubstr("counters.logins "));
}

TEST_F(ChatAdminTest, ShowsAddressesWhenAsked) {
  TestUser ann(server_.url());
  ann.LogIn("ann");
  EXPECT_THAT(Admin({"connections"}).out, Not(HasSubstr("ADDRESS")));
  const std::string address = AdminJson({"connections", "--show-addresses"})[0]["address"];
  EXPECT_THAT(address, StartsWith("127.0.0.1:"));
}

TEST_F(ChatAdminTest, ListsTunnels) {
  TestUser ann(server_.url());
  ann.LogIn("ann");
  TestUser bob(server_.url());
  bob.LogIn("bob");
  TestTunnel tunnel(server_.url(), ann, "ann", bob, "bob");
  tunnel.first.WriteTunnel("hello");
  EXPECT_EQ(tunnel.second.ReadTunnel(5), "hello");

  // Nobody knows which half was there first.
  Eventually([&] {
    const json row = AdminJson({"tunnels"})[0];
    return row["bytes_from_first"] == 5 || row["bytes_from_second"] == 5;
  });
  const json tunnels = AdminJson({"tunnels"});
  ASSERT_EQ(tunnels.size(), 1u);
  EXPECT_EQ(tunnels[0]["asker"], "ann");
  EXPECT_EQ(tunnels[0]["target"], "bob");
  EXPECT_EQ(tunnels[0]["established"], true);
  EXPECT_EQ(tunnels[0]["bytes_from_first"].get<int>() + tunnels[0]["bytes_from_second"].get<int>(),
            5);
  EXPECT_THAT(Values(AdminJson({"connections"}), "state"),
              UnorderedElementsAre("open", "open", "relay", "relay"));
}

TEST_F(ChatAdminTest, ClosesATunnel) {
  TestUser ann(server_.url());
  ann.LogIn("ann");
  TestUser bob(server_.url());
  bob.LogIn("bob");
  TestTunnel one(server_.url(), ann, "ann", bob, "bob");
  TestTunnel two(server_.url(), ann, "ann", bob, "bob");
  const json tunnels = AdminJson({"tunnels"});
  ASSERT_EQ(tunnels.size(), 2u);

  const Result closed = Admin({"close-tunnel", absl::StrCat(tunnels[0]["id"].get<uint64_t>())});
  EXPECT_EQ(closed.exit_code, 0) << closed.err;
  EXPECT_EQ(closed.out, "");
  one.first.AwaitClosed();
  one.second.AwaitClosed();
  Eventually([&] { return AdminJson({"tunnels"}).size() == 1; });
  two.second.WriteTunnel("still");
  EXPECT_EQ(two.first.ReadTunnel(5), "still");
  EXPECT_THAT(Values(AdminJson({"users"}), "name"), ElementsAre("ann", "bob"));
}

// ---- Accounts ----

class AccountsTest : public ChatAdminTest {
 protected:
  AccountsTest() : ChatAdminTest("crp://127.0.0.1:0") {}

  // One call, with `input` as its standard input.
  Result Account(std::vector<std::string> words, absl::string_view input = "") const {
    words.insert(words.begin(), "accounts");
    return testing::RunProcess(Argv(std::move(words)), input);
  }
  bool SignsIn(absl::string_view name, absl::string_view password) const {
    TestUser user(server_.url());
    return user.LogInWithPassword(name, password);
  }
};

TEST_F(AccountsTest, AreMadeChangedListedAndRemoved) {
  EXPECT_EQ(Account({"list", "-o", "json"}).out, "[]\n");
  EXPECT_EQ(Account({"add", "alice"}, "swordfish\n").exit_code, 0);
  EXPECT_EQ(Account({"add", "bobby"}, "trout12").exit_code, 0);
  EXPECT_TRUE(SignsIn("alice", "swordfish"));
  EXPECT_TRUE(SignsIn("bobby", "trout12"));
  EXPECT_FALSE(SignsIn("bobby", "trout13"));

  EXPECT_EQ(Account({"passwd", "alice"}, "halibut\n").exit_code, 0);
  EXPECT_FALSE(SignsIn("alice", "swordfish"));
  EXPECT_TRUE(SignsIn("alice", "halibut"));

  EXPECT_THAT(Values(AdminJson({"accounts", "list"}), "name"), ElementsAre("alice", "bobby"));
  EXPECT_THAT(Account({"list"}).out, StartsWith("NAME   CREATE_TIME"));
  EXPECT_THAT(Account({"list", "-o", "csv"}).out, StartsWith("name,create_time\nalice,20"));

  EXPECT_EQ(Account({"remove", "alice"}).exit_code, 0);
  EXPECT_FALSE(SignsIn("alice", "halibut"));
  EXPECT_THAT(Values(AdminJson({"accounts", "list"}), "name"), ElementsAre("bobby"));
}

TEST_F(AccountsTest, SayWhyNot) {
  ASSERT_EQ(Account({"add", "alice"}, "swordfish\n").exit_code, 0);
  const auto expect = [&](std::vector<std::string> words, absl::string_view input, int exit_code,
                          const char* what) {
    const Result result = Account(std::move(words), input);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(what));
    EXPECT_THAT(result.err, Not(HasSubstr("secret")));
  };
  expect({"add", "alice"}, "secret\n", 69, "already");
  expect({"passwd", "nobody"}, "secret\n", 68, "no such account: nobody");
  expect({"remove", "nobody"}, "", 68, "no such account: nobody");
  expect({"add", "two words"}, "secret\n", 65, "not a name");
  expect({"add", "server"}, "secret\n", 65, "server");
  expect({"add", "carol"}, "", 65, "empty");
  expect({"add", "carol"}, "\n", 65, "empty");
  expect({"add", "carol"}, "secret\nsecret\n", 65, "more than one line");
  expect({"add", "carol"}, "secret" + std::string(130, 'x'), 65, "at most 128 bytes");
  expect({}, "", 64, "accounts needs one of: list, add, passwd, remove");
  expect({"rename"}, "", 64, "accounts needs one of");
  expect({"add"}, "secret\n", 64, "accounts add needs NAME");
  expect({"add", "carol", "secret"}, "", 64, "the password comes from standard input");
  EXPECT_THAT(Values(AdminJson({"accounts", "list"}), "name"), ElementsAre("alice"));
}

// On a terminal, which does not show it.
TEST_F(AccountsTest, AskForThePasswordOnATerminal) {
  std::vector<std::string> words = Argv({"accounts", "add", "alice"});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    execv(argv[0], argv.data());
    _exit(127);
  }
  ASSERT_GT(child, 0);
  std::string shown;
  const auto await = [&](absl::string_view text) {
    char buffer[256];
    while (!absl::StrContains(shown, text)) {
      const ssize_t n = read(terminal, buffer, sizeof(buffer));
      if (n <= 0) return;
      shown.append(buffer, static_cast<size_t>(n));
    }
  };
  await("Password of alice: ");
  EXPECT_EQ(write(terminal, "swordfish\n", 10), 10);
  await("again: ");
  EXPECT_EQ(write(terminal, "swordfish\n", 10), 10);
  await("what never comes");
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  close(terminal);
  EXPECT_EQ(status, 0) << shown;
  EXPECT_THAT(shown, Not(HasSubstr("swordfish")));
  EXPECT_TRUE(SignsIn("alice", "swordfish"));
}

TEST_F(AccountsTest, EndWithTheirUsersConnections) {
  ASSERT_EQ(Account({"add", "alice"}, "swordfish\n").exit_code, 0);
  ASSERT_EQ(Account({"add", "bobby"}, "swordfish\n").exit_code, 0);
  TestUser alice(server_.url());
  ASSERT_TRUE(alice.LogInWithPassword("alice", "swordfish"));
  TestUser bob(server_.url());
  ASSERT_TRUE(bob.LogInWithPassword("bobby", "swordfish"));
  ASSERT_TRUE(alice.session().Ask(RequestKind::kTalk, {"bobby"}, Text()).ok());
  bob.Await<Asked>();
  ASSERT_TRUE(bob.session().Answer(RequestKind::kTalk, {"alice"}, true).ok());
  alice.Await<TalkOpened>();

  EXPECT_EQ(Account({"remove", "alice"}).exit_code, 0);
  alice.AwaitClosed();
  EXPECT_EQ(bob.Await<TalkEnded>().peer, User("alice"));
  EXPECT_THAT(Values(AdminJson({"users"}), "name"), ElementsAre("bobby"));
}

class ServersTest : public ChatAdminTest {
 protected:
  ServersTest() : ChatAdminTest(kListen, Flags(1)), other_(kListen, Flags(2)) {}

  static std::vector<std::string> Flags(int id) {
    return {absl::StrCat("--server-id=", id), "--allow-merge-from=127.0.0.1/32"};
  }
  // "127.0.0.1:7773"
  static std::string AddressOf(const ChatServer& server) {
    return server.url().substr(server.url().rfind('/') + 1);
  }

  static constexpr char kListen[] = "cfp://127.0.0.1:0";

  ChatServer other_;
};

TEST_F(ServersTest, AreMergedAndListed) {
  EXPECT_EQ(Admin({"servers"}).out, "ID  ADDRESS  OPENED_HERE  CONNECTION_ID  MERGE_TIME\n");
  EXPECT_EQ(AdminJson({"status"})["server_id"], 1);

  const Result merge = Admin({"merge", AddressOf(other_)});
  EXPECT_EQ(merge.exit_code, 0) << merge.err;
  EXPECT_EQ(merge.out + merge.err, "");
  Eventually([&] { return AdminJson({"servers"}).size() == 1; });
  const json server = AdminJson({"servers"})[0];
  EXPECT_EQ(server["id"], 2);
  EXPECT_EQ(server["address"], AddressOf(other_));
  EXPECT_EQ(server["opened_here"], true);
  EXPECT_THAT(server["merge_time"], StartsWith("20"));
  EXPECT_EQ(server["connection_id"], AdminJson({"connections"})[0]["id"]);
  EXPECT_EQ(AdminJson({"status"})["servers"], 1);

  const Result again = Admin({"merge", AddressOf(other_)});
  EXPECT_EQ(again.exit_code, 69);
  EXPECT_THAT(again.err, HasSubstr("merged with server 2 already"));

  other_.process().Signal(SIGKILL);
  Eventually([&] { return AdminJson({"servers"}).empty(); });
  EXPECT_EQ(AdminJson({"status"})["servers"], 0);
}

TEST_F(ServersTest, AreWatched) {
  ProcessOptions options;
  Process watch(Argv({"watch", "-v", "-o", "json", "-c", "2"}), std::move(options));
  watch.WaitForText(STDERR_FILENO, "watching");
  EXPECT_EQ(Admin({"merge", AddressOf(other_)}).exit_code, 0);
  const json merged = json::parse(watch.WaitForLines(STDOUT_FILENO, 1), nullptr, false);
  EXPECT_EQ(merged["kind"], "merged");
  EXPECT_EQ(merged["number"], 2);
  other_.process().Signal(SIGKILL);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_THAT(watch.Stdout(), HasSubstr("\"kind\":\"separated\""));
}

TEST_F(ServersTest, AreRefusedWithTheReason) {
  const Result stranger = Admin({"merge", "127.0.0.2:7773"});
  EXPECT_EQ(stranger.exit_code, 77);
  EXPECT_THAT(stranger.err, HasSubstr("127.0.0.2 is not in mesh.allow_merge_from"));
  const Result itself = Admin({"merge", AddressOf(server_)});
  EXPECT_EQ(itself.exit_code, 65);
  EXPECT_THAT(itself.err, HasSubstr("is this server itself"));
}

TEST_F(ChatAdminTest, KicksAUserWithHisTunnels) {
  TestUser ann(server_.url());
  ann.LogIn("ann");
  TestUser bob(server_.url());
  bob.LogIn("bob");
  TestTunnel tunnel(server_.url(), ann, "ann", bob, "bob");

  const Result kicked = Admin({"kick", "ann"});
  EXPECT_EQ(kicked.exit_code, 0) << kicked.err;
  ann.AwaitClosed();
  tunnel.first.AwaitClosed();
  tunnel.second.AwaitClosed();
  EXPECT_THAT(Values(AdminJson({"users"}), "name"), ElementsAre("bob"));
  Eventually([&] { return AdminJson({"tunnels"}).empty(); });
  TestUser again(server_.url());
  again.LogIn("ann");
}

TEST_F(ChatAdminTest, SaysWhatIsNotThere) {
  const Result kicked = Admin({"kick", "nobody"});
  EXPECT_EQ(kicked.exit_code, 68);
  EXPECT_EQ(kicked.err, "chat-admin: no such user: nobody\n");
  const Result closed = Admin({"close-tunnel", "99"});
  EXPECT_EQ(closed.exit_code, 68);
  EXPECT_EQ(closed.err, "chat-admin: no such tunnel: 99\n");
}

TEST_F(ChatAdminTest, SpeaksAsTheServer) {
  TestUser ann(server_.url());
  ann.LogIn("ann");
  EXPECT_EQ(Admin({"say", "back", "at", "9"}).exit_code, 0);
  const Received received = ann.Await<Received>();
  EXPECT_EQ(received.from.name, "server");
  EXPECT_EQ(received.body, "back at 9");
  EXPECT_FALSE(received.is_private);

  const Result too_long = Admin({"say", std::string(1025, 'x')});
  EXPECT_EQ(too_long.exit_code, 65);
  EXPECT_EQ(too_long.err, "chat-admin: text has 1025 bytes, more than 1024\n");
}

TEST_F(ChatAdminTest, TellsHealth) {
  EXPECT_EQ(Admin({"health", "--no-headers"}).out, "status  SERVING\n");
  EXPECT_EQ(AdminJson({"health"}), json({{"status", "SERVING"}}));
}

TEST_F(ChatAdminTest, WatchWritesEachEventAtOnce) {
  Process watch(Argv({"watch", "-o", "json", "-v"}));
  watch.WaitForText(2, "watching");
  TestUser ann(server_.url());
  ann.LogIn("ann");
  const json login = json::parse(watch.WaitForLines(1, 1), nullptr, false);
  EXPECT_EQ(login["kind"], "login");
  EXPECT_EQ(login["user"], "ann");
  EXPECT_EQ(Admin({"say", "hi"}).exit_code, 0);
  EXPECT_THAT(watch.WaitForLines(1, 2), HasSubstr("\"kind\":\"say\""));
}

TEST_F(ChatAdminTest, WatchEndsAfterSoManyEvents) {
  Process watch(Argv({"watch", "-c", "2", "-v", "-o", "csv"}));
  watch.WaitForText(2, "watching");
  for (const char* text : {"1", "2", "3"}) EXPECT_EQ(Admin({"say", text}).exit_code, 0);
  EXPECT_EQ(watch.Wait(), 0);
  const std::string out = watch.Stdout();
  EXPECT_THAT(out, StartsWith("time,sequence,kind,user,dialect,number,detail\n"));
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 3);
}

TEST_F(ChatAdminTest, WatchEndsWithItsTime) {
  EXPECT_EQ(Admin({"watch", "-W", "100ms", "-c", "1"}).exit_code, 124);
  EXPECT_EQ(Admin({"watch", "-W", "100ms"}).exit_code, 0);
}

TEST_F(ChatAdminTest, WatchEndsWithItsReader) {
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  ProcessOptions options;
  options.stdout_fd = pipe[1];
  Process watch(Argv({"watch", "-v"}), std::move(options));
  close(pipe[1]);
  watch.WaitForText(2, "watching");
  close(pipe[0]);
  EXPECT_EQ(watch.Wait(), 141);
}

TEST_F(ChatAdminTest, WatchIsInterrupted) {
  Process watch(Argv({"watch", "-v"}));
  watch.WaitForText(2, "watching");
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 130);
}

TEST_F(ChatAdminTest, TopInBatch) {
  TestUser ann(server_.url());
  ann.LogIn("ann");
  const Result top = Admin({"top", "-b", "-c", "2", "-d", "10ms"});
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_THAT(top.out, AllOf(StartsWith("chatd "), HasSubstr("users 1 "), HasSubstr("\nann "),
                             HasSubstr("\n\nchatd "), Not(HasSubstr("\x1b"))));
}

TEST_F(ChatAdminTest, TopOnATerminalLeavesItAsItWas) {
  ProcessOptions options;
  options.stdout_is_terminal = true;
  options.environment["TERM"] = "xterm";
  Process top(Argv({"top", "-d", "1h"}), std::move(options));
  top.WaitForText(1, "messages");
  top.Signal(SIGTERM);
  EXPECT_EQ(top.Wait(), 143);
  EXPECT_THAT(top.Stdout(), AllOf(StartsWith("\x1b[?1049h"), ::testing::EndsWith("\x1b[?1049l")));
}

TEST_F(ChatAdminTest, DrainEndsTheServerAndTheWatch) {
  Process watch(Argv({"watch", "-v"}));
  watch.WaitForText(2, "watching");
  EXPECT_EQ(Admin({"drain"}).exit_code, 0);
  EXPECT_EQ(server_.process().Wait(), 0);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_THAT(watch.Stdout(), HasSubstr(" drain "));
  const Result status = Admin({"status"});
  EXPECT_EQ(status.exit_code, 69);
  EXPECT_THAT(status.err, HasSubstr("is it running?"));
}

TEST_F(ChatAdminTest, SaysThatTheServerDrains) {
  TestUser ann(server_.url());
  ann.LogIn("ann");
  TestUser bob(server_.url());
  bob.LogIn("bob");
  std::optional<TestTunnel> tunnel;
  tunnel.emplace(server_.url(), ann, "ann", bob, "bob");
  EXPECT_EQ(Admin({"drain"}).exit_code, 0);
  ann.AwaitClosed();

  const Result health = Admin({"health", "-o", "csv", "--no-headers"});
  EXPECT_EQ(health.exit_code, 69);
  EXPECT_EQ(health.out, "status,NOT_SERVING\n");
  EXPECT_EQ(AdminJson({"status"})["draining"], true);
  tunnel->first.WriteTunnel("goes on");
  EXPECT_EQ(tunnel->second.ReadTunnel(7), "goes on");
  tunnel.reset();
  EXPECT_EQ(server_.process().Wait(), 0);
}

TEST_F(ChatAdminTest, RefusesWhatItDoesNotKnow) {
  struct Mistake {
    std::vector<std::string> words;
    const char* says;
  };
  const Mistake kCases[] = {
      {{}, "say what to do: a verb"},
      {{"dance"}, "no such verb: dance"},
      {{"kick"}, "kick needs USER"},
      {{"say"}, "say needs TEXT..."},
      {{"kick", "a", "b"}, "not expected: b"},
      {{"users", "ann"}, "not expected: ann"},
      {{"close-tunnel", "x"}, "not a tunnel's id: x"},
      {{"users", "-o", "xml"}, "table, json or csv, not \"xml\""},
      {{"merge", "here"}, "\"here\": want HOST:PORT"},
      {{"merge", "127.0.0.1:0"}, "a port is a number from 1 to 65535"},
      {{"watch", "-c", "0"}, "a number from 1 on"},
      {{"top", "-o", "json"}, "top is for people"},
      {{"users", "-a", "127.0.0.1:1"}, "--admin: given twice"},
      {{"--nix"}, "--nix"},
  };
  for (const Mistake& mistake : kCases) {
    const Result result = Admin(mistake.words);
    EXPECT_EQ(result.exit_code, 64) << mistake.says;
    EXPECT_THAT(result.err, HasSubstr(mistake.says));
    EXPECT_EQ(result.out, "");
  }
  const Result tcp = testing::RunProcess(
      {testing::Runfile("tools/chat-admin/chat-admin"), "users", "-a", "127.0.0.1:1"});
  EXPECT_EQ(tcp.exit_code, 64);
  EXPECT_THAT(tcp.err, HasSubstr("only unix:PATH is served"));
}

TEST_F(ChatAdminTest, SaysWhenTheOutputCannotBeWritten) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ProcessOptions options;
  options.stdout_fd = full;
  EXPECT_EQ(testing::RunProcess(Argv({"status"}), "", std::move(options)).exit_code, 74);
  close(full);
}

TEST_F(ChatAdminTest, FindsTheServerByTheEnvironment) {
  ProcessOptions options;
  options.environment["CHAT_ADMIN"] = server_.admin();
  const Result result = testing::RunProcess(
      {testing::Runfile("tools/chat-admin/chat-admin"), "health"}, "", std::move(options));
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(ChatAdminTest, TrustsNoDefaultSocketThatOthersCouldHavePutThere) {
  const testing::TempDir runtime;
  ASSERT_EQ(mkdir((runtime.path() + "/chatd").c_str(), 0700), 0);
  ASSERT_EQ(chmod((runtime.path() + "/chatd").c_str(), 0777), 0);
  ProcessOptions options;
  options.environment["XDG_RUNTIME_DIR"] = runtime.path();
  const Result result = testing::RunProcess(
      {testing::Runfile("tools/chat-admin/chat-admin"), "status"}, "", std::move(options));
  EXPECT_EQ(result.exit_code, 77);
  EXPECT_THAT(result.err, HasSubstr("is open to other users"));
}

}  // namespace
}  // namespace chat
