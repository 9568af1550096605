// Names of files that travel between users.

#ifndef LIBCHAT_CLIENT_FILE_NAME_H_
#define LIBCHAT_CLIENT_FILE_NAME_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace chat::client {

// What a file name may have at most, in bytes: as much as Linux file systems take.
inline constexpr size_t kMaxFileNameBytes = 255;

// limits.files: the largest file that is sent or taken, and how many one sender may have under way
// at a time (kept by whoever tells senders apart).
inline constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
inline constexpr size_t kMaxTransfersPerSender = 8;

// OK if `name` is a plain name: 1 to kMaxFileNameBytes bytes of UTF-8 without '/', '\', control
// characters (C0, DEL, C1) and bidirectional ones, that begins with neither '.' nor '-'. Else
// kInvalidArgument, saying which rule it breaks; the message does not repeat the name.
// Any thread may call it.
absl::Status CheckFileName(absl::string_view name);

// kResourceExhausted: the file is over the limit.
absl::Status FileTooLarge(absl::string_view name, uint64_t limit);

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_FILE_NAME_H_
