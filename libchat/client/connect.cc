#include "libchat/client/connect.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "asio/error.hpp"
#include "asio/ip/address.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "libchat/client/signal.h"

namespace chat::client {
namespace {

using asio::ip::tcp;
using Local = asio::local::stream_protocol;

// A full queue of a Unix socket is tried again after these, doubling: nothing tells of a place.
constexpr absl::Duration kFirstRetry = absl::Milliseconds(1);
constexpr absl::Duration kLongestRetry = absl::Milliseconds(50);

}  // namespace

Addresses InTurn(const Addresses& addresses) {
  Addresses turn[2];
  for (const asio::ip::address& address : addresses) {
    turn[address.is_v6() == addresses.front().is_v6() ? 0 : 1].push_back(address);
  }
  Addresses ordered;
  for (size_t i = 0; ordered.size() < addresses.size(); ++i) {
    for (const Addresses& family : turn) {
      if (i < family.size()) ordered.push_back(family[i]);
    }
  }
  return ordered;
}

// Outlives its Connector while a handler of its timers or sockets is still to run.
class Connector::Attempt final : public std::enable_shared_from_this<Connector::Attempt> {
 public:
  Attempt(asio::any_io_executor executor, ConnectOptions options)
      : executor_(std::move(executor)),
        options_(options),
        deadline_(executor_),
        next_address_(executor_),
        retry_(executor_),
        lookup_done_(executor_),
        changed_(executor_) {}

  asio::awaitable<absl::StatusOr<tcp::socket>> Connect(std::string host, uint16_t port);
  asio::awaitable<absl::StatusOr<Local::socket>> ConnectLocal(std::string path);

  // Only the first end counts.
  void End(absl::Status why);

 private:
  void StartDeadline();
  asio::awaitable<absl::StatusOr<Addresses>> AddressesOf(std::string host);
  // Begins to connect to the next address that can be tried at all.
  void TryNext();
  void OnConnected(size_t index, asio::error_code error);
  void Failed(absl::string_view why);

  const asio::any_io_executor executor_;
  const ConnectOptions options_;
  asio::steady_timer deadline_;
  asio::steady_timer next_address_;
  asio::steady_timer retry_;

  asio::posix::stream_descriptor lookup_done_;  // a duplicate of the lookup's own
  std::vector<tcp::endpoint> endpoints_;
  std::vector<tcp::socket> sockets_;  // of the endpoints that were tried
  size_t waiting_ = 0;                // how many of them have neither answered nor failed
  absl::Status first_failure_;

  bool ended_ = false;
  absl::Status why_;  // OK: winner_ is there
  std::optional<tcp::socket> winner_;
  Signal changed_;
};

void Connector::Attempt::End(absl::Status why) {
  if (ended_) return;
  ended_ = true;
  why_ = std::move(why);
  asio::error_code ignored;
  deadline_.cancel();
  next_address_.cancel();
  retry_.cancel();
  lookup_done_.close(ignored);
  for (tcp::socket& socket : sockets_) socket.close(ignored);
  changed_.Notify();
}

void Connector::Attempt::StartDeadline() {
  if (options_.timeout == absl::InfiniteDuration()) return;
  deadline_.expires_after(absl::ToChronoNanoseconds(options_.timeout));
  deadline_.async_wait([weak = weak_from_this()](asio::error_code error) {
    const std::shared_ptr<Attempt> self = weak.lock();
    if (error || self == nullptr) return;
    self->End(absl::DeadlineExceededError(
        absl::StrCat("no answer within ", absl::FormatDuration(self->options_.timeout))));
  });
}

asio::awaitable<absl::StatusOr<Addresses>> Connector::Attempt::AddressesOf(std::string host) {
  asio::error_code is_name;
  const asio::ip::address address = asio::ip::make_address(host, is_name);
  if (!is_name) co_return Addresses(1, address);
  absl::StatusOr<std::shared_ptr<Lookup>> lookup = options_.resolver->Start(host);
  if (!lookup.ok()) co_return lookup.status();
  const int done = ::dup((*lookup)->done_fd());
  if (done < 0) co_return absl::UnavailableError(::strerror(errno));
  asio::error_code error;
  lookup_done_.assign(done, error);
  if (error) {
    ::close(done);
    co_return absl::UnavailableError(error.message());
  }
  co_await lookup_done_.async_wait(asio::posix::stream_descriptor::wait_read,
                                   asio::redirect_error(asio::use_awaitable, error));
  if (ended_) co_return why_;
  lookup_done_.close(error);
  co_return (*lookup)->result();
}

asio::awaitable<absl::StatusOr<tcp::socket>> Connector::Attempt::Connect(std::string host,
                                                                         uint16_t port) {
  const std::shared_ptr<Attempt> self = shared_from_this();
  if (ended_) co_return why_;
  StartDeadline();
  const absl::StatusOr<Addresses> addresses = co_await AddressesOf(host);
  if (addresses.ok() && addresses->empty()) {
    End(absl::UnavailableError("the name has no address"));
  } else if (addresses.ok()) {
    for (const asio::ip::address& address : InTurn(*addresses)) {
      endpoints_.emplace_back(address, port);
    }
    sockets_.reserve(endpoints_.size());
    TryNext();
  } else {
    End(addresses.status());
  }
  while (!ended_) co_await changed_.Wait();
  if (!winner_.has_value()) co_return why_;
  asio::error_code ignored;
  winner_->set_option(tcp::no_delay(true), ignored);
  co_return *std::move(winner_);
}

void Connector::Attempt::TryNext() {
  next_address_.cancel();
  while (!ended_ && sockets_.size() < endpoints_.size()) {
    const size_t index = sockets_.size();
    const tcp::endpoint& endpoint = endpoints_[index];
    tcp::socket& socket = sockets_.emplace_back(executor_);
    asio::error_code error;
    socket.open(endpoint.protocol(), error);
    if (error) {
      Failed(error.message());
      continue;
    }
    ++waiting_;
    socket.async_connect(endpoint, [self = shared_from_this(), index](asio::error_code error) {
      self->OnConnected(index, error);
    });
    if (sockets_.size() == endpoints_.size()) return;
    next_address_.expires_after(absl::ToChronoNanoseconds(options_.head_start));
    next_address_.async_wait([self = shared_from_this(), index](asio::error_code error) {
      // A timer that has fired cannot be cancelled any more, another address may be tried already.
      if (!error && self->sockets_.size() == index + 1) self->TryNext();
    });
    return;
  }
  if (waiting_ == 0) End(first_failure_);
}

void Connector::Attempt::OnConnected(size_t index, asio::error_code error) {
  if (ended_) return;
  --waiting_;
  if (!error) {
    winner_ = std::move(sockets_[index]);
    return End(absl::OkStatus());
  }
  Failed(error.message());
  asio::error_code ignored;
  sockets_[index].close(ignored);
  TryNext();
}

void Connector::Attempt::Failed(absl::string_view why) {
  if (first_failure_.ok()) first_failure_ = absl::UnavailableError(why);
}

asio::awaitable<absl::StatusOr<Local::socket>> Connector::Attempt::ConnectLocal(std::string path) {
  const std::shared_ptr<Attempt> self = shared_from_this();
  if (ended_) co_return why_;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    co_return absl::UnavailableError(::strerror(ENAMETOOLONG));
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  StartDeadline();
  Local::socket socket(executor_);
  asio::error_code error;
  socket.open(Local(), error);
  if (!error) socket.non_blocking(true, error);
  if (error) End(absl::UnavailableError(error.message()));
  for (absl::Duration wait = kFirstRetry; !ended_; wait = std::min(2 * wait, kLongestRetry)) {
    // Such a connect is done at once, or has done nothing: it never goes on by itself.
    if (::connect(socket.native_handle(), reinterpret_cast<const sockaddr*>(&address),
                  sizeof(address)) == 0) {
      deadline_.cancel();
      co_return socket;
    }
    if (errno != EAGAIN && errno != EINTR) {
      End(absl::UnavailableError(::strerror(errno)));
      break;
    }
    retry_.expires_after(absl::ToChronoNanoseconds(wait));
    co_await retry_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  co_return why_;
}

Connector::Connector(asio::any_io_executor executor, ConnectOptions options)
    : attempt_(std::make_shared<Attempt>(std::move(executor), options)) {}
Connector::~Connector() { Cancel(); }

asio::awaitable<absl::StatusOr<tcp::socket>> Connector::Connect(std::string host, uint16_t port) {
  return attempt_->Connect(std::move(host), port);
}
asio::awaitable<absl::StatusOr<Local::socket>> Connector::ConnectLocal(std::string path) {
  return attempt_->ConnectLocal(std::move(path));
}
void Connector::Cancel() { attempt_->End(absl::CancelledError("the connection was closed")); }

}  // namespace chat::client
