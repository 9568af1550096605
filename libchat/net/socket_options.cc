#include "libchat/net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chat::net {
namespace {

constexpr absl::Duration kLinkIdle = absl::Seconds(10);
constexpr absl::Duration kLinkInterval = absl::Seconds(5);
constexpr int64_t kLinkProbes = 2;
constexpr absl::Duration kLinkTimeout = absl::Seconds(20);
constexpr int64_t kLinkReceiveBuffer = 128 * 1024;

}  // namespace

void SetOption(int fd, int level, int name, int64_t value) {
  const int v = static_cast<int>(std::min<int64_t>(value, std::numeric_limits<int>::max()));
  ::setsockopt(fd, level, name, &v, sizeof(v));
}

void SetSocketOptions(int fd, const Limits& limits) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (limits.kernel_unsent != kUnlimited) {
    SetOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, limits.kernel_unsent);
  }
  if (limits.keepalive_idle != absl::InfiniteDuration()) {
    SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, absl::ToInt64Seconds(limits.keepalive_idle));
    SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, absl::ToInt64Seconds(limits.keepalive_interval));
    SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, limits.keepalive_probes);
  }
  if (limits.user_timeout != absl::InfiniteDuration()) {
    SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, absl::ToInt64Milliseconds(limits.user_timeout));
  }
}

void SetLinkOptions(int fd) {
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, absl::ToInt64Seconds(kLinkIdle));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, absl::ToInt64Seconds(kLinkInterval));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kLinkProbes);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, absl::ToInt64Milliseconds(kLinkTimeout));
  SetOption(fd, SOL_SOCKET, SO_RCVBUF, kLinkReceiveBuffer);
}

void SetUnpaced(int fd) {
  constexpr absl::string_view kReno = "reno";
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kReno.data(), kReno.size());
}

}  // namespace chat::net
