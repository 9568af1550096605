#include "tools/chat-listen/inbox.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace chat::tools {

absl::Status EnoughHasCome() { return absl::CancelledError("enough has come"); }

Inbox::Inbox(InboxOptions options, Printer& printer)
    : options_(std::move(options)), printer_(printer) {}

absl::StatusOr<std::shared_ptr<client::IncomingFile>> Inbox::Begin(absl::string_view name) {
  if (printer_.enough()) return EnoughHasCome();
  if (options_.receiver == nullptr) {
    return absl::PermissionDeniedError("there is no --accept-files");
  }
  absl::StatusOr<std::unique_ptr<client::IncomingFile>> begun = options_.receiver->Begin(name);
  if (!begun.ok()) return begun.status();
  // The directory stays open for it: a process that ends leaves nothing half behind.
  return std::shared_ptr<client::IncomingFile>(
      begun->release(),
      [receiver = options_.receiver](client::IncomingFile* file) { delete file; });
}

absl::Status Inbox::Finish(client::IncomingFile& file, UserRef from, UserRef to) {
  if (printer_.enough()) return EnoughHasCome();
  if (absl::Status status = file.Finish(); !status.ok()) return status;
  const std::string path = absl::StrCat(options_.directory, "/", file.name());
  return printer_.AddFile(from, to, file.name(), path, file.bytes()) ? absl::OkStatus()
                                                                     : EnoughHasCome();
}

}  // namespace chat::tools
