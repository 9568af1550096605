#include "tools/testing/user/test_user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "libchat/client/url.h"
#include "libchat/dialect/registry.h"

namespace chat::testing {
namespace {

constexpr timeval kHangGuard = {60, 0};

// A connected socket whose reads do not take forever. `address` is in network order.
int Connect(uint32_t address, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kHangGuard, sizeof(kHangGuard)), 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = address;
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0)
      << "port " << port << ": " << strerror(errno);
  return fd;
}

void SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) return;  // the peer has closed; the next read tells
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

TestUser::TestUser(const std::string& text) {
  const absl::StatusOr<client::ServerUrl> url = client::ParseServerUrl(text, AllDialects());
  EXPECT_TRUE(url.ok()) << url.status();
  dialect_ = url->dialect;
  session_ = dialect_->NewClientSession(url->options, *this);
  fd_ = Connect(htonl(INADDR_LOOPBACK), url->port);
}

TestUser::~TestUser() { close(fd_); }

void TestUser::LogIn(absl::string_view name) {
  const absl::Status status = session_->Login(name);
  EXPECT_TRUE(status.ok()) << status;
  Await<LoggedIn>();
}

bool TestUser::LogInWithPassword(absl::string_view name, absl::string_view password) {
  const absl::Status status = session_->LoginWithPassword(name, password);
  EXPECT_TRUE(status.ok()) << status;
  for (ClientEvent event; NextEvent(event);) {
    if (std::holds_alternative<LoggedIn>(event)) return true;
    if (std::holds_alternative<LoginRefused>(event)) return false;
  }
  ADD_FAILURE() << "the connection has ended without an answer";
  return false;
}

void TestUser::AwaitClosed() {
  while (ReadMore()) {
  }
}

std::string TestUser::ReadTunnel(size_t size) {
  while (unread_.size() < size && ReadMore()) {
  }
  std::string bytes = unread_.substr(0, size);
  unread_.erase(0, size);
  return bytes;
}

void TestUser::EndTunnel() { shutdown(fd_, SHUT_WR); }

bool TestUser::AwaitTunnelReset() {
  char buffer[65536];
  ssize_t n;
  while ((n = recv(fd_, buffer, sizeof(buffer), 0)) > 0) {
  }
  EXPECT_FALSE(n < 0 && errno == EAGAIN) << "no end came for a minute";
  return n < 0;
}

void TestUser::Send(absl::string_view bytes) { SendAll(fd_, bytes); }

bool TestUser::NextEvent(ClientEvent& event) {
  while (events_.empty()) {
    if (!ReadMore()) return false;
  }
  event = std::move(events_.front());
  events_.pop_front();
  return true;
}

bool TestUser::ReadMore() {
  char buffer[65536];
  const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
  EXPECT_FALSE(n < 0 && errno == EAGAIN) << "nothing came for a minute";
  if (n <= 0) return false;
  unread_.append(buffer, static_cast<size_t>(n));
  if (relay_) return true;
  const Step step = session_->OnBytes(unread_);
  unread_.erase(0, step.consumed);
  relay_ = step.next == Next::kRelay;
  EXPECT_NE(step.next, Next::kClose) << "the server broke the protocol";
  return step.next != Next::kClose;
}

TestDirect::TestDirect(const Dialect& dialect, std::string self, std::string peer,
                       const DirectAddress& at) {
  uint32_t address = 0;
  EXPECT_EQ(at.address.size(), sizeof(address));
  memcpy(&address, at.address.data(), sizeof(address));
  fd_ = Connect(address, at.port);
  session_ = dialect.NewDirectSession(
      {DirectOptions::Side::kConnects, std::move(self), std::move(peer), at.id}, *this);
  session_->Start();
}

TestDirect::~TestDirect() { close(fd_); }

void TestDirect::Abort() {
  const linger at_once{1, 0};
  EXPECT_EQ(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  close(std::exchange(fd_, -1));
}

void TestDirect::Send(absl::string_view bytes) { SendAll(fd_, bytes); }

bool TestDirect::Finish() {
  shutdown(fd_, SHUT_WR);
  char buffer[4096];
  ssize_t n = 1;
  while (n > 0) n = recv(fd_, buffer, sizeof(buffer), 0);
  EXPECT_FALSE(n < 0 && errno == EAGAIN) << "nothing came for a minute";
  return n == 0;
}

TestTunnel::TestTunnel(const std::string& url, TestUser& asker, absl::string_view asker_name,
                       TestUser& target, absl::string_view target_name)
    : first(url), second(url) {
  EXPECT_TRUE(asker.session().Ask(RequestKind::kRelay, {target_name}, Text()).ok());
  target.Await<Asked>();
  EXPECT_TRUE(target.session().Answer(RequestKind::kRelay, {asker_name}, true).ok());
  const RelayGranted granted = asker.Await<RelayGranted>();
  EXPECT_EQ(target.Await<RelayGranted>().connect_id, granted.connect_id);
  EXPECT_TRUE(first.session().PresentTicket(granted.connect_id).ok());
  EXPECT_TRUE(second.session().PresentTicket(granted.connect_id).ok());
  first.Await<RelayOpen>();
  second.Await<RelayOpen>();
}

}  // namespace chat::testing
