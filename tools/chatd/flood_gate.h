// Keeps a flood of log lines to one a second of each kind.

#ifndef TOOLS_CHATD_FLOOD_GATE_H_
#define TOOLS_CHATD_FLOOD_GATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chat::tools {

// Lines that differ in their numbers alone are of one kind. Kinds come from outside (a name may be
// in a line): the table holds kMaxKinds, and what is beyond counts as one more kind.
//
// Thread safety: none.
class FloodGate {
 public:
  static constexpr size_t kMaxKinds = 256;
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // What to write now in the place of `line`: the line, with the number of those of its kind that
  // were left out since the last one; or nothing.
  std::optional<std::string> Admit(absl::string_view line, absl::Time now);

  // For each kind of which lines were left out and whose second is over: the last of them, with
  // their number. Forgets kinds that have gone quiet. Called about once a second.
  std::vector<std::string> Flush(absl::Time now);

 private:
  struct Kind {
    absl::Time written = absl::InfinitePast();
    uint64_t left_out = 0;
    std::string last;
  };

  absl::flat_hash_map<std::string, Kind> kinds_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHATD_FLOOD_GATE_H_
