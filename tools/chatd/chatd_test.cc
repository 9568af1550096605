// chatd, as its users run it.

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "libchat/dialect/registry.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "tools/testing/process.h"
#include "tools/testing/user/test_user.h"

namespace chat {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Process;
using testing::ProcessOptions;
using testing::Result;
using testing::RunProcess;
using ::testing::StartsWith;
using testing::TempDir;
using testing::TestTunnel;
using testing::TestUser;

// The dialect that the tests connect with: any that has tunnels.
std::string Scheme() {
  for (const Dialect* dialect : AllDialects()) {
    if (dialect->client_traits().relays) return std::string(dialect->name());
  }
  return "";
}

class ChatdTest : public ::testing::Test {
 protected:
  using Environment = std::map<std::string, std::string>;

  std::vector<std::string> Argv(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), testing::Runfile("tools/chatd/chatd"));
    return flags;
  }
  // Its flags for a server of its own.
  std::vector<std::string> Own(std::vector<std::string> more = {}) const {
    std::vector<std::string> flags = {"--listen",   Listen(),
                                      "--admin",    "unix:" + Socket(),
                                      "--data-dir", directory_.path() + "/data"};
    // An option is given once.
    if (!more.empty() && more.front() == "--data-dir") flags.resize(flags.size() - 2);
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }
  std::string Listen() const { return Scheme() + "://127.0.0.1:0"; }
  std::string Socket() const { return directory_.path() + "/run/admin.sock"; }

  Result Run(std::vector<std::string> flags, Environment environment = {}) const {
    ProcessOptions options;
    options.environment = std::move(environment);
    options.environment.emplace("HOME", directory_.path());
    return RunProcess(Argv(std::move(flags)), "", std::move(options));
  }

  // A chatd that is ready.
  struct Server {
    explicit Server(std::vector<std::string> argv) {
      argv.insert(argv.end(), {"--ready-fd", "3"});
      ProcessOptions options;
      options.outputs = {3};
      process.emplace(std::move(argv), std::move(options));
      const std::string ready = process->WaitForText(3, "\n\n");
      urls = absl::StrSplit(ready, '\n', absl::SkipEmpty());
    }
    std::string url() const { return urls.empty() ? "" : urls[0]; }

    std::optional<Process> process;
    std::vector<std::string> urls;
  };

  void WriteConfig(const std::string& text) const { directory_.Write("chatd.textproto", text); }
  std::string ConfigPath() const { return directory_.path() + "/chatd.textproto"; }

  const TempDir directory_;
};

// ---- Settings ----

TEST_F(ChatdTest, PrintsAConfigThatReadsBack) {
  const Result first = Run(Own({"--threads", "2", "--print-config"}));
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.err, "");
  EXPECT_THAT(first.out, HasSubstr("tunnels_per_user: \"256\""));
  WriteConfig(first.out);
  const Result second = Run({"--config", ConfigPath(), "--print-config"});
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
  EXPECT_EQ(Run({"--config", ConfigPath(), "--check-config"}).exit_code, 0);
}

TEST_F(ChatdTest, PrintsTheDefaults) {
  const Result result = Run({"--print-config"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  size_t listeners = 0;
  for (const Dialect* dialect : AllDialects()) listeners += dialect->default_listeners().size();
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
  size_t printed = 0;
  for (const std::string& line : lines) printed += absl::StartsWith(line, "listen: ");
  EXPECT_EQ(printed, listeners);
  EXPECT_THAT(result.out,
              HasSubstr("\ndata_dir: \"" + directory_.path() + "/.local/state/chatd\""));
}

TEST_F(ChatdTest, AFlagWinsOverTheEnvironmentAndThatOverTheFile) {
  WriteConfig("log_level: 'error' threads: 1");
  const Environment environment = {{"CHATD_CONFIG", ConfigPath()}, {"CHATD_THREADS", "2"}};
  const auto printed = [&](std::vector<std::string> flags, Environment environment) {
    flags.push_back("--print-config");
    return Run(std::move(flags), std::move(environment)).out;
  };
  EXPECT_THAT(printed({}, environment),
              AllOf(HasSubstr("log_level: \"error\""), HasSubstr("threads: 2")));
  EXPECT_THAT(printed({"--threads", "3"}, environment), HasSubstr("threads: 3"));
  EXPECT_THAT(printed({"--config", ConfigPath()}, {}), HasSubstr("threads: 1"));
  EXPECT_THAT(printed({"-v"}, environment), HasSubstr("log_level: \"debug\""));
  EXPECT_THAT(printed({"-v", "--log-level", "info"}, {}), HasSubstr("log_level: \"info\""));
  EXPECT_THAT(printed({}, {{"CHATD_LISTEN", absl::StrCat(Listen(), " ", Listen())}}),
              StartsWith(absl::StrCat("listen: \"", Listen(), "\"\nlisten: \"", Listen(), "\"\n")));
}

TEST_F(ChatdTest, SaysEverythingThatIsWrong) {
  WriteConfig("threads: 1\nlimits {\n  login: '0'\n}\n");
  const Result result = Run({"--config", ConfigPath(), "--log-level", "loud", "--check-config"});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            absl::StrCat("chatd: --log-level: \"loud\" is not one of debug, info, warning, error\n",
                         "chatd: ", ConfigPath(), ":3: limits.login: \"0\" is refused: ",
                         "to lift the bound, say \"unlimited\"\n"));
}

TEST_F(ChatdTest, RefusesWhatItCannotDo) {
  const Result missing = Run({"--config", "/nowhere/chatd.textproto"});
  EXPECT_EQ(missing.exit_code, 66);
  EXPECT_EQ(missing.err,
            "chatd: cannot read /nowhere/chatd.textproto: No such file or directory\n");
  EXPECT_EQ(Run({"--config", "/"}).err, "chatd: cannot read /: Is a directory\n");
  const Result tcp = Run({"--admin", "127.0.0.1:7790"});
  EXPECT_EQ(tcp.exit_code, 78);
  EXPECT_THAT(tcp.err, HasSubstr("TCP is refused"));
  EXPECT_EQ(Run({"--nix"}).exit_code, 64);
  EXPECT_EQ(Run({"word"}).exit_code, 64);
  const Result closed = Run(Own({"--ready-fd", "77"}));
  EXPECT_EQ(closed.exit_code, 64);
  EXPECT_EQ(closed.err, "chatd: --ready-fd: 77 is not open\n");
  const Result data = Run(Own({"--data-dir", "/dev/null/data"}));
  EXPECT_EQ(data.exit_code, 74);
  EXPECT_EQ(data.err, "chatd: /dev/null is not a directory\n");
}

TEST_F(ChatdTest, Helps) {
  const Result help = Run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--listen"), HasSubstr("Example")));
  EXPECT_THAT(Run({"-V"}).out, StartsWith("chatd "));
}

// ---- Being there ----

TEST_F(ChatdTest, SaysWhereItListens) {
  const Server server(Argv(Own({"--listen", Listen()})));
  ASSERT_EQ(server.urls.size(), 2u);
  for (const std::string& url : server.urls) {
    TestUser user(url);
    user.LogIn(url.substr(url.rfind(':') + 1));
  }
}

TEST_F(ChatdTest, NamesTheListenerThatCannotBe) {
  const Server server(Argv(Own()));
  const Result second = Run(
      {"--listen", server.url(), "--admin", "none", "--data-dir", directory_.path() + "/other"});
  EXPECT_EQ(second.exit_code, 74);
  EXPECT_THAT(second.err, HasSubstr(server.url()));
}

TEST_F(ChatdTest, SharesNeitherItsDataNorItsSocket) {
  Server server(Argv(Own()));
  const Result same_data = Run(Own());
  EXPECT_EQ(same_data.exit_code, 74);
  EXPECT_EQ(same_data.err,
            absl::StrCat("chatd: ", directory_.path(), "/data/lock is locked by process ",
                         server.process->pid(),
                         ": another server keeps its data there (see --data-dir)\n"));
  const Result other_data = Run(Own({"--data-dir", directory_.path() + "/other"}));
  EXPECT_EQ(other_data.exit_code, 74);
  EXPECT_THAT(other_data.err,
              HasSubstr(absl::StrCat("chatd: admin API: ", Socket(), ".lock is locked by process ",
                                     server.process->pid(), "\n")));
}

TEST_F(ChatdTest, StartsAgainAfterItWasKilled) {
  {
    Server server(Argv(Own()));
    server.process->Signal(SIGKILL);
    EXPECT_EQ(server.process->Wait(), 137);
  }
  struct stat left;
  ASSERT_EQ(stat(Socket().c_str(), &left), 0) << "a stale socket";
  Server server(Argv(Own()));
  server.process->Signal(SIGTERM);
  EXPECT_EQ(server.process->Wait(), 0);
}

TEST_F(ChatdTest, ServesNoAdminApiIfSo) {
  Server server(
      Argv({"--listen", Listen(), "--admin", "none", "--data-dir", directory_.path() + "/data"}));
  server.process->Signal(SIGTERM);
  EXPECT_EQ(server.process->Wait(), 0);
  EXPECT_THAT(server.process->Stderr(), Not(HasSubstr("admin API")));
}

TEST_F(ChatdTest, KeepsItsFilesToItself) {
  const Server server(Argv(Own()));
  const std::pair<std::string, mode_t> kFiles[] = {
      {directory_.path() + "/data", 0700},
      {directory_.path() + "/data/lock", 0600},
      {directory_.path() + "/run", 0700},
      {Socket(), 0600},
  };
  for (const auto& [path, mode] : kFiles) {
    struct stat found;
    ASSERT_EQ(stat(path.c_str(), &found), 0) << path;
    EXPECT_EQ(found.st_mode & 0777, mode) << path;
  }
}

// ---- Signals ----

TEST_F(ChatdTest, DrainsWhenItIsTerminated) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Server server(Argv(Own()));
    {
      TestUser ann(server.url());
      ann.LogIn("ann");
      server.process->Signal(signal);
      ann.AwaitClosed();
    }
    EXPECT_EQ(server.process->Wait(), 0);
    EXPECT_THAT(server.process->Stderr(), AllOf(HasSubstr(" draining"), HasSubstr(" ended\n")));
    struct stat left;
    EXPECT_NE(stat(Socket().c_str(), &left), 0) << "the socket is still there";
  }
}

TEST_F(ChatdTest, EndsAtOnceWhenItIsTerminatedTwice) {
  Server server(Argv(Own()));
  TestUser ann(server.url());
  ann.LogIn("ann");
  TestUser bob(server.url());
  bob.LogIn("bob");
  const TestTunnel tunnel(server.url(), ann, "ann", bob, "bob");
  server.process->Signal(SIGTERM);
  ann.AwaitClosed();  // while the tunnel may go on for half a minute
  server.process->Signal(SIGTERM);
  EXPECT_EQ(server.process->Wait(), 143);
}

// Nobody takes what was cut short for the whole.
TEST_F(ChatdTest, ResetsTheTunnelsThatItDoesNotSeeToTheirEnd) {
  WriteConfig("limits { drain_relays: '100ms' }");
  struct Case {
    const char* name;
    std::vector<int> signals;
    bool brief_drain;
  };
  const Case kCases[] = {
      {"the time to drain is over", {SIGTERM}, true},
      {"terminated twice", {SIGTERM, SIGTERM}, false},
      {"killed", {SIGKILL}, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    std::vector<std::string> flags = Own();
    if (c.brief_drain) flags.insert(flags.end(), {"--config", ConfigPath()});
    Server server(Argv(flags));
    TestUser ann(server.url());
    ann.LogIn("ann");
    TestUser bob(server.url());
    bob.LogIn("bob");
    TestTunnel open(server.url(), ann, "ann", bob, "bob");
    TestTunnel half(server.url(), ann, "ann", bob, "bob");
    TestTunnel whole(server.url(), ann, "ann", bob, "bob");
    open.first.WriteTunnel("some of it");
    EXPECT_EQ(open.second.ReadTunnel(10), "some of it");
    half.first.WriteTunnel("all of it");
    half.first.EndTunnel();
    EXPECT_EQ(half.second.ReadTunnel(100), "all of it");
    whole.first.WriteTunnel("question");
    whole.first.EndTunnel();
    EXPECT_EQ(whole.second.ReadTunnel(100), "question");
    whole.second.WriteTunnel("answer");
    whole.second.EndTunnel();
    EXPECT_EQ(whole.first.ReadTunnel(6), "answer");
    EXPECT_FALSE(whole.first.AwaitTunnelReset());

    for (const int signal : c.signals) {
      server.process->Signal(signal);
      if (signal == SIGTERM) ann.AwaitClosed();
    }
    EXPECT_TRUE(open.first.AwaitTunnelReset());
    EXPECT_TRUE(open.second.AwaitTunnelReset());
    EXPECT_TRUE(half.first.AwaitTunnelReset());
    EXPECT_FALSE(half.second.AwaitTunnelReset());  // it had all of it
    server.process->Wait();
  }
}

TEST_F(ChatdTest, ReloadsLimitsAndLogLevel) {
  WriteConfig("log_level: 'info'");
  Server server(Argv(Own({"--config", ConfigPath()})));
  WriteConfig("threads: 7 limits { connections_per_address: '1' exempt_loopback: false }");
  server.process->Signal(SIGHUP);
  EXPECT_THAT(server.process->WaitForText(2, "limits and log level are reloaded"),
              HasSubstr("threads has changed: that needs a restart"));
  TestUser ann(server.url());
  ann.LogIn("ann");
  TestUser(server.url()).AwaitClosed();

  WriteConfig("log_level: 'debug'");
  server.process->Signal(SIGHUP);
  server.process->WaitForOutput(2, [](absl::string_view log) {
    const std::vector<absl::string_view> parts = absl::StrSplit(log, "level are reloaded");
    return parts.size() == 3;
  });
  TestUser bob(server.url());
  bob.LogIn("bob");
}

TEST_F(ChatdTest, KeepsTheOldConfigIfTheNewOneIsBroken) {
  WriteConfig("");
  Server server(Argv(Own({"--config", ConfigPath()})));
  WriteConfig("limits { connections_per_address: '1' exempt_loopback: false } threads: 0");
  server.process->Signal(SIGHUP);
  server.process->WaitForText(2, absl::StrCat("error ", ConfigPath(), ":1: threads: \"0\" "));
  TestUser ann(server.url());
  ann.LogIn("ann");
  TestUser bob(server.url());
  bob.LogIn("bob");
}

TEST_F(ChatdTest, OutlivesAReaderOfItsLogAndOfItsReadiness) {
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  ProcessOptions options;
  options.stdout_fd = pipe[1];
  Process process(Argv(Own({"--ready-fd", "1"})), std::move(options));
  close(pipe[1]);
  close(pipe[0]);
  process.WaitForText(2, "admin API on");
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

// ---- gRPC's own services ----

TEST_F(ChatdTest, AnswersHealthChecks) {
  const Server server(Argv(Own()));
  const auto health = grpc::health::v1::Health::NewStub(
      grpc::CreateChannel("unix:" + Socket(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = health->Check(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST_F(ChatdTest, DescribesItsApi) {
  using grpc::reflection::v1alpha::ServerReflection;
  using grpc::reflection::v1alpha::ServerReflectionRequest;
  using grpc::reflection::v1alpha::ServerReflectionResponse;
  const Server server(Argv(Own()));
  const auto reflection = ServerReflection::NewStub(
      grpc::CreateChannel("unix:" + Socket(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = reflection->ServerReflectionInfo(&context);

  ServerReflectionRequest request;
  ServerReflectionResponse response;
  request.set_list_services("");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  std::vector<std::string> services;
  for (const auto& service : response.list_services_response().service()) {
    services.push_back(service.name());
  }
  EXPECT_THAT(services, ::testing::IsSupersetOf({"chat.admin.v1.Admin", "grpc.health.v1.Health"}));

  request.set_file_containing_symbol("chat.admin.v1.Admin");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_GE(response.file_descriptor_response().file_descriptor_proto_size(), 1);
  google::protobuf::FileDescriptorProto file;
  ASSERT_TRUE(file.ParseFromString(response.file_descriptor_response().file_descriptor_proto(0)));
  ASSERT_EQ(file.service_size(), 1);
  EXPECT_EQ(file.service(0).method_size(), 15);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace chat
