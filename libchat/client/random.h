// Numbers that nobody can guess.

#ifndef LIBCHAT_CLIENT_RANDOM_H_
#define LIBCHAT_CLIENT_RANDOM_H_

#include <sys/random.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chat::client {

// 64 bits from the kernel's cryptographic generator. kInternal if it has none for us (a sandbox may
// forbid it): there is no weaker substitute.
inline absl::StatusOr<uint64_t> SecretBits() {
  uint64_t bits = 0;
  // So few bytes come whole or not at all.
  if (::getrandom(&bits, sizeof(bits), 0) == sizeof(bits)) return bits;
  return absl::InternalError("no random numbers from the kernel");
}

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_RANDOM_H_
