// How every tool says how it ended: one table.

#ifndef TOOLS_COMMON_EXIT_CODES_H_
#define TOOLS_COMMON_EXIT_CODES_H_

#include "absl/status/status.h"

namespace chat::tools {

enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 64,
  kExitBadInput = 65,     // too long, not encodable
  kExitNoInput = 66,      // the input cannot be opened
  kExitNoUser = 68,       // no such user, or the peer is offline
  kExitUnavailable = 69,  // the server refused or cannot be reached
  kExitBug = 70,
  kExitIoError = 74,      // of this machine
  kExitUnconfirmed = 75,  // messages remain unconfirmed; sent again, they may arrive twice
  kExitProtocol = 76,     // the peer broke the protocol
  kExitRefused = 77,      // login or permission
  kExitBadConfig = 78,
  kExitTimeout = 124,  // a wait timed out
  kExitInterrupted = 130,
  kExitBrokenPipe = 141,
  kExitTerminated = 143,
};

// The code for what a client::Client could not do; kExitBug for a status that it does not return.
ExitCode ExitCodeFor(const absl::Status& client_status);

// Ends the process as `signal` (SIGINT, SIGPIPE, SIGTERM) does by default, so that a shell sees
// that, and not only the code: it ends its loop when a program was interrupted.
[[noreturn]] void DieOf(int signal);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_EXIT_CODES_H_
