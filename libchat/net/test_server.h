// A server in the test's own process.

#ifndef LIBCHAT_NET_TEST_SERVER_H_
#define LIBCHAT_NET_TEST_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "libchat/accounts/accounts.h"
#include "libchat/dialect/dialect.h"
#include "libchat/hub/counters.h"
#include "libchat/hub/limits.h"
#include "libchat/net/server.h"
#include "libchat/net/test_client.h"

namespace chat::net {

// Bounds for the tests of one of them: loopback is as any address, and the rates are out of the
// way.
Limits TestLimits();

// Listens on a port of 127.0.0.1 for chaton, with LONGs of 4 bytes, and for each dialect in `more`.
// With `long_bytes_8` also for chaton with LONGs of 8 bytes.
class TestServer {
 public:
  explicit TestServer(const Limits& limits = TestLimits(), uint32_t threads = 2,
                      const std::vector<const Dialect*>& more = {}, Accounts* accounts = nullptr,
                      bool long_bytes_8 = false);

  Server& operator*() { return *server_; }
  Server* operator->() { return server_.get(); }
  // Ends it.
  void Stop() { server_.reset(); }

  // Where chaton is spoken (0), or the dialects of `more` (1, ...), or (the last) chaton with LONGs
  // of 8 bytes.
  uint16_t port(size_t listener = 0) const { return ports_[listener]; }
  uint64_t count(Counter counter) { return server_->hub().counters().value(counter); }
  uint64_t count(Fault fault) { return server_->hub().counters().value(fault); }
  bool AwaitCount(Counter counter, uint64_t at_least);
  bool AwaitCount(Fault fault, uint64_t at_least);
  // Until exactly so many are there.
  bool AwaitConnections(size_t count);
  size_t CountIn(ConnectionInfo::State state);
  bool AwaitIn(ConnectionInfo::State state, size_t count);
  // The lines that it has logged.
  std::vector<std::string> log();

  // A client that has logged in.
  TestClient LoggedIn(absl::string_view name, const char* from = "127.0.0.1",
                      int receive_buffer = 0);

 private:
  struct Log {
    absl::Mutex mu;
    std::vector<std::string> lines ABSL_GUARDED_BY(mu);
  };

  const std::shared_ptr<Log> log_ = std::make_shared<Log>();
  std::unique_ptr<Server> server_;
  std::vector<uint16_t> ports_;
};

// A private connection between two users: both halves are there.
struct TestTunnel {
  uint32_t connect_id = 0;
  TestClient first;   // the asker's half, which came first
  TestClient second;  // the target's
};

// `asker` asks `target`, who accepts. Returns the connect_id. The clients have nothing unread.
uint32_t AgreeOnRelay(TestClient& asker, absl::string_view asker_name, TestClient& target,
                      absl::string_view target_name);
// ... and both halves come.
TestTunnel OpenTunnel(TestServer& server, TestClient& asker, absl::string_view asker_name,
                      TestClient& target, absl::string_view target_name);

}  // namespace chat::net

#endif  // LIBCHAT_NET_TEST_SERVER_H_
