#include "tools/chat-tunnel/dial.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "asio/connect.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/local/stream_protocol.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"

namespace chat::tools {
namespace {

using asio::ip::tcp;
using Local = asio::local::stream_protocol;

// Whatever is needed to connect; shared with the timer that may close it.
struct Attempt {
  explicit Attempt(asio::any_io_executor executor)
      : resolver(executor), tcp_socket(executor), unix_socket(executor), timer(executor) {}

  tcp::resolver resolver;
  tcp::socket tcp_socket;
  Local::socket unix_socket;
  asio::steady_timer timer;
  bool timed_out = false;
};

void GiveUpAfter(absl::Duration timeout, const std::shared_ptr<Attempt>& attempt) {
  attempt->timer.expires_after(absl::ToChronoNanoseconds(timeout));
  attempt->timer.async_wait([attempt](asio::error_code error) {
    if (error) return;
    attempt->timed_out = true;
    asio::error_code ignored;
    attempt->resolver.cancel();
    attempt->tcp_socket.close(ignored);
    attempt->unix_socket.close(ignored);
  });
}

// Returns the descriptor, or -1.
asio::awaitable<int> ConnectTcp(std::shared_ptr<Attempt> attempt, Target target,
                                asio::error_code* error) {
  const std::string port = absl::StrCat(target.tcp.port);
  const tcp::resolver::results_type found = co_await attempt->resolver.async_resolve(
      target.tcp.host, port, tcp::resolver::numeric_service,
      asio::redirect_error(asio::use_awaitable, *error));
  if (*error || attempt->timed_out) co_return -1;
  co_await asio::async_connect(attempt->tcp_socket, found,
                               asio::redirect_error(asio::use_awaitable, *error));
  if (*error || attempt->timed_out) co_return -1;
  asio::error_code ignored;
  attempt->tcp_socket.set_option(tcp::no_delay(true), ignored);
  co_return attempt->tcp_socket.release(ignored);
}

asio::awaitable<int> ConnectUnix(std::shared_ptr<Attempt> attempt, Target target,
                                 asio::error_code* error) {
  const Local::endpoint endpoint(target.path);
  co_await attempt->unix_socket.async_connect(endpoint,
                                              asio::redirect_error(asio::use_awaitable, *error));
  if (*error || attempt->timed_out) co_return -1;
  asio::error_code ignored;
  co_return attempt->unix_socket.release(ignored);
}

}  // namespace

asio::awaitable<absl::StatusOr<client::TunnelSide>> Dial(asio::any_io_executor executor,
                                                         Target target, absl::Duration timeout) {
  const auto attempt = std::make_shared<Attempt>(executor);
  GiveUpAfter(timeout, attempt);
  asio::error_code error;
  int fd = -1;
  if (target.kind == Target::Kind::kUnix) {
    fd = co_await ConnectUnix(attempt, target, &error);
  } else {
    fd = co_await ConnectTcp(attempt, target, &error);
  }
  attempt->timer.cancel();
  if (fd >= 0) co_return client::TunnelSide(executor, fd);
  co_return absl::UnavailableError(absl::StrCat(
      "cannot reach ", ToString(target), ": ",
      attempt->timed_out ? absl::StrCat("no answer within ", absl::FormatDuration(timeout))
                         : error.message()));
}

}  // namespace chat::tools
