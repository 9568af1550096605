#include "tools/testing/user/test_user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "libchat/client/url.h"
#include "libchat/dialect/registry.h"

namespace chat::testing {
namespace {

constexpr timeval kHangGuard = {60, 0};

}  // namespace

TestUser::TestUser(const std::string& text) {
  const absl::StatusOr<client::ServerUrl> url = client::ParseServerUrl(text, FindDialect);
  EXPECT_TRUE(url.ok()) << url.status();
  session_ = url->dialect->NewClientSession(url->options, *this);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kHangGuard, sizeof(kHangGuard)), 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(url->port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0)
      << text << ": " << strerror(errno);
}

TestUser::~TestUser() { close(fd_); }

void TestUser::LogIn(absl::string_view name) {
  const absl::Status status = session_->Login(name);
  EXPECT_TRUE(status.ok()) << status;
  Await<LoggedIn>();
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

void TestUser::CloseWriting() { EXPECT_EQ(shutdown(fd_, SHUT_WR), 0); }

void TestUser::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) return;  // the server has closed; the next read tells
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

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
