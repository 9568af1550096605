#include "tools/chat-tunnel/take_stdio.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chat::tools {
namespace {

using client::TunnelSide;

// A descriptor of our own for what `fd` is. That of a pipe or a terminal has its own flags; those
// of anything else stay as they are.
int OpenAgain(int fd, int access, TunnelSide::Flags* flags) {
  *flags = TunnelSide::Flags::kOwn;
  struct stat status;
  if (fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
    const std::string path = absl::StrCat("/proc/self/fd/", fd);
    const int again = open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0) return again;
  }
  *flags = TunnelSide::Flags::kShared;
  return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

}  // namespace

TunnelSide TakeStdio(asio::any_io_executor executor) {
  TunnelSide::Flags in_flags;
  TunnelSide::Flags out_flags;
  const int in = OpenAgain(STDIN_FILENO, O_RDONLY, &in_flags);
  const int out = OpenAgain(STDOUT_FILENO, O_WRONLY, &out_flags);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  close(null);
  return TunnelSide(std::move(executor), in, out, in_flags, out_flags);
}

}  // namespace chat::tools
