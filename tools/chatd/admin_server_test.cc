// The admin API, by gRPC on a real socket, over a real server.

#include "tools/chatd/admin_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "libchat/accounts/accounts.h"
#include "libchat/hub/hub.h"
#include "libchat/testing/toy_dialect.h"
#include "proto/chat/admin/v1/admin.grpc.pb.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "tools/chatd/admin_service.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

using admin::v1::Admin;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// A client of the toy dialect, which takes a line as its login.
class ToyClient {
 public:
  ToyClient(const net::ListenerOptions& listener, absl::string_view name)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    Say(name);
  }
  ToyClient(const ToyClient&) = delete;
  ToyClient& operator=(const ToyClient&) = delete;
  ~ToyClient() { close(fd_); }

  void Say(absl::string_view text) {
    const std::string line = absl::StrCat(text, "\n");
    EXPECT_EQ(send(fd_, line.data(), line.size(), MSG_NOSIGNAL), static_cast<ssize_t>(line.size()));
  }

 private:
  const int fd_;
};

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    AccountOptions accounts;
    accounts.path = directory_.path() + "/accounts.sqlite3";
    auto opened = Accounts::Open(std::move(accounts));
    EXPECT_TRUE(opened.ok()) << opened.status();
    accounts_ = *std::move(opened);
    net::ServerOptions options;
    options.accounts = accounts_.get();
    options.dialects = {&testing::ToyDialect()};
    options.listeners = {{&testing::ToyDialect(), "127.0.0.1", 0, {}}};
    options.threads = 2;
    options.log = [](net::LogLevel, absl::string_view) {};
    absl::StatusOr<std::unique_ptr<net::Server>> server = net::Server::Start(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& socket) {
    return AdminServer::Start(
        *server_, {socket, {&testing::ToyDialect()}, [this] { ++drains_; }, accounts_.get()});
  }

  void Serve() {
    absl::StatusOr<std::unique_ptr<AdminServer>> admin = Start(socket_);
    ASSERT_TRUE(admin.ok()) << admin.status();
    admin_ = *std::move(admin);
    channel_ = grpc::CreateChannel("unix:" + socket_, grpc::InsecureChannelCredentials());
    stub_ = Admin::NewStub(channel_);
  }

  // Logs in, and waits until the server has it.
  std::unique_ptr<ToyClient> LogIn(const std::string& name) {
    const size_t before = server_->hub().user_count();
    auto client = std::make_unique<ToyClient>(server_->listeners()[0], name);
    while (server_->hub().user_count() == before) std::this_thread::yield();
    return client;
  }

  // One call, with all that it needs made for it.
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, response);
  }

  const testing::TempDir directory_;
  const std::string socket_ = directory_.path() + "/run/admin.sock";
  std::atomic<int> drains_ = 0;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<AdminServer> admin_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Admin::Stub> stub_;
};

TEST_F(AdminServerTest, TellsTheStatus) {
  Serve();
  const auto ann = LogIn("ann");
  admin::v1::GetStatusResponse status;
  ASSERT_TRUE(Call(&Admin::Stub::GetStatus, admin::v1::GetStatusRequest(), &status).ok());
  EXPECT_NE(status.version(), "");
  EXPECT_GT(status.start_time().seconds(), 0);
  EXPECT_EQ(status.threads(), 2u);
  EXPECT_EQ(status.users(), 1u);
  EXPECT_EQ(status.users_by_dialect().at("toy"), 1u);
  EXPECT_EQ(status.connections(), 1u);
  EXPECT_THAT(status.listeners(), ElementsAre(net::ToUrl(server_->listeners()[0])));
  EXPECT_EQ(status.counters().at("logins"), 1u);
  EXPECT_EQ(status.counters().at("fault_malformed"), 0u);
  EXPECT_FALSE(status.draining());
}

TEST_F(AdminServerTest, TellsRates) {
  Serve();
  const auto ann = LogIn("ann");
  ann->Say("one");
  while (server_->hub().counters().value(Counter::kMessagesPublic) == 0) std::this_thread::yield();
  admin::v1::GetStatusResponse status;
  ASSERT_TRUE(Call(&Admin::Stub::GetStatus, admin::v1::GetStatusRequest(), &status).ok());
  EXPECT_GT(status.rates().messages_per_second(), 0);
  EXPECT_GT(status.rates().bytes_in_per_second(), 0);
}

TEST_F(AdminServerTest, ListsUsersInPages) {
  Serve();
  std::vector<std::unique_ptr<ToyClient>> clients;
  for (const char* name : {"cid", "ann", "bob"}) clients.push_back(LogIn(name));

  std::vector<std::string> names;
  admin::v1::ListUsersRequest request;
  request.set_page_size(2);
  do {
    admin::v1::ListUsersResponse page;
    ASSERT_TRUE(Call(&Admin::Stub::ListUsers, request, &page).ok());
    EXPECT_LE(page.users_size(), 2);
    for (const admin::v1::User& user : page.users()) {
      names.push_back(user.name());
      EXPECT_EQ(user.dialect(), "toy");
      EXPECT_GT(user.login_time().seconds(), 0);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("ann", "bob", "cid"));
}

TEST_F(AdminServerTest, ListsConnectionsInPages) {
  Serve();
  std::vector<std::unique_ptr<ToyClient>> clients;
  for (const char* name : {"cid", "ann", "bob"}) clients.push_back(LogIn(name));

  std::vector<std::string> names;
  admin::v1::ListConnectionsRequest request;
  request.set_page_size(1);
  do {
    admin::v1::ListConnectionsResponse page;
    ASSERT_TRUE(Call(&Admin::Stub::ListConnections, request, &page).ok());
    for (const admin::v1::Connection& connection : page.connections()) {
      names.push_back(connection.user());
      EXPECT_EQ(connection.address(), "");
      EXPECT_EQ(connection.state(), admin::v1::Connection::STATE_OPEN);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("ann", "bob", "cid"));
}

TEST_F(AdminServerTest, GivesAPageOfAtMostAThousand) {
  Serve();
  admin::v1::ListUsersRequest request;
  request.set_page_size(4000000000u);
  admin::v1::ListUsersResponse page;
  EXPECT_TRUE(Call(&Admin::Stub::ListUsers, request, &page).ok());
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(AdminServerTest, RefusesTokensOfNobody) {
  Serve();
  admin::v1::ListConnectionsRequest connections;
  connections.set_page_token("x");
  admin::v1::ListConnectionsResponse no_connections;
  EXPECT_EQ(Call(&Admin::Stub::ListConnections, connections, &no_connections).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  admin::v1::ListTunnelsRequest tunnels;
  tunnels.set_page_token("-1");
  admin::v1::ListTunnelsResponse no_tunnels;
  EXPECT_EQ(Call(&Admin::Stub::ListTunnels, tunnels, &no_tunnels).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  admin::v1::ListServersRequest servers;
  servers.set_page_token("x");
  admin::v1::ListServersResponse no_servers;
  EXPECT_EQ(Call(&Admin::Stub::ListServers, servers, &no_servers).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminServerTest, MergesOnlyWithAPort) {
  Serve();
  for (uint32_t port : {0u, 65536u}) {
    admin::v1::MergeRequest request;
    request.set_host("127.0.0.1");
    request.set_port(port);
    admin::v1::MergeResponse response;
    EXPECT_EQ(Call(&Admin::Stub::Merge, request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(AdminServerTest, SaysOnlyWhatIsText) {
  Serve();
  const std::pair<std::string, const char*> kCases[] = {
      {"", "text is empty"},
      {std::string(1025, 'x'), "text has 1025 bytes, more than 1024"},
      {std::string("a\0b", 3), "text is not UTF-8, or has a NUL"},
  };
  for (const auto& [text, error] : kCases) {
    admin::v1::SayRequest request;
    request.set_text(text);
    admin::v1::SayResponse response;
    const grpc::Status status = Call(&Admin::Stub::Say, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), error);
  }
}

TEST_F(AdminServerTest, KicksWhoIsThere) {
  Serve();
  const auto ann = LogIn("ann");
  admin::v1::KickUserRequest request;
  admin::v1::KickUserResponse response;
  request.set_name("bob");
  EXPECT_EQ(Call(&Admin::Stub::KickUser, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  request.set_name("ann");
  EXPECT_TRUE(Call(&Admin::Stub::KickUser, request, &response).ok());
  while (server_->hub().user_count() != 0) std::this_thread::yield();
}

TEST_F(AdminServerTest, KeepsAccounts) {
  Serve();
  admin::v1::AddAccountRequest add;
  admin::v1::AddAccountResponse added;
  add.set_password("swordfish");
  for (const char* name : {"cid", "ann", "bob"}) {
    add.set_name(name);
    EXPECT_TRUE(Call(&Admin::Stub::AddAccount, add, &added).ok()) << name;
  }
  EXPECT_EQ(Call(&Admin::Stub::AddAccount, add, &added).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  for (const char* name : {"", "two words", "server"}) {
    add.set_name(name);
    EXPECT_EQ(Call(&Admin::Stub::AddAccount, add, &added).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }

  admin::v1::SetAccountPasswordRequest set;
  admin::v1::SetAccountPasswordResponse was_set;
  set.set_name("ann");
  EXPECT_EQ(Call(&Admin::Stub::SetAccountPassword, set, &was_set).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);  // no password
  set.set_password("trout");
  EXPECT_TRUE(Call(&Admin::Stub::SetAccountPassword, set, &was_set).ok());
  set.set_name("dan");
  EXPECT_EQ(Call(&Admin::Stub::SetAccountPassword, set, &was_set).error_code(),
            grpc::StatusCode::NOT_FOUND);

  std::vector<std::string> names;
  admin::v1::ListAccountsRequest list;
  list.set_page_size(2);
  do {
    admin::v1::ListAccountsResponse page;
    ASSERT_TRUE(Call(&Admin::Stub::ListAccounts, list, &page).ok());
    EXPECT_LE(page.accounts_size(), 2);
    for (const admin::v1::Account& account : page.accounts()) {
      names.push_back(account.name());
      EXPECT_GT(account.create_time().seconds(), 0);
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(names, ElementsAre("ann", "bob", "cid"));

  admin::v1::RemoveAccountRequest remove;
  admin::v1::RemoveAccountResponse removed;
  remove.set_name("ann");
  EXPECT_TRUE(Call(&Admin::Stub::RemoveAccount, remove, &removed).ok());
  EXPECT_EQ(Call(&Admin::Stub::RemoveAccount, remove, &removed).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_FALSE(accounts_->Has("ann"));
}

TEST_F(AdminServerTest, PassesDrainOn) {
  Serve();
  admin::v1::DrainResponse response;
  EXPECT_TRUE(Call(&Admin::Stub::Drain, admin::v1::DrainRequest(), &response).ok());
  EXPECT_EQ(drains_, 1);
}

TEST_F(AdminServerTest, RefusesMoreThanAMebibyte) {
  Serve();
  admin::v1::SayRequest request;
  request.set_text(std::string(1 << 20, 'x'));
  admin::v1::SayResponse response;
  EXPECT_EQ(Call(&Admin::Stub::Say, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// A watch that has begun.
struct Watcher {
  explicit Watcher(Admin::Stub& stub) : reader(stub.Watch(&context, {})) {
    reader->WaitForInitialMetadata();
  }
  ~Watcher() {
    context.TryCancel();
    reader->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<admin::v1::WatchResponse>> reader;
};

TEST_F(AdminServerTest, LetsSeveralWatch) {
  Serve();
  Watcher one(*stub_);
  Watcher two(*stub_);
  const auto ann = LogIn("ann");
  for (Watcher* watcher : {&one, &two}) {
    admin::v1::WatchResponse event;
    ASSERT_TRUE(watcher->reader->Read(&event));
    EXPECT_EQ(event.kind(), admin::v1::WatchResponse::KIND_LOGIN);
    EXPECT_EQ(event.user(), "ann");
    EXPECT_EQ(event.dialect(), "toy");
  }
}

// The server keeps nothing for a watcher that does not read: it says how much is lost.
TEST_F(AdminServerTest, LosesEventsForASlowWatcher) {
  Serve();
  Watcher watcher(*stub_);
  const uint64_t first = server_->hub().events().next();
  constexpr uint64_t kEvents = 20000;
  for (uint64_t i = 0; i < kEvents; ++i) {
    ServerEvent event;
    event.kind = ServerEvent::Kind::kSay;
    event.detail = std::string(1000, 'x');
    server_->hub().events().Emit(std::move(event));
  }
  uint64_t next = first;
  uint64_t lost = 0;
  while (next != first + kEvents) {
    admin::v1::WatchResponse event;
    ASSERT_TRUE(watcher.reader->Read(&event));
    const bool gap = event.kind() == admin::v1::WatchResponse::KIND_GAP;
    if (gap) lost += event.number();
    EXPECT_EQ(event.sequence(), gap ? next + event.number() - 1 : next);
    next = event.sequence() + 1;
  }
  EXPECT_GT(lost, 0u);
}

TEST_F(AdminServerTest, LetsSoManyWatch) {
  Serve();
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < AdminService::kMaxWatchers; ++i) {
    watchers.push_back(std::make_unique<Watcher>(*stub_));
  }
  grpc::ClientContext context;
  const auto refused = stub_->Watch(&context, {});
  admin::v1::WatchResponse event;
  EXPECT_FALSE(refused->Read(&event));
  const grpc::Status status = refused->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "there are 16 watchers already");
}

TEST_F(AdminServerTest, EndsWatchesWithItself) {
  Serve();
  Watcher watcher(*stub_);
  admin_.reset();
  admin::v1::WatchResponse event;
  EXPECT_FALSE(watcher.reader->Read(&event));
}

TEST_F(AdminServerTest, TellsItsHealth) {
  Serve();
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  const auto check = [&] {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse response;
    EXPECT_TRUE(health->Check(&context, {}, &response).ok());
    return response.status();
  };
  EXPECT_EQ(check(), grpc::health::v1::HealthCheckResponse::SERVING);
  admin_->SayDraining();
  EXPECT_EQ(check(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
}

TEST_F(AdminServerTest, IsForThisUserAlone) {
  Serve();
  struct stat found;
  ASSERT_EQ(stat(socket_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((directory_.path() + "/run").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(AdminServerTest, IsOneAtATime) {
  Serve();
  const auto second = Start(socket_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              EndsWith(absl::StrCat("admin.sock.lock is locked by process ", getpid())));
  admin::v1::GetStatusResponse status;
  EXPECT_TRUE(Call(&Admin::Stub::GetStatus, admin::v1::GetStatusRequest(), &status).ok())
      << "the first one still serves";
  admin_.reset();
  EXPECT_TRUE(Start(socket_).ok());
}

TEST_F(AdminServerTest, ReplacesASocketThatNobodyServes) {
  ASSERT_EQ(mkdir((directory_.path() + "/run").c_str(), 0700), 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(stale);
  Serve();
  admin::v1::GetStatusResponse status;
  EXPECT_TRUE(Call(&Admin::Stub::GetStatus, admin::v1::GetStatusRequest(), &status).ok());
}

TEST_F(AdminServerTest, ReplacesNothingElse) {
  const std::string path = directory_.Write("file", "precious");
  const auto admin = Start(path);
  EXPECT_EQ(admin.status().message(), path + " exists and is no socket");
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(AdminServerTest, StaysOutOfDirectoriesWhereOthersCanReplaceIt) {
  const std::string open = directory_.path() + "/open";
  ASSERT_EQ(mkdir(open.c_str(), 0700), 0);
  ASSERT_EQ(chmod(open.c_str(), 0777), 0);
  const auto admin = Start(open + "/admin.sock");
  EXPECT_EQ(admin.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(admin.status().message()), HasSubstr("can be written by other users"));
}

}  // namespace
}  // namespace chat::tools
