// Where chatd and its tools meet on this machine.

#ifndef TOOLS_COMMON_PATHS_H_
#define TOOLS_COMMON_PATHS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chat::tools {

// The socket of chatd's admin API, unless told otherwise: $XDG_RUNTIME_DIR/chatd/admin.sock, else
// /tmp/chatd-UID/admin.sock.
std::string DefaultAdminSocket();

// The path in an address of the admin API, "unix:PATH". InvalidArgument says what is wrong, with
// any other kind of address too: what guards the API is that the socket opens for one user alone.
absl::StatusOr<std::string> AdminSocketPath(absl::string_view address);

// The directory that chatd keeps as its own, unless told otherwise: $XDG_STATE_HOME/chatd, else
// ~/.local/state/chatd. Empty if this user has no home.
std::string DefaultDataDirectory();

// "/a/b" of "/a/b/c", "/" of "/c", "." of "c".
std::string DirectoryOf(absl::string_view path);

// Creates `path` and what is missing above it, for this user alone (0700). One that is there
// already stays as it is. Errors name the directory that could not be made.
absl::Status MakeDirectories(const std::string& path);

// OK if `path` is a directory, no symbolic link, of this user, that nobody else can enter. Else
// PermissionDenied, or NotFound if it is missing.
absl::Status CheckPrivateDirectory(const std::string& path);

// OK if nobody but this user and root can replace a file of this user's in directory `path`. Else
// PermissionDenied, or NotFound if it is missing.
absl::Status CheckSafeDirectory(const std::string& path);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_PATHS_H_
