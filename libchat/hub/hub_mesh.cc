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
  const std::string name = Display(user);
  SessionId& id = remote_ids_[name];
  if (id) return id;
  // One that is still in the tables must not come again: 56 bits do not run out.
  while (!id) id = SessionId::FromValue(uint64_t{kRemoteShard} << 56 | ++last_remote_);
  remote_users_.emplace(id, User(user));
  AddShown(name, id);
  return id;
}

void Hub::ForgetRemoteUnlessNamed(SessionId session) {
  const auto it = remote_users_.find(session);
  if (it == remote_users_.end() || requests_.Names(session) || talks_.Names(session)) return;
  const std::string name = Display(it->second);
  RemoveShown(name, session);
  remote_ids_.erase(name);
  remote_users_.erase(it);
}

Delivery Hub::PostToServer(Section& section, int32_t server, Event event) {
  const Mesh::Peer* peer = mesh_.Find(server);
  if (peer == nullptr) return Delivery::kNoSuchServer;
  if (MailboxFull(peer->link)) return Delivery::kNotPossible;
  Post(section, peer->link, std::move(event));
  counters_.Add(Counter::kMessagesForwarded);
  return Delivery::kSent;
}

Delivery Hub::SendElsewhere(Section& section, SessionId from, UserRef to, Text body) {
  const Member& sender = *FindMember(from);
  if (mesh_.Find(to.server) == nullptr) return Delivery::kNoSuchServer;
  const SessionId known = FindUser(sender, to);
  const User receiver = known ? UserOf(known) : User(to);
  if (!IsName(receiver.name)) return Delivery::kNoSuchUser;
  const TalkNumber talk = known ? talks_.Find(from, known) : kNoTalk;
  if (talk == kNoTalk && DialectOf(sender).private_messages() != PrivateMessages::kFree) {
    return Delivery::kNoConsent;
  }
  if (body.bytes().size() > kMaxMessageBytes) return Delivery::kNotPossible;
  const Delivery delivery = PostToServer(
      section, to.server,
      PrivateMessage{User(sender.name), receiver, OwnedText(body), ++last_number_, talk});
  if (delivery == Delivery::kSent) counters_.Add(Counter::kMessagesPrivate);
  return delivery;
}

// ---- Merging ----

MergeOffer Hub::OfferMerge(SessionId link, const Sibling& target,
                           const std::optional<Sibling>& self) {
  Section section(*this);
  MergeOffer offer = mesh_.Offer(self);
  opening_[link] = {target, offer};
  return offer;
}

void Hub::AskToMerge(SessionId link, const MergeOffer& offer, const std::optional<Sibling>& self) {
  Section section(*this);
  const auto refuse = [&](MergeRefusal refusal) {
    counters_.Add(Counter::kRefusedMerges);
    Post(section, link, MergeAnswer{std::nullopt, refusal});
  };
  if (const auto refusal = mesh_.Refusal(offer, self)) return refuse(*refusal);
  // The two connect to each other at once: the connection that the lower id opened survives.
  const std::optional<Sibling> asker = Mesh::SelfOf(offer);
  for (const auto& [opening, to] : opening_) {
    const bool same = to.target.id == offer.id || (asker && SamePlace(to.target, *asker));
    if (same && mesh_.id() < offer.id) return refuse(MergeRefusal::kMerged);
  }
  Post(section, link, MergeAnswer{mesh_.Offer(self)});
  Merge(section, link, offer, false);
}

Hub::LinkResult Hub::OnMergeAnswer(SessionId link, const MergeAnswer& answer,
                                   const std::optional<Sibling>& self) {
  Section section(*this);
  const auto it = opening_.find(link);
  if (it == opening_.end()) return LinkResult::kRefused;
  const Opening opening = std::move(it->second);
  opening_.erase(it);
  if (!answer.accepted) {
    return answer.refusal == MergeRefusal::kMerged ? LinkResult::kAlready : LinkResult::kRefused;
  }
  const MergeOffer& offer = *answer.accepted;
  const std::optional<MergeRefusal> refusal = mesh_.Refusal(offer, self);
  if (refusal == MergeRefusal::kMerged) {
    // What this answer says may be newer than what the other link began with.
    for (const Sibling& other : mesh_.Missing(offer)) section.Dial(other);
    if (!ReplaceLink(section, offer.id, opening.target)) return LinkResult::kAlready;
  } else if (refusal) {
    counters_.Add(Counter::kRefusedMerges);
    return LinkResult::kRefused;
  } else if (!mesh_.AllKnowEachOther(opening.said, offer)) {
    return LinkResult::kAgain;
  }
  Merge(section, link, offer, true);
  return LinkResult::kMerged;
}

// There is a link to the server already, and yet it has accepted another one, which this server has
// opened to `target`. Who only says that it is that server must not get its place.
bool Hub::ReplaceLink(Section& section, int32_t server, const Sibling& target) {
  const Mesh::Peer older = *mesh_.Find(server);
  if (!older.at || !SamePlace(*older.at, target)) return false;
  // Each has opened one, and has accepted the other's: again the one of the lower id survives. But
  // if both are from here, then the older one has ended there.
  if (!older.opened_here && mesh_.id() > server) return false;
  mesh_.Remove(older.link);
  PostFileRoom(section, files_.Forget(older.link));
  Post(section, older.link, Cut{Farewell::kReplaced});
  return true;
}

void Hub::Merge(Section& section, SessionId link, const MergeOffer& offer, bool opened_here) {
  mesh_.Add(offer, link, opened_here);
  for (const Sibling& other : mesh_.Missing(offer)) section.Dial(other);
  section.Emit(ServerEvent::Kind::kMerged, "", "", absl::StrCat("server ", offer.id),
               static_cast<uint64_t>(offer.id));
}

int32_t Hub::LinkEnded(SessionId link) {
  Section section(*this);
  opening_.erase(link);
  PostFileRoom(section, files_.Forget(link));
  const int32_t server = mesh_.Remove(link);
  if (server == 0) return 0;
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
  return server;
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

bool Hub::Forward(SessionId link, const Event& event, bool* wait) {
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
  if (!to || PostChunk(section, link, to, *chunk, wait) != Delivery::kSent) {
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
  if (from && !MailboxFull(from)) Post(section, from, event);
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
    if (!IsName(chunk.to.name)) return Delivery::kNoSuchUser;
    return PostChunk(section, session, peer->link, std::move(signed_chunk), wait);
  }
  const SessionId to = FindUser(*from, chunk.to);
  if (!to) return Delivery::kNoSuchUser;
  return PostChunk(section, session, to, std::move(signed_chunk), wait);
}

Delivery Hub::PostChunk(Section& section, SessionId sender, SessionId to, FileChunk chunk,
                        bool* wait) {
  const Member* member = FindMember(to);
  if (member != nullptr && !DialectOf(*member).takes_files()) return Delivery::kNoSuchUser;
  if (files_.HasGivenUp(to, sender) || MailboxFull(to)) {
    counters_.Add(Counter::kRefusedFiles);
    return Delivery::kNotPossible;
  }
  const auto size = static_cast<int64_t>(chunk.content.size());
  if (member != nullptr) files_.Remember(to, Display(chunk.from));
  Post(section, to, std::move(chunk));
  counters_.Add(Counter::kFileBytes, static_cast<uint64_t>(size));
  files_.Add(to, size);
  if (files_.bytes(to) >= limits_.file_window) {
    files_.Wait(to, sender);
    *wait = true;
  }
  return Delivery::kSent;
}

Delivery Hub::RefuseFile(SessionId session, UserRef sender) {
  Section section(*this);
  const Member* receiver = FindMember(session);
  if (receiver == nullptr || !files_.TakeSender(session, Display(sender))) {
    return Delivery::kNotPossible;
  }
  counters_.Add(Counter::kRefusedFiles);
  const Undelivered refused{User(receiver->name), User(sender)};
  if (IsElsewhere(sender)) return PostToServer(section, sender.server, refused);
  const SessionId to = FindUser(sender);
  if (!to) return Delivery::kNoSuchUser;
  if (MailboxFull(to)) return Delivery::kNotPossible;
  Post(section, to, refused);
  return Delivery::kSent;
}

void Hub::FileBytesOut(SessionId session, int64_t bytes) {
  Section section(*this);
  PostFileRoom(section, files_.Release(session, bytes, limits_.file_window / 2));
}

void Hub::StopWaiting(SessionId link) {
  Section section(*this);
  files_.GiveUp(link);
}

void Hub::PostFileRoom(Section& section, const std::vector<SessionId>& senders) {
  for (SessionId sender : senders) Post(section, sender, FileRoom{});
}

}  // namespace chat
