// How the size of a file travels. The document gives chunks of one size and their number, but no
// size for the last one: so a sender puts it behind the file's name, "photo.png;size=51187", where
// the chunks alone do not say it, and a receiver takes it off again.
//
// Pure functions; any thread may call them.

#ifndef LIBCHAT_CFP_FILE_NAME_H_
#define LIBCHAT_CFP_FILE_NAME_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/cfp/packets.h"

namespace chat::cfp {

// A file's own name, and what stands in a packet, in bytes.
inline constexpr size_t kMaxPlainNameBytes = 255;
inline constexpr size_t kMaxFileNameBytes = kMaxPlainNameBytes + 19;  // ";size=2199023254528"

// The number of chunks is an INT.
inline constexpr int64_t kMaxFileBytes =
    static_cast<int64_t>(std::numeric_limits<int32_t>::max()) * kChunkBytes;

// The number of chunks of a file of `size` (0 to kMaxFileBytes) bytes. An empty one has one.
int32_t ChunksOf(int64_t size);

// What stands in the packets of a file `name` of `size` (as above) bytes.
std::string WireFileName(absl::string_view name, int64_t size);

struct NamedFile {
  absl::string_view name;  // VIEWS WHAT IT WAS TAKEN FROM
  int64_t size = 0;
};

// The inverse, of a file of `chunks` (positive) chunks. A mark that does not fit `chunks` is none,
// but a part of the name; without one, the file has `chunks` whole chunks.
NamedFile ParseWireFileName(absl::string_view wire_name, int32_t chunks);

// True if packets may say so: a text, of which the name has at most kMaxPlainNameBytes, and at
// least one chunk. It need not be safe as a path.
bool IsFile(absl::string_view wire_name, int32_t chunks);

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_FILE_NAME_H_
