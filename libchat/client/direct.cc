#include "libchat/client/direct.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "asio/buffer.hpp"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "asio/write.hpp"
#include "libchat/client/keepalive.h"
#include "libchat/client/random.h"
#include "libchat/client/read_buffer.h"
#include "libchat/client/signal.h"
#include "libchat/pump/pump.h"

namespace chat::client {
namespace {

using asio::ip::tcp;
using Side = DirectOptions::Side;

// Callers who have not said yet who they are. When one more comes, the oldest must go: the peer has
// a word to say as soon as it is there.
constexpr size_t kMaxCallers = 16;
// The most that is kept of what a caller says before it is known.
constexpr size_t kMaxIntroduction = 4 * 1024;
// Where ports for everybody begin.
constexpr uint16_t kFirstUserPort = 1024;

bool IsRefused(const asio::ip::address_v4& address) {
  const auto bytes = address.to_bytes();
  return bytes[0] == 0 || address.is_multicast() || (bytes[0] == 169 && bytes[1] == 254) ||
         address == asio::ip::address_v4::broadcast();
}

bool IsRefused(const asio::ip::address_v6& address) {
  return address.is_unspecified() || address.is_multicast() || address.is_link_local();
}

bool IsRefused(const asio::ip::address& address) {
  return address.is_v4() ? IsRefused(address.to_v4()) : IsRefused(address.to_v6());
}

// IPv4 that came as IPv6 (::ffff:192.0.2.1) is IPv4.
asio::ip::address Unmapped(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

template <class Address>
std::string Bytes(const Address& address) {
  const auto bytes = address.to_bytes();
  return std::string(bytes.begin(), bytes.end());
}

std::string Bytes(const asio::ip::address& address) {
  return address.is_v4() ? Bytes(address.to_v4()) : Bytes(address.to_v6());
}

template <class Address>
asio::ip::address FromBytes(const std::string& from) {
  typename Address::bytes_type bytes;
  std::copy(from.begin(), from.end(), bytes.begin());
  return Address(bytes);
}

absl::StatusOr<tcp::endpoint> EndpointOf(const DirectAddress& at) {
  if (at.address.size() != 4 && at.address.size() != 16) {
    return absl::PermissionDeniedError("the peer's address is neither IPv4 nor IPv6");
  }
  const asio::ip::address address =
      Unmapped(at.address.size() == 4 ? FromBytes<asio::ip::address_v4>(at.address)
                                      : FromBytes<asio::ip::address_v6>(at.address));
  if (IsRefused(address)) {
    return absl::PermissionDeniedError(absl::StrCat("the peer's address, ", address.to_string(),
                                                    ", is not one that is connected to"));
  }
  if (at.port < kFirstUserPort) {
    return absl::PermissionDeniedError(absl::StrCat("the peer's port, ", at.port, ", is under ",
                                                    kFirstUserPort, ": not connected to"));
  }
  return tcp::endpoint(address, at.port);
}

}  // namespace

// ---- DirectConnection ----

// Outlives its DirectConnection while a write or a posted flush is under way.
class DirectConnection::Link final : public DirectHost,
                                     public std::enable_shared_from_this<DirectConnection::Link> {
 public:
  // `socket` is connected already on the listening side.
  Link(tcp::socket socket, const DirectParties& parties, Side side, int64_t id,
       DirectConnectionOptions options)
      : options_(options),
        socket_(std::move(socket)),
        deadline_(socket_.get_executor()),
        written_(socket_.get_executor()),
        session_(parties.dialect->NewDirectSession({side, parties.self, parties.peer, id}, *this)) {
  }

  // ---- DirectHost ----
  void Send(absl::string_view bytes) override;
  void OnDirectEvent(DirectEvent event) override;

  // The connecting side, first.
  asio::awaitable<absl::Status> Connect(tcp::endpoint peer);
  // Then, or first: returns once the session is open.
  asio::awaitable<absl::Status> Open();

  absl::Status SendMessage(Text body);
  absl::Status SendFilePiece(absl::string_view name, absl::string_view content);
  size_t max_piece_bytes() const { return session_->max_piece_bytes(); }
  asio::awaitable<absl::Status> WaitForRoom();
  asio::awaitable<absl::StatusOr<std::vector<DirectEvent>>> Receive();
  asio::awaitable<absl::Status> FinishSending();
  asio::awaitable<absl::Status> Confirm();
  void Close(bool reset);

 private:
  asio::awaitable<absl::Status> ReadSome();
  void Flush();
  void OnWritten(asio::error_code error);
  // What an error on the socket says.
  absl::Status Broken(const asio::error_code& error) const;

  const DirectConnectionOptions options_;
  tcp::socket socket_;
  asio::steady_timer deadline_;
  bool timed_out_ = false;
  bool closed_ = false;

  // Out: what is queued, and what the write under way writes.
  std::string queued_;
  std::string writing_;
  bool write_under_way_ = false;
  bool flush_posted_ = false;
  bool finishing_ = false;  // nothing more may be queued
  bool finished_ = false;   // the stream has ended
  absl::Status write_status_;
  Signal written_;

  // In.
  ReadBuffer in_;
  Next next_ = Next::kMore;
  bool opened_ = false;
  bool in_file_ = false;  // its last piece has not come yet
  std::vector<DirectEvent> events_;

  std::unique_ptr<DirectSession> session_;
};

void DirectConnection::Link::OnDirectEvent(DirectEvent event) {
  if (std::holds_alternative<DirectOpened>(event)) {
    opened_ = true;
    return;
  }
  if (const auto* piece = std::get_if<DirectFilePiece>(&event)) in_file_ = !piece->last;
  events_.push_back(std::move(event));
}

absl::Status DirectConnection::Link::Broken(const asio::error_code& error) const {
  if (closed_) return absl::UnavailableError("the direct connection was closed");
  if (error == asio::error::eof && in_file_) {
    return absl::DataLossError("the peer ended in the middle of a file");
  }
  if (error == asio::error::eof && !in_.unconsumed().empty()) {
    return absl::DataLossError("the peer ended in the middle of a packet");
  }
  if (error == asio::error::eof) return absl::OutOfRangeError("the peer has ended");
  if (error == asio::error::connection_reset || error == asio::error::broken_pipe ||
      error == asio::error::not_connected) {
    return absl::AbortedError("the peer refused, or is gone");
  }
  return absl::UnavailableError(absl::StrCat("the direct connection broke: ", error.message()));
}

asio::awaitable<absl::Status> DirectConnection::Link::Connect(tcp::endpoint peer) {
  deadline_.expires_after(absl::ToChronoNanoseconds(options_.patience));
  deadline_.async_wait([weak = weak_from_this()](asio::error_code error) {
    const std::shared_ptr<Link> self = weak.lock();
    if (error || self == nullptr || self->opened_) return;
    self->timed_out_ = true;
    self->Close(/*reset=*/true);
  });
  asio::error_code error;
  co_await socket_.async_connect(peer, asio::redirect_error(asio::use_awaitable, error));
  absl::Status opened;
  if (!error) opened = co_await Open();
  deadline_.cancel();
  if (timed_out_) {
    co_return absl::DeadlineExceededError(absl::StrCat("no direct connection to the peer within ",
                                                       absl::FormatDuration(options_.patience)));
  }
  if (error) {
    co_return absl::UnavailableError(absl::StrCat("cannot reach the peer: ", error.message()));
  }
  co_return opened;
}

asio::awaitable<absl::Status> DirectConnection::Link::Open() {
  asio::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  SetKeepalive(socket_.native_handle());
  // However this side goes away, only Close is an orderly end.
  ResetOnClose(socket_.native_handle());
  session_->Start();
  while (!opened_) {
    if (in_.unconsumed().size() > kMaxIntroduction) {
      co_return absl::DataLossError("the peer did not say who it is");
    }
    if (absl::Status status = co_await ReadSome(); !status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> DirectConnection::Link::ReadSome() {
  if (next_ == Next::kClose) co_return absl::DataLossError("the peer broke the protocol");
  if (in_.full()) co_return absl::DataLossError("the peer sent a packet that does not end");
  asio::error_code error;
  const size_t n = co_await socket_.async_read_some(
      in_.Prepare(), asio::redirect_error(asio::use_awaitable, error));
  if (error == asio::error::eof && in_.unconsumed().empty()) session_->OnEnd();
  if (error && !events_.empty()) co_return absl::OkStatus();  // they come first, then the end again
  if (error) co_return Broken(error);
  in_.Commit(n);
  const Step step = session_->OnBytes(in_.unconsumed());
  in_.Consume(step.consumed);
  next_ = step.next;
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<std::vector<DirectEvent>>> DirectConnection::Link::Receive() {
  while (events_.empty()) {
    if (absl::Status status = co_await ReadSome(); !status.ok()) co_return status;
  }
  co_return std::exchange(events_, {});
}

absl::Status DirectConnection::Link::SendMessage(Text body) {
  if (finishing_) return absl::FailedPreconditionError("nothing can be sent any more");
  return session_->SendMessage(body);
}

absl::Status DirectConnection::Link::SendFilePiece(absl::string_view name,
                                                   absl::string_view content) {
  if (finishing_) return absl::FailedPreconditionError("nothing can be sent any more");
  return session_->SendFilePiece(name, content);
}

void DirectConnection::Link::Send(absl::string_view bytes) {
  absl::StrAppend(&queued_, bytes);
  if (write_under_way_ || flush_posted_) return;
  flush_posted_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->Flush();
  });
}

void DirectConnection::Link::Flush() {
  if (write_under_way_ || closed_ || queued_.empty()) return;
  writing_.swap(queued_);
  write_under_way_ = true;
  asio::async_write(
      socket_, asio::buffer(writing_),
      [self = shared_from_this()](asio::error_code error, size_t) { self->OnWritten(error); });
}

void DirectConnection::Link::OnWritten(asio::error_code error) {
  write_under_way_ = false;
  writing_.clear();
  if (error && write_status_.ok()) write_status_ = Broken(error);
  if (write_status_.ok()) Flush();
  written_.Notify();
}

asio::awaitable<absl::Status> DirectConnection::Link::WaitForRoom() {
  while (write_status_.ok() && !closed_ &&
         queued_.size() + writing_.size() >= options_.write_buffer) {
    co_await written_.Wait();
  }
  if (closed_ && write_status_.ok()) co_return Broken({});
  co_return write_status_;
}

asio::awaitable<absl::Status> DirectConnection::Link::FinishSending() {
  finishing_ = true;
  while (write_status_.ok() && !closed_ && (!queued_.empty() || write_under_way_)) {
    co_await written_.Wait();
  }
  if (!write_status_.ok()) co_return write_status_;
  if (finished_) co_return absl::OkStatus();
  asio::error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) co_return Broken(error);
  finished_ = true;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> DirectConnection::Link::Confirm() {
  absl::Status status = co_await FinishSending();
  while (status.ok()) status = (co_await Receive()).status();
  if (status.code() != absl::StatusCode::kOutOfRange) co_return status;
  // A peer that ends when it has read our end has acknowledged all: TCP says so with the same
  // segment. If something is still on its way, the peer has ended before it came.
  int unsent = 0;
  if (::ioctl(socket_.native_handle(), SIOCOUTQ, &unsent) != 0 || unsent > 0) {
    co_return absl::AbortedError("the peer ended before it had received everything");
  }
  co_return absl::OkStatus();
}

void DirectConnection::Link::Close(bool reset) {
  if (closed_) return;
  closed_ = true;
  asio::error_code ignored;
  if (socket_.is_open()) ResetOnClose(socket_.native_handle(), reset);
  socket_.close(ignored);
  written_.Notify();
}

DirectConnection::DirectConnection(std::shared_ptr<Link> link) : link_(std::move(link)) {}
DirectConnection::~DirectConnection() { Abort(); }

absl::Status DirectConnection::SendMessage(Text body) { return link_->SendMessage(body); }
absl::Status DirectConnection::SendFilePiece(absl::string_view name, absl::string_view content) {
  return link_->SendFilePiece(name, content);
}
size_t DirectConnection::max_piece_bytes() const { return link_->max_piece_bytes(); }
asio::awaitable<absl::Status> DirectConnection::WaitForRoom() { return link_->WaitForRoom(); }
asio::awaitable<absl::StatusOr<std::vector<DirectEvent>>> DirectConnection::Receive() {
  return link_->Receive();
}
asio::awaitable<absl::Status> DirectConnection::FinishSending() { return link_->FinishSending(); }
asio::awaitable<absl::Status> DirectConnection::Confirm() { return link_->Confirm(); }
void DirectConnection::Close() { link_->Close(/*reset=*/false); }
void DirectConnection::Abort() { link_->Close(/*reset=*/true); }

// ---- DirectListener ----

// Outlives its DirectListener while a caller is being heard.
class DirectListener::Door final : public std::enable_shared_from_this<DirectListener::Door> {
 public:
  Door(asio::any_io_executor executor, DirectConnectionOptions options)
      : options_(options), acceptor_(executor), deadline_(executor), changed_(executor) {}

  absl::Status Open(const asio::ip::address& local);
  const DirectAddress& address() const { return address_; }
  asio::awaitable<absl::StatusOr<std::unique_ptr<DirectConnection>>> Accept(DirectParties parties);
  // Ends an Accept, with `why` if there is no peer. Only the first call counts.
  void End(absl::Status why);

 private:
  using Link = DirectConnection::Link;

  // Coroutines of their own, which keep the door alive.
  static asio::awaitable<void> TakeCallers(std::shared_ptr<Door> self, DirectParties parties);
  static asio::awaitable<void> Hear(std::shared_ptr<Door> self, std::shared_ptr<Link> caller);
  void StartDeadline();

  const DirectConnectionOptions options_;
  DirectAddress address_;
  tcp::acceptor acceptor_;
  asio::steady_timer deadline_;
  std::deque<std::shared_ptr<Link>> callers_;  // who is being heard, the oldest first
  std::shared_ptr<Link> peer_;                 // the one who was waited for
  bool ended_ = false;
  absl::Status why_;
  Signal changed_;
};

absl::Status DirectListener::Door::Open(const asio::ip::address& local) {
  const absl::StatusOr<uint64_t> random = SecretBits();
  if (!random.ok()) return random.status();
  const asio::ip::address address = Unmapped(local);
  if (IsRefused(address)) {
    return absl::FailedPreconditionError(
        absl::StrCat("nobody would connect to this client's address, ", address.to_string()));
  }
  asio::error_code error;
  const tcp::endpoint any_port(address, 0);
  acceptor_.open(any_port.protocol(), error);
  if (!error) acceptor_.bind(any_port, error);
  if (!error) acceptor_.listen(kMaxCallers, error);
  const tcp::endpoint bound = error ? any_port : acceptor_.local_endpoint(error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.to_string(), ": ", error.message()));
  }
  // Positive: the numbers of the protocols have a sign.
  address_ = {Bytes(address), bound.port(), std::max<int64_t>(*random >> 1, 1)};
  return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<std::unique_ptr<DirectConnection>>> DirectListener::Door::Accept(
    DirectParties parties) {
  const std::shared_ptr<Door> self = shared_from_this();
  if (!ended_) StartDeadline();
  asio::co_spawn(acceptor_.get_executor(), TakeCallers(self, std::move(parties)), asio::detached);
  while (!ended_) co_await changed_.Wait();
  if (peer_ == nullptr) co_return why_;
  co_return std::make_unique<DirectConnection>(std::exchange(peer_, nullptr));
}

void DirectListener::Door::StartDeadline() {
  deadline_.expires_after(absl::ToChronoNanoseconds(options_.patience));
  deadline_.async_wait([weak = weak_from_this()](asio::error_code error) {
    const std::shared_ptr<Door> self = weak.lock();
    if (error || self == nullptr) return;
    self->End(absl::DeadlineExceededError(absl::StrCat(
        "the peer did not connect within ", absl::FormatDuration(self->options_.patience))));
  });
}

asio::awaitable<void> DirectListener::Door::TakeCallers(std::shared_ptr<Door> self,
                                                        DirectParties parties) {
  while (!self->ended_) {
    tcp::socket socket(self->acceptor_.get_executor());
    asio::error_code error;
    co_await self->acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (self->ended_) co_return;
    if (error == asio::error::connection_aborted) continue;  // has gone again
    if (error) {
      self->End(absl::UnavailableError(absl::StrCat("cannot accept the peer: ", error.message())));
      co_return;
    }
    if (self->callers_.size() == kMaxCallers) {
      self->callers_.front()->Close(/*reset=*/true);
      self->callers_.pop_front();
    }
    self->callers_.push_back(std::make_shared<Link>(std::move(socket), parties, Side::kListens,
                                                    self->address_.id, self->options_));
    asio::co_spawn(self->acceptor_.get_executor(), Hear(self, self->callers_.back()),
                   asio::detached);
  }
}

asio::awaitable<void> DirectListener::Door::Hear(std::shared_ptr<Door> self,
                                                 std::shared_ptr<Link> caller) {
  const absl::Status status = co_await caller->Open();
  const auto found = std::find(self->callers_.begin(), self->callers_.end(), caller);
  if (found == self->callers_.end()) co_return;  // closed meanwhile
  self->callers_.erase(found);
  if (status.ok()) {
    self->peer_ = std::move(caller);
    self->End(absl::OkStatus());
  } else {
    caller->Close(/*reset=*/true);
  }
}

void DirectListener::Door::End(absl::Status why) {
  if (ended_) return;
  ended_ = true;
  why_ = std::move(why);
  asio::error_code ignored;
  acceptor_.close(ignored);
  deadline_.cancel();
  for (const std::shared_ptr<Link>& caller : callers_) caller->Close(/*reset=*/true);
  callers_.clear();
  changed_.Notify();
}

DirectListener::DirectListener(std::shared_ptr<Door> door) : door_(std::move(door)) {}
DirectListener::~DirectListener() { Close(); }

absl::StatusOr<std::unique_ptr<DirectListener>> DirectListener::Open(
    asio::any_io_executor executor, const asio::ip::address& local,
    DirectConnectionOptions options) {
  auto door = std::make_shared<Door>(std::move(executor), options);
  if (absl::Status status = door->Open(local); !status.ok()) return status;
  return absl::WrapUnique(new DirectListener(std::move(door)));
}

const DirectAddress& DirectListener::address() const { return door_->address(); }
asio::awaitable<absl::StatusOr<std::unique_ptr<DirectConnection>>> DirectListener::Accept(
    DirectParties parties) {
  return door_->Accept(std::move(parties));
}
void DirectListener::Close() { door_->End(absl::UnavailableError("the listener was closed")); }

// ---- ConnectDirect ----

asio::awaitable<absl::StatusOr<std::unique_ptr<DirectConnection>>> ConnectDirect(
    asio::any_io_executor executor, DirectParties parties, DirectAddress at,
    DirectConnectionOptions options) {
  const absl::StatusOr<tcp::endpoint> peer = EndpointOf(at);
  if (!peer.ok()) co_return peer.status();
  const auto link = std::make_shared<DirectConnection::Link>(tcp::socket(executor), parties,
                                                             Side::kConnects, at.id, options);
  if (absl::Status status = co_await link->Connect(*peer); !status.ok()) co_return status;
  co_return std::make_unique<DirectConnection>(link);
}

}  // namespace chat::client
