// Plays every transcript over TCP against a server, whatever it runs in.

#ifndef LIBCHAT_TESTING_TCP_TRANSCRIPTS_H_
#define LIBCHAT_TESTING_TCP_TRANSCRIPTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "libchat/dialect/dialect.h"

namespace chat::testing {

struct Listening {
  const Dialect* dialect = nullptr;
  DialectOptions options;
  uint16_t port = 0;  // 0: the server shall choose
};

// A server with default bounds.
class RunningServer {
 public:
  virtual ~RunningServer() = default;

  // What was asked for, with the ports chosen.
  virtual std::vector<Listening> listening() const = 0;
  // Nobody is connected, and no account is left.
  virtual void ForgetAccounts() = 0;
};

// The test binary's own: starts a server that listens as `wanted` says.
std::unique_ptr<RunningServer> StartServer(const std::vector<Listening>& wanted);

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_TCP_TRANSCRIPTS_H_
