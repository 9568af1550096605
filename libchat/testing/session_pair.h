// A client session and a server session of one dialect, back to back.

#ifndef LIBCHAT_TESTING_SESSION_PAIR_H_
#define LIBCHAT_TESTING_SESSION_PAIR_H_

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/dialect/dialect.h"
#include "libchat/testing/fake_host.h"
#include "libchat/testing/segments.h"

namespace chat::testing {

class SessionPair {
 public:
  SessionPair(const Dialect& dialect, const DialectOptions& options);
  SessionPair(const SessionPair&) = delete;
  SessionPair& operator=(const SessionPair&) = delete;

  // The client's side: its session, and what it has learnt.
  ClientSession& client() { return *client_; }
  FakeClientHost& client_host() { return client_host_; }
  Next client_next() const { return to_client_.next(); }

  // The server's side: its session, and what it has asked its host.
  ServerSession& server() { return *server_; }
  FakeHost& server_host() { return server_host_; }
  Next server_next() const { return to_server_.next(); }

  // Something comes from the hub for the server's session.
  void Tell(const Event& event);

  // Somebody says something to everyone.
  void Say(UserRef from, absl::string_view body);

  // Carries bytes both ways, `segment` at a time, and what the client writes to itself, until there
  // are none or the line is dead.
  void Exchange(size_t segment = std::numeric_limits<size_t>::max());

  // The line dies after this many more bytes in both directions together.
  void DieAfter(size_t bytes) { life_ = bytes; }

 private:
  const Dialect& dialect_;
  FakeHost server_host_;
  FakeClientHost client_host_;
  std::unique_ptr<ServerSession> server_;
  std::unique_ptr<ClientSession> client_;
  Feeder to_server_;
  Feeder to_client_;
  size_t life_ = std::numeric_limits<size_t>::max();
};

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_SESSION_PAIR_H_
