// What a connection does with files, and as a link to another server.

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "libchat/net/connection.h"
#include "libchat/net/mesh_rules.h"
#include "libchat/net/shard.h"
#include "libchat/net/socket_options.h"

namespace chat::net {
namespace {

absl::string_view Why(MergeRefusal refusal) {
  switch (refusal) {
    case MergeRefusal::kMerged:
      return "merged already";
    case MergeRefusal::kTooMany:
      return "together they would be too many servers";
    case MergeRefusal::kConflict:
      return "an id would mean two servers";
  }
  return "unknown";
}

}  // namespace

// ---- Merging ----

void Connection::StartLink(const Sibling& target, uint64_t dialed) {
  dialed_ = dialed;
  link_ = Link::kOpening;
  server_ = target.id;
  const MergeOffer offer = shard_.hub().OfferMerge(id_, target, Self());
  session_ = listener_.dialect->NewLinkSession(offer, SessionLimitsNow(), *this);
  session_->OnConnected();
  Start();
}

std::optional<Sibling> Connection::Self() const {
  const MeshRules& mesh = shard_.mesh();
  asio::error_code gone;
  const std::optional<asio::ip::address_v4> here = AsV4(socket_.local_endpoint(gone).address());
  if (!mesh.list_self || mesh.listed_port == 0 || gone || !here) return std::nullopt;
  return Sibling{shard_.hub().server_id(), here->to_uint(), mesh.listed_port};
}

int32_t Connection::ServerId() const { return shard_.hub().server_id(); }

// MUST (003 as built): who is not allowed to merge gets no answer.
void Connection::AskToMerge(const MergeOffer& offer) {
  server_ = offer.id;
  asio::error_code gone;
  const asio::ip::tcp::endpoint from = socket_.remote_endpoint(gone);
  if (gone || !shard_.mesh().allowed.Allows(from.address())) {
    shard_.hub().counters().Add(Counter::kRefusedMerges);
    LogLink(LogLevel::kWarning, "refused to merge with", "not in mesh.allow_merge_from");
    return Finish();
  }
  link_ = Link::kAsked;
  shard_.hub().AskToMerge(id_, offer, Self());
}

// What this server has decided, on a connection that has asked.
void Connection::OnMergeDecision(const MergeAnswer& answer) {
  if (answer.accepted) return BecomeLink();
  LogLink(LogLevel::kWarning, "refused to merge with", Why(answer.refusal));
}

bool Connection::OnMergeAnswer(const MergeAnswer& answer) {
  if (link_ != Link::kOpening) return false;
  if (answer.accepted) server_ = answer.accepted->id;
  switch (shard_.hub().OnMergeAnswer(id_, answer, Self())) {
    case Hub::LinkResult::kMerged:
      BecomeLink();
      shard_.dialer().OnMerged(dialed_, server_);
      return true;
    case Hub::LinkResult::kAlready:
      link_end_ = LinkEnd::kAlready;
      return false;
    case Hub::LinkResult::kRefused:
      link_end_ = LinkEnd::kRefused;
      LogLink(LogLevel::kWarning, "cannot merge with",
              answer.accepted ? "too many servers, or an id would mean two" : Why(answer.refusal));
      return false;
    case Hub::LinkResult::kAgain:
      return false;
  }
  return false;
}

void Connection::BecomeLink() {
  link_ = Link::kMerged;
  user_ = absl::StrCat("server ", server_);
  login_by_ = absl::InfiniteFuture();
  rate_limited_ = false;
  pass_.Authenticated();
  SetLinkOptions(fd_);
  LogLink(LogLevel::kInfo, "merged with", dialed_ != 0 ? "opened here" : "opened there");
}

void Connection::EndLink() {
  if (link_ == Link::kNone) return;
  link_ = Link::kNone;
  if (const int32_t server = shard_.hub().LinkEnded(id_); server != 0) {
    shard_.Log(LogLevel::kInfo, absl::StrCat("separated from server ", server));
  }
  if (dialed_ != 0) shard_.dialer().OnEnded(dialed_, link_end_);
}

void Connection::LogLink(LogLevel level, absl::string_view what, absl::string_view why) const {
  const std::string who = server_ == 0 ? "the server" : absl::StrCat("server ", server_);
  shard_.Log(level, absl::StrCat(what, " ", who, " at ", Info().address, ": ", why));
}

bool Connection::Forward(const Event& event) {
  bool wait = false;
  const bool taken = shard_.hub().Forward(id_, event, &wait);
  if (wait) AwaitFileRoom();
  return taken;
}

// ---- Files ----

// A file is bounded by its receiver's room. Only what reaches nobody counts as a message does.
Delivery Connection::SendFileChunk(const FileChunk& chunk) {
  FlushPublishes();
  bool wait = false;
  const Delivery delivery = shard_.hub().SendFileChunk(id_, chunk, &wait);
  if (delivery != Delivery::kSent) Charge();
  if (wait) AwaitFileRoom();
  return delivery;
}

Delivery Connection::RefuseFile(UserRef sender) {
  Charge();
  FlushPublishes();
  return shard_.hub().RefuseFile(id_, sender);
}

// What its client sends stays in the kernel meanwhile, and stops it. A link is everybody's: it does
// not wait long for one, and having done so in vain it waits for nobody for as long, or many would
// take turns to stop it.
void Connection::AwaitFileRoom() {
  if (link_ == Link::kMerged && shard_.now() < waits_again_) return shard_.hub().StopWaiting(id_);
  shard_.hub().counters().Add(Counter::kFileWaits);
  awaits_file_room_ = true;
  if (link_ != Link::kMerged) return;
  file_room_by_ = shard_.now() + shard_.limits().file_patience;
  shard_.CallAt(file_room_by_, id_);
}

void Connection::OnFileRoom() {
  if (!awaits_file_room_) return;
  awaits_file_room_ = false;
  file_room_by_ = absl::InfiniteFuture();
  if (state_ == State::kOpen && !paused_) Process(unread_);
}

void Connection::OnFileRoomTime() {
  shard_.hub().StopWaiting(id_);
  waits_again_ = shard_.now() + shard_.limits().file_patience;
  OnFileRoom();
}

void Connection::OnFileBytesQueued(size_t bytes) {
  file_bytes_ += bytes;
  ReportFileBytesOut();
}

// Bytes of chunks wait among its own, anywhere. They count as out after the others: so files only
// take what messages leave of the connection, and the two together do not pile up.
void Connection::ReportFileBytesOut() {
  const size_t out = file_bytes_ - std::min(file_bytes_, out_.own_bytes());
  if (out == 0) return;
  file_bytes_ -= out;
  shard_.hub().FileBytesOut(id_, static_cast<int64_t>(out));
}

// A link carries everybody's messages.
bool Connection::OverPrivateQueue() const {
  const Limits& limits = shard_.limits();
  const int64_t limit = link_ == Link::kMerged ? limits.lag : limits.private_queue;
  const size_t own = out_.own_bytes();
  return static_cast<int64_t>(own - std::min(own, file_bytes_)) > limit;
}

}  // namespace chat::net
