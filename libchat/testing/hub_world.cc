#include "libchat/testing/hub_world.h"

#include <sys/uio.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"
#include "libchat/fanout/outbox.h"
#include "libchat/testing/segments.h"

namespace chat::testing {
namespace {

// Any odd number: ids are then spread, and differ.
constexpr uint64_t kRandomStep = 0x9E3779B97F4A7C15;

constexpr Sibling kSelf = {.id = 1000, .ipv4 = 0x7F000001, .port = 7773};

SessionLimits SessionLimitsOf(const Limits& limits) {
  return {.frame_before_login = static_cast<size_t>(limits.frame_before_login),
          .frame = static_cast<size_t>(limits.frame)};
}

}  // namespace

class HubWorld::Connection final : public SessionHost {
 public:
  Connection(Hub& hub, Accounts& accounts, SessionId id, size_t dialect_index,
             const Dialect& dialect, const DialectOptions& options, const SessionLimits& limits)
      : hub_(hub),
        accounts_(accounts),
        id_(id),
        dialect_index_(dialect_index),
        dialect_(dialect),
        session_(dialect.NewServerSession(options, limits, *this)),
        feeder_([this](absl::string_view in) { return session_->OnBytes(in); }) {}

  SessionId id() const { return id_; }

  // ---- The client's side ----

  void OnSegment(absl::string_view bytes) {
    if (end_ == End::kClosed || end_ == End::kReset || input_ended_) return;
    if (peer_ != nullptr) {
      peer_->Deliver(bytes);
    } else if (feeder_.Feed(bytes) == Next::kClose) {
      Close();
    }
  }

  void OnHalfClose() {
    input_ended_ = true;
    if (peer_ != nullptr) {
      peer_->EndWith(End::kHalfClosed);
    } else if (feeder_.next() != Next::kRelay && !hub_.WaitsForConsent(id_)) {
      Close();  // what is due was written at once
    }
  }

  void OnReset() {
    Connection* const peer = peer_;
    LeaveHub();
    EndWith(End::kReset);
    if (peer != nullptr) peer->EndWith(End::kReset);
  }

  // What has come for the client.
  std::string Take() { return std::exchange(received_, {}); }
  End end() const { return end_; }
  bool both_ended() const { return input_ended_ && end_ != End::kOpen; }

  // ---- The server's side ----

  void OnEvent(const Event& event, uint64_t at) {
    if (end_ != End::kOpen) return;
    send_at_ = at;
    const Next next = session_->OnEvent(event);
    send_at_.reset();
    if (const auto* chunk = std::get_if<FileChunk>(&event)) file_bytes_ += chunk->content.size();
    if (next == Next::kClose || (next == Next::kMore && feeder_.Resume() == Next::kClose)) Close();
    const bool half_closed = input_ended_ && feeder_.next() != Next::kRelay;
    if (half_closed && end_ == End::kOpen && !hub_.WaitsForConsent(id_)) Close();
  }

  // The answer to what a paused session waits for. False: there is none.
  bool AnswerPaused() {
    if (!answer_) return false;
    const Event answer = *std::exchange(answer_, std::nullopt);
    OnEvent(answer, hub_.log(dialect_index_).head());
    return true;
  }

  // The receiver of its file has read.
  void OnFileRoom() {
    awaits_file_room_ = false;
    if (end_ == End::kOpen && feeder_.Feed("") == Next::kClose) Close();
  }

  void Cut(Farewell reason) {
    session_->OnFarewell(reason);
    Close();
  }

  // Both halves of a relay are there, and have been told.
  static void Connect(Connection& a, Connection& b) {
    for (Connection* half : {&a, &b}) half->peer_ = half == &a ? &b : &a;
    for (Connection* half : {&a, &b}) {
      half->peer_->Deliver(half->feeder_.rest());
      if (half->input_ended_) half->peer_->EndWith(End::kHalfClosed);
    }
  }

  void Close() {
    LeaveHub();
    Flush();
    EndWith(End::kClosed);
  }

  // Writes what is due. True if files were: their senders may go on.
  bool Flush() {
    iovec pieces[16];
    const uint64_t head = hub_.log(dialect_index_).head();
    while (const size_t count = out_.Gather(head, size_t{1} << 20, absl::MakeSpan(pieces))) {
      size_t written = 0;
      for (size_t i = 0; i < count; ++i) {
        Deliver({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
        written += pieces[i].iov_len;
      }
      out_.Consume(written);
    }
    if (file_bytes_ == 0) return false;
    hub_.FileBytesOut(id_, std::exchange(file_bytes_, 0));
    return true;
  }

  // ---- SessionHost ----

  void Send(absl::string_view bytes) override {
    out_.Append(bytes, send_at_.value_or(hub_.log(dialect_index_).head()));
  }
  LoginResult Login(absl::string_view name) override {
    if (accounts_.contains(std::string(name))) return LoginResult::kReserved;
    return Enter(name, Hub::LoginRight::kOpen);
  }
  void Authenticate(absl::string_view name, absl::string_view password,
                    Takeover takeover) override {
    const auto account = accounts_.find(std::string(name));
    if (account == accounts_.end()) {
      answer_ = Authenticated{LoginResult::kNoAccount};
    } else if (account->second != std::string(password)) {
      answer_ = Authenticated{LoginResult::kWrongPassword};
    } else {
      answer_ = Authenticated{Enter(name, takeover == Takeover::kTakeover
                                              ? Hub::LoginRight::kAccountTakeover
                                              : Hub::LoginRight::kAccount)};
    }
  }
  void Register(absl::string_view name, absl::string_view password) override {
    const bool made = !hub_.IsConnected(name) &&
                      accounts_.emplace(std::string(name), std::string(password)).second;
    answer_ = Registered{made};
  }
  void Publish(Text body) override {
    LogRange own;
    hub_.Publish(id_, {body}, &own);
    if (dialect_.own_public() == OwnPublic::kLeftOut) out_.Skip(own.begin, own.end);
  }
  Delivery SendPrivate(UserRef to, Text body) override { return hub_.SendPrivate(id_, to, body); }
  Delivery SendInTalk(TalkNumber talk, UserRef to, Text body) override {
    return hub_.SendInTalk(id_, talk, to, body);
  }
  Delivery CloseTalk(TalkNumber talk, UserRef other) override {
    return hub_.CloseTalk(id_, talk, other);
  }
  Delivery SendFileChunk(const FileChunk& chunk) override {
    return hub_.SendFileChunk(id_, chunk, &awaits_file_room_);
  }
  Delivery RefuseFile(UserRef sender) override { return hub_.RefuseFile(id_, sender); }
  void Acknowledge(int64_t) override {}
  Delivery AcceptDirect(UserRef asker, const DirectAddress& at) override {
    return hub_.AcceptDirect(id_, asker, at);
  }
  std::string PeerAddress() const override { return std::string("\x7f\0\0\x01", 4); }
  Delivery Ask(RequestKind kind, UserRef to, Text reason) override {
    return hub_.Ask(id_, kind, to, reason);
  }
  Delivery AnswerRequest(RequestKind kind, UserRef asker, bool accept) override {
    return hub_.AnswerRequest(id_, kind, asker, accept);
  }
  TicketResult PresentTicket(int64_t connect_id) override {
    return hub_.PresentTicket(id_, connect_id, "");
  }
  Delivery CloseRelay(int64_t connect_id, UserRef other) override {
    return hub_.CloseRelay(id_, connect_id, other);
  }
  int32_t ServerId() const override { return kSelf.id; }
  void AskToMerge(const MergeOffer& offer) override { hub_.AskToMerge(id_, offer, kSelf); }
  bool OnMergeAnswer(const MergeAnswer& answer) override {
    return hub_.OnMergeAnswer(id_, answer, kSelf) == Hub::LinkResult::kMerged;
  }
  bool Forward(const Event& event) override { return hub_.Forward(id_, event, &awaits_file_room_); }
  bool Throttled() const override { return awaits_file_room_; }
  void Count(Fault fault) override { hub_.counters().Add(fault); }

 private:
  LoginResult Enter(absl::string_view name, Hub::LoginRight right) {
    Hub::LoginReply reply = hub_.Login(id_, dialect_index_, name, right);
    if (reply.result == LoginResult::kAccepted && dialect_.has_public_room()) {
      out_.Follow(std::move(reply.start));
    }
    return reply.result;
  }

  void Deliver(absl::string_view bytes) {
    if (end_ == End::kOpen) absl::StrAppend(&received_, bytes);
  }

  void EndWith(End end) {
    if (end_ == End::kOpen || (end_ == End::kHalfClosed && end == End::kReset)) end_ = end;
  }

  void LeaveHub() {
    if (peer_ != nullptr) return;  // a relay lives on by itself
    hub_.AbandonTicket(id_);
    hub_.LinkEnded(id_);
    const std::optional<uint64_t> end = hub_.Logout(id_);
    if (out_.following()) out_.Unfollow(end.value_or(hub_.log(dialect_index_).head()));
  }

  Hub& hub_;
  Accounts& accounts_;
  const SessionId id_;
  const size_t dialect_index_;
  const Dialect& dialect_;
  const std::unique_ptr<ServerSession> session_;
  Feeder feeder_;
  fanout::Outbox out_;
  std::optional<uint64_t> send_at_;
  std::optional<Event> answer_;  // to what a paused session waits for
  Connection* peer_ = nullptr;   // the other half of the relay
  std::string received_;
  int64_t file_bytes_ = 0;  // that are due
  bool awaits_file_room_ = false;
  bool input_ended_ = false;
  End end_ = End::kOpen;
};

struct HubWorld::Relay {
  Connection* first = nullptr;
  Connection* second = nullptr;
  absl::Time close_at = absl::InfiniteFuture();
};

HubWorld::HubWorld(std::vector<const Dialect*> dialects, Limits limits)
    : dialects_(std::move(dialects)), session_limits_(SessionLimitsOf(limits)) {
  Hub::Options options;
  options.dialects = dialects_;
  options.limits = limits;
  options.wake = [](uint32_t) {};
  options.server_id = kSelf.id;
  options.random = [this] { return random_ += kRandomStep; };
  options.now = [this] { return now_; };
  hub_ = std::make_unique<Hub>(std::move(options));
}

HubWorld::~HubWorld() = default;

absl::Status HubWorld::Connect(const std::string& client, const Dialect& dialect,
                               const DialectOptions& options) {
  if (absl::Status s = dialect.CheckOptions(options); !s.ok()) return s;
  const size_t index = std::find(dialects_.begin(), dialects_.end(), &dialect) - dialects_.begin();
  if (index == dialects_.size()) return absl::NotFoundError("the world does not speak this");
  SessionId id;
  id.generation = 1;
  id.slot = connections_.size();
  auto connection =
      std::make_unique<Connection>(*hub_, accounts_, id, index, dialect, options, session_limits_);
  by_session_[id.value()] = connection.get();
  connections_[client] = std::move(connection);
  return absl::OkStatus();
}

absl::Status HubWorld::Send(const std::string& client, absl::string_view bytes) {
  connections_.at(client)->OnSegment(bytes);
  Settle();
  return absl::OkStatus();
}

absl::Status HubWorld::HalfClose(const std::string& client) {
  connections_.at(client)->OnHalfClose();
  Settle();
  return absl::OkStatus();
}

absl::Status HubWorld::Reset(const std::string& client) {
  connections_.at(client)->OnReset();
  Settle();
  return absl::OkStatus();
}

absl::Status HubWorld::Pass(absl::Duration time) {
  now_ += time;
  hub_->Tick();
  for (auto& [tunnel, relay] : relays_) {
    if (relay.close_at > now_) continue;
    relay.first->Close();
    relay.second->Close();
  }
  Settle();
  return absl::OkStatus();
}

bool HubWorld::Receive(const std::string& client, std::string* bytes, End* end) {
  Connection& connection = *connections_.at(client);
  const std::string taken = connection.Take();
  absl::StrAppend(bytes, taken);
  *end = connection.end();
  return !taken.empty();
}

void HubWorld::Settle() {
  std::vector<Mail> mail;
  while (hub_->TakeMail(0, mail), !mail.empty() || AnswerPaused() || FlushAll()) {
    for (const Mail& one : std::exchange(mail, {})) {
      if (const EndRelay* end = std::get_if<EndRelay>(&one.what)) {
        relays_[end->tunnel].close_at = now_ + end->grace;
        continue;
      }
      Connection& to = *by_session_.at(one.to.value());
      if (const Event* event = std::get_if<Event>(&one.what)) {
        to.OnEvent(*event, one.at);
      } else if (const ClosingNotice* notice = std::get_if<ClosingNotice>(&one.what)) {
        to.OnEvent(notice->event, one.at);
      } else if (const JoinRelay* join = std::get_if<JoinRelay>(&one.what)) {
        Join(to, *join);
      } else if (const Cut* cut = std::get_if<Cut>(&one.what)) {
        to.Cut(cut->reason);
      } else {
        to.OnFileRoom();
      }
    }
  }
  for (auto it = relays_.begin(); it != relays_.end();) {
    const Relay& relay = it->second;
    const bool over =
        relay.second != nullptr && relay.first->both_ended() && relay.second->both_ended();
    if (over) hub_->RelayEnded(it->first, "both sides have ended");
    over ? relays_.erase(it++) : ++it;
  }
}

bool HubWorld::FlushAll() {
  bool files = false;
  for (auto& [name, connection] : connections_) files |= connection->Flush();
  return files;
}

bool HubWorld::AnswerPaused() {
  bool answered = false;
  for (auto& [name, connection] : connections_) answered |= connection->AnswerPaused();
  return answered;
}

void HubWorld::Join(Connection& connection, const JoinRelay& join) {
  connection.OnEvent(RelayEstablished{}, 0);
  connection.Flush();
  Relay& relay = relays_[join.tunnel];
  if (relay.first == nullptr) {
    relay.first = &connection;
    return;
  }
  relay.second = &connection;
  Connection::Connect(*relay.first, connection);
}

}  // namespace chat::testing
