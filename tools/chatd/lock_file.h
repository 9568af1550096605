// A lock that one process of this machine holds at a time.

#ifndef TOOLS_CHATD_LOCK_FILE_H_
#define TOOLS_CHATD_LOCK_FILE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace chat::tools {

// Held until it is destroyed, or the process ends in whatever way. The file stays.
// Thread safety: none.
class LockFile {
 public:
  // Creates `path` if it is missing, for this user alone, and locks it. FailedPrecondition, with
  // the number of the process that holds it, if another does.
  static absl::StatusOr<LockFile> Take(const std::string& path);

  LockFile(LockFile&& other) : fd_(std::exchange(other.fd_, -1)) {}
  LockFile& operator=(LockFile&& other) {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHATD_LOCK_FILE_H_
