#include "libchat/net/connection.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libchat/net/shard.h"
#include "libchat/pump/pump.h"

namespace chat::net {
namespace {

// Bytes written to one connection before the others get their turn.
constexpr size_t kWriteBudget = 256 * 1024;
constexpr size_t kMaxPieces = 64;
// Bytes read at once from one whose messages are counted by time.
constexpr size_t kLimitedReadBudget = 4 * 1024;
// How long a client may take to end its stream after the server has ended its own.
constexpr absl::Duration kLinger = absl::Seconds(2);
// For how long a client may go on faster than its rate until it is told.
constexpr absl::Duration kTooFast = absl::Seconds(5);
// How long a server that this one has connected to may take to answer, if limits.login is longer:
// no human types there.
constexpr absl::Duration kLongestMerge = absl::Seconds(15);

// The account is there (or not) whether its client still is or not.
void CountRegistration(Shard& shard, absl::string_view name, RegisterResult result) {
  Counters& counters = shard.hub().counters();
  switch (result) {
    case RegisterResult::kRegistered:
      shard.Log(LogLevel::kInfo, absl::StrCat("registered ", name));
      return counters.Add(Counter::kRegistrations);
    case RegisterResult::kTooMany:
      return counters.Add(Counter::kRefusedRegistrations);
    case RegisterResult::kFull:
      return counters.Add(Counter::kRefusedAccounts);
    case RegisterResult::kStorageError:
      return counters.Add(Counter::kAccountErrors);
    case RegisterResult::kExists:
    case RegisterResult::kNotAllowed:
    case RegisterResult::kBusy:  // counted where the connection is cut
      return;
  }
}

std::string ToString(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? absl::StrCat("[", address, "]:", endpoint.port())
                                    : absl::StrCat(address, ":", endpoint.port());
}

}  // namespace

Connection::Connection(Shard& shard, SessionId id, asio::ip::tcp::socket socket,
                       const ListenerInfo& listener, Door::Pass pass)
    : shard_(shard),
      fd_(socket.native_handle()),
      progress_(shard.now()),
      id_(id),
      listener_(listener),
      socket_(std::move(socket)),
      pass_(std::move(pass)),
      session_(listener.dialect->NewServerSession(listener.options, SessionLimitsNow(), *this)),
      rate_(static_cast<double>(shard.limits().messages_per_second),
            static_cast<double>(shard.limits().messages_burst), shard.now()),
      rate_limited_(!pass_.counted_as().empty() &&
                    shard.limits().messages_per_second != kUnlimited),
      since_(absl::Now()) {}

Connection::~Connection() { shard_.AddOwnBytes(-static_cast<int64_t>(out_.own_bytes())); }

SessionLimits Connection::SessionLimitsNow() const {
  const Limits& limits = shard_.limits();
  return {static_cast<size_t>(limits.frame_before_login), static_cast<size_t>(limits.frame)};
}

void Connection::Start() {
  login_by_ = login_call_ = shard_.now() + LoginTime();
  shard_.CallAt(login_call_, id_);
  AwaitInput();
}

absl::Duration Connection::LoginTime() const {
  const Limits& limits = shard_.limits();
  if (link_ == Link::kOpening) return std::min(limits.login, kLongestMerge);
  // A connection may have come to present a connect_id, and wait for its user to say so.
  const bool may_be_half = listener_.dialect->client_traits().relays;
  return may_be_half ? std::max(limits.login, limits.connect_id) : limits.login;
}

void Connection::RestartLoginTime() {
  if (login_by_ == absl::InfiniteFuture()) return;
  login_by_ = shard_.now() + LoginTime();
  // The call that is due asks for the next one, however often this was called meanwhile.
  if (login_by_ >= login_call_) return;
  login_call_ = login_by_;
  shard_.CallAt(login_call_, id_);
}

void Connection::OnLoginTime() {
  if (login_by_ <= shard_.now()) return CutOff(Farewell::kLoginTimeout, Counter::kCutLogin);
  login_call_ = login_by_;
  shard_.CallAt(login_call_, id_);
}

ConnectionInfo Connection::Info() const {
  ConnectionInfo info;
  info.session = id_;
  info.dialect = std::string(listener_.dialect->name());
  info.listener = listener_.url;
  asio::error_code ignored;
  info.address = ToString(socket_.remote_endpoint(ignored));
  info.user = user_;
  switch (state_) {
    case State::kOpen:
      info.state = logged_in_ || link_ == Link::kMerged ? ConnectionInfo::State::kOpen
                                                        : ConnectionInfo::State::kLogin;
      break;
    case State::kHalf:
      info.state = ConnectionInfo::State::kWaitingForPeer;
      break;
    case State::kDraining:
    case State::kLingering:
    case State::kGone:
      info.state = ConnectionInfo::State::kHalfClosed;
      break;
  }
  info.since = since_;
  info.bytes_in = bytes_in_;
  info.bytes_out = bytes_out_;
  info.lag_bytes = out_.lag(shard_.hub().log(dialect()).head());
  info.queued_bytes = out_.own_bytes();
  info.acknowledged = acknowledged_;
  return info;
}

// ---- Input ----

void Connection::AwaitInput() {
  if (awaits_input_ || gone()) return;
  awaits_input_ = true;
  shard_.AtEndOfTurn([self = shared_from_this()] {
    if (self->gone()) return;
    self->socket_.async_wait(asio::ip::tcp::socket::wait_read,
                             [self](const asio::error_code& error) {
                               self->awaits_input_ = false;
                               if (self->gone()) return;
                               if (error) return self->Destroy();
                               self->OnInput();
                             });
  });
}

void Connection::OnInput() {
  switch (state_) {
    case State::kOpen:
      return Read();
    case State::kHalf:
      return ReadEarly();
    case State::kDraining:
    case State::kLingering:
      return Discard();
    case State::kGone:
      return;
  }
}

// Reads into the scratch buffer, behind what was left over, so that the session sees one piece. An
// idle connection owns no buffer.
void Connection::Read() {
  const size_t left = unread_.size();
  const size_t budget = ReadBudget();
  char* buffer = shard_.ReadBuffer(left + budget);
  std::memcpy(buffer, unread_.data(), left);
  const ssize_t n = ::recv(fd_, buffer + left, budget, MSG_DONTWAIT);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return AwaitInput();
    return Destroy();
  }
  if (n == 0) {
    input_ended_ = half_closed_ = true;
    return FinishInput();
  }
  bytes_in_ += static_cast<size_t>(n);
  shard_.hub().counters().Add(Counter::kBytesIn, static_cast<size_t>(n));
  Process({buffer, left + static_cast<size_t>(n)});
}

void Connection::FinishInput() {
  if (!logged_in_ || !shard_.hub().WaitsForConsent(id_)) Finish();
}

// What is read from one that has to wait for its rate stays here meanwhile: that must be little.
size_t Connection::ReadBudget() const {
  const size_t budget = static_cast<size_t>(shard_.limits().read_budget);
  return rate_limited_ ? std::min(budget, kLimitedReadBudget) : budget;
}

void Connection::Process(absl::string_view in) {
  const Step step = session_->OnBytes(in);
  FlushPublishes();
  send_at_.reset();
  if (gone()) return;
  in.remove_prefix(step.consumed);
  if (in.data() != unread_.data() || in.size() != unread_.size()) std::string(in).swap(unread_);
  switch (step.next) {
    case Next::kMore:
      if (Throttled()) return Throttle();
      throttled_since_ = absl::InfiniteFuture();
      return AwaitInput();
    case Next::kPause:
      paused_ = true;
      return;
    case Next::kRelay:
      // The half waits as long as its connect_id lives: the hub ends that.
      state_ = State::kHalf;
      login_by_ = absl::InfiniteFuture();
      return AwaitInput();
    case Next::kClose:
      if (link_ != Link::kOpening) shard_.hub().counters().Add(Counter::kCutProtocol);
      return Finish();
  }
}

void Connection::Throttle() {
  if (awaits_file_room_) return;  // OnFileRoom goes on
  shard_.hub().counters().Add(Counter::kThrottled);
  throttled_since_ = std::min(throttled_since_, shard_.now());
  if (shard_.now() - throttled_since_ >= kTooFast) {
    throttled_since_ = shard_.now();
    session_->OnTooFast();
  }
  resume_at_ = rate_.ReadyAt();
  shard_.CallAt(resume_at_, id_);
}

void Connection::ReadEarly() {
  const size_t limit = static_cast<size_t>(shard_.limits().early_bytes);
  if (unread_.size() >= limit) return;  // the rest stays in the kernel, and stops the sender
  const size_t room =
      std::min(limit - unread_.size(), static_cast<size_t>(shard_.limits().read_budget));
  char* buffer = shard_.ReadBuffer(room);
  const ssize_t n = ::recv(fd_, buffer, room, MSG_DONTWAIT);
  if (n < 0 && errno != EAGAIN && errno != EINTR) return Destroy();
  if (n == 0) return;  // the relay will see it, too
  if (n > 0) {
    unread_.append(buffer, static_cast<size_t>(n));
    bytes_in_ += static_cast<size_t>(n);
  }
  AwaitInput();
}

void Connection::Discard() {
  const size_t size = static_cast<size_t>(shard_.limits().read_budget);
  const ssize_t n = ::recv(fd_, shard_.ReadBuffer(size), size, MSG_DONTWAIT);
  if (n < 0 && errno != EAGAIN && errno != EINTR) return Destroy();
  if (n == 0) {
    input_ended_ = true;
    if (state_ == State::kLingering) Destroy();
    return;
  }
  AwaitInput();
}

// ---- Output ----

size_t Connection::Write(const iovec* pieces, size_t count) {
  ssize_t n;
  do {
    if (count == 1) {
      n = ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
      msghdr message = {};
      message.msg_iov = const_cast<iovec*>(pieces);
      message.msg_iovlen = count;
      n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return static_cast<size_t>(n);
  if (errno == EAGAIN) {
    AwaitRoom();
  } else {
    Destroy();
  }
  return 0;
}

void Connection::FlushMarked() {
  dirty_ = false;
  Flush();
}

void Connection::TurnAway() {
  session_->OnFarewell(Farewell::kOverloaded);
  Flush();
  Destroy();
}

void Connection::Flush() {
  if (blocked_ || gone()) return;
  // One that has left gets no more mail, and its log ends where it left.
  const uint64_t head = logged_in_ ? shard_.head(dialect()) : shard_.hub().log(dialect()).head();
  size_t budget = kWriteBudget;
  iovec pieces[kMaxPieces];
  for (;;) {
    const size_t count = out_.Gather(head, budget, absl::MakeSpan(pieces));
    if (count == 0) break;
    const size_t written = Write(pieces, count);
    if (written == 0) return;
    const size_t own = out_.own_bytes();
    out_.Consume(written);
    if (own != out_.own_bytes()) {
      shard_.AddOwnBytes(static_cast<int64_t>(out_.own_bytes()) - static_cast<int64_t>(own));
      ReportFileBytesOut();
    }
    bytes_out_ += written;
    shard_.CountBytesOut(written);
    if (written >= budget) return MarkDirty();
    budget -= written;
  }
  progress_ = shard_.now();
  if (state_ == State::kDraining) Drained();
}

void Connection::AwaitRoom() {
  blocked_ = true;
  progress_ = shard_.now();
  shard_.Blocked(*this);
  shard_.AtEndOfTurn([self = shared_from_this()] {
    if (self->gone()) return;
    self->socket_.async_wait(asio::ip::tcp::socket::wait_write,
                             [self](const asio::error_code& error) {
                               if (self->gone()) return;
                               if (error) return self->Destroy();
                               self->blocked_ = false;
                               self->progress_ = self->shard_.now();
                               self->Flush();
                             });
  });
}

void Connection::MarkDirty() {
  if (dirty_ || gone()) return;
  dirty_ = true;
  shard_.MarkDirty(*this);
}

uint64_t Connection::backlog() const {
  return out_.lag(shard_.hub().log(dialect()).head()) + out_.own_bytes();
}

// ---- The end ----

void Connection::LeaveHub() {
  EndLink();
  if (state_ == State::kHalf) shard_.hub().AbandonTicket(id_);
  if (!logged_in_) return;
  logged_in_ = false;
  const std::optional<uint64_t> end = shard_.hub().Logout(id_);
  out_.Unfollow(end.value_or(send_at_.value_or(shard_.hub().log(dialect()).head())));
}

void Connection::Finish() {
  LeaveHub();
  state_ = State::kDraining;
  login_by_ = resume_at_ = absl::InfiniteFuture();
  if (!input_ended_) AwaitInput();
  MarkDirty();
}

void Connection::Drained() {
  if (input_ended_) return Destroy();
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  state_ = State::kLingering;
  close_by_ = std::min(close_by_, shard_.now() + kLinger);
  shard_.CallAt(close_by_, id_);
  AwaitInput();
}

void Connection::CutOff(Farewell reason, Counter counter) {
  if (gone() || state_ == State::kLingering) return;
  if (state_ == State::kDraining && reason != Farewell::kSlowConsumer) return CloseSoon();
  shard_.hub().counters().Add(counter);
  ServerEvent event;
  event.kind = ServerEvent::Kind::kCut;
  event.user = user_;
  event.dialect = std::string(listener_.dialect->name());
  event.detail = std::string(CounterName(counter));
  shard_.hub().events().Emit(std::move(event));
  if (reason != Farewell::kShutdown) {
    shard_.Log(LogLevel::kInfo,
               absl::StrCat("cut ", user_.empty() ? "(no login)" : user_, " (",
                            listener_.dialect->name(), "): ", CounterName(counter)));
  }
  if (state_ == State::kOpen) session_->OnFarewell(reason);
  if (reason == Farewell::kSlowConsumer) {
    Flush();
    if (gone()) return;
    ResetOnClose(fd_);
    return Destroy();
  }
  Finish();
  CloseSoon();
}

void Connection::CloseSoon() {
  close_by_ = std::min(close_by_, shard_.now() + shard_.limits().drain);
  shard_.CallAt(close_by_, id_);
}

void Connection::Destroy() {
  if (gone()) return;
  LeaveHub();
  state_ = State::kGone;
  shard_.Unfollow(*this);
  // At once, not with the last handler that still refers to this.
  shard_.AddOwnBytes(-static_cast<int64_t>(out_.own_bytes()));
  out_ = fanout::Outbox();
  asio::error_code ignored;
  socket_.close(ignored);
  shard_.Forget(*this);
}

void Connection::OnTime() {
  const absl::Time now = shard_.now();
  if (gone()) return;
  if (close_by_ <= now) return Destroy();
  if (private_queue_full_) {
    private_queue_full_ = false;
    Flush();
    if (OverPrivateQueue()) {
      return CutOff(Farewell::kSlowConsumer, Counter::kCutPrivateQueue);
    }
  }
  if (file_room_by_ <= now) OnFileRoomTime();
  if (login_call_ <= now) {
    OnLoginTime();
    if (state_ != State::kOpen) return;
  }
  if (resume_at_ <= now && state_ == State::kOpen) {
    resume_at_ = absl::InfiniteFuture();
    Process(unread_);
  }
}

// ---- Mail ----

void Connection::OnMail(Mail& mail) {
  if (const Event* event = std::get_if<Event>(&mail.what)) {
    if (const auto* answer = std::get_if<MergeAnswer>(event)) {
      if (link_ != Link::kAsked) return;  // has ended meanwhile
      OnMergeDecision(*answer);
    }
    OnEvent(*event, mail.at);
    if (const auto* chunk = std::get_if<FileChunk>(event)) OnFileBytesQueued(chunk->content.size());
  } else if (const ClosingNotice* notice = std::get_if<ClosingNotice>(&mail.what)) {
    OnEvent(notice->event, mail.at);
    // In this turn it is written, unless its client is slow to read: then the relay stops waiting
    // by itself (limits.relay_notice).
    shard_.AtEndOfTurn([self = shared_from_this(), tunnel = notice->tunnel, shard = notice->shard] {
      if (self->out_.own_bytes() == 0) self->shard_.PassNotice(shard, tunnel);
    });
  } else if (std::holds_alternative<FileRoom>(mail.what)) {
    OnFileRoom();
  } else if (const JoinRelay* join = std::get_if<JoinRelay>(&mail.what)) {
    if (state_ == State::kHalf) return Join(*join);
    shard_.SendToRelay(*join, RelayEnd());  // it is about to end for another reason
  } else if (const Cut* cut = std::get_if<Cut>(&mail.what)) {
    const Counter counter = state_ == State::kHalf               ? Counter::kRelaysCut
                            : cut->reason == Farewell::kReplaced ? Counter::kCutReplaced
                                                                 : Counter::kCutKicked;
    // It left the hub there; what was said later is not for its client.
    if (cut->reason == Farewell::kReplaced) send_at_ = mail.at;
    CutOff(cut->reason, counter);
    send_at_.reset();
  }
}

void Connection::OnEvent(const Event& event, uint64_t at, bool last) {
  if (state_ != State::kOpen && !(state_ == State::kDraining && half_closed_)) return;
  send_at_ = at;
  const Next next = session_->OnEvent(event);
  FlushPublishes();
  send_at_.reset();
  if (last || next == Next::kClose) return Finish();
  if (input_ended_ && state_ == State::kOpen) return FinishInput();
  if (paused_ && next == Next::kMore && state_ == State::kOpen) {
    paused_ = false;
    Process(unread_);
  }
}

void Connection::Join(const JoinRelay& join) {
  session_->OnEvent(RelayEstablished{});
  RelayEnd end;
  end.info = Info();
  end.info.state = ConnectionInfo::State::kRelay;
  end.info.bytes_in -= unread_.size();  // the relay counts them
  shard_.AddOwnBytes(-static_cast<int64_t>(out_.own_bytes()));
  end.due = out_.TakeAll(0);
  end.early = std::move(unread_);
  end.pass = std::move(pass_);
  end.pass.Authenticated();
  end.end_waits_for_notice = session_->relay_end_waits_for_notice();
  state_ = State::kGone;
  asio::error_code failed;
  end.fd = UniqueFd(socket_.release(failed));
  // Whatever closes it before both streams have ended, be it the death of this process, must not
  // look like their end.
  ResetOnClose(end.fd.get());
  shard_.Forget(*this);
  shard_.SendToRelay(join, std::move(end));
}

// ---- SessionHost ----

void Connection::Send(absl::string_view bytes) {
  // Before what it says now, its client gets the echo of what it said before.
  if (listener_.dialect->own_public() == OwnPublic::kEchoed) FlushPublishes();
  out_.Append(bytes, send_at_.value_or(shard_.hub().log(dialect()).head()));
  shard_.AddOwnBytes(static_cast<int64_t>(bytes.size()));
  MarkDirty();
  RestartLoginTime();  // a login or registration was answered, if it still has to log in
  if (private_queue_full_ || !OverPrivateQueue()) return;
  private_queue_full_ = true;
  shard_.CallAt(shard_.now(), id_);
}

void Connection::FlushPublishes() {
  std::vector<Text>& bodies = shard_.publishes();
  if (bodies.empty()) return;
  send_at_.reset();
  if (listener_.dialect->own_public() == OwnPublic::kEchoed) {
    shard_.hub().Publish(id_, bodies, nullptr);
  } else {
    LogRange own;
    shard_.hub().Publish(id_, bodies, &own);
    out_.Skip(own.begin, own.end);
  }
  bodies.clear();
}

void Connection::Charge() {
  if (rate_limited_) rate_.Charge();
}

bool Connection::Throttled() const {
  return awaits_file_room_ || (rate_limited_ && rate_.Exhausted(shard_.now()));
}

void Connection::Count(Fault fault) {
  shard_.hub().counters().Add(fault);
  Charge();
}

LoginResult Connection::Login(absl::string_view name) {
  const Accounts* accounts = shard_.accounts();
  if (accounts == nullptr || !accounts->Has(name)) return Enter(name, Hub::LoginRight::kOpen);
  shard_.hub().counters().Add(Counter::kLoginsRefused);
  Charge();
  return LoginResult::kReserved;
}

LoginResult Connection::Enter(absl::string_view name, Hub::LoginRight right) {
  Hub::LoginReply reply = shard_.hub().Login(id_, dialect(), name, right, pass_.counted_as());
  if (reply.result != LoginResult::kAccepted) {
    Charge();
    return reply.result;
  }
  logged_in_ = true;
  user_ = std::string(name);
  login_by_ = absl::InfiniteFuture();
  pass_.Authenticated();
  send_at_ = reply.start.offset;
  if (listener_.dialect->has_public_room()) {
    out_.Follow(std::move(reply.start));
    shard_.Follow(*this);
  }
  return reply.result;
}

void Connection::AnswerLater(Event event) {
  shard_.way_back()->Post(id_.shard, [id = id_, event = std::move(event)](Shard& shard) {
    Connection* self = shard.Find(id);
    if (self != nullptr) self->OnEvent(event, shard.hub().log(self->dialect()).head());
  });
}

void Connection::Authenticate(absl::string_view name, absl::string_view password,
                              Takeover takeover) {
  Charge();
  if (logged_in_) return AnswerLater(Authenticated{LoginResult::kAlreadyIn});
  if (shard_.accounts() == nullptr) return AnswerLater(Authenticated{LoginResult::kNoAccount});
  const Hub::LoginRight right = takeover == Takeover::kTakeover ? Hub::LoginRight::kAccountTakeover
                                                                : Hub::LoginRight::kAccount;
  // Neither this connection nor the server may be there any more when it is answered.
  shard_.accounts()->Verify(name, password, pass_.counted_as(),
                            [way_back = shard_.way_back(), id = id_, user = std::string(name),
                             right](CheckResult result) {
                              way_back->Post(id.shard, [id, user, right, result](Shard& shard) {
                                if (Connection* self = shard.Find(id))
                                  self->OnChecked(user, right, result);
                              });
                            });
}

void Connection::OnChecked(absl::string_view name, Hub::LoginRight right, CheckResult result) {
  if (state_ != State::kOpen) return;
  Counters& counters = shard_.hub().counters();
  switch (result) {
    case CheckResult::kRight:
      return OnRight(name, right);
    case CheckResult::kBusy:
      return CutOff(Farewell::kOverloaded, Counter::kRefusedHashing);
    case CheckResult::kStorageError:
      return CutOff(Farewell::kOverloaded, Counter::kAccountErrors);
    case CheckResult::kTooManyFailures:
      counters.Add(Counter::kRefusedLoginsPerAddress);
      break;
    case CheckResult::kNoAccount:
    case CheckResult::kWrongPassword:
      break;
  }
  counters.Add(Counter::kLoginsRefused);
  const bool last = ++failed_logins_ >= shard_.limits().logins_per_connection;
  if (last) counters.Add(Counter::kRefusedLoginsPerConnection);
  const bool known = result != CheckResult::kNoAccount;
  OnEvent(Authenticated{known ? LoginResult::kWrongPassword : LoginResult::kNoAccount},
          shard_.hub().log(dialect()).head(), last);
}

void Connection::OnRight(absl::string_view name, Hub::LoginRight right) {
  const LoginResult entered = Enter(name, right);
  // Who removes an account ends the connections of its user after that. One that enters later sees
  // here that it is gone.
  if (entered == LoginResult::kAccepted && !shard_.accounts()->Has(name)) {
    send_at_.reset();
    return CutOff(Farewell::kKicked, Counter::kCutKicked);
  }
  OnEvent(Authenticated{entered}, send_at_.value_or(shard_.hub().log(dialect()).head()));
}

void Connection::Register(absl::string_view name, absl::string_view password) {
  Charge();
  const bool somebody_elses =
      name == kServerName || (name != user_ && shard_.hub().IsConnected(name));
  if (shard_.accounts() == nullptr || somebody_elses) return AnswerLater(Registered{false});
  shard_.accounts()->Register(
      name, password, pass_.counted_as(),
      [way_back = shard_.way_back(), id = id_, user = std::string(name)](RegisterResult result) {
        way_back->Post(id.shard, [id, user, result](Shard& shard) {
          CountRegistration(shard, user, result);
          if (Connection* self = shard.Find(id)) self->OnRegistered(result);
        });
      });
}

void Connection::OnRegistered(RegisterResult result) {
  if (result == RegisterResult::kBusy) {
    return CutOff(Farewell::kOverloaded, Counter::kRefusedHashing);
  }
  OnEvent(Registered{result == RegisterResult::kRegistered}, shard_.hub().log(dialect()).head());
}

void Connection::Publish(Text body) {
  Charge();
  shard_.publishes().push_back(body);
}

Delivery Connection::SendPrivate(UserRef to, Text body) {
  Charge();
  FlushPublishes();
  return shard_.hub().SendPrivate(id_, to, body);
}

Delivery Connection::SendInTalk(TalkNumber talk, UserRef to, Text body) {
  Charge();
  FlushPublishes();
  return shard_.hub().SendInTalk(id_, talk, to, body);
}

Delivery Connection::CloseTalk(TalkNumber talk, UserRef other) {
  Charge();
  FlushPublishes();
  return shard_.hub().CloseTalk(id_, talk, other);
}

void Connection::Acknowledge(int64_t number) { acknowledged_ = std::max(acknowledged_, number); }

Delivery Connection::Ask(RequestKind kind, UserRef to, Text reason) {
  Charge();
  FlushPublishes();
  return shard_.hub().Ask(id_, kind, to, reason);
}

Delivery Connection::AnswerRequest(RequestKind kind, UserRef asker, bool accept) {
  Charge();
  FlushPublishes();
  return shard_.hub().AnswerRequest(id_, kind, asker, accept);
}

Delivery Connection::AcceptDirect(UserRef asker, const DirectAddress& at) {
  Charge();
  FlushPublishes();
  return shard_.hub().AcceptDirect(id_, asker, at);
}

std::string Connection::PeerAddress() const {
  asio::error_code gone;
  const asio::ip::address address = socket_.remote_endpoint(gone).address();
  if (address.is_v6() && !address.to_v6().is_v4_mapped()) {
    const asio::ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
    return std::string(bytes.begin(), bytes.end());
  }
  const asio::ip::address_v4 v4 =
      address.is_v4() ? address.to_v4()
                      : asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  const asio::ip::address_v4::bytes_type bytes = v4.to_bytes();
  return std::string(bytes.begin(), bytes.end());
}

TicketResult Connection::PresentTicket(int64_t connect_id) {
  if (logged_in_) return TicketResult::kRefused;  // a user's connection is not half of a relay
  const TicketResult result = shard_.hub().PresentTicket(id_, connect_id, pass_.counted_as());
  if (result == TicketResult::kAccepted) pass_.BecomeHalf();
  return result;
}

Delivery Connection::CloseRelay(int64_t connect_id, UserRef other) {
  Charge();
  FlushPublishes();
  return shard_.hub().CloseRelay(id_, connect_id, other);
}

}  // namespace chat::net
