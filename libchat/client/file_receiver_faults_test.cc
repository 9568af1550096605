// The kernel refuses a call of FileReceiver's. Whatever is refused: a clear status, nothing of the
// file stays, and what comes later is taken.
//
// The linker's --wrap leads the calls here (see BUILD).

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/file_receiver.h"
#include "libchat/client/temp_dir.h"

namespace {

enum class Call {
  kNone,
  kFaccessat,
  kGetrandom,
  kOpenat,
  kFstat,
  kFchmod,
  kWrite,
  kFsync,
  kLinkat
};

Call refused_call = Call::kNone;
int calls_until_refusal = 0;
int refusal = 0;  // errno

bool Refuses(Call call) {
  if (refused_call != call || --calls_until_refusal != 0) return false;
  errno = refusal;
  return true;
}

}  // namespace

extern "C" {

int __real_faccessat(int directory, const char* path, int mode, int flags);
int __wrap_faccessat(int directory, const char* path, int mode, int flags) {
  return Refuses(Call::kFaccessat) ? -1 : __real_faccessat(directory, path, mode, flags);
}

ssize_t __real_getrandom(void* buffer, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void* buffer, size_t size, unsigned flags) {
  return Refuses(Call::kGetrandom) ? -1 : __real_getrandom(buffer, size, flags);
}

int __real_openat(int directory, const char* path, int flags, ...);
int __wrap_openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return Refuses(Call::kOpenat) ? -1 : __real_openat(directory, path, flags, mode);
}

int __real_fstat(int fd, struct stat* found);
int __wrap_fstat(int fd, struct stat* found) {
  return Refuses(Call::kFstat) ? -1 : __real_fstat(fd, found);
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode) {
  return Refuses(Call::kFchmod) ? -1 : __real_fchmod(fd, mode);
}

ssize_t __real_write(int fd, const void* bytes, size_t size);
ssize_t __wrap_write(int fd, const void* bytes, size_t size) {
  return Refuses(Call::kWrite) ? -1 : __real_write(fd, bytes, size);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd) { return Refuses(Call::kFsync) ? -1 : __real_fsync(fd); }

int __real_linkat(int from_directory, const char* from, int to_directory, const char* to,
                  int flags);
int __wrap_linkat(int from_directory, const char* from, int to_directory, const char* to,
                  int flags) {
  return Refuses(Call::kLinkat) ? -1 : __real_linkat(from_directory, from, to_directory, to, flags);
}

}  // extern "C"

namespace chat::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Case {
  const char* name;
  Call call;
  int count;  // which call of that kind
  int error;
  absl::StatusCode code;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class FileReceiverFaultsTest : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Calls, FileReceiverFaultsTest,
    ::testing::Values(
        Case{"ReadOnlyDirectory", Call::kFaccessat, 1, EACCES, absl::StatusCode::kPermissionDenied},
        Case{"ReadOnlyFileSystem", Call::kFaccessat, 1, EROFS, absl::StatusCode::kPermissionDenied},
        Case{"NoRandom", Call::kGetrandom, 1, ENOSYS, absl::StatusCode::kInternal},
        Case{"NoInodes", Call::kOpenat, 1, ENOSPC, absl::StatusCode::kResourceExhausted},
        Case{"NoDescriptors", Call::kOpenat, 1, EMFILE, absl::StatusCode::kResourceExhausted},
        Case{"DirectoryTurnedReadOnly", Call::kOpenat, 1, EACCES,
             absl::StatusCode::kPermissionDenied},
        Case{"FileSystemTurnedReadOnly", Call::kOpenat, 1, EROFS,
             absl::StatusCode::kPermissionDenied},
        Case{"NameTooLongHere", Call::kOpenat, 1, ENAMETOOLONG, absl::StatusCode::kInvalidArgument},
        Case{"NoStat", Call::kFstat, 1, EIO, absl::StatusCode::kInternal},
        Case{"NoFirstMode", Call::kFchmod, 1, EPERM, absl::StatusCode::kFailedPrecondition},
        Case{"DiskFullAtOnce", Call::kWrite, 1, ENOSPC, absl::StatusCode::kResourceExhausted},
        Case{"DiskFullLater", Call::kWrite, 2, ENOSPC, absl::StatusCode::kResourceExhausted},
        Case{"QuotaFull", Call::kWrite, 2, EDQUOT, absl::StatusCode::kResourceExhausted},
        Case{"DiskBroken", Call::kWrite, 1, EIO, absl::StatusCode::kInternal},
        Case{"NoLastMode", Call::kFchmod, 2, EPERM, absl::StatusCode::kFailedPrecondition},
        Case{"DiskFullInTheEnd", Call::kFsync, 1, ENOSPC, absl::StatusCode::kResourceExhausted},
        Case{"DiskBrokenInTheEnd", Call::kFsync, 1, EIO, absl::StatusCode::kInternal},
        Case{"NoHardLinks", Call::kLinkat, 1, EPERM, absl::StatusCode::kFailedPrecondition},
        Case{"NameTakenInTheEnd", Call::kLinkat, 1, EEXIST, absl::StatusCode::kAlreadyExists}),
    [](const auto& info) { return info.param.name; });

absl::Status Take(const TempDir& dir, absl::string_view name) {
  auto receiver = FileReceiver::Open(dir.path());
  if (!receiver.ok()) return receiver.status();
  auto file = (*receiver)->Begin(name);
  if (!file.ok()) return file.status();
  for (const char* piece : {"one, ", "two"}) {
    if (absl::Status status = (*file)->Append(piece); !status.ok()) return status;
  }
  return (*file)->Finish();
}

TEST_P(FileReceiverFaultsTest, NothingStaysAndTheNextIsTaken) {
  const TempDir dir;
  refused_call = GetParam().call;
  calls_until_refusal = GetParam().count;
  refusal = GetParam().error;
  const absl::Status status = Take(dir, "a");
  refused_call = Call::kNone;
  EXPECT_EQ(status.code(), GetParam().code) << status;
  EXPECT_THAT(dir.Names(), IsEmpty());

  EXPECT_EQ(Take(dir, "b"), absl::OkStatus());
  EXPECT_THAT(dir.Names(), ElementsAre("b"));
  EXPECT_EQ(dir.Read("b"), "one, two");
}

TEST(FileReceiverFaults, AnInterruptedWriteGoesOn) {
  const TempDir dir;
  refused_call = Call::kWrite;
  calls_until_refusal = 1;
  refusal = EINTR;
  EXPECT_EQ(Take(dir, "a"), absl::OkStatus());
  EXPECT_EQ(calls_until_refusal, -2);  // two pieces, three writes
  refused_call = Call::kNone;
  EXPECT_EQ(dir.Read("a"), "one, two");
}

}  // namespace
}  // namespace chat::client
