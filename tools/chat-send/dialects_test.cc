// chat-send and chat-listen over every dialect of this build: what each has to agree on, sign in
// to, connect and confirm is the tools' affair, and not their users'.

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"
#include "tools/testing/tools.h"
#include "tools/testing/user/test_user.h"

namespace chat::tools {
namespace {

using testing::ChatServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Process;
using testing::ProcessOptions;
using testing::Result;
using testing::Runfile;
using testing::RunProcess;
using testing::TempDir;
using testing::TestDirect;
using testing::TestUser;

// Within the rules for passwords and names of every dialect.
constexpr char kPassword[] = "Tr0ub4dor";

bool HasRoom(const ClientTraits& traits) { return traits.public_room; }
bool HasNoRoom(const ClientTraits& traits) { return !traits.public_room; }
bool Registers(const ClientTraits& traits) { return traits.registers; }
bool MakesNone(const ClientTraits& traits) { return !traits.registers; }
bool HasPasswords(const ClientTraits& traits) { return traits.passwords != Passwords::kNever; }
bool CarriesFiles(const ClientTraits& traits) { return traits.file_way != FileWay::kNone; }
bool CarriesDirectly(const ClientTraits& traits) { return traits.file_way == FileWay::kDirect; }
bool RelaysFiles(const ClientTraits& traits) { return traits.file_way == FileWay::kServer; }
bool CarriesNone(const ClientTraits& traits) { return !CarriesFiles(traits); }
bool Talks(const ClientTraits& traits) { return traits.private_way == PrivateWay::kTalk; }
bool Agrees(const ClientTraits& traits) { return traits.private_way != PrivateWay::kServer; }
// What is known of a private message that arrives.
bool Tells(const ClientTraits& traits) { return traits.tells_absent || Agrees(traits); }

std::vector<const Dialect*> DialectsThat(bool (*can)(const ClientTraits&)) {
  std::vector<const Dialect*> found;
  for (const Dialect* dialect : AllDialects()) {
    if (can(dialect->client_traits())) found.push_back(dialect);
  }
  return found;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> ListDirectory(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A server that speaks one dialect, and users with accounts if it knows passwords. (Accounts are
// made over a dialect that can do that: chat-send --register.)
class DialectsTest : public ::testing::TestWithParam<const Dialect*> {
 protected:
  DialectsTest()
      : dialect_(*GetParam()),
        server_(Listening(dialect_), {"--listen=" + Listening(Registrar())}),
        password_file_(Private("password", kPassword)) {
    if (dialect_.client_traits().passwords == Passwords::kNever) return;
    for (const char* user : {"alice", "bobby", "carol"}) Register(user);
  }

  static const Dialect& Registrar() { return *DialectsThat(Registers).front(); }
  static std::string Listening(const Dialect& dialect) {
    return absl::StrCat(dialect.name(), "://127.0.0.1:0");
  }

  void Register(const std::string& user) {
    const Result made =
        RunProcess({Runfile("tools/chat-send/chat-send"), "-s", server_.urls().at(1), "-u", user,
                    "--password-file", password_file_, "--register"});
    EXPECT_EQ(made.exit_code, 0) << made.err;
  }

  // A file for this user alone.
  std::string Private(const std::string& name, absl::string_view bytes) {
    const std::string path = directory_.Write(name, bytes);
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
  }

  std::vector<std::string> Tool(absl::string_view tool, const std::string& user,
                                std::vector<std::string> arguments) {
    std::vector<std::string> argv = {Runfile(absl::StrCat("tools/", tool, "/", tool)), "-u", user};
    // What `arguments` say themselves may be given once.
    const auto given = [&arguments](absl::string_view flag) {
      return std::any_of(arguments.begin(), arguments.end(), [flag](absl::string_view argument) {
        return absl::StartsWith(argument, flag);
      });
    };
    if (!given("-s")) argv.insert(argv.end(), {"-s", server_.url()});
    if (dialect_.client_traits().passwords != Passwords::kNever && !given("--password-file")) {
      argv.push_back("--password-file=" + password_file_);
    }
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }

  Result Send(const std::string& user, std::vector<std::string> arguments,
              absl::string_view input = "") {
    return RunProcess(Tool("chat-send", user, std::move(arguments)), input);
  }

  // A chat-listen that is logged in.
  std::unique_ptr<Process> Listen(const std::string& user, std::vector<std::string> arguments) {
    arguments.push_back("--ready-fd=3");
    ProcessOptions options;
    options.outputs = {3};
    auto process = std::make_unique<Process>(Tool("chat-listen", user, std::move(arguments)),
                                             std::move(options));
    process->WaitForLines(3, 1);
    return process;
  }

  void LogIn(TestUser& user, const std::string& name) {
    if (dialect_.client_traits().passwords == Passwords::kNever) return user.LogIn(name);
    EXPECT_TRUE(user.LogInWithPassword(name, kPassword));
  }

  const Dialect& dialect_;
  TempDir directory_;
  ChatServer server_;
  const std::string password_file_;
};

std::string NameOf(const ::testing::TestParamInfo<const Dialect*>& info) {
  return std::string(info.param->name());
}

// Those with a public room, without one, ...
class RoomTest : public DialectsTest {};
class NoRoomTest : public DialectsTest {};
class TalksTest : public DialectsTest {};
class AgreesTest : public DialectsTest {};
class RegistersTest : public DialectsTest {};
class NoAccountsTest : public DialectsTest {};
class PasswordsTest : public DialectsTest {};

INSTANTIATE_TEST_SUITE_P(All, DialectsTest, ::testing::ValuesIn(AllDialects()), NameOf);
INSTANTIATE_TEST_SUITE_P(All, RoomTest, ::testing::ValuesIn(DialectsThat(HasRoom)), NameOf);
INSTANTIATE_TEST_SUITE_P(All, NoRoomTest, ::testing::ValuesIn(DialectsThat(HasNoRoom)), NameOf);
INSTANTIATE_TEST_SUITE_P(All, TalksTest, ::testing::ValuesIn(DialectsThat(Talks)), NameOf);
INSTANTIATE_TEST_SUITE_P(All, AgreesTest, ::testing::ValuesIn(DialectsThat(Agrees)), NameOf);
INSTANTIATE_TEST_SUITE_P(All, RegistersTest, ::testing::ValuesIn(DialectsThat(Registers)), NameOf);
INSTANTIATE_TEST_SUITE_P(All, NoAccountsTest, ::testing::ValuesIn(DialectsThat(MakesNone)), NameOf);
INSTANTIATE_TEST_SUITE_P(All, PasswordsTest, ::testing::ValuesIn(DialectsThat(HasPasswords)),
                         NameOf);

// ---- Messages ----

TEST_P(RoomTest, TextReachesEveryone) {
  const auto bob = Listen("bobby", {"-c2"});
  const Result sent = Send("alice", {"-v"}, "one\ntwo\n");
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("sent 2, confirmed 2"));
  EXPECT_EQ(bob->Wait(), 0) << bob->Stderr();
  EXPECT_EQ(bob->Stdout(), "alice\tone\nalice\ttwo\n");
}

TEST_P(NoRoomTest, NobodyIsEverybody) {
  const std::string nowhere = absl::StrCat(dialect_.name(), "://127.0.0.1:1");
  const Result sent = Send("alice", {"-s", nowhere, "hello"});
  EXPECT_EQ(sent.exit_code, 64);
  EXPECT_THAT(sent.err, HasSubstr("has no public room: say --to USER"));

  const auto bob = Listen("bobby", {"--allow=alice", "-c1"});
  const Result some = Send("alice", {"-J"},
                           "{\"kind\":\"private\",\"to\":\"bobby\",\"body\":\"psst\"}\n"
                           "{\"body\":\"to all\"}\n");
  EXPECT_EQ(some.exit_code, 64);
  EXPECT_THAT(some.err, HasSubstr("line 2: "));
  EXPECT_THAT(some.err, HasSubstr("sent 1, confirmed 1"));
  EXPECT_EQ(bob->Wait(), 0);
  EXPECT_EQ(bob->Stdout(), "alice\tpsst\n");
}

TEST_P(DialectsTest, AMessageReachesTheOneWhoAllowsIt) {
  const auto bob = Listen("bobby", {"--allow=carol,alice", "-c2"});
  const Result sent = Send("alice", {"-v", "-t", "bobby"}, "one\ntwo\n");
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  const absl::string_view unknown = "does not say whether bobby is there";
  if (Tells(dialect_.client_traits())) {
    EXPECT_THAT(sent.err, HasSubstr("sent 2, confirmed 2"));
    EXPECT_THAT(sent.err, Not(HasSubstr(unknown)));
  } else {
    EXPECT_THAT(sent.err, HasSubstr("sent 2, confirmed 0\n"));
    EXPECT_THAT(sent.err, HasSubstr(unknown));
  }
  EXPECT_EQ(bob->Wait(), 0) << bob->Stderr();
  EXPECT_EQ(bob->Stdout(), "alice\tone\nalice\ttwo\n");
}

TEST_P(DialectsTest, SeveralReceiversAllGetIt) {
  const auto bob = Listen("bobby", {"--allow=alice", "-c2", "-F%s\\n"});
  const auto carol = Listen("carol", {"--allow=alice", "-c2", "-F%s\\n"});
  const Result sent = Send("alice", {"-v", "-t", "bobby,carol"}, "one\ntwo\n");
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr(Tells(dialect_.client_traits()) ? "sent 2, confirmed 2"
                                                                  : "sent 2, confirmed 0"));
  for (Process* listener : {bob.get(), carol.get()}) {
    EXPECT_EQ(listener->Wait(), 0) << listener->Stderr();
    EXPECT_EQ(listener->Stdout(), "one\ntwo\n");
  }
}

TEST_P(DialectsTest, OfSeveralReceiversThoseWhoAreThereGetIt) {
  const ClientTraits& traits = dialect_.client_traits();
  for (const char* to : {"nobody,bobby", "bobby,nobody"}) {
    const auto bob = Listen("bobby", {"--allow=alice", "-c2", "-F%s\\n"});
    const Result sent = Send("alice", {"-v", "-t", to}, "one\ntwo\n");
    EXPECT_EQ(bob->Wait(), 0) << bob->Stderr();
    EXPECT_EQ(bob->Stdout(), "one\ntwo\n");
    EXPECT_THAT(sent.err, HasSubstr("sent 2, confirmed 0"));
    EXPECT_THAT(sent.err, HasSubstr("nobody"));
    if (Agrees(traits)) {
      EXPECT_EQ(sent.exit_code, traits.tells_absent ? 68 : 77) << sent.err;
      EXPECT_THAT(sent.err, HasSubstr("; the others get theirs"));
      EXPECT_THAT(sent.err, HasSubstr("first unconfirmed is line 1"));
    } else {
      EXPECT_EQ(sent.exit_code, traits.tells_absent ? 68 : 0) << sent.err;
    }
  }
}

TEST_P(AgreesTest, NobodyIsAllowedUnlessNamed) {
  for (const std::vector<std::string>& allow :
       {std::vector<std::string>(), std::vector<std::string>{"--allow=carol"}}) {
    const auto bob = Listen("bobby", allow);
    const Result sent = Send("alice", {"-t", "bobby", "hello"});
    EXPECT_EQ(sent.exit_code, 77);
    EXPECT_THAT(sent.err, HasSubstr("bobby refused"));
    EXPECT_THAT(sent.err, HasSubstr("sent 0, confirmed 0"));
    const bool tells = dialect_.client_traits().tells_absent;
    EXPECT_EQ(absl::StrContains(sent.err, "refused, or is not there"), !tells) << sent.err;
    bob->WaitForText(2, "alice: refused: not among those whom --allow names");
    EXPECT_EQ(bob->Stdout(), "");
  }
}

TEST_P(TalksTest, SaysThatThereIsNoSuchUser) {
  const Result sent = Send("alice", {"-t", "nobody", "hello"});
  EXPECT_EQ(sent.exit_code, 68);
  EXPECT_THAT(sent.err, HasSubstr("no such user: nobody"));
}

TEST_P(AgreesTest, WaitsForAnAnswerForALimitedTime) {
  TestUser silent(server_.url());
  LogIn(silent, "bobby");
  const Result sent = Send("alice", {"-t", "bobby", "--answer-timeout=200ms", "hello"});
  EXPECT_EQ(sent.exit_code, 124);
  EXPECT_THAT(sent.err, HasSubstr("bobby did not answer within 200ms"));
}

TEST_P(AgreesTest, AsksEachUserOnce) {
  const auto bob = Listen("bobby", {"--allow=alice", "-c50", "-F%s\\n"});
  const auto carol = Listen("carol", {"--allow=*", "-c50", "-F%s\\n"});
  std::string input;
  std::string printed;
  for (int i = 1; i <= 50; ++i) {
    absl::StrAppend(&printed, i, "\n");
    for (const char* to : {"bobby", "carol"}) {
      absl::StrAppend(&input, "{\"kind\":\"private\",\"to\":\"", to, "\",\"body\":\"", i, "\"}\n");
    }
  }
  const Result sent = Send("alice", {"-v", "-J"}, input);
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_THAT(sent.err, HasSubstr("sent 100, confirmed 100"));
  for (Process* listener : {bob.get(), carol.get()}) {
    EXPECT_EQ(listener->Wait(), 0) << listener->Stderr();
    EXPECT_EQ(listener->Stdout(), printed);
  }
  for (const char* question : {"asking bobby", "asking carol"}) {
    const size_t first = sent.err.find(question);
    EXPECT_NE(first, std::string::npos);
    EXPECT_EQ(sent.err.find(question, first + 1), std::string::npos);
  }
}

TEST_P(AgreesTest, ARefusalEndsTheInputThere) {
  const auto bob = Listen("bobby", {"--allow=alice", "-c1"});
  const auto carol = Listen("carol", {});
  const Result sent = Send("alice", {"-J"},
                           "{\"kind\":\"private\",\"to\":\"bobby\",\"body\":\"arrives\"}\n"
                           "{\"kind\":\"private\",\"to\":\"carol\",\"body\":\"does not\"}\n"
                           "{\"kind\":\"private\",\"to\":\"bobby\",\"body\":\"is not tried\"}\n");
  EXPECT_EQ(sent.exit_code, 77);
  EXPECT_THAT(sent.err, HasSubstr("line 2: carol refused"));
  EXPECT_THAT(sent.err, HasSubstr("sent 1, confirmed 1"));
  EXPECT_EQ(bob->Wait(), 0);
  EXPECT_EQ(bob->Stdout(), "alice\tarrives\n");
}

TEST_P(AgreesTest, ASenderAnswersNobody) {
  Process sender(Tool("chat-send", "alice", {"-v", "-J"}));
  sender.WaitForText(2, "logged in");
  const Result sent = Send("bobby", {"-t", "alice", "hello"});
  EXPECT_EQ(sent.exit_code, 77);
  EXPECT_EQ(sender.Wait(), 0) << sender.Stderr();
}

TEST_P(DialectsTest, KindsAreToldApartWhereTheProtocolTellsThem) {
  const std::vector<std::string> only = {"--allow=*", "--only=private", "-c1", "-F%k %t %s\\n"};
  if (!dialect_.client_traits().tells_private) {
    const Result refused = RunProcess(Tool("chat-listen", "bobby", only));
    EXPECT_EQ(refused.exit_code, 64);
    EXPECT_THAT(refused.err, HasSubstr("does not say which messages are private"));
    return;
  }
  const auto bob = Listen("bobby", only);
  if (dialect_.client_traits().public_room) {
    EXPECT_EQ(Send("alice", {"to all"}).exit_code, 0);
  }
  EXPECT_EQ(Send("alice", {"-t", "bobby", "to bobby"}).exit_code, 0);
  EXPECT_EQ(bob->Wait(), 0) << bob->Stderr();
  EXPECT_EQ(bob->Stdout(), "private bobby to bobby\n");
}

// ---- Accounts ----

TEST_P(RegistersTest, AnAccountIsMadeAndUsed) {
  const auto bob = Listen("bobby", {"--allow=*", "-c1"});
  const Result first = Send("newcomer", {"-v", "--register", "-t", "bobby", "hello"}, "not read\n");
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("made the account newcomer"));
  EXPECT_THAT(first.err, HasSubstr("sent 1, confirmed 1"));
  EXPECT_EQ(bob->Wait(), 0);
  EXPECT_EQ(bob->Stdout(), "newcomer\thello\n");

  const Result second = Send("newcomer", {"--register"});
  EXPECT_EQ(second.exit_code, 77);
  EXPECT_THAT(second.err, HasSubstr("did not make the account"));

  const Result nothing = Send("another", {"--register", "-t", "bobby"});
  EXPECT_EQ(nothing.exit_code, 64);
  EXPECT_THAT(nothing.err, HasSubstr("MESSAGE is missing"));
}

TEST_P(NoAccountsTest, SaysWhoMakesThem) {
  const Result sent = Send("alice", {"--register"});
  EXPECT_EQ(sent.exit_code, 64);
  EXPECT_THAT(sent.err, HasSubstr("makes no accounts"));
  for (const Dialect* other : DialectsThat(Registers)) {
    EXPECT_THAT(sent.err, HasSubstr(std::string(other->name())));
  }
}

TEST_P(PasswordsTest, SaysWhatIsWrongWithAPassword) {
  const std::string wrong = Private("wrong", "Wr0ngPass\n");
  const std::string open = directory_.Write("open", kPassword);
  ASSERT_EQ(::chmod(open.c_str(), 0644), 0);
  struct Case {
    std::vector<std::string> arguments;
    std::string user;
    int exit_code;
    std::string said;
  };
  const Case kCases[] = {
      {{"--password-file", wrong}, "alice", 77, "wrong password"},
      {{"--password-file", password_file_}, "nobody", 77, "no such account"},
      {{"--password-file", open}, "alice", 78, "chmod 600"},
      {{"--password-file", "/nonexistent"}, "alice", 66, "/nonexistent"},
      {{"--password-file", Private("empty", "\n")}, "alice", 78, "empty"},
      {{"--password-file", Private("long", std::string(129, 'p'))}, "alice", 78, "128 bytes"},
  };
  for (const Case& c : kCases) {
    std::vector<std::string> arguments = c.arguments;
    arguments.insert(arguments.end(), {"-t", "bobby", "hello"});
    const Result sent = Send(c.user, arguments);
    EXPECT_EQ(sent.exit_code, c.exit_code) << sent.err;
    EXPECT_THAT(sent.err, HasSubstr(c.said));
    EXPECT_THAT(sent.err, Not(HasSubstr("Wr0ngPass")));
    EXPECT_THAT(sent.err, Not(HasSubstr(kPassword)));
  }
}

TEST_P(DialectsTest, APasswordIsNeededOrNoneIsTaken) {
  const Passwords passwords = dialect_.client_traits().passwords;
  std::vector<std::string> argv = {
      Runfile("tools/chat-send/chat-send"), "-s", server_.url(), "-u", "alice", "-J"};
  const Result without = RunProcess(argv);
  EXPECT_EQ(without.exit_code, passwords == Passwords::kNever      ? 0
                               : passwords == Passwords::kRequired ? 64
                                                                   : 77)
      << without.err;  // 77: alice has an account here
  ProcessOptions options;
  options.environment = {{"CHAT_PASSWORD", kPassword}};
  EXPECT_EQ(RunProcess(argv, "", options).exit_code, 0);
  argv.push_back("--password-file=" + password_file_);
  const Result with = RunProcess(argv);
  EXPECT_EQ(with.exit_code, passwords == Passwords::kNever ? 64 : 0);
  if (passwords == Passwords::kNever) {
    EXPECT_THAT(with.err, HasSubstr("has no passwords"));
  }
}

TEST_P(PasswordsTest, APasswordIsNowhereToBeSeen) {
  const auto bob = Listen("bobby", {"-v", "--password-file", password_file_});
  EXPECT_THAT(ReadFile(absl::StrCat("/proc/", bob->pid(), "/cmdline")), Not(HasSubstr(kPassword)));
  EXPECT_THAT(bob->Stderr(), Not(HasSubstr(kPassword)));
  EXPECT_THAT(server_.process().Stderr(), Not(HasSubstr(kPassword)));
  EXPECT_THAT(ReadFile(absl::StrCat("/proc/", server_.process().pid(), "/cmdline")),
              Not(HasSubstr(kPassword)));
}

TEST_P(RegistersTest, WhoIsReplacedDoesNotComeBack) {
  const auto first = Listen("bobby", {"--reconnect=forever"});
  const auto second = Listen("bobby", {"--allow=alice", "-c1"});
  EXPECT_EQ(first->Wait(), 77);
  EXPECT_THAT(first->Stderr(), HasSubstr("bobby has logged in elsewhere"));
  EXPECT_EQ(Send("alice", {"-t", "bobby", "hello"}).exit_code, 0);
  EXPECT_EQ(second->Wait(), 0);
}

TEST_P(DialectsTest, WhatTheServerSaysIsANotice) {
  const auto json = Listen("alice", {"--json"});
  const auto plain = Listen("bobby", {});
  server_.process().Signal(SIGTERM);
  EXPECT_EQ(json->Wait(), 69);
  EXPECT_EQ(plain->Wait(), 69);
  EXPECT_EQ(plain->Stdout(), "");
  // Not every protocol has a word for it.
  if (!absl::StrContains(plain->Stderr(), "the server says: ")) return;
  EXPECT_THAT(json->Stdout(), HasSubstr(absl::StrCat("\"kind\":\"notice\",\"dialect\":\"",
                                                     dialect_.name(), "\",\"body\":\"")));
  EXPECT_THAT(json->Stderr(), Not(HasSubstr("the server says")));
}

// ---- Files ----

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

class FilesTest : public DialectsTest {
 protected:
  FilesTest() { std::filesystem::create_directory(inbox_); }

  std::unique_ptr<Process> TakeFiles(std::vector<std::string> arguments) {
    arguments.push_back("--accept-files=" + inbox_);
    return Listen("bobby", std::move(arguments));
  }

  // What a sender of evil intent calls its files. One of them is there already.
  std::vector<std::string> HostileNames() {
    std::ofstream(inbox_ + "/existing") << "untouched";
    return {"../x",     directory_.path() + "/absolute",
            "existing", ".hidden",
            "-rf",      "a/b",
            "..",       "a\\b",
            "\x1b[2J"};
  }

  const std::string inbox_ = directory_.path() + "/in";
};

class DirectFilesTest : public FilesTest {};

class ServerFilesTest : public FilesTest {
 protected:
  // One piece of a file to bobby, from a user who may be up to something.
  void SendPiece(TestUser& user, int32_t transfer, absl::string_view name, int64_t size,
                 absl::string_view content) {
    const absl::Status status =
        user.session().SendFileChunk({"bobby"}, transfer, name, size, content);
    EXPECT_TRUE(status.ok()) << status;
  }

  int64_t Counter(absl::string_view name) {
    const Result status = RunProcess(
        {Runfile("tools/chat-admin/chat-admin"), "-a", server_.admin(), "status", "-o", "json"});
    EXPECT_EQ(status.exit_code, 0) << status.err;
    const std::vector<std::string> parts =
        absl::StrSplit(status.out, absl::StrCat("\"", name, "\":"));
    return parts.size() == 2 ? ::atoll(parts[1].c_str()) : 0;
  }

  // Waits until the server takes no more of a file: its receiver stands still.
  void AwaitStandstill() {
    constexpr int kHangGuard = 10'000;
    for (int64_t i = 0, before = -1; i < kHangGuard; ++i) {
      const int64_t now = Counter("file_bytes");
      if (now > 0 && now == before && Counter("file_waits") > 0) return;
      before = now;
    }
    FAIL() << "the receiver does not stand still";
  }

  // What the server has in memory, in KiB.
  int64_t ServerMemory() {
    const std::string status = ReadFile(absl::StrCat("/proc/", server_.process().pid(), "/status"));
    const std::vector<std::string> parts = absl::StrSplit(status, "VmRSS:");
    return parts.size() == 2 ? ::atoll(parts[1].c_str()) : 0;
  }
};

class NoFilesTest : public FilesTest {};

INSTANTIATE_TEST_SUITE_P(All, FilesTest, ::testing::ValuesIn(DialectsThat(CarriesFiles)), NameOf);
INSTANTIATE_TEST_SUITE_P(All, DirectFilesTest, ::testing::ValuesIn(DialectsThat(CarriesDirectly)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(All, ServerFilesTest, ::testing::ValuesIn(DialectsThat(RelaysFiles)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(All, NoFilesTest, ::testing::ValuesIn(DialectsThat(CarriesNone)), NameOf);

TEST_P(FilesTest, FilesArriveAsTheyAre) {
  const std::pair<std::string, size_t> kFiles[] = {{"empty", 0},      {"byte", 1},
                                                   {"nearly", 1023},  {"kilobyte", 1024},
                                                   {"and one", 1025}, {"big", 10'000'000}};
  const auto bob = TakeFiles({"--allow=alice", "-c7", "--json"});
  std::vector<std::string> arguments = {"-v", "-t", "bobby", "behind this come files"};
  std::map<std::string, std::string> contents;
  for (const auto& [name, size] : kFiles) {
    contents[name] = RandomBytes(size);
    arguments.push_back("--file=" + directory_.Write(name, contents[name]));
  }
  const Result sent = Send("alice", arguments);
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  if (CarriesDirectly(dialect_.client_traits())) {
    EXPECT_THAT(sent.err, HasSubstr("sent 7, confirmed 7"));
  } else {
    EXPECT_THAT(sent.err, HasSubstr("sent 7, confirmed 1\n"));
    EXPECT_THAT(sent.err, HasSubstr("does not say whether bobby kept it"));
  }
  EXPECT_THAT(sent.err, Not(HasSubstr("%")));  // no progress where there is no terminal
  EXPECT_EQ(bob->Wait(), 0) << bob->Stderr();
  for (const auto& [name, size] : kFiles) {
    EXPECT_TRUE(ReadFile(inbox_ + "/" + name) == contents[name]) << name;
    EXPECT_THAT(
        bob->Stdout(),
        HasSubstr(absl::StrCat("\"kind\":\"file\",\"dialect\":\"", dialect_.name(),
                               "\",\"from\":\"alice\",\"to\":\"bobby\",\"body\":\"", name,
                               "\",\"path\":\"", inbox_, "/", name, "\",\"size\":", size, "}\n")));
  }
  EXPECT_EQ(ListDirectory(inbox_).size(), 6u);
}

TEST_P(FilesTest, AFileIsALineOfTheDefaultFormat) {
  const auto bob = TakeFiles({"--allow=*", "-c1"});
  const std::string path = directory_.Write("a photo.png", "png");
  EXPECT_EQ(Send("alice", {"-t", "bobby", "--file", path}).exit_code, 0);
  EXPECT_EQ(bob->Wait(), 0);
  EXPECT_EQ(bob->Stdout(), "alice\ta photo.png\n");
}

TEST_P(DirectFilesTest, HostileNamesAreRefusedAndNothingIsWritten) {
  const std::vector<std::string> names = HostileNames();
  const std::vector<std::string> before = ListDirectory(directory_.path());
  const auto bob = TakeFiles({"--allow=carol", "-F%s\\n"});
  TestUser carol(server_.url());
  EXPECT_TRUE(carol.LogInWithPassword("carol", kPassword));
  const auto offer = [&](absl::string_view name) {
    EXPECT_TRUE(carol.session().Ask(RequestKind::kDirect, {"bobby"}, Text()).ok());
    const DirectGranted granted = carol.Await<DirectGranted>();
    TestDirect direct(dialect_, "carol", "bobby", granted.at);
    EXPECT_TRUE(direct.session().SendFilePiece(name, "evil").ok());
    return direct.Finish();
  };
  size_t refused = 0;
  for (const std::string& name : names) {
    EXPECT_FALSE(offer(name)) << name;
    const std::string said = bob->WaitForLines(2, ++refused);
    EXPECT_THAT(said, HasSubstr("carol: refused the file")) << name;
    EXPECT_THAT(said, Not(HasSubstr("\x1b"))) << name;
  }
  EXPECT_EQ(ReadFile(inbox_ + "/existing"), "untouched");
  EXPECT_THAT(ListDirectory(inbox_), ElementsAre("existing"));
  EXPECT_EQ(ListDirectory(directory_.path()), before);

  EXPECT_TRUE(offer("good"));
  EXPECT_EQ(bob->WaitForLines(1, 1), "good\n");
  EXPECT_EQ(ReadFile(inbox_ + "/good"), "evil");
}

TEST_P(ServerFilesTest, HostileNamesAreRefusedAndNothingIsWritten) {
  const std::vector<std::string> names = HostileNames();
  const std::vector<std::string> before = ListDirectory(directory_.path());
  const auto bob = TakeFiles({"--allow=carol", "-F%s\\n"});
  TestUser carol(server_.url());
  EXPECT_TRUE(carol.LogInWithPassword("carol", kPassword));
  for (int32_t transfer = 0; const std::string& name : names) {
    SendPiece(carol, ++transfer, name, 4, "evil");
  }
  SendPiece(carol, -1, "good", 4, "evil");
  EXPECT_EQ(bob->WaitForLines(1, 1), "good\n");
  EXPECT_EQ(ReadFile(inbox_ + "/good"), "evil");
  EXPECT_EQ(ReadFile(inbox_ + "/existing"), "untouched");
  EXPECT_THAT(ListDirectory(inbox_), ElementsAre("existing", "good"));
  EXPECT_EQ(ListDirectory(directory_.path()), before);
  EXPECT_THAT(bob->Stderr(), HasSubstr("carol: refused: the file \"../x\": not an acceptable"));
  EXPECT_THAT(bob->Stderr(), Not(HasSubstr("\x1b")));
}

TEST_P(DirectFilesTest, AFileThatIsRefusedIsNotConfirmed) {
  const std::string path = directory_.Write("photo.png", "png");
  const auto unwilling = Listen("bobby", {"--allow=*"});
  const Result sent = Send("alice", {"-t", "bobby", "--file", path});
  EXPECT_EQ(sent.exit_code, 75);
  EXPECT_THAT(sent.err, HasSubstr("sent 1, confirmed 0, first unconfirmed is message 1"));
  unwilling->WaitForText(2, "refused the file \"photo.png\": there is no --accept-files");
}

TEST_P(DirectFilesTest, OneWhoLeavesInTheMiddleLeavesNothing) {
  const auto bob = TakeFiles({"--allow=carol"});
  TestUser carol(server_.url());
  EXPECT_TRUE(carol.LogInWithPassword("carol", kPassword));
  EXPECT_TRUE(carol.session().Ask(RequestKind::kDirect, {"bobby"}, Text()).ok());
  TestDirect direct(dialect_, "carol", "bobby", carol.Await<DirectGranted>().at);
  const std::string piece(direct.session().max_piece_bytes(), 'x');
  EXPECT_TRUE(direct.session().SendFilePiece("half", piece).ok());
  EXPECT_FALSE(direct.Finish());
  bob->WaitForText(2, "carol: the peer ended in the middle of a file");
  EXPECT_THAT(ListDirectory(inbox_), IsEmpty());

  // And one who is told to go while a file comes.
  EXPECT_TRUE(carol.session().Ask(RequestKind::kDirect, {"bobby"}, Text()).ok());
  TestDirect second(dialect_, "carol", "bobby", carol.Await<DirectGranted>().at);
  EXPECT_TRUE(second.session().SendMessage(*Text::From("here it comes")).ok());
  EXPECT_TRUE(second.session().SendFilePiece("half", piece).ok());
  bob->WaitForLines(1, 1);
  bob->Signal(SIGTERM);
  EXPECT_EQ(bob->Wait(), 128 + SIGTERM);
  EXPECT_FALSE(second.Finish());
  EXPECT_THAT(ListDirectory(inbox_), IsEmpty());
}

TEST_P(DirectFilesTest, OfOneSenderOnlySoManyAtOnce) {
  constexpr int kAtOnce = 8;
  const auto bob = TakeFiles({"--allow=carol"});
  TestUser carol(server_.url());
  EXPECT_TRUE(carol.LogInWithPassword("carol", kPassword));
  std::vector<std::unique_ptr<TestDirect>> open;
  for (int i = 0; i < kAtOnce; ++i) {
    EXPECT_TRUE(carol.session().Ask(RequestKind::kDirect, {"bobby"}, Text()).ok());
    open.push_back(
        std::make_unique<TestDirect>(dialect_, "carol", "bobby", carol.Await<DirectGranted>().at));
  }
  EXPECT_TRUE(carol.session().Ask(RequestKind::kDirect, {"bobby"}, Text()).ok());
  EXPECT_EQ(carol.Await<Refused>().target, User("bobby"));
  bob->WaitForText(2, "carol: refused: enough connections are open");
  EXPECT_TRUE(open.back()->Finish());
  EXPECT_TRUE(carol.session().Ask(RequestKind::kDirect, {"bobby"}, Text()).ok());
  carol.Await<DirectGranted>();
}

TEST_P(ServerFilesTest, WhatIsNotTakenIsSaidToTheReceiver) {
  const std::string path = directory_.Write("photo.png", RandomBytes(5000));
  const auto fails = [&](const std::vector<std::string>& arguments, const std::string& said) {
    const auto bob = Listen("bobby", arguments);
    EXPECT_EQ(Send("alice", {"-t", "bobby", "--file", path}).exit_code, 68);
    bob->WaitForText(2, absl::StrCat("alice: refused: ", said));
    EXPECT_EQ(bob->Stdout(), "");
  };
  fails({"--allow=*"}, "the file \"photo.png\": there is no --accept-files");
  fails({"--allow=carol", "--accept-files=" + inbox_}, "a file, of one not among those whom");
  EXPECT_THAT(ListDirectory(inbox_), IsEmpty());
}

TEST_P(FilesTest, NobodyIsThere) {
  const std::string path = directory_.Write("photo.png", RandomBytes(5000));
  const Result sent = Send("alice", {"-t", "nobody", "--file", path});
  // Not every protocol tells nobody from somebody who refuses.
  EXPECT_TRUE(sent.exit_code == 68 || sent.exit_code == 77) << sent.exit_code;
  EXPECT_THAT(sent.err, HasSubstr("nobody"));
  EXPECT_THAT(sent.err, HasSubstr("confirmed 0"));
}

TEST_P(ServerFilesTest, SaysWhatHasNotArrived) {
  const std::string path = directory_.Write("photo.png", RandomBytes(5000));
  // Over the registrar's protocol, which carries no files.
  const auto bob = Listen("bobby", {"-s", server_.urls().at(1), "--allow=carol"});
  const struct {
    std::vector<std::string> arguments;
    std::string said;
  } kCases[] = {
      {{"-t", "bobby", "--file", path}, "bobby did not take photo.png (it exists there, or "},
      {{"-t", "bobby@7", "--file", path}, "no such server: 7, of bobby@7"},
      {{"-t", "nobody", "hello"}, "no such user: nobody"},
      {{"-t", "nobody@7", "hello"}, "no such server: 7, of nobody@7"},
      {{"-t", "bobby", "hello"}, "no such user: bobby"},  // who is asked, and refuses
  };
  for (const auto& c : kCases) {
    const Result sent = Send("alice", c.arguments);
    EXPECT_EQ(sent.exit_code, 68) << sent.err;
    EXPECT_THAT(sent.err, HasSubstr(c.said));
    EXPECT_THAT(sent.err, HasSubstr("sent 1, confirmed 0, first unconfirmed is message 1"));
  }
  const Result several =
      Send("alice", {"-J"}, "{\"kind\":\"private\",\"to\":\"nobody\",\"body\":\"hello\"}\n");
  EXPECT_EQ(several.exit_code, 68);
  EXPECT_THAT(several.err, HasSubstr("no such user: nobody"));
  const Result any = Send("alice", {"-J"},
                          "{\"to\":\"nobody\",\"body\":\"hello\"}\n"
                          "{\"to\":\"neither\",\"body\":\"hello\"}\n");
  EXPECT_EQ(any.exit_code, 68);
  EXPECT_THAT(any.err, HasSubstr("no such user: "));
  bob->WaitForText(2, "alice: refused");
}

// The receiver says no when the first piece has come, in whatever time the sender has sent all.
TEST_P(ServerFilesTest, ARefusedFileIsSaidToTheSender) {
  const std::string small = directory_.Write("small.png", RandomBytes(10));
  const std::string large = directory_.Write("large.png", RandomBytes(300'000));
  for (const std::string& path : {small, large}) {
    TestUser bob(server_.url());
    EXPECT_TRUE(bob.LogInWithPassword("bobby", kPassword));
    Process alice(Tool("chat-send", "alice", {"-v", "-t", "bobby", "--file", path}));
    const FileChunkReceived piece = bob.Await<FileChunkReceived>();
    EXPECT_TRUE(bob.session().RefuseFile(piece.from).ok());
    EXPECT_EQ(alice.Wait(), 68);
    EXPECT_THAT(alice.Stderr(), HasSubstr(absl::StrCat("bobby did not take ", piece.name,
                                                       " (it exists there, or ")));
    EXPECT_THAT(alice.Stderr(), HasSubstr("confirmed 0, first unconfirmed is message 1"));
  }
}

TEST_P(ServerFilesTest, ARefusedFileIsNoReasonAgainstTheNext) {
  const auto bob = TakeFiles({"--allow=alice", "-c1", "-F%s\\n"});
  std::ofstream(inbox_ + "/existing") << "untouched";
  TestUser carol(server_.url());
  EXPECT_TRUE(carol.LogInWithPassword("carol", kPassword));
  Process alice(Tool("chat-send", "alice",
                     {"-v", "-t", "carol,bobby", "--file", directory_.Write("a", RandomBytes(5000)),
                      "--file", directory_.Write("b", RandomBytes(5000))}));
  const FileChunkReceived first = carol.Await<FileChunkReceived>();
  EXPECT_EQ(first.name, "a");
  EXPECT_TRUE(carol.session().RefuseFile(first.from).ok());
  EXPECT_EQ(bob->WaitForLines(1, 1), "a\n");
  EXPECT_EQ(alice.Wait(), 68) << alice.Stderr();
  EXPECT_THAT(alice.Stderr(), HasSubstr("carol did not take a ("));
  EXPECT_THAT(alice.Stderr(), Not(HasSubstr("bobby did not take a ")));
  EXPECT_THAT(alice.Stderr(), HasSubstr("sent b to carol; "));
}

TEST_P(DirectFilesTest, AFileForSeveralGoesToEach) {
  const std::string path = directory_.Write("photo.png", RandomBytes(5000));
  const auto bob = TakeFiles({"--allow=alice", "-c1"});
  const std::string other = directory_.path() + "/other";
  std::filesystem::create_directory(other);
  const auto carol = Listen("carol", {"--allow=alice", "-c1", "--accept-files=" + other});
  const Result sent = Send("alice", {"-v", "-t", "bobby,nobody,carol", "--file", path});
  EXPECT_EQ(sent.exit_code, 77);
  EXPECT_THAT(sent.err, HasSubstr("nobody refused, or is not there"));
  EXPECT_THAT(sent.err, HasSubstr("sent 1, confirmed 0, first unconfirmed is message 1"));
  EXPECT_EQ(bob->Wait(), 0);
  EXPECT_EQ(carol->Wait(), 0);
  EXPECT_EQ(ReadFile(inbox_ + "/photo.png"), ReadFile(path));
  EXPECT_EQ(ReadFile(other + "/photo.png"), ReadFile(path));

  const Result pipe = Send("alice", {"-t", "bobby,carol", "--file=/dev/stdin"}, "once");
  EXPECT_EQ(pipe.exit_code, 65);
  EXPECT_THAT(pipe.err, HasSubstr("there are several receivers"));
}

TEST_P(ServerFilesTest, TwoTransfersAtOnceAreKeptApart) {
  const auto bob = TakeFiles({"--allow=carol", "-c2"});
  TestUser carol(server_.url());
  EXPECT_TRUE(carol.LogInWithPassword("carol", kPassword));
  const std::string first = RandomBytes(100'000);
  const std::string second(first.rbegin(), first.rend());
  for (size_t at = 0; at < first.size(); at += 1024) {
    SendPiece(carol, 1, "first", first.size(), first.substr(at, 1024));
    SendPiece(carol, 2, "second", second.size(), second.substr(at, 1024));
  }
  EXPECT_EQ(bob->Wait(), 0) << bob->Stderr();
  EXPECT_EQ(bob->Stdout(), "carol\tfirst\ncarol\tsecond\n");
  EXPECT_TRUE(ReadFile(inbox_ + "/first") == first);
  EXPECT_TRUE(ReadFile(inbox_ + "/second") == second);
}

TEST_P(ServerFilesTest, OneWhoIsToldToGoInTheMiddleLeavesNothing) {
  const auto bob = TakeFiles({"--allow=carol"});
  TestUser carol(server_.url());
  EXPECT_TRUE(carol.LogInWithPassword("carol", kPassword));
  SendPiece(carol, 1, "half", 2048, std::string(1024, 'x'));
  SendPiece(carol, 2, "whole", 1, "x");
  bob->WaitForLines(1, 1);
  EXPECT_EQ(ListDirectory(inbox_).size(), 2u);
  bob->Signal(SIGTERM);
  EXPECT_EQ(bob->Wait(), 128 + SIGTERM);
  EXPECT_THAT(ListDirectory(inbox_), ElementsAre("whole"));
}

// More than the kernel keeps for all the connections on the way.
constexpr size_t kLargeFile = 64 << 20;

TEST_P(ServerFilesTest, AReceiverThatStandsStillStopsTheSender) {
  const std::string content = RandomBytes(kLargeFile);
  const std::string path = directory_.Write("large", content);
  const auto bob = TakeFiles({"--allow=alice", "-c1"});
  [[maybe_unused]] const int64_t memory = ServerMemory();
  bob->Stop();
  Process alice(Tool("chat-send", "alice", {"-v", "-t", "bobby", "--file", path}));
  ASSERT_NO_FATAL_FAILURE(AwaitStandstill());
  EXPECT_THAT(alice.Stderr(), Not(HasSubstr("confirmed")));
  EXPECT_LT(Counter("file_bytes"), static_cast<int64_t>(kLargeFile / 2));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(ServerMemory() - memory, 16 * 1024);
#endif  // no sanitizer: with one, memory that is freed stays the process's
  bob->Signal(SIGCONT);
  EXPECT_EQ(alice.Wait(), 0) << alice.Stderr();
  EXPECT_THAT(alice.Stderr(), HasSubstr("sent 1, confirmed 0\n"));
  EXPECT_EQ(bob->Wait(), 0) << bob->Stderr();
  EXPECT_TRUE(ReadFile(inbox_ + "/large") == content);
}

TEST_P(ServerFilesTest, AFileThatIsCutOffMeanwhileIsNotSent) {
  const std::string path = directory_.Write("large", std::string(kLargeFile, 'x'));
  const auto bob = TakeFiles({"--allow=alice"});
  bob->Stop();
  Process alice(Tool("chat-send", "alice", {"-t", "bobby", "--file", path}));
  ASSERT_NO_FATAL_FAILURE(AwaitStandstill());
  std::filesystem::resize_file(path, 1000);
  bob->Signal(SIGCONT);
  EXPECT_EQ(alice.Wait(), 74);
  EXPECT_THAT(alice.Stderr(), HasSubstr("large has become shorter while it was being sent"));
  EXPECT_EQ(bob->Stdout(), "");
  bob->Signal(SIGTERM);
  bob->Wait();
  EXPECT_THAT(ListDirectory(inbox_), IsEmpty());
}

TEST_P(ServerFilesTest, TheSizeHasToBeKnown) {
  const Result sent = Send("alice", {"-t", "bobby", "--file=/dev/stdin"}, "from a pipe");
  EXPECT_EQ(sent.exit_code, 65);
  EXPECT_THAT(sent.err, HasSubstr("/dev/stdin: its size has to be known"));
}

TEST_P(NoFilesTest, SaysWhoCarriesThem) {
  const std::string file = directory_.Write("file", "content");
  const Result sent = Send("alice", {"-t", "bobby", "--file", file});
  const Result listening =
      RunProcess(Tool("chat-listen", "bobby", {"--accept-files", inbox_, "--allow=*"}));
  for (const Result& result : {sent, listening}) {
    EXPECT_EQ(result.exit_code, 64);
    EXPECT_THAT(result.err, HasSubstr("carries no files"));
    for (const Dialect* other : DialectsThat(CarriesFiles)) {
      EXPECT_THAT(result.err, HasSubstr(std::string(other->name())));
    }
  }
}

TEST_P(FilesTest, SaysWhyThereIsNothingToSend) {
  EXPECT_EQ(Send("alice", {"--file", directory_.Write("file", "content")}).exit_code, 64);
  const auto fails = [&](const std::string& path) {
    return Send("alice", {"-t", "bobby", "--file", path}).exit_code;
  };
  EXPECT_EQ(fails("/nonexistent"), 66);
  EXPECT_EQ(fails("/"), 65);
  EXPECT_EQ(fails(directory_.Write(".hidden", "")), 65);
}

// Who asks for TLS does not want a word to go without.
TEST_P(DirectFilesTest, NothingGoesAroundTls) {
  const std::string tls = absl::StrCat(dialect_.name(), "+tls://127.0.0.1:1");
  const std::string file = directory_.Write("file", "content");
  for (const Result& result :
       {Send("alice", {"-s", tls, "-t", "bobby", "hello"}),
        Send("alice", {"-s", tls, "-t", "bobby", "--file", file}),
        RunProcess(Tool("chat-listen", "bobby",
                        {"-s", tls, "--accept-files", inbox_, "--allow=alice"}))}) {
    EXPECT_EQ(result.exit_code, 64);
    EXPECT_THAT(result.err, HasSubstr("not go over TLS"));
  }
}

TEST_P(FilesTest, SaysWhyItTakesNothing) {
  const auto takes = [&](std::vector<std::string> arguments) {
    return RunProcess(Tool("chat-listen", "bobby", std::move(arguments))).exit_code;
  };
  EXPECT_EQ(takes({"--accept-files", inbox_}), 64);
  EXPECT_EQ(takes({"--accept-files", "/nonexistent", "--allow=*"}), 74);
  EXPECT_EQ(takes({"--accept-files", inbox_, "--allow=two words"}), 64);
}

TEST_P(FilesTest, ATerminalShowsProgress) {
  const std::string path = directory_.Write("photo.png", std::string(100'000, 'x'));
  // What a person sees of it, whose terminal is a `term`.
  const auto seen = [&](const std::string& term, std::vector<std::string> more) {
    const auto bob = TakeFiles({"--allow=*", "-c1"});
    more.insert(more.end(), {"-t", "bobby", "--file", path});
    std::string command = "exec";
    for (const std::string& word : Tool("chat-send", "alice", more)) {
      absl::StrAppend(&command, " '", word, "'");
    }
    ProcessOptions options;
    options.stdout_is_terminal = true;
    options.environment = {{"TERM", term}};
    const Result sent = RunProcess({"/bin/sh", "-c", command + " 2>&1"}, "", options);
    EXPECT_EQ(sent.exit_code, 0) << sent.out;
    EXPECT_EQ(bob->Wait(), 0);
    std::filesystem::remove(inbox_ + "/photo.png");
    return sent.out;
  };
  const std::string shown = seen("xterm", {});
  EXPECT_THAT(shown, HasSubstr("photo.png: 1%, 1.0 KiB of 97.7 KiB"));
  EXPECT_TRUE(absl::EndsWith(shown, "\r\x1b[K"));
  EXPECT_EQ(seen("dumb", {}), "");
  EXPECT_EQ(seen("xterm", {"-q"}), "");
}

}  // namespace
}  // namespace chat::tools
