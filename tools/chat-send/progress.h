// A line on a terminal that says how far a file has come.

#ifndef TOOLS_CHAT_SEND_PROGRESS_H_
#define TOOLS_CHAT_SEND_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chat::tools {

// "photo.png: 45%, 4.5 MiB of 10.0 MiB, 2.3 MiB/s"; without a `size`, how much has come and how
// fast. The name is escaped, and cut if it is long.
std::string ProgressLine(absl::string_view name, uint64_t bytes, std::optional<uint64_t> size,
                         absl::Duration elapsed);

// Thread safety: none.
class Progress {
 public:
  // Writes to `err`, which outlives this; null: says nothing.
  Progress(std::ostream* err, std::string name, std::optional<uint64_t> size);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Takes the line away.
  ~Progress();

  // So many bytes are on their way. Cheap: the line changes ten times a second.
  void Show(uint64_t bytes);

 private:
  std::ostream* const err_;
  const std::string name_;
  const std::optional<uint64_t> size_;
  const absl::Time start_;
  absl::Time shown_ = absl::InfinitePast();
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_SEND_PROGRESS_H_
