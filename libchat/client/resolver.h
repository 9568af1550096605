// Name lookups that hold up nobody.

#ifndef LIBCHAT_CLIENT_RESOLVER_H_
#define LIBCHAT_CLIENT_RESOLVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "asio/ip/address.hpp"

namespace chat::client {

using Addresses = std::vector<asio::ip::address>;

// Finds the addresses of a host, and may take its time. Called on a thread of its own.
using LookUp = std::function<absl::StatusOr<Addresses>(const std::string& host)>;

// getaddrinfo, in the order in which the system prefers them.
absl::StatusOr<Addresses> LookUpInSystem(const std::string& host);

// One lookup, which may go on when nobody waits for it any more.
class Lookup;

// Looks names up on detached threads: the system's resolver cannot be interrupted, and neither the
// end of a wait nor that of the process waits for it. All who ask for a name while it is being
// looked up share one thread, so that there are no more of them than names.
//
// Thread safety: safe.
class Resolver {
 public:
  explicit Resolver(LookUp look_up = LookUpInSystem);

  // The one that asks the system. Lives for ever.
  static Resolver& System();

  // Begins to look `host` up. Unavailable if that takes more than this process may have.
  absl::StatusOr<std::shared_ptr<Lookup>> Start(const std::string& host);

 private:
  struct Shared;
  const std::shared_ptr<Shared> shared_;  // with the threads
};

// Thread safety: safe.
class Lookup {
 public:
  Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup();

  // Becomes readable when there is a result, and stays so. -1 if it could not be made.
  int done_fd() const { return read_fd_; }
  // Once done.
  absl::StatusOr<Addresses> result() const;

  void Finish(absl::StatusOr<Addresses> result);

 private:
  int read_fd_ = -1;
  int write_fd_ = -1;  // closed by Finish
  mutable absl::Mutex mutex_;
  absl::StatusOr<Addresses> result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_RESOLVER_H_
