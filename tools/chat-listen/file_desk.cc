#include "tools/chat-listen/file_desk.h"

#include <algorithm>
#include <limits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libchat/client/file_name.h"
#include "libchat/event/event.h"

namespace chat::tools {
namespace {

constexpr int64_t kPieceBytes = kFileChunkBytes;

// Of a file of `size` bytes. An empty one has one.
int64_t PiecesOf(int64_t size) {
  return std::max<int64_t>(1, size / kPieceBytes + (size % kPieceBytes != 0));
}

}  // namespace

FileDesk::FileDesk(asio::io_context& io, Inbox& inbox, Refusals& refusals, absl::Duration idle)
    : inbox_(inbox), refusals_(refusals), idle_(idle), timer_(io) {}

void FileDesk::Take(const FileChunkReceived& piece, const std::string& self) {
  Key key(Display(piece.from), piece.transfer);
  auto found = transfers_.find(key);
  if (found == transfers_.end()) {
    if (!HasRoom(key.first)) {
      const absl::Status why = absl::ResourceExhaustedError("enough files are under way");
      return Refuse(piece.from, piece.name, why);
    }
    found = transfers_.emplace(std::move(key), Transfer()).first;
    const absl::Status begun = Begin(piece, &found->second);
    if (!begun.ok()) Refuse(piece.from, piece.name, begun);
    WatchForSilence();
  }
  Transfer& transfer = found->second;
  transfer.quiet = false;
  const bool last = ++transfer.pieces == PiecesOf(transfer.size);
  if (transfer.file != nullptr) {
    absl::Status status = Append(piece, &transfer);
    if (status.ok() && last) status = inbox_.Finish(*transfer.file, piece.from, User(self));
    if (!status.ok()) {
      transfer.file = nullptr;
      Refuse(piece.from, transfer.name, status);
    }
  }
  if (last) transfers_.erase(found);
}

bool FileDesk::HasRoom(const std::string& from) const {
  if (transfers_.size() >= Inbox::kInAll) return false;
  size_t of_one = 0;
  const Key first(from, std::numeric_limits<int32_t>::min());
  for (auto at = transfers_.lower_bound(first); at != transfers_.end(); ++at) {
    if (at->first.first != from) break;
    ++of_one;
  }
  return of_one < Inbox::kOfOne;
}

absl::Status FileDesk::Begin(const FileChunkReceived& piece, Transfer* transfer) {
  transfer->name = piece.name;
  transfer->size = piece.size;
  absl::StatusOr<std::shared_ptr<client::IncomingFile>> begun = inbox_.Begin(piece.name);
  if (!begun.ok()) return begun.status();
  if (piece.size < 0 || static_cast<uint64_t>(piece.size) > client::kMaxFileBytes) {
    return client::FileTooLarge("it", client::kMaxFileBytes);
  }
  transfer->file = *std::move(begun);
  return absl::OkStatus();
}

absl::Status FileDesk::Append(const FileChunkReceived& piece, Transfer* transfer) {
  if (piece.name != transfer->name || piece.size != transfer->size ||
      piece.content.size() != kFileChunkBytes) {
    return absl::DataLossError("its pieces do not fit together");
  }
  // What the last one has beyond the size is padding.
  const uint64_t left = static_cast<uint64_t>(transfer->size) - transfer->file->bytes();
  return transfer->file->Append(absl::string_view(piece.content).substr(0, left));
}

void FileDesk::Refuse(UserRef from, const std::string& name, const absl::Status& why) {
  if (absl::IsCancelled(why)) return;  // enough has come: nobody wants to know
  refusals_.Say(from, absl::StrCat("the file \"", name, "\": ", why.message()));
}

void FileDesk::WatchForSilence() {
  if (watching_) return;
  watching_ = true;
  timer_.expires_after(absl::ToChronoNanoseconds(idle_));
  timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    watching_ = false;
    GiveUpQuiet();
    if (!transfers_.empty()) WatchForSilence();
  });
}

// Only who was quiet from one time to the next has sent nothing: a process that was stopped for
// long finds the timer over before it has read what came meanwhile.
void FileDesk::GiveUpQuiet() {
  for (auto at = transfers_.begin(); at != transfers_.end();) {
    Transfer& transfer = at->second;
    if (!transfer.quiet) {
      transfer.quiet = true;
      ++at;
      continue;
    }
    if (transfer.file != nullptr) {
      const absl::Status why = absl::DeadlineExceededError("the rest of it has not come");
      Refuse(ParseUser(at->first.first), transfer.name, why);
    }
    at = transfers_.erase(at);
  }
}

}  // namespace chat::tools
