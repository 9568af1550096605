// One client's connection: a socket, the session of its dialect, and what is due to it. The one
// driver of server sessions, whatever the dialect.

#ifndef LIBCHAT_NET_CONNECTION_H_
#define LIBCHAT_NET_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "libchat/accounts/accounts.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"
#include "libchat/fanout/outbox.h"
#include "libchat/hub/hub.h"
#include "libchat/hub/session_id.h"
#include "libchat/hub/snapshot.h"
#include "libchat/net/door.h"
#include "libchat/net/link_dialer.h"
#include "libchat/net/listener_info.h"
#include "libchat/net/relay.h"
#include "libchat/net/token_bucket.h"

namespace chat::net {

class Shard;
enum class LogLevel : uint8_t;

// Thread safety: none; it lives on its shard's thread.
//
// Invariants:
//  - In a state of kOpen or kHalf there is a session_.
//  - It is among its shard's followers exactly while its outbox follows a log.
//  - At most one wait for reading and one for writing is under way. No wait for writing is, unless
//    the kernel has refused bytes (blocked_).
//  - Nothing destroys it within its own calls: it marks itself gone, and the shard forgets it at
//    the end of the turn.
class Connection final : public SessionHost, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shard& shard, SessionId id, asio::ip::tcp::socket socket, const ListenerInfo& listener,
             Door::Pass pass);
  ~Connection() override;

  SessionId id() const { return id_; }
  bool gone() const { return state_ == State::kGone; }
  bool logged_in() const { return logged_in_; }
  bool following() const { return out_.following(); }
  size_t dialect() const { return listener_.dialect_index; }
  ConnectionInfo Info() const;

  // Begins to read.
  void Start();
  // Instead, on a connection that this server has opened to `target`, as its dialer's number
  // `dialed`: asks to merge.
  void StartLink(const Sibling& target, uint64_t dialed);
  void OnMail(Mail& mail);
  // A time that was asked of the shard (Shard::CallAt) has come, or an earlier one.
  void OnTime();
  // Writes what is due, within a budget a turn.
  void Flush();
  // The same, for one that asked for it (Shard::MarkDirty).
  void FlushMarked();
  // Instead of Start: says the last words of one that may not come in, and closes.
  void TurnAway();

  // Bytes that wait: of the log, and of its own.
  uint64_t backlog() const;
  // True if the kernel takes nothing, since `progress()`.
  bool blocked() const { return blocked_; }
  absl::Time progress() const { return progress_; }

  // Ends it: with the dialect's last words, counted as `counter`. A slow consumer is reset.
  void CutOff(Farewell reason, Counter counter);

  // Place in the shard's list of followers. The shard's.
  size_t follower_index = 0;

  // ---- SessionHost ----
  void Send(absl::string_view bytes) override;
  LoginResult Login(absl::string_view name) override;
  void Authenticate(absl::string_view name, absl::string_view password, Takeover takeover) override;
  void Register(absl::string_view name, absl::string_view password) override;
  void Publish(Text body) override;
  Delivery SendPrivate(UserRef to, Text body) override;
  Delivery SendInTalk(TalkNumber talk, UserRef to, Text body) override;
  Delivery CloseTalk(TalkNumber talk, UserRef other) override;
  Delivery SendFileChunk(const FileChunk& chunk) override;
  Delivery RefuseFile(UserRef sender) override;
  void Acknowledge(int64_t number) override;
  Delivery Ask(RequestKind kind, UserRef to, Text reason) override;
  Delivery AnswerRequest(RequestKind kind, UserRef asker, bool accept) override;
  Delivery AcceptDirect(UserRef asker, const DirectAddress& at) override;
  std::string PeerAddress() const override;
  TicketResult PresentTicket(int64_t connect_id) override;
  Delivery CloseRelay(int64_t connect_id, UserRef other) override;
  int32_t ServerId() const override;
  void AskToMerge(const MergeOffer& offer) override;
  bool OnMergeAnswer(const MergeAnswer& answer) override;
  bool Forward(const Event& event) override;
  bool Throttled() const override;
  void Count(Fault fault) override;

 private:
  enum class State : uint8_t {
    kOpen,       // the session gets what comes
    kHalf,       // presented a connect_id, waits for the other half
    kDraining,   // writes what is due, then ends
    kLingering,  // has ended its stream, waits for the client's end
    kGone,
  };

  enum class Link : uint8_t {
    kNone,     // no server is at the other end, or not any more
    kAsked,    // one has asked to merge
    kOpening,  // this server has
    kMerged,
  };

  // Both wait from the end of the turn on.
  void AwaitInput();
  void AwaitRoom();
  size_t ReadBudget() const;
  void OnInput();
  void Read();
  void ReadEarly();
  void Discard();
  void Process(absl::string_view in);
  // The session gets what it waits for in its pause, or something else. `last`: its answer to that
  // is its client's last.
  void OnEvent(const Event& event, uint64_t at, bool last = false);
  LoginResult Enter(absl::string_view name, Hub::LoginRight right);
  // How long it may take until it logs in or presents a connect_id.
  absl::Duration LoginTime() const;
  // It has that time from now on, if it still has to.
  void RestartLoginTime();
  void OnLoginTime();
  // Answers the session once it has paused.
  void AnswerLater(Event event);
  void OnChecked(absl::string_view name, Hub::LoginRight right, CheckResult result);
  void OnRight(absl::string_view name, Hub::LoginRight right);
  void OnRegistered(RegisterResult result);
  // The client has ended its stream: so does the server, once what the client has said is settled.
  void FinishInput();
  // Waits for its rate. A client that keeps on is told so by its session.
  void Throttle();
  SessionLimits SessionLimitsNow() const;
  // Where this server can be reached, for who is at the other end and those it tells.
  std::optional<Sibling> Self() const;
  void OnMergeDecision(const MergeAnswer& answer);
  void BecomeLink();
  void EndLink();
  void LogLink(LogLevel level, absl::string_view what, absl::string_view why) const;
  // The receiver of a file is slow: nothing is read until it has.
  void AwaitFileRoom();
  void OnFileRoom();
  void OnFileRoomTime();
  // The hub is told how much of the files that are due to this client is out.
  void OnFileBytesQueued(size_t bytes);
  void ReportFileBytesOut();
  bool OverPrivateQueue() const;
  void FlushPublishes();
  void Charge();
  void MarkDirty();
  // The dialect is done with this client; what is due is still written.
  void Finish();
  void Drained();
  // What is not written in time (limits.drain) is lost.
  void CloseSoon();
  void LeaveHub();
  void Join(const JoinRelay& join);
  void Destroy();
  size_t Write(const iovec* pieces, size_t count);

  // What a flush to this client touches comes first.
  Shard& shard_;
  fanout::Outbox out_;
  int fd_;
  State state_ = State::kOpen;
  bool blocked_ = false;
  bool dirty_ = false;
  bool logged_in_ = false;
  bool awaits_input_ = false;
  bool input_ended_ = false;
  bool half_closed_ = false;  // by its client, which still gets what was on its way to it
  bool paused_ = false;       // by its session
  uint64_t bytes_out_ = 0;
  size_t file_bytes_ = 0;  // of files, not written yet
  absl::Time progress_;

  const SessionId id_;
  const ListenerInfo& listener_;
  asio::ip::tcp::socket socket_;
  Door::Pass pass_;
  std::unique_ptr<ServerSession> session_;
  std::string unread_;  // received, not yet consumed; of a half: early bytes
  // Where in the log what the session sends now belongs; nothing: at its head.
  std::optional<uint64_t> send_at_;
  mutable TokenBucket rate_;  // refilled when looked at
  bool rate_limited_;
  bool private_queue_full_ = false;
  bool awaits_file_room_ = false;
  Link link_ = Link::kNone;
  LinkEnd link_end_ = LinkEnd::kLost;
  int32_t server_ = 0;   // that is at the other end, as far as is known
  uint64_t dialed_ = 0;  // this server has opened it
  absl::Time login_by_ = absl::InfiniteFuture();
  absl::Time login_call_ = absl::InfiniteFuture();  // when the shard was asked to look at that
  absl::Time resume_at_ = absl::InfiniteFuture();
  absl::Time throttled_since_ = absl::InfiniteFuture();
  absl::Time close_by_ = absl::InfiniteFuture();
  absl::Time file_room_by_ = absl::InfiniteFuture();
  absl::Time waits_again_ = absl::InfinitePast();  // a link, for receivers of files
  absl::Time since_;                               // wall clock
  uint64_t bytes_in_ = 0;
  int64_t acknowledged_ = 0;
  int64_t failed_logins_ = 0;
  std::string user_;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_CONNECTION_H_
