// The id that a server has among those that it merges with, when none is configured.

#ifndef TOOLS_CHATD_SERVER_ID_H_
#define TOOLS_CHATD_SERVER_ID_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace chat::tools {

// The positive number in file `path`. If there is no such file, draws one at random and writes it
// there, for this user alone. Only one process may do so at a time (the data directory's lock).
// DataLoss if the file holds anything else; errors of the system name the file.
absl::StatusOr<int32_t> KeptServerId(const std::string& path);

}  // namespace chat::tools

#endif  // TOOLS_CHATD_SERVER_ID_H_
