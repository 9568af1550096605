#include "tools/testing/mesh/mesh_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace chat::testing {
namespace {

using nlohmann::json;

constexpr absl::Duration kHangGuard = absl::Minutes(2);

// One that the kernel chooses for nobody (those are 32768 and above), so that a server that was
// killed finds its port free when it comes back.
uint16_t FreePort() {
  static std::mt19937 random{std::random_device()()};
  for (int tries = 0; tries < 1000; ++tries) {
    const auto port = static_cast<uint16_t>(10'000 + random() % 22'000);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    if (free) return port;
  }
  ADD_FAILURE() << "no free port";
  return 0;
}

std::string CfpUrl(uint16_t port) { return absl::StrCat("cfp://127.0.0.1:", port); }

std::vector<std::string> Flags(int32_t id, const MeshServer::Options& options) {
  std::vector<std::string> flags = {absl::StrCat("--server-id=", id)};
  for (const std::string& dialect : options.dialects) {
    flags.push_back(absl::StrCat("--listen=", dialect, "://127.0.0.1:0"));
  }
  for (const std::string& range : options.allowed) {
    flags.push_back(absl::StrCat("--allow-merge-from=", range));
  }
  flags.insert(flags.end(), options.flags.begin(), options.flags.end());
  return flags;
}

const admin::v1::Server* Find(const std::vector<admin::v1::Server>& servers, int32_t id) {
  for (const admin::v1::Server& server : servers) {
    if (server.id() == id) return &server;
  }
  return nullptr;
}

std::set<int32_t> IdsBut(const std::vector<MeshServer*>& servers, const MeshServer* left_out) {
  std::set<int32_t> ids;
  for (const MeshServer* server : servers) {
    if (server != left_out) ids.insert(server->id());
  }
  return ids;
}

std::set<int32_t> IdsOf(const std::vector<admin::v1::Server>& servers) {
  std::set<int32_t> ids;
  for (const admin::v1::Server& server : servers) ids.insert(server.id());
  return ids;
}

// One of each two has opened their link.
bool IsSettled(const std::vector<MeshServer*>& servers) {
  std::map<int32_t, std::vector<admin::v1::Server>> peers;
  for (MeshServer* server : servers) {
    peers[server->id()] = server->Peers();
    if (IdsOf(peers[server->id()]) != IdsBut(servers, server)) return false;
  }
  for (const auto& [id, theirs] : peers) {
    for (const admin::v1::Server& peer : theirs) {
      if (Find(peers[peer.id()], id)->opened_here() == peer.opened_here()) return false;
    }
  }
  return true;
}

std::string Tables(const std::vector<MeshServer*>& servers) {
  std::string tables;
  for (const MeshServer* server : servers) {
    absl::StrAppend(&tables, "\nof ", server->id(), ": ", server->Servers().dump());
  }
  return tables;
}

}  // namespace

bool Eventually(const std::function<bool()>& condition, absl::string_view what) {
  const absl::Time give_up = absl::Now() + kHangGuard;
  while (!condition()) {
    if (absl::Now() > give_up) {
      ADD_FAILURE() << "waited in vain for this: " << what;
      return false;
    }
    absl::SleepFor(absl::Milliseconds(2));  // then looks again
  }
  return true;
}

MeshServer::MeshServer(int32_t id) : MeshServer(id, Options()) {}

MeshServer::MeshServer(int32_t id, Options options)
    : id_(id), port_(FreePort()), server_(CfpUrl(port_), Flags(id, options)) {
  Started();
}

void MeshServer::Started() {
  running_ = true;
  client_ = nullptr;
  urls_.clear();
  for (const std::string& url : server_.urls()) urls_.emplace(url.substr(0, url.find(':')), url);
}

const std::string& MeshServer::url(absl::string_view dialect) const {
  static const std::string& none = *new std::string;
  const auto it = urls_.find(std::string(dialect));
  EXPECT_NE(it, urls_.end()) << "does not speak " << dialect;
  return it == urls_.end() ? none : it->second;
}

std::string MeshServer::address() const { return absl::StrCat("127.0.0.1:", port_); }

void MeshServer::Kill() {
  process().Signal(SIGKILL);
  process().Wait();
  running_ = false;
}

void MeshServer::Restart() {
  server_.Restart();
  Started();
}

int64_t MeshServer::MemoryPeak() {
  std::ifstream status(absl::StrCat("/proc/", process().pid(), "/status"));
  for (std::string line; std::getline(status, line);) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t kib = 0;
    if (words.size() > 1 && words[0] == "VmHWM:" && absl::SimpleAtoi(words[1], &kib)) {
      return kib * 1024;
    }
  }
  ADD_FAILURE() << "its memory is not known";
  return 0;
}

// ---- Its operator ----

Result MeshServer::Admin(std::vector<std::string> words) const {
  words.insert(words.begin(), {Runfile("tools/chat-admin/chat-admin"), "-a", server_.admin()});
  return RunProcess(std::move(words));
}

void MeshServer::MergeWith(const std::string& address) const {
  const Result result = Admin({"merge", address});
  EXPECT_TRUE(result.exit_code == 0 || absl::StrContains(result.err, "already"))
      << id_ << " with " << address << ": " << result.err;
}

json MeshServer::Servers() const {
  const Result result = Admin({"servers", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  json rows = json::parse(result.out, nullptr, false);
  EXPECT_TRUE(rows.is_array()) << result.out;
  return rows;
}

tools::AdminClient& MeshServer::client() {
  if (client_ == nullptr) {
    auto client = tools::AdminClient::Open(server_.admin().substr(strlen("unix:")), kHangGuard);
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }
  return *client_;
}

absl::Status MeshServer::Ask(const MeshServer& other) {
  return client().Merge("127.0.0.1", other.port());
}

std::vector<admin::v1::Server> MeshServer::Peers() {
  const auto servers = client().Servers();
  EXPECT_TRUE(servers.ok()) << servers.status();
  return servers.value_or(std::vector<admin::v1::Server>());
}

std::set<int32_t> MeshServer::Merged() { return IdsOf(Peers()); }

uint64_t MeshServer::Counter(const std::string& name) {
  const auto status = client().GetStatus();
  EXPECT_TRUE(status.ok()) << status.status();
  if (!status.ok()) return 0;
  const auto it = status->counters().find(name);
  EXPECT_NE(it, status->counters().end()) << "no counter " << name;
  return it == status->counters().end() ? 0 : it->second;
}

bool MeshServer::AwaitMerged(const std::set<int32_t>& ids) {
  return Eventually([&] { return Merged() == ids; },
                    absl::StrCat("{", absl::StrJoin(ids, ", "), "} at server ", id_));
}

bool MeshServer::AwaitCounter(const std::string& name, uint64_t at_least) {
  return Eventually([&] { return Counter(name) >= at_least; },
                    absl::StrCat(name, " of ", at_least, " at server ", id_));
}

// ---- All of them ----

void ExpectMesh(const std::vector<MeshServer*>& servers,
                const std::map<int32_t, std::string>& where) {
  if (!Eventually([&] { return IsSettled(servers); }, "one network")) {
    ADD_FAILURE() << Tables(servers);
    return;
  }
  for (MeshServer* server : servers) {
    const std::vector<admin::v1::Server> peers = server->Peers();
    json expected = json::array();
    for (const MeshServer* other : servers) {
      if (other == server) continue;
      const auto at = where.find(other->id());
      expected.push_back({{"id", other->id()},
                          {"address", at == where.end() ? other->address() : at->second},
                          {"opened_here", Find(peers, other->id())->opened_here()}});
    }
    json rows = server->Servers();
    for (json& row : rows) {
      EXPECT_NE(row["connection_id"], "") << row;
      EXPECT_NE(row["merge_time"], "") << row;
      row.erase("connection_id");
      row.erase("merge_time");
    }
    EXPECT_EQ(rows, expected) << "of server " << server->id();
  }
}

}  // namespace chat::testing
