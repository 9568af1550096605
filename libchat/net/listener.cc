#include "libchat/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libchat/net/door.h"
#include "libchat/net/socket_options.h"

namespace chat::net {
namespace {

constexpr absl::Duration kFirstRest = absl::Milliseconds(10);
constexpr absl::Duration kLongestRest = absl::Seconds(1);
constexpr int kBacklog = 4096;
// From this share of limits.memory on nobody is let in.
constexpr double kMemoryFull = 0.95;

// The name of what is reached, without "limits.".
absl::string_view LimitOf(Counter refused) {
  switch (refused) {
    case Counter::kRefusedConnections:
      return "connections";
    case Counter::kRefusedConnectionsPerAddress:
      return "connections_per_address";
    case Counter::kRefusedNewPerAddress:
      return "new_connections_per_address_per_minute";
    case Counter::kRefusedUnauthenticated:
      return "unauthenticated";
    case Counter::kRefusedUnauthenticatedPerAddress:
      return "unauthenticated_per_address";
    default:
      return "memory";
  }
}

UniqueFd OpenSpare() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Listener::Listener(Shard& home, Shared& shared, ListenerOptions options, size_t dialect_index)
    : home_(home),
      shared_(shared),
      options_(std::move(options)),
      acceptor_(home.context()),
      rest_timer_(home.context()),
      rest_(kFirstRest),
      spare_(OpenSpare()),
      random_(std::random_device()()) {
  info_.dialect = options_.dialect;
  info_.dialect_index = dialect_index;
  info_.options = options_.options;
}

absl::Status Listener::Open(const Limits& limits) {
  const auto failed = [&](const asio::error_code& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", ToUrl(options_), ": ", error.message()));
  };
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(options_.host, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", ToUrl(options_), ": not an IP address"));
  }
  const asio::ip::tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (error) return failed(error);
  const int fd = acceptor_.native_handle();
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.is_v6()) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (address.is_loopback()) SetUnpaced(fd);
  SetSocketOptions(fd, limits);
  acceptor_.non_blocking(true, error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (error) return failed(error);
  options_.port = acceptor_.local_endpoint(error).port();
  info_.url = ToUrl(options_);
  return absl::OkStatus();
}

void Listener::SetLimits(const Limits& limits) {
  if (acceptor_.is_open()) SetSocketOptions(acceptor_.native_handle(), limits);
}

void Listener::Close() {
  asio::error_code ignored;
  acceptor_.close(ignored);
  rest_timer_.cancel();
}

void Listener::AwaitClients() {
  home_.AtEndOfTurn([this] {
    if (!acceptor_.is_open()) return;
    acceptor_.async_wait(asio::ip::tcp::acceptor::wait_read, [this](const asio::error_code& error) {
      if (!acceptor_.is_open()) return;
      if (error) return Rest();
      Accept();
    });
  });
}

void Listener::Accept() {
  for (int64_t i = 0; i < home_.limits().accepts_per_wake; ++i) {
    asio::ip::tcp::endpoint from;
    socklen_t size = static_cast<socklen_t>(from.capacity());
    UniqueFd fd(
        ::accept4(acceptor_.native_handle(), from.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      from.resize(size);
      rest_ = kFirstRest;
      Admit(std::move(fd), from);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return Rest();
    } else if (errno == EAGAIN) {
      break;
    }  // else that client has gone already
  }
  AwaitClients();
}

void Listener::Rest() {
  shared_.hub.counters().Add(Counter::kAcceptNoDescriptors);
  shared_.log(LogLevel::kWarning,
              absl::StrCat("no descriptor left for a client of ", info_.url, ", resting"));
  spare_ = UniqueFd();
  UniqueFd(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
  spare_ = OpenSpare();
  rest_timer_.expires_after(absl::ToChronoNanoseconds(rest_));
  rest_ = std::min(rest_ * 2, kLongestRest);
  rest_timer_.async_wait([this](const asio::error_code& error) {
    if (!error) AwaitClients();
  });
}

void Listener::LogRefusal(const asio::ip::address& from, Counter bound) {
  const std::string source = CountedAs(from, /*exempt_loopback=*/false);
  if (shared_.refusals_logged.count(source, home_.now()) > 0) return;
  shared_.refusals_logged.Add(source, home_.now());
  shared_.log(LogLevel::kWarning,
              absl::StrCat("refused a connection from ", source, " to ", info_.url, ": limits.",
                           LimitOf(bound),
                           " is reached; more of that address in this minute are only counted"));
}

void Listener::Admit(UniqueFd fd, const asio::ip::tcp::endpoint& from) {
  const double chance = std::generate_canonical<double, 32>(random_);
  Counter refused = Counter::kRefusedMemory;
  std::optional<Door::Pass> pass;
  if (home_.MemoryUse() < kMemoryFull) {
    pass = shared_.door.Admit(from.address(), home_.now(), chance, &refused);
  }
  const asio::ip::tcp protocol = from.protocol();
  if (!pass) {
    shared_.hub.counters().Add(refused);
    ServerEvent event;
    event.kind = ServerEvent::Kind::kRefused;
    event.dialect = std::string(info_.dialect->name());
    event.detail = std::string(CounterName(refused));
    shared_.hub.events().Emit(std::move(event));
    LogRefusal(from.address(), refused);
    return home_.Refuse(std::move(fd), protocol, info_);
  }
  shared_.hub.counters().Add(Counter::kConnectionsAccepted);
  Shard* shard = shared_.shards[next_shard_].get();
  next_shard_ = (next_shard_ + 1) % static_cast<uint32_t>(shared_.shards.size());
  auto adopt = [this, shard, protocol, fd = std::move(fd), pass = *std::move(pass)]() mutable {
    shard->Adopt(std::move(fd), protocol, info_, std::move(pass));
  };
  if (shard == &home_) {
    adopt();
  } else {
    shard->Post(std::move(adopt));
  }
}

}  // namespace chat::net
