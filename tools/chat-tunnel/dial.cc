#include "tools/chat-tunnel/dial.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "asio/ip/tcp.hpp"
#include "asio/local/stream_protocol.hpp"
#include "libchat/client/connect.h"

namespace chat::tools {
namespace {

// A descriptor of our own for what `fd` is: of a pipe or a terminal with its own flags, so that it
// can be non-blocking here alone.
int OpenAgain(int fd, int flags) {
  struct stat status;
  if (fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
    const std::string path = absl::StrCat("/proc/self/fd/", fd);
    const int again = open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0) return again;
  }
  return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

}  // namespace

asio::awaitable<absl::StatusOr<client::TunnelSide>> Dial(asio::any_io_executor executor,
                                                         Target target, absl::Duration timeout) {
  client::ConnectOptions options;
  options.timeout = timeout;
  client::Connector connector(executor, options);
  absl::Status status;
  asio::error_code ignored;
  if (target.kind == Target::Kind::kUnix) {
    absl::StatusOr<asio::local::stream_protocol::socket> socket =
        co_await connector.ConnectLocal(target.path);
    if (socket.ok()) co_return client::TunnelSide(executor, socket->release(ignored));
    status = socket.status();
  } else {
    absl::StatusOr<asio::ip::tcp::socket> socket =
        co_await connector.Connect(target.tcp.host, target.tcp.port);
    if (socket.ok()) co_return client::TunnelSide(executor, socket->release(ignored));
    status = socket.status();
  }
  co_return absl::UnavailableError(
      absl::StrCat("cannot reach ", ToString(target), ": ", status.message()));
}

client::TunnelSide TakeStdio(asio::any_io_executor executor) {
  client::TunnelSide side(std::move(executor), OpenAgain(STDIN_FILENO, O_RDONLY),
                          OpenAgain(STDOUT_FILENO, O_WRONLY));
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  close(null);
  return side;
}

}  // namespace chat::tools
