#include "tools/chatd/server_id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <limits>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chat::tools {
namespace {

// A number, a newline, and one byte more, to see that there is none.
constexpr size_t kLongest = 12;

absl::StatusOr<int32_t> Read(int fd, const std::string& path) {
  char buffer[kLongest];
  const ssize_t size = read(fd, buffer, sizeof(buffer));
  if (size < 0) return absl::ErrnoToStatus(errno, path);
  int32_t id = 0;
  const absl::string_view text(buffer, static_cast<size_t>(size));
  if (text.size() < kLongest && absl::SimpleAtoi(text, &id) && id > 0) return id;
  return absl::DataLossError(absl::StrCat(path, " holds no server id, which is a number from 1 to ",
                                          std::numeric_limits<int32_t>::max()));
}

// Under another name first: the file is complete, or not there.
absl::Status Write(const std::string& text, const std::string& path) {
  const std::string draft = path + ".new";
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, draft);
  const ssize_t written = write(fd, text.data(), text.size());
  const bool synced = fsync(fd) == 0;
  const bool closed = close(fd) == 0;
  if (written != static_cast<ssize_t>(text.size()) || !synced || !closed ||
      rename(draft.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int32_t> KeptServerId(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0) {
    absl::StatusOr<int32_t> id = Read(fd, path);
    close(fd);
    return id;
  }
  if (errno != ENOENT) return absl::ErrnoToStatus(errno, path);
  absl::BitGen random;
  const int32_t id =
      absl::Uniform(absl::IntervalClosedClosed, random, 1, std::numeric_limits<int32_t>::max());
  if (absl::Status status = Write(absl::StrCat(id, "\n"), path); !status.ok()) return status;
  return id;
}

}  // namespace chat::tools
