// How the packets of a dialect are written in transcripts. Each dialect exports one, from
// //libchat/<name>:notation with the header libchat/<name>/notation.h, as
// `const testing::Notation& chat::<name>::TranscriptNotation()`.

#ifndef LIBCHAT_TESTING_NOTATION_H_
#define LIBCHAT_TESTING_NOTATION_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/dialect.h"

namespace chat::testing {

class Notation {
 public:
  virtual ~Notation() = default;

  // The bytes of the packet that `text` says. InvalidArgument quotes what is wrong in it.
  virtual absl::StatusOr<std::string> Write(absl::string_view text,
                                            const DialectOptions& options) const = 0;

  // The inverse, for the packet at the beginning of `bytes`, which a server has sent: writes its
  // text (one that Write reads) and returns its size. 0: more bytes are needed. InvalidArgument:
  // there is no packet.
  virtual absl::StatusOr<size_t> Read(absl::string_view bytes, const DialectOptions& options,
                                      std::string* text) const = 0;
};

// The notation of a dialect of this build, or null. Generated from libchat/dialects.bzl.
const Notation* FindNotation(absl::string_view dialect);

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_NOTATION_H_
