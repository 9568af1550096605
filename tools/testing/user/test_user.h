// A user at a real server, driven step by step by a test, in whatever dialect the URL names.

#ifndef TOOLS_TESTING_USER_TEST_USER_H_
#define TOOLS_TESTING_USER_TEST_USER_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "libchat/dialect/client_session.h"
#include "libchat/dialect/dialect.h"
#include "libchat/dialect/direct_session.h"

namespace chat::testing {

// One connection, with blocking calls. What takes longer than a minute fails the test.
// Thread safety: none.
class TestUser : private ClientHost {
 public:
  // Connects to a listener's URL.
  explicit TestUser(const std::string& url);
  TestUser(const TestUser&) = delete;
  TestUser& operator=(const TestUser&) = delete;
  ~TestUser() override;

  // Logs in, and waits for the server's word.
  void LogIn(absl::string_view name);
  // The same, to an account. False if the server refuses.
  bool LogInWithPassword(absl::string_view name, absl::string_view password);

  const Dialect& dialect() const { return *dialect_; }

  // To speak with; what is sent goes out at once.
  ClientSession& session() { return *session_; }

  // The next event of type T; others before it are dropped.
  template <typename T>
  T Await() {
    for (ClientEvent event; NextEvent(event);) {
      if (T* wanted = std::get_if<T>(&event)) return std::move(*wanted);
    }
    ADD_FAILURE() << "the connection has ended, or nothing came";
    return T();
  }
  // The next event of any type. False: the connection has ended.
  bool NextEvent(ClientEvent& event);
  // Waits until the server closes the connection, in whatever way.
  void AwaitClosed();

  // After RelayOpen: bytes of the tunnel.
  void WriteTunnel(absl::string_view bytes) { Send(bytes); }
  std::string ReadTunnel(size_t size);
  // Ends this side of the tunnel; it still reads.
  void EndTunnel();
  // Reads the tunnel to its end. True if that is a reset, false if it is orderly.
  bool AwaitTunnelReset();

 private:
  void Send(absl::string_view bytes) override;
  void OnClientEvent(ClientEvent event) override { events_.push_back(std::move(event)); }

  // False at the end of the connection.
  bool ReadMore();

  const Dialect* dialect_ = nullptr;
  int fd_ = -1;
  std::unique_ptr<ClientSession> session_;
  std::string unread_;  // bytes that the session has not consumed
  bool relay_ = false;  // they are the tunnel's
  std::deque<ClientEvent> events_;
};

// The end of a direct connection that connects, driven step by step.
// Thread safety: none.
class TestDirect : private DirectHost {
 public:
  // Connects to `at` (IPv4), and says who this is.
  TestDirect(const Dialect& dialect, std::string self, std::string peer, const DirectAddress& at);
  TestDirect(const TestDirect&) = delete;
  TestDirect& operator=(const TestDirect&) = delete;
  ~TestDirect() override;

  // To speak with; what is sent goes out at once.
  DirectSession& session() { return *session_; }

  // Our direction ends; then waits for the end of the other. True if that is orderly, which
  // confirms everything, and false if it is a reset.
  bool Finish();
  // Resets the connection.
  void Abort();

 private:
  void Send(absl::string_view bytes) override;
  void OnDirectEvent(DirectEvent) override {}

  int fd_ = -1;
  std::unique_ptr<DirectSession> session_;
};

// A tunnel between two users who are logged in: the half of each.
struct TestTunnel {
  TestTunnel(const std::string& url, TestUser& asker, absl::string_view asker_name,
             TestUser& target, absl::string_view target_name);

  TestUser first;
  TestUser second;
};

}  // namespace chat::testing

#endif  // TOOLS_TESTING_USER_TEST_USER_H_
