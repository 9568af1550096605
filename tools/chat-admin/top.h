// One screen of what the server is busy with.

#ifndef TOOLS_CHAT_ADMIN_TOP_H_
#define TOOLS_CHAT_ADMIN_TOP_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "proto/chat/admin/v1/admin.pb.h"

namespace chat::tools {

// What the server said at one moment.
struct TopSample {
  absl::Time time;
  admin::v1::GetStatusResponse status;
  std::vector<admin::v1::Connection> connections;
};

// Thread safety: none.
class Top {
 public:
  // The screen after `sample`, as lines without control characters: the server's numbers, then the
  // connections that moved the most bytes since the sample before, busiest first. At most `lines`
  // lines.
  std::vector<std::string> Frame(const TopSample& sample, size_t lines);

 private:
  // By connection id: bytes in and out at the last sample.
  std::map<std::string, std::pair<uint64_t, uint64_t>> before_;
  absl::Time time_ = absl::InfinitePast();
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_ADMIN_TOP_H_
