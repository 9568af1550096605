#include "libchat/hub/hub.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libchat/hub/section.h"

namespace chat {

Hub::Hub(Options options) : options_(std::move(options)), mesh_(options_.server_id) {
  for (size_t i = 0; i < options_.dialects.size(); ++i) {
    logs_.push_back(std::make_unique<fanout::BroadcastLog>());
  }
  absl::MutexLock lock(&mu_);
  limits_ = options_.limits;
  receivers_.resize(logs_.size());
  shards_.resize(options_.shards);
  for (ShardState& shard : shards_) shard.members.resize(logs_.size());
}

Hub::~Hub() = default;

const Hub::Member* Hub::FindMember(SessionId session) const {
  const auto it = members_.find(session);
  return it == members_.end() ? nullptr : &it->second;
}

SessionId Hub::FindUser(UserRef user) const {
  if (IsElsewhere(user)) {
    const auto remote = remote_ids_.find(Display(user));
    return remote == remote_ids_.end() ? SessionId() : remote->second;
  }
  const auto it = roster_.find(user.name);
  return it == roster_.end() ? SessionId() : it->second;
}

SessionId Hub::FindUser(const Member& by, UserRef user) const {
  const SessionId exact = FindUser(user);
  if (exact || !DialectOf(by).ascii_names()) return exact;
  const auto it = shown_.find(IsElsewhere(user) ? Display(user) : std::string(user.name));
  return it == shown_.end() || it->second.size() != 1 ? SessionId() : *it->second.begin();
}

void Hub::AddShown(absl::string_view name, SessionId session) {
  if (std::string shown = ToAscii(name); shown != name) shown_[std::move(shown)].insert(session);
}

void Hub::RemoveShown(absl::string_view name, SessionId session) {
  const auto shown = shown_.find(ToAscii(name));
  if (shown == shown_.end()) return;
  shown->second.erase(session);
  if (shown->second.empty()) shown_.erase(shown);
}

void Hub::Post(Section& section, SessionId to,
               std::variant<Event, JoinRelay, Cut, FileRoom, EndRelay, ClosingNotice> what) {
  if (to.shard == kRemoteShard) {
    // A user of a merged server: of what happens here, only this can be said to it.
    const Event* event = std::get_if<Event>(&what);
    const Undelivered* lost = event == nullptr ? nullptr : std::get_if<Undelivered>(event);
    if (lost != nullptr) PostToServer(section, lost->from.server, *lost);
    return;
  }
  const Member* member = FindMember(to);
  const uint64_t at = member == nullptr ? 0 : logs_[member->dialect]->head();
  shards_[to.shard].mail.push_back({to, at, std::move(what)});
  section.Wake(to.shard);
}

bool Hub::MailboxFull(SessionId to) {
  if (static_cast<int64_t>(shards_[to.shard].mail.size()) < limits_.mailbox) return false;
  counters_.Add(Counter::kRefusedMailbox);
  return true;
}

// ---- Sessions ----

Hub::LoginReply Hub::Login(SessionId session, size_t dialect, absl::string_view name,
                           LoginRight right, absl::string_view address) {
  Section section(*this);
  const auto refuse = [&](LoginResult result) {
    counters_.Add(Counter::kLoginsRefused);
    return LoginReply{result, {}};
  };
  if (members_.contains(session)) return refuse(LoginResult::kAlreadyIn);
  if (!IsName(name)) return refuse(LoginResult::kNotAName);
  if (name == kServerName) return refuse(LoginResult::kTaken);
  if (const auto older = roster_.find(name); older != roster_.end()) {
    if (right != LoginRight::kAccountTakeover) return refuse(LoginResult::kTaken);
    const SessionId replaced = older->second;
    Post(section, replaced, Cut{Farewell::kReplaced});
    Leave(section, members_.find(replaced));
  }
  roster_.emplace(std::string(name), session);
  members_.emplace(session, Member{std::string(name), dialect, right != LoginRight::kOpen,
                                   absl::Now(), std::string(address)});
  AddShown(name, session);
  ++receivers_[dialect];
  ++shards_[session.shard].members[dialect];
  counters_.Add(Counter::kLogins);
  section.Emit(ServerEvent::Kind::kLogin, name, options_.dialects[dialect]->name(), "");
  return {LoginResult::kAccepted, logs_[dialect]->end()};
}

std::optional<uint64_t> Hub::Logout(SessionId session) {
  Section section(*this);
  const auto it = members_.find(session);
  if (it == members_.end()) return std::nullopt;
  return Leave(section, it);
}

uint64_t Hub::Leave(Section& section, Members::iterator it) {
  const SessionId session = it->first;
  const Member member = std::move(it->second);
  members_.erase(it);
  EndAgreements(section, session, User(member.name));
  PostFileRoom(section, files_.Forget(session));
  roster_.erase(member.name);
  RemoveShown(member.name, session);
  --receivers_[member.dialect];
  --shards_[session.shard].members[member.dialect];
  section.Emit(ServerEvent::Kind::kLogout, member.name, DialectOf(member).name(), "");
  return logs_[member.dialect]->head();
}

void Hub::EndAgreements(Section& section, SessionId session, const User& user) {
  for (const RequestTable::Entry& request : requests_.TakeAllOf(session)) {
    if (request.asker == session) {
      held_.Take(session, request.target);  // there is nobody left to be told
    } else {
      PostAnswer(section, request, Verdict::kAbsent);
      DropHeld(section, request);
    }
    ForgetRemoteUnlessNamed(request.asker);
  }
  for (const TalkTable::Talk& talk : talks_.TakeAllOf(session)) {
    if (talk.peer == session) continue;
    Post(section, talk.peer, TalkClosed{talk.number, user});
    ForgetRemoteUnlessNamed(talk.peer);
  }
}

void Hub::Append(Section& section, const PublicMessage& message) {
  for (size_t d = 0; d < logs_.size(); ++d) {
    const Dialect& dialect = *options_.dialects[d];
    if (receivers_[d] == 0 || !dialect.has_public_room()) continue;
    wire::Writer out(logs_[d]->Reserve(kMaxPublicBytes));
    dialect.EncodePublic(message, out);
    logs_[d]->Commit(out.size());
    for (uint32_t s = 0; s < shards_.size(); ++s) {
      if (shards_[s].members[d] != 0) section.Wake(s);
    }
  }
}

void Hub::Publish(SessionId session, absl::Span<const Text> bodies, LogRange* own) {
  Section section(*this);
  const Member* member = FindMember(session);
  if (member == nullptr) return;
  const fanout::BroadcastLog& log = *logs_[member->dialect];
  if (own != nullptr) own->begin = log.head();
  for (Text body : bodies) {
    Append(section, PublicMessage{{member->name, 0}, body, ++last_number_, options_.server_id});
    for (const auto& [server, peer] : mesh_.peers()) {
      PostToServer(section, server, Announcement{User(member->name), OwnedText(body)});
    }
  }
  if (own != nullptr) own->end = log.head();
  counters_.Add(Counter::kMessagesPublic, bodies.size());
}

// ---- Private messages ----

Delivery Hub::SendPrivate(SessionId session, UserRef to, Text body) {
  Section section(*this);
  const Member* from = FindMember(session);
  if (from == nullptr) return Delivery::kNotPossible;
  if (IsElsewhere(to)) return SendElsewhere(section, session, to, body);
  const SessionId target = FindUser(*from, to);
  if (!target) return Delivery::kNoSuchUser;
  const PrivateMessages theirs = DialectOf(*FindMember(target)).private_messages();
  if (theirs == PrivateMessages::kNone) return Delivery::kNoSuchUser;
  if (talks_.Find(session, target) == kNoTalk) {
    if (DialectOf(*from).private_messages() != PrivateMessages::kFree) return Delivery::kNoConsent;
    if (theirs == PrivateMessages::kTalks) return Hold(section, session, target, body);
  }
  return Deliver(section, session, target, body);
}

bool Hub::WaitsForConsent(SessionId session) const {
  absl::MutexLock lock(&mu_);
  return held_.HasAny(session);
}

Delivery Hub::SendInTalk(SessionId session, TalkNumber talk, UserRef to, Text body) {
  Section section(*this);
  const Member* from = FindMember(session);
  if (from == nullptr) return Delivery::kNotPossible;
  const SessionId target = FindUser(*from, to);
  if (!IsTalk(talk, session, target)) return Delivery::kNotPossible;
  if (IsElsewhere(to)) return SendElsewhere(section, session, to, body);
  return Deliver(section, session, target, body);
}

Delivery Hub::CloseTalk(SessionId session, TalkNumber talk, UserRef other) {
  Section section(*this);
  const Member* by = FindMember(session);
  if (by == nullptr) return Delivery::kNotPossible;
  const SessionId peer = FindUser(*by, other);
  if (!IsTalk(talk, session, peer)) return Delivery::kNotPossible;
  talks_.Close(session, peer);
  Post(section, peer, TalkClosed{talk, User(by->name)});
  ForgetRemoteUnlessNamed(peer);
  return Delivery::kSent;
}

bool Hub::IsTalk(TalkNumber number, SessionId a, SessionId b) const {
  return number != kNoTalk && b && talks_.Find(a, b) == number;
}

Delivery Hub::Deliver(Section& section, SessionId from, SessionId to, Text body) {
  const Member& receiver = *FindMember(to);
  if (body.bytes().size() > DialectOf(receiver).max_private_bytes() || MailboxFull(to)) {
    return Delivery::kNotPossible;
  }
  Post(section, to,
       PrivateMessage{UserOf(from), User(receiver.name), OwnedText(body), ++last_number_,
                      talks_.Find(from, to)});
  counters_.Add(Counter::kMessagesPrivate);
  return Delivery::kSent;
}

Delivery Hub::Hold(Section& section, SessionId from, SessionId to, Text body) {
  const bool asked = held_.Has(from, to);
  if (body.bytes().size() > DialectOf(*FindMember(to)).max_private_bytes() || MailboxFull(to)) {
    return Delivery::kNotPossible;
  }
  switch (held_.Add(from, to, body, limits_)) {
    case HeldMessages::AddResult::kAdded:
      break;
    case HeldMessages::AddResult::kPairFull:
      counters_.Add(Counter::kRefusedHeldPerPair);
      return Delivery::kNotPossible;
    case HeldMessages::AddResult::kFull:
      counters_.Add(Counter::kRefusedHeldInAll);
      return Delivery::kNotPossible;
  }
  if (!asked) {
    RequestTable::Entry request = NewRequest(RequestKind::kTalk, from, to);
    const Request ask{RequestKind::kTalk, request.asker_user, request.target_user, OwnedText(body)};
    if (const Delivery added = AddRequest(std::move(request)); added != Delivery::kSent) {
      held_.Take(from, to);
      return added;
    }
    Post(section, to, ask);
  }
  counters_.Add(Counter::kMessagesHeld);
  return Delivery::kSent;
}

void Hub::DropHeld(Section& section, const RequestTable::Entry& request) {
  if (request.kind != RequestKind::kTalk) return;
  const size_t lost = held_.Take(request.asker, request.target).size();
  for (size_t i = 0; i < lost; ++i) {
    Post(section, request.asker, Undelivered{request.target_user, request.asker_user});
  }
}

void Hub::DeliverHeld(Section& section, SessionId from, SessionId to) {
  if (FindMember(to) == nullptr) return;  // nothing waits for users of other servers
  // The first one came with the request, where that is shown.
  bool seen = DialectOf(*FindMember(to)).shows_reason();
  for (const OwnedText& body : held_.Take(from, to)) {
    if (!std::exchange(seen, false)) Deliver(section, from, to, body.text());
  }
}

// ---- Requests ----

RequestTable::Entry Hub::NewRequest(RequestKind kind, SessionId asker, SessionId target) const {
  return {kind, asker, target, UserOf(asker), UserOf(target), options_.now() + limits_.request};
}

Delivery Hub::AddRequest(RequestTable::Entry entry) {
  switch (requests_.Add(std::move(entry), limits_)) {
    case RequestTable::AddResult::kAdded:
      return Delivery::kSent;
    case RequestTable::AddResult::kPairFull:
      counters_.Add(Counter::kRefusedRequestsPerPair);
      break;
    case RequestTable::AddResult::kSenderFull:
      counters_.Add(Counter::kRefusedRequestsPerSender);
      break;
    case RequestTable::AddResult::kTargetFull:
      counters_.Add(Counter::kRefusedRequestsPerTarget);
      break;
  }
  return Delivery::kNotPossible;
}

Delivery Hub::Ask(SessionId session, RequestKind kind, UserRef to, Text reason) {
  const uint64_t random = kind == RequestKind::kTalk ? options_.random() : 0;
  Section section(*this);
  const Member* from = FindMember(session);
  if (from == nullptr) return Delivery::kNotPossible;
  if (IsElsewhere(to)) {
    // Its own server asks for the consent that it needs there, when it is written to.
    if (kind != RequestKind::kTalk || mesh_.Find(to.server) == nullptr) {
      return Delivery::kNoSuchUser;
    }
    const SessionId known = FindUser(*from, to);
    if (!known && !IsName(to.name)) return Delivery::kNoSuchUser;
    const SessionId target = known ? known : RemoteId(to);
    OpenTalk(section, NewRequest(kind, session, target), false, random);
    ForgetRemoteUnlessNamed(target);
    return Delivery::kSent;
  }
  const SessionId target = FindUser(*from, to);
  if (!target) return Delivery::kNoSuchUser;
  const Dialect& theirs = DialectOf(*FindMember(target));
  RequestTable::Entry request = NewRequest(kind, session, target);
  const bool free = theirs.private_messages() == PrivateMessages::kFree;
  if (kind == RequestKind::kTalk && (free || talks_.Find(session, target) != kNoTalk)) {
    OpenTalk(section, request, false, random);
    return Delivery::kSent;
  }
  if (!theirs.answers(kind)) return Delivery::kNoSuchUser;
  if (reason.bytes().size() > theirs.max_private_bytes() || MailboxFull(target)) {
    return Delivery::kNotPossible;
  }
  const Request ask{kind, request.asker_user, request.target_user, OwnedText(reason)};
  const Delivery added = AddRequest(std::move(request));
  if (added == Delivery::kSent) Post(section, target, ask);
  return added;
}

void Hub::PostAnswer(Section& section, const RequestTable::Entry& request, Verdict verdict) {
  Post(section, request.asker,
       Answer{request.kind, request.asker_user, request.target_user, verdict, 0});
}

Delivery Hub::AnswerRequest(SessionId session, RequestKind kind, UserRef asker, bool accept) {
  const uint64_t random = accept ? options_.random() : 0;
  Section section(*this);
  const Member* target = FindMember(session);
  if (target == nullptr) return Delivery::kNotPossible;
  const SessionId asking = FindUser(*target, asker);
  if (!asking) return Delivery::kNoSuchUser;
  const std::optional<RequestTable::Entry> request = requests_.TakeOldest(kind, asking, session);
  if (!request) return Delivery::kNotPossible;
  Delivery delivery = Delivery::kSent;
  if (!accept) {
    PostAnswer(section, *request, Verdict::kRefused);
    DropHeld(section, *request);
  } else if (kind == RequestKind::kTalk) {
    if (!OpenTalk(section, *request, true, random)) delivery = Delivery::kNotPossible;
  } else if (kind != RequestKind::kRelay || !OpenRelay(section, *request, random)) {
    PostAnswer(section, *request, Verdict::kFailed);
  }
  ForgetRemoteUnlessNamed(asking);
  return delivery;
}

Delivery Hub::AcceptDirect(SessionId session, UserRef asker, const DirectAddress& at) {
  Section section(*this);
  const Member* target = FindMember(session);
  if (target == nullptr) return Delivery::kNotPossible;
  const SessionId asking = FindUser(*target, asker);
  if (!asking) return Delivery::kNoSuchUser;
  const std::optional<RequestTable::Entry> request =
      requests_.TakeOldest(RequestKind::kDirect, asking, session);
  if (!request) return Delivery::kNotPossible;
  Post(section, request->asker,
       Answer{RequestKind::kDirect, request->asker_user, request->target_user, Verdict::kAccepted,
              0, at});
  return Delivery::kSent;
}

bool Hub::OpenTalk(Section& section, const RequestTable::Entry& request, bool by_target,
                   uint64_t random) {
  TalkNumber number = kNoTalk;
  switch (talks_.Open(request.asker, request.target, limits_.talks_per_user, random, &number)) {
    case TalkTable::OpenResult::kOpened:
      counters_.Add(Counter::kTalksOpened);
      break;
    case TalkTable::OpenResult::kThere:
      break;
    case TalkTable::OpenResult::kFull:
      counters_.Add(Counter::kRefusedTalks);
      break;
    case TalkTable::OpenResult::kUserFull:
      counters_.Add(Counter::kRefusedTalksPerUser);
      break;
  }
  if (number == kNoTalk) {
    PostAnswer(section, request, Verdict::kFailed);
    DropHeld(section, request);
    return false;
  }
  const Answer answer{RequestKind::kTalk, request.asker_user, request.target_user,
                      Verdict::kAccepted, number};
  Post(section, request.asker, answer);
  if (by_target && !(request.asker == request.target)) Post(section, request.target, answer);
  DeliverHeld(section, request.asker, request.target);
  DeliverHeld(section, request.target, request.asker);
  return true;
}

bool Hub::OpenRelay(Section& section, const RequestTable::Entry& request, uint64_t random) {
  RelayDesk::Tunnel tunnel;
  switch (relays_.Open(request.asker_user, request.target_user, FindMember(request.asker)->address,
                       limits_, options_.now(), random, &tunnel)) {
    case RelayDesk::OpenResult::kOpened:
      break;
    case RelayDesk::OpenResult::kFull:
      counters_.Add(Counter::kRefusedTunnels);
      return false;
    case RelayDesk::OpenResult::kUserFull:
      counters_.Add(Counter::kRefusedTunnelsPerUser);
      return false;
    case RelayDesk::OpenResult::kAddressFull:
      counters_.Add(Counter::kRefusedPendingTunnels);
      return false;
  }
  counters_.Add(Counter::kTunnelsOpened);
  const Answer answer{RequestKind::kRelay, request.asker_user, request.target_user,
                      Verdict::kAccepted, tunnel.connect_id};
  Post(section, request.asker, answer);
  Post(section, request.target, answer);
  return true;
}

// ---- Relays ----

TicketResult Hub::PresentTicket(SessionId session, int64_t connect_id, absl::string_view address) {
  Section section(*this);
  const absl::Time now = options_.now();
  if (!address.empty() && relays_.GuessesExhausted(address, limits_, now)) {
    counters_.Add(Counter::kRefusedBadConnectIds);
    return TicketResult::kRefused;
  }
  const RelayDesk::Tunnel* tunnel = relays_.Present(session, connect_id, now);
  if (tunnel == nullptr) {
    if (!address.empty()) relays_.CountBadGuess(address, now);
    counters_.Add(Counter::kBadConnectIds);
    return TicketResult::kRefused;
  }
  if (!tunnel->established) return TicketResult::kAccepted;
  // They meet where the first one lives.
  const uint32_t shard = tunnel->halves[0].shard;
  for (uint32_t half : {0u, 1u}) {
    Post(section, tunnel->halves[half], JoinRelay{tunnel->id, shard, half, tunnel->traffic});
  }
  counters_.Add(Counter::kTunnelsEstablished);
  section.Emit(ServerEvent::Kind::kTunnelOpen, Display(tunnel->asker), "",
               absl::StrCat("with ", Display(tunnel->target)), tunnel->id);
  return TicketResult::kAccepted;
}

void Hub::AbandonTicket(SessionId session) {
  Section section(*this);
  if (const RelayDesk::Tunnel* tunnel = relays_.FindWaiting(session)) relays_.Erase(tunnel->id);
}

void Hub::RelayEnded(uint64_t id, absl::string_view why) {
  Section section(*this);
  const std::optional<RelayDesk::Tunnel> tunnel = relays_.Erase(id);
  if (!tunnel) return;
  const uint64_t bytes = tunnel->traffic->from_first + tunnel->traffic->from_second;
  counters_.Add(Counter::kTunnelBytes, bytes);
  section.Emit(ServerEvent::Kind::kTunnelClosed, Display(tunnel->asker), "",
               absl::StrCat("with ", Display(tunnel->target), ": ", why), id);
}

void Hub::EndTunnel(Section& section, uint64_t id, absl::Duration grace, bool when_idle) {
  const RelayDesk::Tunnel* tunnel = relays_.Find(id);
  if (tunnel == nullptr) return;
  const SessionId first = tunnel->halves[0];
  if (tunnel->established) {
    Post(section, first, EndRelay{id, grace, when_idle});
    return;
  }
  if (first) Post(section, first, Cut{});
  relays_.Erase(id);
}

Delivery Hub::CloseRelay(SessionId session, int64_t connect_id, UserRef other) {
  Section section(*this);
  const Member* member = FindMember(session);
  const RelayDesk::Tunnel* tunnel = relays_.FindByConnectId(connect_id);
  if (member == nullptr || tunnel == nullptr) return Delivery::kNotPossible;
  const UserRef self{member->name, 0};
  const bool parties = (self == UserRef(tunnel->asker) && other == UserRef(tunnel->target)) ||
                       (self == UserRef(tunnel->target) && other == UserRef(tunnel->asker));
  if (!parties) return Delivery::kNotPossible;
  const SessionId peer = FindUser(other);
  if (MailboxFull(tunnel->halves[0]) || (peer && MailboxFull(peer))) return Delivery::kNotPossible;
  const RelayClosing closing{connect_id, User(self)};
  if (peer && tunnel->established) {
    Post(section, peer, ClosingNotice{closing, tunnel->id, tunnel->halves[0].shard});
  } else if (peer) {
    Post(section, peer, closing);
  }
  EndTunnel(section, tunnel->id, limits_.relay_close, /*when_idle=*/true);
  return Delivery::kSent;
}

// ---- Shards ----

void Hub::TakeMail(uint32_t shard, std::vector<Mail>& out, absl::Span<uint64_t> heads) {
  Section section(*this);
  for (size_t d = 0; d < heads.size(); ++d) heads[d] = logs_[d]->head();
  std::vector<Mail>& mail = shards_[shard].mail;
  shards_[shard].asleep = false;  // whatever it was that woke it
  if (out.empty()) {
    out.swap(mail);
    return;
  }
  std::move(mail.begin(), mail.end(), std::back_inserter(out));
  mail.clear();
}

bool Hub::Sleep(uint32_t shard, absl::Span<const uint64_t> seen) {
  Section section(*this);
  ShardState& state = shards_[shard];
  if (!state.mail.empty()) return false;
  for (size_t d = 0; d < logs_.size(); ++d) {
    if (state.members[d] != 0 && logs_[d]->head() > seen[d]) return false;
  }
  state.asleep = true;
  return true;
}

void Hub::Tick() {
  Section section(*this);
  const absl::Time now = options_.now();
  for (const RequestTable::Entry& request : requests_.TakeExpired(now)) {
    counters_.Add(Counter::kRequestsTimedOut);
    PostAnswer(section, request, Verdict::kRefused);
    DropHeld(section, request);
    ForgetRemoteUnlessNamed(request.asker);
  }
  for (uint64_t id : relays_.Expired(now)) {
    counters_.Add(Counter::kConnectIdsExpired);
    EndTunnel(section, id, absl::ZeroDuration());
  }
}

// ---- Operators ----

void Hub::SetLimits(const Limits& limits) {
  Section section(*this);
  limits_ = limits;
}

Limits Hub::limits() const {
  absl::MutexLock lock(&mu_);
  return limits_;
}

void Hub::Say(Text body) {
  Section section(*this);
  Append(section, PublicMessage{{kServerName, 0}, body, ++last_number_, options_.server_id});
  counters_.Add(Counter::kMessagesServer);
  section.Emit(ServerEvent::Kind::kSay, kServerName, "", body.bytes());
}

bool Hub::Kick(absl::string_view user) {
  Section section(*this);
  const UserRef ref = ParseUser(user);
  if (IsElsewhere(ref)) return false;
  const SessionId session = FindUser(ref);
  if (!session) return false;
  EndUser(section, session, ref);
  return true;
}

bool Hub::KickAccount(absl::string_view user) {
  Section section(*this);
  const UserRef ref{user, 0};
  const SessionId session = FindUser(ref);
  if (!session || !FindMember(session)->account) return false;
  EndUser(section, session, ref);
  return true;
}

void Hub::EndUser(Section& section, SessionId session, UserRef user) {
  Post(section, session, Cut{Farewell::kKicked});
  for (uint64_t id : relays_.Of(user)) EndTunnel(section, id, absl::ZeroDuration());
}

bool Hub::CloseTunnel(uint64_t id) {
  Section section(*this);
  if (relays_.Find(id) == nullptr) return false;
  EndTunnel(section, id, absl::ZeroDuration());
  return true;
}

void Hub::EndTunnels(absl::Duration grace) {
  Section section(*this);
  std::vector<uint64_t> ids;
  for (const auto& [id, tunnel] : relays_.all()) ids.push_back(id);
  for (uint64_t id : ids) EndTunnel(section, id, grace);
}

std::vector<UserInfo> Hub::Users(absl::string_view after, size_t max) const {
  absl::MutexLock lock(&mu_);
  std::vector<UserInfo> users;
  for (auto it = roster_.upper_bound(after); it != roster_.end() && users.size() < max; ++it) {
    const Member& member = *FindMember(it->second);
    users.push_back({member.name, std::string(options_.dialects[member.dialect]->name()),
                     it->second, member.since});
  }
  return users;
}

std::vector<TunnelInfo> Hub::Tunnels(uint64_t after, size_t max) const {
  absl::MutexLock lock(&mu_);
  std::vector<TunnelInfo> tunnels;
  const auto& all = relays_.all();
  for (auto it = all.upper_bound(after); it != all.end() && tunnels.size() < max; ++it) {
    const RelayDesk::Tunnel& tunnel = it->second;
    tunnels.push_back({tunnel.id, Display(tunnel.asker), Display(tunnel.target), tunnel.established,
                       tunnel.since, tunnel.traffic->from_first, tunnel.traffic->from_second});
  }
  return tunnels;
}

size_t Hub::user_count() const {
  absl::MutexLock lock(&mu_);
  return roster_.size();
}

std::vector<size_t> Hub::users_by_dialect() const {
  absl::MutexLock lock(&mu_);
  return receivers_;
}

size_t Hub::tunnel_count() const {
  absl::MutexLock lock(&mu_);
  return relays_.all().size();
}

size_t Hub::talk_count() const {
  absl::MutexLock lock(&mu_);
  return talks_.size();
}

bool Hub::IsConnected(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  return roster_.contains(name);
}

uint64_t Hub::log_bytes() const {
  uint64_t bytes = 0;
  for (const auto& log : logs_) bytes += log->bytes_held();
  return bytes;
}

}  // namespace chat
