// Takes files from other users into one directory. It does not matter over what they come.

#ifndef LIBCHAT_CLIENT_FILE_RECEIVER_H_
#define LIBCHAT_CLIENT_FILE_RECEIVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libchat/client/file_name.h"

namespace chat::client {

struct FileReceiverOptions {
  uint64_t max_file_bytes = kMaxFileBytes;
};

// A file under way. Its content stands under a temporary name of its own until Finish, readable by
// this user alone; a file that is not finished leaves nothing behind. (If the process is killed,
// the temporary file stays: ".chat-<random>.part".)
//
// How the methods here say what went wrong; whatever it is, the file is gone then, and every
// further call says the same:
//   kInvalidArgument     the name breaks a rule (CheckFileName), or the file system does not take
//   it kAlreadyExists       there is something of that name; it is not touched kResourceExhausted
//   the file is over the limit; or the disk, a quota or this process' table of
//                        open files is full
//   kPermissionDenied    the directory or its file system cannot be written to
//   kNotFound            the directory is gone
//   kFailedPrecondition  the file system cannot do it (it has no hard links, say)
//   kInternal            any other I/O error
// The messages are fit for a terminal: a name that broke a rule is not repeated in them.
//
// The calls block, as disks do. Thread safety: none.
class IncomingFile {
 public:
  IncomingFile(const IncomingFile&) = delete;
  IncomingFile& operator=(const IncomingFile&) = delete;
  // Gives the file up, unless it is finished.
  ~IncomingFile();

  const std::string& name() const { return name_; }
  uint64_t bytes() const { return bytes_; }  // taken so far

  // Takes the next piece.
  absl::Status Append(absl::string_view content);

  // Gives the file its name, if that is still free, and the permissions that the umask leaves. The
  // content is synced to the disk before that, so that errors which only show then (a full disk on
  // a network, say) are reported, and so that after a power cut the file is whole or absent. (The
  // directory itself is not synced.) Once.
  absl::Status Finish();

 private:
  friend class FileReceiver;
  IncomingFile(int directory, std::string name, uint64_t max_bytes);

  absl::Status Create();
  absl::Status Fail(int error, absl::string_view what);
  absl::Status Fail(absl::Status status);
  void GiveUp();

  const int directory_;  // borrowed
  const std::string name_;
  const uint64_t max_bytes_;
  std::string temporary_;  // its name; empty if there is none
  int fd_ = -1;
  unsigned mode_ = 0;  // what the file gets in the end
  uint64_t bytes_ = 0;
  absl::Status status_;
};

// The directory. Thread safety: none.
class FileReceiver {
 public:
  // The directory is looked up once: should its path lead somewhere else later, files still go to
  // the same one. kNotFound, kPermissionDenied (it must be writable), kInvalidArgument (not a
  // directory).
  static absl::StatusOr<std::unique_ptr<FileReceiver>> Open(const std::string& path,
                                                            FileReceiverOptions options = {});
  FileReceiver(const FileReceiver&) = delete;
  FileReceiver& operator=(const FileReceiver&) = delete;
  ~FileReceiver();

  // To be called when the first piece of a file has come. The name is checked, and whether it is
  // free, before anything is written. The receiver outlives the file. Files of the same name may be
  // under way together: the first to finish has it.
  absl::StatusOr<std::unique_ptr<IncomingFile>> Begin(absl::string_view name);

 private:
  FileReceiver(int directory, FileReceiverOptions options);

  const int directory_;
  const FileReceiverOptions options_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_FILE_RECEIVER_H_
