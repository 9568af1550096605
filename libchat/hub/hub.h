// The hub: who is here, and who gets what. It knows neither sockets nor any dialect's bytes.

#ifndef LIBCHAT_HUB_HUB_H_
#define LIBCHAT_HUB_HUB_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libchat/dialect/dialect.h"
#include "libchat/event/event.h"
#include "libchat/fanout/broadcast_log.h"
#include "libchat/hub/counters.h"
#include "libchat/hub/event_feed.h"
#include "libchat/hub/file_windows.h"
#include "libchat/hub/held_messages.h"
#include "libchat/hub/limits.h"
#include "libchat/hub/mesh.h"
#include "libchat/hub/relay_desk.h"
#include "libchat/hub/requests.h"
#include "libchat/hub/session_id.h"
#include "libchat/hub/snapshot.h"
#include "libchat/hub/talks.h"

namespace chat {

// The name under which the server itself speaks; nobody can log in with it.
inline constexpr absl::string_view kServerName = "server";

// ---- What a shard finds in its mailbox ----

// The connection is one half of a relay that is complete: it moves to `shard`, to meet the other.
struct JoinRelay {
  uint64_t tunnel = 0;
  uint32_t shard = 0;
  uint32_t half = 0;  // 0: came first, 1: came second
  std::shared_ptr<TunnelTraffic> traffic;
};
// The server ends the connection.
struct Cut {
  Farewell reason = Farewell::kKicked;
};
// The receiver whose slowness held the connection's file up has read.
struct FileRoom {};
// For a shard, not a connection: tunnel `tunnel` is closed after `grace`.
struct EndRelay {
  uint64_t tunnel = 0;
  absl::Duration grace;
  bool when_idle = false;  // `grace` begins again with each byte
};
// The other party of `tunnel` has asked for its end. Once the connection has written that, the
// relay on `shard` may pass the ends of its halves on.
struct ClosingNotice {
  RelayClosing event;
  uint64_t tunnel = 0;
  uint32_t shard = 0;
};

struct Mail {
  SessionId to;  // for EndRelay only its shard counts
  // The receiver stands behind this position of its dialect's log when the mail takes effect: what
  // was said publicly before comes before it.
  uint64_t at = 0;
  std::variant<Event, JoinRelay, Cut, FileRoom, EndRelay, ClosingNotice> what;
};

// Bytes [begin, end) of a dialect's log.
struct LogRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Where dialects meet: two users may write to each other if one of them has asked the other to talk
// and was accepted, unless both their dialects need no such consent (Dialect::private_messages).
// For a user whose dialect cannot ask, the hub asks, and the message waits for the answer. What a
// user's dialect cannot be told, or cannot be asked for, does not reach it: as if it were absent.
//
// Thread safety: all methods may be called from any thread; those that take a SessionId are called
// by that session's own shard, unless said otherwise.
//
// One short lock gives one order of public messages to everyone. Under it: memory only; no system
// call, no logging, no call out but Dialect::EncodePublic. Shards are woken, and watchers told,
// after it is released.
// Lock order: Hub::mu_, then nothing (EventFeed's lock and a shard's are never taken under it).
//
// Invariants:
//  - A name is in roster_ exactly while its session is in members_.
//  - Every request, talk and tunnel that names a local user is gone, or ends by itself, after that
//    user's Logout.
//  - A message is held exactly while the request to talk that was made for it is open.
class Hub {
 public:
  struct Options {
    std::vector<const Dialect*> dialects;
    uint32_t shards = 1;
    Limits limits;
    // Wakes a shard that sleeps (see Sleep). Called without the lock, from any thread.
    std::function<void(uint32_t shard)> wake;
    // This server's id among merged servers.
    int32_t server_id = 1;
    // Connects to a server that is to be merged with. Called without the lock, from any thread.
    std::function<void(const Sibling&)> dial = [](const Sibling&) {};
    // Cryptographically secure. Called without the lock.
    std::function<uint64_t()> random;
    // Steady; replaced in tests.
    std::function<absl::Time()> now = [] {
      return absl::FromUnixNanos(std::chrono::steady_clock::now().time_since_epoch().count());
    };
  };

  explicit Hub(Options options);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // ---- Sessions ----

  // What entitles a session to a name.
  enum class LoginRight : uint8_t {
    kOpen,             // nobody has it
    kAccount,          // the account is its own; an older connection keeps the name
    kAccountTakeover,  // the same, and an older connection loses it (Farewell::kReplaced)
  };
  struct LoginReply {
    LoginResult result = LoginResult::kTaken;
    // With kAccepted: the session's client gets what is said publicly from here on.
    fanout::LogPosition start;
  };
  // `dialect` is an index into Options::dialects. `address` is the client's, in the form that the
  // bounds count by; empty: exempt from them.
  LoginReply Login(SessionId session, size_t dialect, absl::string_view name,
                   LoginRight right = LoginRight::kOpen, absl::string_view address = {});

  // The session leaves: its name is free, its requests and talks end. Relays live on. Returns where
  // its part of the log ends; nothing for a session that is not in, perhaps because another one has
  // taken its name over.
  std::optional<uint64_t> Logout(SessionId session);

  // Says each of `bodies` (at most kMaxMessageBytes) to everyone, in this order. If `own` is given,
  // it is where the bytes stand in the log of the session's own dialect.
  void Publish(SessionId session, absl::Span<const Text> bodies, LogRange* own);

  // What these do is said at SessionHost.
  Delivery SendPrivate(SessionId session, UserRef to, Text body);
  // True if something that the session has said waits for consent. News of it comes as an event.
  bool WaitsForConsent(SessionId session) const;
  Delivery SendInTalk(SessionId session, TalkNumber talk, UserRef to, Text body);
  Delivery CloseTalk(SessionId session, TalkNumber talk, UserRef other);
  Delivery Ask(SessionId session, RequestKind kind, UserRef to, Text reason);
  Delivery AnswerRequest(SessionId session, RequestKind kind, UserRef asker, bool accept);
  Delivery AcceptDirect(SessionId session, UserRef asker, const DirectAddress& at);
  Delivery CloseRelay(SessionId session, int64_t connect_id, UserRef other);

  // `*wait` turns true if the session shall wait for FileRoom before it reads on.
  Delivery SendFileChunk(SessionId session, const FileChunk& chunk, bool* wait);
  Delivery RefuseFile(SessionId session, UserRef sender);
  // So many bytes of file chunks, which had come as mail, are out.
  void FileBytesOut(SessionId session, int64_t bytes);

  // `address` is the client's, in the form that the bounds count by; empty: exempt from them.
  TicketResult PresentTicket(SessionId session, int64_t connect_id, absl::string_view address);
  // A half that waits for the other has gone.
  void AbandonTicket(SessionId session);
  // The relay has ended. Called by the shard that it ran on.
  void RelayEnded(uint64_t tunnel, absl::string_view why);

  // ---- Links to other servers; what these do is said at SessionHost ----
  // Users of another server are known by what they say; whoever is not there is found out by its
  // own server.

  int32_t server_id() const { return options_.server_id; }
  // A connection that this server has opened to `target`, whose id is 0 if it is not known, will
  // say this. `self` is where this server can be reached, if others shall know.
  MergeOffer OfferMerge(SessionId link, const Sibling& target, const std::optional<Sibling>& self);
  void AskToMerge(SessionId link, const MergeOffer& offer, const std::optional<Sibling>& self);
  // What has become of a connection that this server had opened.
  enum class LinkResult : uint8_t {
    kMerged,   // it is the link to the other server
    kAlready,  // the two are merged by another one
    kRefused,  // the two cannot merge
    kAgain,    // the offer had become too old: a new one may be accepted
  };
  LinkResult OnMergeAnswer(SessionId link, const MergeAnswer& answer,
                           const std::optional<Sibling>& self);
  // `*wait` may turn true as in SendFileChunk.
  bool Forward(SessionId link, const Event& event, bool* wait);
  // The link does not wait for FileRoom any longer. Files for the receiver whose slowness held it
  // up are refused until that has read.
  void StopWaiting(SessionId link);
  // The connection is no more, whatever had become of it. Returns the server that it led to; 0:
  // none.
  int32_t LinkEnded(SessionId link);

  // ---- Shards ----

  const fanout::BroadcastLog& log(size_t dialect) const { return *logs_[dialect]; }
  size_t dialects() const { return options_.dialects.size(); }

  // Appends the shard's mail to `out`, in order. `heads`, unless it is empty, gets the head of each
  // log at the same moment: whoever writes no further has not missed mail that belongs before.
  void TakeMail(uint32_t shard, std::vector<Mail>& out, absl::Span<uint64_t> heads = {});
  // True: the shard may block; it is woken for what comes later. False: there is mail, or a log
  // whose public messages it has receivers for has grown beyond `seen` (a head a dialect).
  bool Sleep(uint32_t shard, absl::Span<const uint64_t> seen);

  // Ends what has waited too long. Called a few times a second.
  void Tick();

  // ---- Operators; any thread ----

  void SetLimits(const Limits& limits);
  Limits limits() const;
  // A message of the server to everyone, of at most kMaxMessageBytes.
  void Say(Text body);
  // Ends the user's connection and relays. False if there is no such user.
  bool Kick(absl::string_view user);
  // The same, if the user has logged in to its account.
  bool KickAccount(absl::string_view user);
  // False if there is no such tunnel.
  bool CloseTunnel(uint64_t id);
  // Ends every tunnel that is left after `grace`, and all that wait for a half.
  void EndTunnels(absl::Duration grace);

  // Up to `max` users with names above `after`, in the order of names.
  std::vector<UserInfo> Users(absl::string_view after, size_t max) const;
  // Up to `max` tunnels with ids above `after`, in the order of ids.
  std::vector<TunnelInfo> Tunnels(uint64_t after, size_t max) const;
  std::vector<ServerInfo> Servers() const;
  size_t user_count() const;
  // A count a dialect, in the order of Options::dialects.
  std::vector<size_t> users_by_dialect() const;
  size_t tunnel_count() const;
  size_t talk_count() const;
  // True if somebody connected has that name.
  bool IsConnected(absl::string_view name) const;
  // Bytes that all logs hold.
  uint64_t log_bytes() const;

  Counters& counters() { return counters_; }
  EventFeed& events() { return events_; }

 private:
  struct Member {
    std::string name;
    size_t dialect = 0;
    bool account = false;  // logged in with a password
    absl::Time since;      // wall clock, for people
    std::string address;   // as the bounds count it
  };
  using Members = absl::flat_hash_map<SessionId, Member>;
  struct ShardState {
    std::vector<Mail> mail;
    bool asleep = false;
    std::vector<size_t> members;  // a count a dialect
  };
  class Section;
  // A link that this server is opening.
  struct Opening {
    Sibling target;
    MergeOffer said;
  };

  const Member* FindMember(SessionId session) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A user by name; of another server only if the tables name it (see RemoteId).
  SessionId FindUser(UserRef user) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same, by a name as `by` writes it: one that ASCII cannot say may be written as it is shown,
  // if that means one user.
  SessionId FindUser(const Member& by, UserRef user) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  const Dialect& DialectOf(const Member& member) const {
    return *options_.dialects[member.dialect];
  }
  // A user of a merged server is no member. Where the tables need a name for one, it gets a
  // SessionId of its own, as long as they name it; what is posted to that goes over the link.
  SessionId RemoteId(UserRef user) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Keep shown_. `name` as Display has it.
  void AddShown(absl::string_view name, SessionId session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RemoveShown(absl::string_view name, SessionId session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetRemoteUnlessNamed(SessionId session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsElsewhere(UserRef user) const {
    return user.server != 0 && user.server != options_.server_id;
  }
  // Who a session is: a member, or a user of a merged server.
  User UserOf(SessionId session) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Delivery PostToServer(Section& section, int32_t server, Event event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Delivery SendElsewhere(Section& section, SessionId from, UserRef to, Text body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The link leads to who has said `offer`, from now on.
  void Merge(Section& section, SessionId link, const MergeOffer& offer, bool opened_here)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool ReplaceLink(Section& section, int32_t server, const Sibling& target)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What a user of `server` says. False: not from there.
  bool OnForwarded(Section& section, int32_t server, const Announcement& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool OnForwarded(Section& section, int32_t server, const PrivateMessage& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool OnForwarded(Section& section, int32_t server, const Undelivered& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A chunk to a member or a link. `*wait`: it has as much as it may; `sender` gets FileRoom later.
  Delivery PostChunk(Section& section, SessionId sender, SessionId to, FileChunk chunk, bool* wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PostFileRoom(Section& section, const std::vector<SessionId>& senders)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends the requests and talks of one who has left.
  void EndAgreements(Section& section, SessionId session, const User& user)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes a member out of everything. Returns where its part of the log ends.
  uint64_t Leave(Section& section, Members::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Post(Section& section, SessionId to,
            std::variant<Event, JoinRelay, Cut, FileRoom, EndRelay, ClosingNotice> what)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // To somebody who may have it. kNotPossible: a bound.
  Delivery Deliver(Section& section, SessionId from, SessionId to, Text body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // For one who cannot ask: asks, and keeps the message until the answer.
  Delivery Hold(Section& section, SessionId from, SessionId to, Text body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The request is over without a talk: what waited for it is lost, and its sender told.
  void DropHeld(Section& section, const RequestTable::Entry& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // `request` was accepted, by its target or (`by_target` false) by the hub: the two can talk, and
  // what waited is delivered. False: a bound, which the asker is told of.
  bool OpenTalk(Section& section, const RequestTable::Entry& request, bool by_target,
                uint64_t random) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DeliverHeld(Section& section, SessionId from, SessionId to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // True if `number` is the talk of the two.
  bool IsTalk(TalkNumber number, SessionId a, SessionId b) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // kSent: the request is in the table.
  Delivery AddRequest(RequestTable::Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  RequestTable::Entry NewRequest(RequestKind kind, SessionId asker, SessionId target) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndUser(Section& section, SessionId session, UserRef user)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PostAnswer(Section& section, const RequestTable::Entry& request, Verdict verdict)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Append(Section& section, const PublicMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // True if the shard of `to` has more mail than it may (limits.mailbox): counted.
  bool MailboxFull(SessionId to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives both parties of an accepted request a connect_id.
  bool OpenRelay(Section& section, const RequestTable::Entry& request, uint64_t random)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndTunnel(Section& section, uint64_t id, absl::Duration grace, bool when_idle = false)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  std::vector<std::unique_ptr<fanout::BroadcastLog>> logs_;  // appended to under mu_
  Counters counters_;
  EventFeed events_;

  mutable absl::Mutex mu_;
  Limits limits_ ABSL_GUARDED_BY(mu_);
  absl::btree_map<std::string, SessionId, std::less<>> roster_ ABSL_GUARDED_BY(mu_);
  Members members_ ABSL_GUARDED_BY(mu_);
  // Those whose names (as Display has them) ASCII cannot say, by how it shows them.
  absl::flat_hash_map<std::string, absl::btree_set<SessionId>> shown_ ABSL_GUARDED_BY(mu_);
  std::vector<ShardState> shards_ ABSL_GUARDED_BY(mu_);
  std::vector<size_t> receivers_ ABSL_GUARDED_BY(mu_);  // logged in, a count a dialect
  int64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  RequestTable requests_ ABSL_GUARDED_BY(mu_);
  TalkTable talks_ ABSL_GUARDED_BY(mu_);
  HeldMessages held_ ABSL_GUARDED_BY(mu_);
  FileWindows files_ ABSL_GUARDED_BY(mu_);
  Mesh mesh_ ABSL_GUARDED_BY(mu_);
  // Links that this server is opening.
  absl::flat_hash_map<SessionId, Opening> opening_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<SessionId, User> remote_users_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, SessionId> remote_ids_ ABSL_GUARDED_BY(mu_);  // by Display
  uint64_t last_remote_ ABSL_GUARDED_BY(mu_) = 0;
  RelayDesk relays_ ABSL_GUARDED_BY(mu_);
};

}  // namespace chat

#endif  // LIBCHAT_HUB_HUB_H_
