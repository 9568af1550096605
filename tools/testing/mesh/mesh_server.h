// Real chatds that merge, for tests of networks of them.

#ifndef TOOLS_TESTING_MESH_MESH_SERVER_H_
#define TOOLS_TESTING_MESH_MESH_SERVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "tools/chat-admin/admin_client.h"
#include "tools/testing/server.h"

namespace chat::testing {

// Waits until `condition` holds; false, and a failure of the test, if it does not within two
// minutes: a link that broke is tried again with waits of up to half a minute. For what can only be
// looked at.
bool Eventually(const std::function<bool()>& condition, absl::string_view what);

// A chatd on 127.0.0.1 for cfp, where it takes links, and other dialects. It can be killed and come
// back as the same server: on the same port for links, and with the same data.
class MeshServer {
 public:
  struct Options {
    std::vector<std::string> dialects = {};  // besides cfp
    std::vector<std::string> allowed = {"127.0.0.0/8"};
    std::vector<std::string> flags = {};
  };

  explicit MeshServer(int32_t id);
  MeshServer(int32_t id, Options options);

  int32_t id() const { return id_; }
  // Where it listens for a dialect. After Restart only cfp is where it was.
  const std::string& url(absl::string_view dialect = "cfp") const;
  // Where it takes links.
  uint16_t port() const { return port_; }
  std::string address() const;

  bool running() const { return running_; }
  // With SIGKILL.
  void Kill();
  // Kills it, if it runs, and starts it again.
  void Restart();

  Process& process() { return server_.process(); }
  // The most memory that it ever had, in bytes.
  int64_t MemoryPeak();

  // What its operator does, with the real chat-admin.
  Result Admin(std::vector<std::string> words) const;
  // `chat-admin merge`, which succeeds unless they are merged already.
  void Merge(const MeshServer& other) { MergeWith(other.address()); }
  void MergeWith(const std::string& address) const;
  // The rows of `chat-admin servers`.
  nlohmann::json Servers() const;

  // The same, without a process for each time.
  absl::Status Ask(const MeshServer& other);
  std::vector<admin::v1::Server> Peers();
  std::set<int32_t> Merged();
  uint64_t Counter(const std::string& name);
  bool AwaitMerged(const std::set<int32_t>& ids);
  bool AwaitCounter(const std::string& name, uint64_t at_least);

 private:
  void Started();
  tools::AdminClient& client();

  const int32_t id_;
  const uint16_t port_;
  ChatServer server_;
  bool running_ = true;
  std::map<std::string, std::string> urls_;  // by dialect
  std::unique_ptr<tools::AdminClient> client_;
};

// Waits until each of them is merged with all others of them and nobody else, by one link for each
// two; then asks `chat-admin servers` of each, which must say that. `where`: the addresses that
// servers are known by, where they are not their own.
void ExpectMesh(const std::vector<MeshServer*>& servers,
                const std::map<int32_t, std::string>& where = {});

}  // namespace chat::testing

#endif  // TOOLS_TESTING_MESH_MESH_SERVER_H_
