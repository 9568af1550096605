#include "tools/chatd/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chat::tools {
namespace {

// For the error message alone, so whatever it reads is good enough.
std::string Holder(int fd) {
  char text[20];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  return std::string(absl::StripAsciiWhitespace({text, size < 0 ? 0 : static_cast<size_t>(size)}));
}

}  // namespace

absl::StatusOr<LockFile> LockFile::Take(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  LockFile lock(fd);
  struct stat found;
  if (fstat(fd, &found) != 0 || found.st_uid != geteuid() || !S_ISREG(found.st_mode)) {
    return absl::PermissionDeniedError(absl::StrCat(path, " is not a file of this user"));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", path));
    return absl::FailedPreconditionError(absl::StrCat(path, " is locked by process ", Holder(fd)));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return lock;
}

LockFile::~LockFile() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace chat::tools
