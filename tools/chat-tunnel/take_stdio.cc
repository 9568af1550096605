#include "tools/chat-tunnel/take_stdio.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "tools/common/stdio.h"

namespace chat::tools {
namespace {

using client::TunnelSide;

// A descriptor of our own for what `fd` is, with flags of its own if that can be.
int Take(int fd, int access, TunnelSide::Flags* flags) {
  *flags = TunnelSide::Flags::kOwn;
  const int own = OwnDescription(fd, access);
  if (own >= 0) return own;
  *flags = TunnelSide::Flags::kShared;
  return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

}  // namespace

TunnelSide TakeStdio(asio::any_io_executor executor) {
  TunnelSide::Flags in_flags;
  TunnelSide::Flags out_flags;
  const int in = Take(STDIN_FILENO, O_RDONLY, &in_flags);
  const int out = Take(STDOUT_FILENO, O_WRONLY, &out_flags);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  close(null);
  return TunnelSide(std::move(executor), in, out, in_flags, out_flags);
}

}  // namespace chat::tools
