#include "tools/common/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace chat::tools {
namespace {

// The XDG rules: a base directory that is not absolute counts as not set.
std::string AbsoluteFromEnvironment(const char* name) {
  const char* value = getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

std::string Home() {
  std::string home = AbsoluteFromEnvironment("HOME");
  if (!home.empty()) return home;
  const passwd* user = getpwuid(getuid());
  return user == nullptr ? "" : user->pw_dir;
}

absl::Status Denied(absl::string_view path, absl::string_view why) {
  return absl::PermissionDeniedError(absl::StrCat(path, " ", why));
}

}  // namespace

std::string DefaultAdminSocket() {
  const std::string runtime = AbsoluteFromEnvironment("XDG_RUNTIME_DIR");
  if (!runtime.empty()) return absl::StrCat(runtime, "/chatd/admin.sock");
  return absl::StrCat("/tmp/chatd-", getuid(), "/admin.sock");
}

absl::StatusOr<std::string> AdminSocketPath(absl::string_view address) {
  absl::string_view path = address;
  if (!absl::ConsumePrefix(&path, "unix:")) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is no admin address: only unix:PATH is served; ",
                     "TCP is refused, since anybody could connect"));
  }
  if (path.substr(0, 3) == "///") path.remove_prefix(2);  // unix:///PATH, as gRPC writes it
  if (path.empty()) return absl::InvalidArgumentError("unix: needs a path behind it");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("the path of a socket has at most ",
                                                   sizeof(sockaddr_un::sun_path) - 1,
                                                   " bytes, not the ", path.size(), " of ", path));
  }
  return std::string(path);
}

std::string DefaultDataDirectory() {
  const std::string state = AbsoluteFromEnvironment("XDG_STATE_HOME");
  if (!state.empty()) return absl::StrCat(state, "/chatd");
  const std::string home = Home();
  return home.empty() ? "" : absl::StrCat(home, "/.local/state/chatd");
}

std::string DirectoryOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

absl::Status MakeDirectories(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
  }
  if (const std::string parent = DirectoryOf(path); parent != path) {
    if (absl::Status status = MakeDirectories(parent); !status.ok()) return status;
  }
  // EEXIST: somebody else made it just now.
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot create directory ", path));
}

absl::Status CheckPrivateDirectory(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return absl::ErrnoToStatus(errno, path);
  if (S_ISLNK(found.st_mode)) return Denied(path, "is a symbolic link");
  if (!S_ISDIR(found.st_mode)) return Denied(path, "is not a directory");
  if (found.st_uid != geteuid()) return Denied(path, "belongs to another user");
  if ((found.st_mode & 077) != 0) return Denied(path, "is open to other users: chmod 700 it");
  return absl::OkStatus();
}

absl::Status CheckSafeDirectory(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return absl::ErrnoToStatus(errno, path);
  if (!S_ISDIR(found.st_mode)) return Denied(path, "is not a directory");
  if (found.st_uid != geteuid() && found.st_uid != 0) {
    return Denied(path, "belongs to another user");
  }
  const bool sticky = (found.st_mode & S_ISVTX) != 0;
  if ((found.st_mode & 022) != 0 && !sticky) {
    return Denied(path, "can be written by other users: chmod go-w it");
  }
  return absl::OkStatus();
}

}  // namespace chat::tools
