#include "libchat/client/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asio/buffer.hpp"
#include "asio/ip/address.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "asio/write.hpp"
#include "libchat/client/connect.h"
#include "libchat/client/keepalive.h"
#include "libchat/client/read_buffer.h"
#include "libchat/client/signal.h"
#include "libchat/client/tls.h"
#include "libchat/client/wrong_protocol.h"

namespace chat::client {
namespace {

using asio::ip::tcp;

// Who asks for what: the words of the answers.
struct Question {
  const ServerUrl& url;
  absl::string_view name;
};

std::string Said(LoginRefused::Reason reason, const Question& asked) {
  const std::string url = ToString(asked.url);
  switch (reason) {
    case LoginRefused::Reason::kName:
      return absl::StrCat(url, " does not allow the name ", asked.name);
    case LoginRefused::Reason::kTaken: {
      const bool accounts = asked.url.dialect->client_traits().passwords != Passwords::kNever;
      return absl::StrCat("the name ", asked.name, " is taken",
                          accounts ? ", or belongs to an account," : "", " on ", url);
    }
    case LoginRefused::Reason::kPassword:
      return absl::StrCat("wrong password for ", asked.name, " on ", url, ", or no such account");
    case LoginRefused::Reason::kNoAccount:
      return absl::StrCat("no such account on ", url, ": ", asked.name);
    case LoginRefused::Reason::kOther:
      break;
  }
  return absl::StrCat(url, " refused the login as ", asked.name);
}

// What `event` says of a login or a registration; nothing if that is not what it is about.
std::optional<absl::Status> AnswerIn(const ClientEvent& event, const Question& asked) {
  if (std::holds_alternative<LoggedIn>(event)) return absl::OkStatus();
  if (std::holds_alternative<AccountMade>(event)) return absl::OkStatus();
  if (std::holds_alternative<AccountRefused>(event)) {
    return absl::PermissionDeniedError(absl::StrCat(
        ToString(asked.url), " did not make the account ", asked.name,
        ": it exists, or its name or its password breaks a rule, or there were too many"));
  }
  const auto* refused = std::get_if<LoginRefused>(&event);
  if (refused == nullptr) return std::nullopt;
  // Somebody has the name now. It may be this user's own lost connection, also with a password.
  const bool taken = refused->reason == LoginRefused::Reason::kTaken;
  const std::string why = Said(refused->reason, asked);
  return taken || refused->try_another_name ? absl::AlreadyExistsError(why)
                                            : absl::PermissionDeniedError(why);
}

}  // namespace

// Outlives its Client while a write or a posted flush is under way.
class Client::Connection final : public ClientHost,
                                 public std::enable_shared_from_this<Client::Connection> {
 public:
  Connection(asio::any_io_executor executor, ServerUrl url, ClientOptions options)
      : url_(std::move(url)),
        options_(options),
        connector_(executor, {.resolver = options.resolver}),
        socket_(executor),
        deadline_(executor),
        written_(executor),
        session_(url_.dialect->NewClientSession(url_.options, *this)) {}

  // ---- ClientHost ----
  void Send(absl::string_view bytes) override;
  void OnClientEvent(ClientEvent event) override { events_.push_back(std::move(event)); }

  const ServerUrl& url() const { return url_; }
  ClientSession& session() { return *session_; }
  absl::StatusOr<asio::ip::address> LocalAddress() const;

  asio::awaitable<absl::Status> Connect();
  asio::awaitable<absl::Status> Login(std::string name);
  asio::awaitable<absl::Status> Login(std::string name, absl::string_view password);
  asio::awaitable<absl::Status> Register(std::string name, absl::string_view password);
  asio::awaitable<absl::StatusOr<Relay>> OpenRelay(int64_t connect_id);
  asio::awaitable<size_t> SendAhead(absl::string_view bytes);
  asio::awaitable<absl::Status> WaitForRoom();
  asio::awaitable<absl::StatusOr<std::vector<ClientEvent>>> Receive();
  asio::awaitable<absl::Status> FinishSending();
  bool IsReadable();
  void Close();

 private:
  // Takes the answer to a login or a registration out of events_, if it is there.
  std::optional<absl::Status> TakeAnswer(const std::string& name);
  // Waits for it, unless the question could not be asked (`status`).
  asio::awaitable<absl::Status> AwaitAnswer(std::string name, absl::Status status);
  // What to say instead of `status`, which ended the wait for an answer.
  absl::Status NoAnswer(const std::string& name, const absl::Status& status) const;
  // What to say if the server ended the handshake with `status`.
  absl::Status NoTls(const absl::Status& status) const;
  // Reads once and hands the session what came.
  asio::awaitable<absl::Status> ReadSome();
  // Reads once into in_, through TLS if there is any (which may yield nothing yet).
  asio::awaitable<absl::Status> Read();
  asio::awaitable<absl::Status> ReadTls();
  absl::Status Decrypt(absl::string_view bytes);
  asio::awaitable<absl::Status> Handshake();
  asio::awaitable<absl::Status> Drain();
  // Keeps the first bytes that came: they may tell what is there instead.
  void Note(absl::string_view bytes);
  void Flush();
  void OnWritten(asio::error_code error);
  absl::Status Broken(const asio::error_code& error);

  // While one is alive, the connection is closed if connect_timeout passes.
  class Deadline {
   public:
    explicit Deadline(Connection& connection);
    ~Deadline() {
      ++connection_.deadlines_over_;
      connection_.deadline_.cancel();
    }

   private:
    Connection& connection_;
  };

  const ServerUrl url_;
  const ClientOptions options_;
  Connector connector_;
  tcp::socket socket_;
  std::unique_ptr<Tls> tls_;  // null without TLS
  asio::steady_timer deadline_;
  uint64_t deadlines_over_ = 0;
  bool timed_out_ = false;
  bool closed_ = false;
  bool presented_ = false;  // the connect_id of a relay

  // Out: what is queued, and what the write under way writes.
  std::string queued_;
  std::string writing_;
  bool write_under_way_ = false;
  bool flush_posted_ = false;
  absl::Status write_status_;
  Signal written_;

  // In.
  ReadBuffer in_;
  std::vector<char> encrypted_;  // what TLS reads into
  Next next_ = Next::kMore;
  std::vector<ClientEvent> events_;
  std::string first_bytes_;  // at most kTellingBytes
  bool answered_ = false;    // what speaks there is the protocol
  bool left_ = false;

  std::unique_ptr<ClientSession> session_;
};

Client::Connection::Deadline::Deadline(Connection& connection) : connection_(connection) {
  connection.timed_out_ = false;
  connection.deadline_.expires_after(
      absl::ToChronoNanoseconds(connection.options_.connect_timeout));
  connection.deadline_.async_wait([weak = connection.weak_from_this(),
                                   over = connection.deadlines_over_](asio::error_code error) {
    const std::shared_ptr<Connection> self = weak.lock();
    // A timer that has fired cannot be cancelled any more, its deadline can be over all the same.
    if (error || self == nullptr || self->deadlines_over_ != over) return;
    self->timed_out_ = true;
    self->Close();
  });
}

absl::Status Client::Connection::Broken(const asio::error_code& error) {
  const std::string url = ToString(url_);
  if (error == asio::error::eof) {
    return absl::OutOfRangeError(absl::StrCat(url, " closed the connection"));
  }
  if (closed_)
    return absl::UnavailableError(absl::StrCat("the connection to ", url, " was closed"));
  return absl::UnavailableError(
      absl::StrCat("the connection to ", url, " broke: ", error.message()));
}

absl::StatusOr<asio::ip::address> Client::Connection::LocalAddress() const {
  asio::error_code error;
  const tcp::endpoint local = socket_.local_endpoint(error);
  if (error) return absl::UnavailableError(absl::StrCat("no connection: ", error.message()));
  return local.address();
}

asio::awaitable<absl::Status> Client::Connection::Connect() {
  const Deadline deadline(*this);
  absl::StatusOr<tcp::socket> connected = co_await connector_.Connect(url_.host, url_.port);
  const std::string what = absl::StrCat("cannot reach ", ToString(url_), ": ");
  if (timed_out_) {
    co_return absl::UnavailableError(
        absl::StrCat(what, "no answer within ", absl::FormatDuration(options_.connect_timeout)));
  }
  if (!connected.ok()) {
    co_return absl::UnavailableError(absl::StrCat(what, connected.status().message()));
  }
  if (closed_) co_return Broken({});
  socket_ = *std::move(connected);
  SetKeepalive(socket_.native_handle());
  absl::Status status;
  if (url_.tls) status = co_await Handshake();
  if (timed_out_) {
    co_return absl::UnavailableError(absl::StrCat(
        what, "no TLS within ", absl::FormatDuration(options_.connect_timeout), WithoutTls(url_)));
  }
  co_return status;
}

asio::awaitable<absl::Status> Client::Connection::Handshake() {
  absl::StatusOr<std::unique_ptr<Tls>> tls = Tls::Create(url_.host, options_.tls_ca);
  if (!tls.ok()) co_return tls.status();
  tls_ = *std::move(tls);
  for (;;) {
    const absl::Status status = tls_->Handshake();
    Flush();  // an alert, too
    if (!status.ok()) {
      (void)co_await Drain();
      co_return NoTls(status);
    }
    // Receives once more after the end of the handshake: data may have come right behind it.
    if (tls_->established()) {
      first_bytes_.clear();  // from here on it is the bytes inside of TLS that tell
      co_return Decrypt({});
    }
    if (absl::Status read = co_await Read(); !read.ok()) co_return NoTls(read);
  }
}

absl::Status Client::Connection::NoTls(const absl::Status& status) const {
  if (closed_) return status;
  const std::string url = ToString(url_);
  if (absl::IsPermissionDenied(status)) {
    return absl::PermissionDeniedError(absl::StrCat(url, ": ", status.message()));
  }
  if (absl::IsDataLoss(status)) {
    return absl::DataLossError(absl::StrCat("nothing at ", url, " speaks TLS",
                                            Guess(url_, first_bytes_), ": ", status.message()));
  }
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), " before TLS was there", WithoutTls(url_)));
}

std::optional<absl::Status> Client::Connection::TakeAnswer(const std::string& name) {
  for (auto event = events_.begin(); event != events_.end(); ++event) {
    std::optional<absl::Status> answer = AnswerIn(*event, {url_, name});
    if (!answer) continue;
    events_.erase(event);
    return answer;
  }
  return std::nullopt;
}

asio::awaitable<absl::Status> Client::Connection::AwaitAnswer(std::string name,
                                                              absl::Status status) {
  while (status.ok()) {
    if (std::optional<absl::Status> answer = TakeAnswer(name)) {
      answered_ = true;
      co_return *answer;
    }
    status = co_await ReadSome();
  }
  co_return NoAnswer(name, status);
}

absl::Status Client::Connection::NoAnswer(const std::string& name,
                                          const absl::Status& status) const {
  const std::string url = ToString(url_);
  const std::string doubt = answered_ ? "" : Doubt(url_, first_bytes_);
  if (timed_out_) {
    return absl::DeadlineExceededError(
        absl::StrCat(url, " did not answer the login as ", name, " within ",
                     absl::FormatDuration(options_.connect_timeout), doubt));
  }
  // A server that ends the connection instead of answering may have said why.
  for (const ClientEvent& event : events_) {
    const auto* notice = std::get_if<Notice>(&event);
    if (notice == nullptr) continue;
    return absl::Status(status.code(), absl::StrCat(status.message(), ": ", notice->text));
  }
  if (absl::IsOutOfRange(status) && !answered_) {
    return absl::OutOfRangeError(
        absl::StrCat(url, " closed the connection before it answered the login", doubt));
  }
  if (absl::IsUnavailable(status) && !closed_ && !answered_) {
    return absl::UnavailableError(absl::StrCat(status.message(), doubt));
  }
  return status;
}

asio::awaitable<absl::Status> Client::Connection::Login(std::string name) {
  const Deadline deadline(*this);
  absl::Status asked = session_->Login(name);
  co_return co_await AwaitAnswer(std::move(name), std::move(asked));
}

asio::awaitable<absl::Status> Client::Connection::Login(std::string name,
                                                        absl::string_view password) {
  const Deadline deadline(*this);
  absl::Status asked = session_->LoginWithPassword(name, password);
  co_return co_await AwaitAnswer(std::move(name), std::move(asked));
}

asio::awaitable<absl::Status> Client::Connection::Register(std::string name,
                                                           absl::string_view password) {
  const Deadline deadline(*this);
  absl::Status asked = session_->Register(name, password);
  co_return co_await AwaitAnswer(std::move(name), std::move(asked));
}

asio::awaitable<absl::StatusOr<Relay>> Client::Connection::OpenRelay(int64_t connect_id) {
  if (url_.tls) co_return absl::UnimplementedError("no private connections over TLS");
  if (absl::Status status = session_->PresentTicket(connect_id); !status.ok()) co_return status;
  presented_ = true;
  answered_ = true;  // a ticket comes from a login
  while (next_ != Next::kRelay) {
    if (absl::Status status = co_await ReadSome(); !status.ok()) co_return status;
  }
  // The ticket has reached the server, so nothing is queued or being written here.
  closed_ = true;
  asio::error_code error;
  socket_.native_non_blocking(true, error);
  if (error) co_return Broken(error);
  co_return Relay{std::move(socket_), std::string(in_.unconsumed())};
}

asio::awaitable<size_t> Client::Connection::SendAhead(absl::string_view bytes) {
  const absl::Status status = co_await Drain();
  if (!status.ok() || !presented_ || closed_) co_return 0;
  const ssize_t n =
      ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  co_return n > 0 ? static_cast<size_t>(n) : 0;
}

asio::awaitable<absl::Status> Client::Connection::ReadSome() {
  if (next_ == Next::kClose && !answered_) {
    co_return absl::DataLossError(absl::StrCat("nothing at ", ToString(url_), " speaks ",
                                               url_.dialect->name(), Guess(url_, first_bytes_)));
  }
  if (next_ == Next::kClose) {
    co_return absl::DataLossError(absl::StrCat(ToString(url_), " broke the protocol"));
  }
  if (in_.full()) {
    co_return absl::DataLossError(absl::StrCat(ToString(url_), " sent a packet that does not end"));
  }
  if (absl::Status status = co_await Read(); !status.ok()) co_return status;
  const Step step = session_->OnBytes(in_.unconsumed());
  in_.Consume(step.consumed);
  next_ = step.next;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Client::Connection::Read() {
  if (tls_ != nullptr) co_return co_await ReadTls();
  asio::error_code error;
  const size_t n = co_await socket_.async_read_some(
      in_.Prepare(), asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return Broken(error);
  const size_t known = in_.unconsumed().size();
  in_.Commit(n);
  Note(in_.unconsumed().substr(known));
  co_return absl::OkStatus();
}

void Client::Connection::Note(absl::string_view bytes) {
  if (answered_ || first_bytes_.size() >= kTellingBytes) return;
  absl::StrAppend(&first_bytes_, bytes.substr(0, kTellingBytes - first_bytes_.size()));
}

asio::awaitable<absl::Status> Client::Connection::ReadTls() {
  if (tls_->peer_ended()) co_return Broken(asio::error::eof);
  encrypted_.resize(ReadBuffer::kReadBytes);
  asio::error_code error;
  const size_t n = co_await socket_.async_read_some(
      asio::buffer(encrypted_), asio::redirect_error(asio::use_awaitable, error));
  if (error == asio::error::eof && !closed_) {
    // The server has not said so itself: somebody may have cut the connection.
    co_return absl::UnavailableError(
        absl::StrCat(ToString(url_), " closed the connection",
                     tls_->established() ? " without ending TLS" : ""));
  }
  if (error) co_return Broken(error);
  const absl::string_view bytes(encrypted_.data(), n);
  if (!tls_->established()) Note(bytes);
  co_return Decrypt(bytes);
}

absl::Status Client::Connection::Decrypt(absl::string_view bytes) {
  std::string plain;
  const absl::Status status = tls_->Receive(bytes, &plain);
  in_.Append(plain);
  Note(plain);
  Flush();  // TLS may have something to say itself
  return status;
}

asio::awaitable<absl::StatusOr<std::vector<ClientEvent>>> Client::Connection::Receive() {
  while (events_.empty()) {
    if (absl::Status status = co_await ReadSome(); !status.ok()) co_return status;
  }
  co_return std::exchange(events_, {});
}

void Client::Connection::Send(absl::string_view bytes) {
  absl::StrAppend(&queued_, bytes);
  if (write_under_way_ || flush_posted_) return;
  flush_posted_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->Flush();
  });
}

void Client::Connection::Flush() {
  if (write_under_way_ || closed_) return;
  if (tls_ != nullptr) {
    tls_->Send(queued_);
    queued_.clear();
    writing_ = tls_->TakeOutput();
  } else {
    writing_.swap(queued_);
  }
  if (writing_.empty()) return;
  write_under_way_ = true;
  asio::async_write(
      socket_, asio::buffer(writing_),
      [self = shared_from_this()](asio::error_code error, size_t) { self->OnWritten(error); });
}

void Client::Connection::OnWritten(asio::error_code error) {
  write_under_way_ = false;
  writing_.clear();
  if (error && write_status_.ok()) write_status_ = Broken(error);
  if (write_status_.ok()) Flush();
  written_.Notify();
}

asio::awaitable<absl::Status> Client::Connection::WaitForRoom() {
  while (write_status_.ok() && !closed_ &&
         queued_.size() + writing_.size() >= options_.write_buffer) {
    co_await written_.Wait();
  }
  if (closed_ && write_status_.ok()) co_return Broken({});
  co_return write_status_;
}

asio::awaitable<absl::Status> Client::Connection::Drain() {
  while (write_status_.ok() && !closed_ && (!queued_.empty() || write_under_way_)) {
    co_await written_.Wait();
  }
  co_return write_status_;
}

asio::awaitable<absl::Status> Client::Connection::FinishSending() {
  if (!std::exchange(left_, true)) session_->Leave();
  absl::Status status = co_await Drain();
  if (status.ok() && tls_ != nullptr) {
    tls_->End();
    Flush();
    status = co_await Drain();
  }
  if (!status.ok()) co_return status;
  asio::error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) co_return Broken(error);
  co_return absl::OkStatus();
}

bool Client::Connection::IsReadable() {
  pollfd entry{.fd = socket_.native_handle(), .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) == 1;
}

void Client::Connection::Close() {
  closed_ = true;
  asio::error_code ignored;
  connector_.Cancel();
  socket_.close(ignored);
  written_.Notify();
}

Client::Client(asio::any_io_executor executor, ServerUrl url, ClientOptions options)
    : connection_(
          std::make_shared<Connection>(std::move(executor), std::move(url), std::move(options))) {}

Client::~Client() { connection_->Close(); }

const ServerUrl& Client::url() const { return connection_->url(); }
ClientTraits Client::traits() const { return url().dialect->client_traits(); }
absl::StatusOr<asio::ip::address> Client::LocalAddress() const {
  return connection_->LocalAddress();
}
ClientSession& Client::session() { return connection_->session(); }
asio::awaitable<absl::Status> Client::Connect() { return connection_->Connect(); }
asio::awaitable<absl::Status> Client::Login(std::string name) {
  return connection_->Login(std::move(name));
}
asio::awaitable<absl::Status> Client::Login(std::string name, absl::string_view password) {
  return connection_->Login(std::move(name), password);
}
asio::awaitable<absl::Status> Client::Register(std::string name, absl::string_view password) {
  return connection_->Register(std::move(name), password);
}
asio::awaitable<absl::StatusOr<Relay>> Client::OpenRelay(int64_t connect_id) {
  return connection_->OpenRelay(connect_id);
}
asio::awaitable<size_t> Client::SendAhead(absl::string_view bytes) {
  return connection_->SendAhead(bytes);
}
asio::awaitable<absl::Status> Client::WaitForRoom() { return connection_->WaitForRoom(); }
asio::awaitable<absl::StatusOr<std::vector<ClientEvent>>> Client::Receive() {
  return connection_->Receive();
}
asio::awaitable<absl::Status> Client::FinishSending() { return connection_->FinishSending(); }
bool Client::IsReadable() const { return connection_->IsReadable(); }
void Client::Close() { connection_->Close(); }

}  // namespace chat::client
