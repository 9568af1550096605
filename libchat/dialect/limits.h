// Bounds that a session keeps on its own client. Each has a name in the config (limits.*) and a
// counter by reason (see Fault).

#ifndef LIBCHAT_DIALECT_LIMITS_H_
#define LIBCHAT_DIALECT_LIMITS_H_

#include <cstddef>

namespace chat {

struct SessionLimits {
  // Largest frame, in bytes, that is looked at before login (limits.frame_before_login).
  size_t frame_before_login = 512;
  // Largest declared size, in bytes, of any frame after login (limits.frame). Beyond it the stream
  // cannot be followed cheaply and the connection is closed.
  size_t frame = 64 * 1024;
};

// The longest message, in bytes, that all dialects of this server accept (documents 000, 001, 002).
inline constexpr size_t kMaxMessageBytes = 1024;

}  // namespace chat

#endif  // LIBCHAT_DIALECT_LIMITS_H_
