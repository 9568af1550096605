#include "libchat/client/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "asio/ip/address_v4.hpp"
#include "asio/ip/address_v6.hpp"

namespace chat::client {
namespace {

asio::ip::address AddressOf(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return asio::ip::address_v4(ntohl(v4->sin_addr.s_addr));
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  asio::ip::address_v6::bytes_type bytes;
  std::copy_n(v6->sin6_addr.s6_addr, bytes.size(), bytes.begin());
  return asio::ip::address_v6(bytes, v6->sin6_scope_id);
}

// Signals are for the threads of the program: one that comes on a lookup's thread would interrupt
// nobody who waits for it.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

absl::StatusOr<Addresses> LookUpInSystem(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error == EAI_SYSTEM) return absl::UnavailableError(::strerror(errno));
  if (error != 0) return absl::UnavailableError(::gai_strerror(error));
  Addresses addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    const asio::ip::address address = AddressOf(entry->ai_addr);
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(address);
    }
  }
  ::freeaddrinfo(found);
  return addresses;
}

Lookup::Lookup() : result_(absl::InternalError("not looked up yet")) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
  read_fd_ = ends[0];
  write_fd_ = ends[1];
}

Lookup::~Lookup() {
  if (read_fd_ >= 0) ::close(read_fd_);
  if (write_fd_ >= 0) ::close(write_fd_);
}

absl::StatusOr<Addresses> Lookup::result() const {
  const absl::MutexLock lock(&mutex_);
  return result_;
}

void Lookup::Finish(absl::StatusOr<Addresses> result) {
  const absl::MutexLock lock(&mutex_);
  result_ = std::move(result);
  ::close(std::exchange(write_fd_, -1));
}

struct Resolver::Shared {
  const LookUp look_up;
  absl::Mutex mutex;
  std::map<std::string, std::shared_ptr<Lookup>> under_way ABSL_GUARDED_BY(mutex);
};

Resolver::Resolver(LookUp look_up) : shared_(new Shared{std::move(look_up), {}, {}}) {}

Resolver& Resolver::System() {
  static Resolver& system = *new Resolver();
  return system;
}

absl::StatusOr<std::shared_ptr<Lookup>> Resolver::Start(const std::string& host) {
  const absl::MutexLock lock(&shared_->mutex);
  const auto found = shared_->under_way.find(host);
  if (found != shared_->under_way.end()) return found->second;
  auto lookup = std::make_shared<Lookup>();
  if (lookup->done_fd() < 0) return absl::UnavailableError(::strerror(errno));
  const AllSignalsBlocked for_the_thread;
  try {
    std::thread([shared = shared_, lookup, host] {
      absl::StatusOr<Addresses> result = shared->look_up(host);
      {
        const absl::MutexLock lock(&shared->mutex);
        shared->under_way.erase(host);
      }
      lookup->Finish(std::move(result));
    }).detach();
  } catch (const std::system_error& error) {
    return absl::UnavailableError(
        absl::StrCat("no thread for the name lookup: ", error.code().message()));
  }
  shared_->under_way.emplace(host, lookup);
  return lookup;
}

}  // namespace chat::client
