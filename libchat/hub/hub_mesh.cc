// What the hub does with merged servers.

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "libchat/hub/hub.h"
#include "libchat/hub/section.h"

namespace chat {
namespace {

bool SamePlace(const Sibling& a, const Sibling& b) { return a.ipv4 == b.ipv4 && a.port == b.port; }

}  // namespace

// ---- Users of other servers ----

User Hub::UserOf(SessionId session) const {
  const auto remote = remote_users_.find(session);
  return remote == remote_users_.end() ? User(FindMember(session)->name) : remote->second;
}

SessionId Hub::RemoteId(UserRef user) {
  SessionId& id = remote_ids_[Display(user)];
  if (!id) {
    id.shard = kRemoteShard;
    id.generation = ++last_remote_;
    remote_users_.emplace(id, User(user));
  }
  return id;
}

void Hub::ForgetRemoteUnlessNamed(SessionId session) {
  const auto it = remote_users_.find(session);
  if (it == remote_users_.end() || requests_.Names(session) || talks_.Names(session)) return;
  remote_ids_.erase(Display(it->second));
  remote_users_.erase(it);
}

bool Hub::PostToServer(Section& section, int32_t server, Event event) {
  const Mesh::Peer* peer = mesh_.Find(server);
  if (peer == nullptr) return false;
  if (MailboxFull(peer->link)) return true;  // counted
  Post(section, peer->link, std::move(event));
  counters_.Add(Counter::kMessagesForwarded);
  return true;
}

Delivery Hub::SendElsewhere(Section& section, SessionId from, UserRef to, Text body) {
  const Member& sender = *FindMember(from);
  if (mesh_.Find(to.server) == nullptr) return Delivery::kNoSuchServer;
  const SessionId known = FindUser(to);
  const TalkNumber talk = known ? talks_.Find(from, known) : kNoTalk;
  if (talk == kNoTalk && DialectOf(sender).private_messages() != PrivateMessages::kFree) {
    return Delivery::kNoConsent;
  }
  if (body.bytes().size() > kMaxMessageBytes) return Delivery::kNotPossible;
  PostToServer(section, to.server,
               PrivateMessage{User(sender.name), User(to), OwnedText(body), ++last_number_, talk});
  counters_.Add(Counter::kMessagesPrivate);
  return Delivery::kSent;
}

// ---- Merging ----

MergeOffer Hub::OfferMerge(SessionId link, const Sibling& target,
                           const std::optional<Sibling>& self) {
  Section section(*this);
  opening_[link] = target;
  return mesh_.Offer(self);
}

void Hub::AskToMerge(SessionId link, const MergeOffer& offer, const std::optional<Sibling>& self) {
  Section section(*this);
  const auto refuse = [&](MergeRefusal refusal) {
    counters_.Add(Counter::kRefusedMerges);
    Post(section, link, MergeAnswer{std::nullopt, refusal});
  };
  if (const auto refusal = mesh_.Refusal(offer, self)) return refuse(*refusal);
  // The two connect to each other at once: the connection that the lower id opened survives.
  if (const std::optional<Sibling> asker = Mesh::SelfOf(offer); asker && mesh_.id() < offer.id) {
    for (const auto& [opening, target] : opening_) {
      if (SamePlace(target, *asker)) return refuse(MergeRefusal::kMerged);
    }
  }
  Post(section, link, MergeAnswer{mesh_.Offer(self)});
  Merge(section, link, offer, false);
}

bool Hub::OnMergeAnswer(SessionId link, const MergeAnswer& answer,
                        const std::optional<Sibling>& self) {
  Section section(*this);
  if (opening_.erase(link) == 0 || !answer.accepted) return false;
  const MergeOffer& offer = *answer.accepted;
  const std::optional<MergeRefusal> refusal = mesh_.Refusal(offer, self);
  if (refusal == MergeRefusal::kMerged) {
    // Both have accepted both connections: again the one that the lower id opened survives.
    const Mesh::Peer older = *mesh_.Find(offer.id);
    if (older.opened_here || mesh_.id() > offer.id) return false;
    mesh_.Remove(older.link);
    Post(section, older.link, Cut{Farewell::kReplaced});
  } else if (refusal) {
    counters_.Add(Counter::kRefusedMerges);
    return false;
  }
  Merge(section, link, offer, true);
  return true;
}

void Hub::Merge(Section& section, SessionId link, const MergeOffer& offer, bool opened_here) {
  mesh_.Add(offer, link, opened_here);
  for (const Sibling& other : mesh_.Missing(offer)) section.Dial(other);
  section.Emit(ServerEvent::Kind::kMerged, "", "", absl::StrCat("server ", offer.id),
               static_cast<uint64_t>(offer.id));
}

void Hub::LinkEnded(SessionId link) {
  Section section(*this);
  opening_.erase(link);
  PostFileRoom(section, files_.Forget(link));
  const int32_t server = mesh_.Remove(link);
  if (server == 0) return;
  std::vector<std::pair<SessionId, User>> lost;
  for (const auto& [id, user] : remote_users_) {
    if (user.server == server) lost.emplace_back(id, user);
  }
  for (const auto& [id, user] : lost) {
    EndAgreements(section, id, user);
    ForgetRemoteUnlessNamed(id);
  }
  section.Emit(ServerEvent::Kind::kSeparated, "", "", absl::StrCat("server ", server),
               static_cast<uint64_t>(server));
}

std::vector<ServerInfo> Hub::Servers() const {
  absl::MutexLock lock(&mu_);
  std::vector<ServerInfo> servers;
  for (const auto& [id, peer] : mesh_.peers()) {
    servers.push_back({id, peer.link, peer.opened_here, peer.at, peer.since});
  }
  return servers;
}

// ---- What other servers hand on ----

bool Hub::Forward(SessionId link, const Event& event, bool patient, bool* wait) {
  Section section(*this);
  const int32_t server = mesh_.ServerOf(link);
  if (server == 0) return false;
  if (const auto* announcement = std::get_if<Announcement>(&event)) {
    return OnForwarded(section, server, *announcement);
  }
  if (const auto* message = std::get_if<PrivateMessage>(&event)) {
    return OnForwarded(section, server, *message);
  }
  if (const auto* lost = std::get_if<Undelivered>(&event)) {
    return OnForwarded(section, server, *lost);
  }
  const auto* chunk = std::get_if<FileChunk>(&event);
  if (chunk == nullptr || chunk->from.server != server || !IsName(chunk->from.name)) return false;
  const SessionId to = FindUser({chunk->to.name, 0});
  if (!to || PostChunk(section, link, to, *chunk, patient, wait) != Delivery::kSent) {
    PostToServer(section, server, Undelivered{chunk->to, chunk->from});
  }
  return true;
}

bool Hub::OnForwarded(Section& section, int32_t server, const Announcement& event) {
  if (event.from.server != server || !IsName(event.from.name)) return false;
  if (event.body.bytes().size() > kMaxMessageBytes) return false;
  counters_.Add(Counter::kMessagesForwarded);
  Append(section, PublicMessage{event.from, event.body.text(), ++last_number_, mesh_.id()});
  return true;
}

bool Hub::OnForwarded(Section& section, int32_t server, const PrivateMessage& event) {
  if (event.from.server != server || !IsName(event.from.name)) return false;
  counters_.Add(Counter::kMessagesForwarded);
  const SessionId to = FindUser({event.to.name, 0});
  const PrivateMessages theirs =
      to ? DialectOf(*FindMember(to)).private_messages() : PrivateMessages::kNone;
  Delivery delivery = Delivery::kNoSuchUser;
  if (theirs != PrivateMessages::kNone) {
    // There is one in the tables as long as the message needs it.
    const SessionId from = RemoteId(event.from);
    const bool talks = theirs == PrivateMessages::kFree || talks_.Find(from, to) != kNoTalk;
    delivery = talks ? Deliver(section, from, to, event.body.text())
                     : Hold(section, from, to, event.body.text());
    ForgetRemoteUnlessNamed(from);
  }
  if (delivery != Delivery::kSent) {
    PostToServer(section, server, Undelivered{event.to, event.from});
  }
  return true;
}

// The one to be told is of this server; the one that could not be reached is of that.
bool Hub::OnForwarded(Section& section, int32_t server, const Undelivered& event) {
  if (event.to.server != server) return false;
  const SessionId from = FindUser({event.from.name, 0});
  if (from) Post(section, from, event);
  return true;
}

// ---- Files ----

Delivery Hub::SendFileChunk(SessionId session, const FileChunk& chunk, bool* wait) {
  Section section(*this);
  const Member* from = FindMember(session);
  if (from == nullptr) return Delivery::kNotPossible;
  FileChunk signed_chunk = chunk;
  signed_chunk.from = User(from->name);
  if (IsElsewhere(chunk.to)) {
    const Mesh::Peer* peer = mesh_.Find(chunk.to.server);
    if (peer == nullptr) return Delivery::kNoSuchServer;
    return PostChunk(section, session, peer->link, std::move(signed_chunk), true, wait);
  }
  const SessionId to = FindUser(*from, chunk.to);
  if (!to) return Delivery::kNoSuchUser;
  return PostChunk(section, session, to, std::move(signed_chunk), true, wait);
}

Delivery Hub::PostChunk(Section& section, SessionId sender, SessionId to, FileChunk chunk,
                        bool patient, bool* wait) {
  const Member* member = FindMember(to);
  if (member != nullptr && !DialectOf(*member).takes_files()) return Delivery::kNoSuchUser;
  const bool full = files_.bytes(to) >= limits_.file_window;
  if ((full && !patient) || MailboxFull(to)) {
    counters_.Add(Counter::kRefusedFiles);
    return Delivery::kNotPossible;
  }
  const auto size = static_cast<int64_t>(chunk.content.size());
  Post(section, to, std::move(chunk));
  counters_.Add(Counter::kFileBytes, static_cast<uint64_t>(size));
  files_.Add(to, size);
  if (files_.bytes(to) >= limits_.file_window) {
    files_.Wait(to, sender);
    *wait = true;
  }
  return Delivery::kSent;
}

void Hub::FileBytesOut(SessionId session, int64_t bytes) {
  Section section(*this);
  PostFileRoom(section, files_.Release(session, bytes, limits_.file_window / 2));
}

void Hub::PostFileRoom(Section& section, const std::vector<SessionId>& senders) {
  for (SessionId sender : senders) Post(section, sender, FileRoom{});
}

}  // namespace chat
