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

// Of a file of `size` bytes. An empty one has one; of a size that is none, no piece is the last.
int64_t PiecesOf(int64_t size) {
  if (size < 0) return std::numeric_limits<int64_t>::max();
  return std::max<int64_t>(1, size / kPieceBytes + (size % kPieceBytes != 0));
}

}  // namespace

FileDesk::FileDesk(asio::io_context& io, Inbox& inbox, Refusals& refusals, absl::Duration idle)
    : inbox_(inbox), refusals_(refusals), idle_(idle), timer_(io) {}

void FileDesk::OnDisconnected() {
  session_ = nullptr;
  transfers_.clear();
}

void FileDesk::Take(const FileChunkReceived& piece, const std::string& self, bool allowed) {
  const auto found = Find(piece, allowed);
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

FileDesk::Transfers::iterator FileDesk::Find(const FileChunkReceived& piece, bool allowed) {
  Key key(Display(piece.from), piece.transfer);
  const auto found = transfers_.find(key);
  if (found != transfers_.end()) {
    const Transfer& known = found->second;
    const bool same = piece.name == known.name && piece.size == known.size;
    if (same || known.mixed || known.file != nullptr) return found;
    transfers_.erase(found);  // the sender has given up what was refused, and uses its number again
  }
  Transfer transfer;
  transfer.name = piece.name;
  transfer.size = piece.size;
  transfer.begun = ++begun_;
  const absl::Status begun = Begin(piece, allowed, &transfer);
  if (!begun.ok()) {
    ForgetOldest(key.first);
    Refuse(piece.from, piece.name, begun);
  }
  WatchForSilence();
  return transfers_.emplace(std::move(key), std::move(transfer)).first;
}

absl::Status FileDesk::Begin(const FileChunkReceived& piece, bool allowed, Transfer* transfer) {
  if (!allowed) return absl::PermissionDeniedError("not among those whom --allow names");
  if (absl::Status room = CheckRoom(Display(piece.from)); !room.ok()) return room;
  if (piece.size < 0 || static_cast<uint64_t>(piece.size) > client::kMaxFileBytes) {
    return client::FileTooLarge("it", client::kMaxFileBytes);
  }
  absl::StatusOr<std::shared_ptr<client::IncomingFile>> begun = inbox_.Begin(piece.name);
  if (!begun.ok()) return begun.status();
  transfer->file = *std::move(begun);
  return absl::OkStatus();
}

absl::Status FileDesk::CheckRoom(const std::string& from) const {
  size_t of_one = 0;
  size_t in_all = 0;
  for (const auto& [key, transfer] : transfers_) {
    if (transfer.file == nullptr) continue;
    ++in_all;
    if (key.first == from) ++of_one;
  }
  const auto reached = [](size_t limit, absl::string_view whose) {
    return absl::ResourceExhaustedError(
        absl::StrCat(limit, " files ", whose, " are under way, which is the limit"));
  };
  if (of_one >= Inbox::kOfOne) return reached(Inbox::kOfOne, "of this sender");
  if (in_all >= Inbox::kInAll) return reached(Inbox::kInAll, "of all senders");
  return absl::OkStatus();
}

absl::Status FileDesk::Append(const FileChunkReceived& piece, Transfer* transfer) {
  if (piece.name != transfer->name || piece.size != transfer->size ||
      piece.content.size() != kFileChunkBytes) {
    transfer->mixed = true;
    return absl::DataLossError("its pieces do not fit together");
  }
  inbox_.OnPiece();
  // What the last one has beyond the size is padding.
  const uint64_t left = static_cast<uint64_t>(transfer->size) - transfer->file->bytes();
  return transfer->file->Append(absl::string_view(piece.content).substr(0, left));
}

void FileDesk::Refuse(UserRef from, const std::string& name, const absl::Status& why) {
  if (absl::IsCancelled(why)) return;  // enough has come: nobody wants to know
  refusals_.SayFile(from, name, why.message());
  // Not every dialect has a word for it.
  if (session_ != nullptr) (void)session_->RefuseFile(from);
}

void FileDesk::ForgetOldest(const std::string& from) {
  size_t of_one = 0;
  size_t in_all = 0;
  auto oldest_of_one = transfers_.end();
  auto oldest = transfers_.end();
  const auto older = [this](Transfers::iterator a, Transfers::iterator b) {
    return b == transfers_.end() || a->second.begun < b->second.begun ? a : b;
  };
  for (auto at = transfers_.begin(); at != transfers_.end(); ++at) {
    if (at->second.file != nullptr) continue;
    ++in_all;
    oldest = older(at, oldest);
    if (at->first.first != from) continue;
    ++of_one;
    oldest_of_one = older(at, oldest_of_one);
  }
  if (of_one >= kRefusedOfOne) {
    transfers_.erase(oldest_of_one);
  } else if (in_all >= kRefusedInAll) {
    transfers_.erase(oldest);
  }
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
