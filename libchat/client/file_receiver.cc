#include "libchat/client/file_receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libchat/client/random.h"

namespace chat::client {
namespace {

constexpr mode_t kUnfinishedMode = 0600;
constexpr mode_t kFinishedMode = 0666;  // of which the umask takes its part

absl::Status FromErrno(int error, absl::string_view what) {
  const std::string message = absl::StrCat(what, what.empty() ? "" : ": ", strerror(error));
  switch (error) {
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case ENOENT:
      return absl::NotFoundError(message);
    case EILSEQ:
    case EINVAL:
    case ENAMETOOLONG:  // some file systems take less than others
    case ENOTDIR:
      return absl::InvalidArgumentError(message);
    case EACCES:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
      return absl::ResourceExhaustedError(message);
    case EPERM:  // what linkat says where there are no hard links
    case EOPNOTSUPP:
      return absl::FailedPreconditionError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace

// ---- IncomingFile ----

IncomingFile::IncomingFile(int directory, std::string name, uint64_t max_bytes)
    : directory_(directory), name_(std::move(name)), max_bytes_(max_bytes) {}

IncomingFile::~IncomingFile() { GiveUp(); }

void IncomingFile::GiveUp() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!temporary_.empty()) ::unlinkat(directory_, temporary_.c_str(), 0);
  temporary_.clear();
}

absl::Status IncomingFile::Fail(absl::Status status) {
  GiveUp();
  return status_ = std::move(status);
}

absl::Status IncomingFile::Fail(int error, absl::string_view what) {
  return Fail(FromErrno(error, what));
}

absl::Status IncomingFile::Create() {
  struct stat found;
  if (::fstatat(directory_, name_.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    return Fail(EEXIST, "");
  }
  if (errno != ENOENT) return Fail(errno, "");

  const absl::StatusOr<uint64_t> random = SecretBits();
  if (!random.ok()) return Fail(random.status());
  // CheckFileName refuses such names: nobody can send a file that is called so.
  std::string temporary = absl::StrFormat(".chat-%016x.part", *random);
  // With the mode of the finished file: the kernel knows the umask, and applies it.
  fd_ = ::openat(directory_, temporary.c_str(),
                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFinishedMode);
  if (fd_ < 0) return Fail(errno, "cannot create it");
  temporary_ = std::move(temporary);
  if (::fstat(fd_, &found) != 0) return Fail(errno, "cannot create it");
  mode_ = found.st_mode & kFinishedMode;
  if (::fchmod(fd_, kUnfinishedMode) != 0) return Fail(errno, "cannot create it");
  return absl::OkStatus();
}

absl::Status IncomingFile::Append(absl::string_view content) {
  if (!status_.ok()) return status_;
  if (content.size() > max_bytes_ - bytes_) return Fail(FileTooLarge("it", max_bytes_));
  while (!content.empty()) {
    const ssize_t n = ::write(fd_, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(errno, "cannot write it");
    bytes_ += n;
    content.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::Status IncomingFile::Finish() {
  if (!status_.ok()) return status_;
  if (::fchmod(fd_, mode_) != 0) return Fail(errno, "cannot complete it");
  if (::fsync(fd_) != 0) return Fail(errno, "cannot complete it");
  // Fails if there is anything of that name, a symbolic link that leads nowhere included.
  if (::linkat(directory_, temporary_.c_str(), directory_, name_.c_str(), 0) != 0) {
    return Fail(errno, "");
  }
  GiveUp();  // the temporary name
  return absl::OkStatus();
}

// ---- FileReceiver ----

FileReceiver::FileReceiver(int directory, FileReceiverOptions options)
    : directory_(directory), options_(options) {}

FileReceiver::~FileReceiver() { ::close(directory_); }

absl::StatusOr<std::unique_ptr<FileReceiver>> FileReceiver::Open(const std::string& path,
                                                                 FileReceiverOptions options) {
  const int directory = ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return FromErrno(errno, absl::StrCat("cannot take files into ", path));
  auto receiver = absl::WrapUnique(new FileReceiver(directory, options));
  if (::faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) != 0) {
    return FromErrno(errno, absl::StrCat("cannot take files into ", path));
  }
  return receiver;
}

absl::StatusOr<std::unique_ptr<IncomingFile>> FileReceiver::Begin(absl::string_view name) {
  if (absl::Status status = CheckFileName(name); !status.ok()) return status;
  auto file =
      absl::WrapUnique(new IncomingFile(directory_, std::string(name), options_.max_file_bytes));
  if (absl::Status status = file->Create(); !status.ok()) return status;
  return file;
}

}  // namespace chat::client
