#include "tools/common/exit_codes.h"

#include <signal.h>
#include <stdlib.h>

namespace chat::tools {

ExitCode ExitCodeFor(const absl::Status& client_status) {
  switch (client_status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;  // a name that the dialect cannot say
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kDataLoss:
      return kExitProtocol;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
      return kExitRefused;
    case absl::StatusCode::kNotFound:
      return kExitNoUser;
    default:
      return kExitBug;
  }
}

void DieOf(int signal) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  ::signal(signal, SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(signal);
  ::_Exit(128 + signal);
}

}  // namespace chat::tools
