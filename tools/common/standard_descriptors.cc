#include "tools/common/standard_descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <iostream>
#include <streambuf>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "tools/common/exit_codes.h"

namespace chat::tools {
namespace {

bool was_closed[3] = {};

// Writes each flush in one piece, and all of it.
class PatientBuffer : public std::streambuf {
 public:
  explicit PatientBuffer(int fd) : fd_(fd) {}

 protected:
  int overflow(int c) override {
    if (c != traits_type::eof()) pending_ += static_cast<char>(c);
    return traits_type::not_eof(c);
  }

  std::streamsize xsputn(const char* bytes, std::streamsize size) override {
    pending_.append(bytes, static_cast<size_t>(size));
    return size;
  }

  int sync() override {
    const std::string bytes = std::exchange(pending_, {});
    absl::string_view left = bytes;
    while (!left.empty()) {
      const ssize_t n = ::write(fd_, left.data(), left.size());
      if (n >= 0) {
        left.remove_prefix(static_cast<size_t>(n));
      } else if (errno == EAGAIN) {
        pollfd writable{fd_, POLLOUT, 0};
        ::poll(&writable, 1, -1);
      } else if (errno != EINTR) {
        return 0;  // nobody can be told; the next line may find a way
      }
    }
    return 0;
  }

 private:
  const int fd_;
  std::string pending_;
};

}  // namespace

void PrepareStandardDescriptors() {
  constexpr int kModes[] = {O_WRONLY, O_RDONLY, O_RDWR};
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    was_closed[fd] = true;
    // The lowest that is free is this one.
    if (::open("/dev/null", kModes[fd]) != fd) ::_exit(kExitIoError);
  }
  static PatientBuffer* const buffer = new PatientBuffer(STDERR_FILENO);
  std::cerr.rdbuf(buffer);
}

bool WasClosed(int fd) { return was_closed[fd]; }

}  // namespace chat::tools
