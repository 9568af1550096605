// The kernel refuses a call of the server's: the first, the second, ... of each kind. Whatever is
// refused, the server goes on: at worst one client loses its connection.
//
// The linker's --wrap leads the calls here (see BUILD).

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <cstdarg>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libchat/net/test_client.h"
#include "libchat/net/test_packets.h"
#include "libchat/net/test_server.h"

namespace chat::net {
namespace {

enum class Call { kAccept, kRecv, kSend, kSendmsg, kSplice, kPipe, kEpollAdd, kIoctl, kShutdown };

// Which call of the server's is refused. The test's own thread is left alone.
std::atomic<bool> armed = false;
std::atomic<Call> refused_call;
std::atomic<int> calls_until_refusal;
std::atomic<int> refusal;  // errno
thread_local bool is_test = false;

bool Refuses(Call call) {
  if (!armed || is_test || refused_call != call) return false;
  if (calls_until_refusal.fetch_sub(1) != 1) return false;
  errno = refusal;
  return true;
}

}  // namespace
}  // namespace chat::net

using chat::net::Call;
using chat::net::Refuses;

extern "C" {

int __real_accept4(int fd, sockaddr* address, socklen_t* size, int flags);
int __wrap_accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  return Refuses(Call::kAccept) ? -1 : __real_accept4(fd, address, size, flags);
}

ssize_t __real_recv(int fd, void* buffer, size_t size, int flags);
ssize_t __wrap_recv(int fd, void* buffer, size_t size, int flags) {
  return Refuses(Call::kRecv) ? -1 : __real_recv(fd, buffer, size, flags);
}

ssize_t __real_send(int fd, const void* bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void* bytes, size_t size, int flags) {
  return Refuses(Call::kSend) ? -1 : __real_send(fd, bytes, size, flags);
}

ssize_t __real_sendmsg(int fd, const msghdr* message, int flags);
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  return Refuses(Call::kSendmsg) ? -1 : __real_sendmsg(fd, message, flags);
}

ssize_t __real_splice(int in, off64_t* in_at, int out, off64_t* out_at, size_t size,
                      unsigned flags);
ssize_t __wrap_splice(int in, off64_t* in_at, int out, off64_t* out_at, size_t size,
                      unsigned flags) {
  return Refuses(Call::kSplice) ? -1 : __real_splice(in, in_at, out, out_at, size, flags);
}

int __real_pipe2(int* ends, int flags);
int __wrap_pipe2(int* ends, int flags) {
  return Refuses(Call::kPipe) ? -1 : __real_pipe2(ends, flags);
}

int __real_epoll_ctl(int epoll, int operation, int fd, epoll_event* event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  if (operation == EPOLL_CTL_ADD && Refuses(Call::kEpollAdd)) return -1;
  return __real_epoll_ctl(epoll, operation, fd, event);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return Refuses(Call::kIoctl) ? -1 : __real_ioctl(fd, request, argument);
}

int __real_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how) {
  return Refuses(Call::kShutdown) ? -1 : __real_shutdown(fd, how);
}

}  // extern "C"

namespace chat::net {
namespace {

struct Case {
  Call call;
  const char* name;
  std::vector<int> errors;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class FaultsTest : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Calls, FaultsTest,
    ::testing::Values(Case{Call::kAccept, "accept4", {EMFILE, ECONNABORTED, EINTR, ENOMEM}},
                      Case{Call::kRecv, "recv", {ECONNRESET, EAGAIN, EINTR, ENOMEM}},
                      Case{Call::kSend, "send", {EPIPE, EAGAIN, EINTR, ENOBUFS}},
                      Case{Call::kSendmsg, "sendmsg", {EPIPE, EAGAIN, EINTR, ENOBUFS}},
                      Case{Call::kSplice, "splice", {EINVAL, EAGAIN, ECONNRESET, ENOMEM}},
                      Case{Call::kPipe, "pipe2", {EMFILE}},
                      Case{Call::kEpollAdd, "epoll_ctl", {ENOSPC}},
                      Case{Call::kIoctl, "ioctl", {ENOMEM}},
                      Case{Call::kShutdown, "shutdown", {ENOTCONN}}),
    [](const ::testing::TestParamInfo<Case>& info) { return info.param.name; });

bool Has(absl::string_view bytes, absl::string_view part) { return absl::StrContains(bytes, part); }

// What the client receives up to its own public message `mark`, or its end. All that was posted to
// it before comes before.
std::string Sync(TestClient& client, absl::string_view name, absl::string_view mark) {
  std::string received;
  const std::string message = Message(name, mark);
  if (!client.Send(message)) return received;
  while (!Has(received, message)) {
    const std::string byte = client.Receive(1);
    if (byte.empty()) break;
    received += byte;
  }
  return received;
}

void UseTunnel(TestServer& server, uint32_t connect_id) {
  TestClient first(server.port());
  first.Send(PresentId(connect_id));
  Await([&] { return first.Readable() || server.CountIn(ConnectionInfo::State::kWaitingForPeer); },
        "the first half");
  if (first.Readable()) return;  // it did not get in
  TestClient second(server.port());
  second.Send(PresentId(connect_id));
  Await([&] { return second.Readable(); }, "the second half, or an end");
  if (second.Receive(1).empty()) return first.Reset();  // it did not get in
  Await([&] { return first.Readable(); }, "the first half, or an end");
  const std::string bytes(100'000, 'x');
  first.Send(bytes);
  first.HalfClose();
  second.Send(bytes);
  second.HalfClose();
  first.AwaitEnd();
  second.AwaitEnd();
}

// Two clients chat and open a tunnel, as far as they are let.
void Use(TestServer& server) {
  TestClient alice(server.port());
  alice.Send(Login("alice"));
  if (alice.Receive(1) != LoginAccepted()) return;
  TestClient bob(server.port());
  bob.Send(Login("bob"));
  if (bob.Receive(1) != LoginAccepted()) return;
  // What comes in one piece is answered in one: with a sendmsg.
  alice.Send(Private("alice", "alice", "a note") + Message("alice", "hello"));
  alice.Send(AskRelay("alice", "bob"));
  if (Sync(alice, "alice", "asked").empty()) return;
  if (!Has(Sync(bob, "bob", "heard"), AskRelay("alice", "bob"))) return;
  bob.Send(AcceptRelay("alice", "bob"));
  const std::string heard = Sync(bob, "bob", "accepted");
  const std::string head = RelayIdHead("alice", "bob");
  const size_t at = heard.find(head);
  if (at == std::string::npos) return;
  uint32_t connect_id = 0;
  for (const char byte : heard.substr(at + head.size(), 4)) {
    connect_id = connect_id << 8 | static_cast<unsigned char>(byte);
  }
  UseTunnel(server, connect_id);
  alice.HalfClose();
  alice.AwaitEnd();
  bob.Reset();
}

TEST_P(FaultsTest, TheServerSurvivesTheRefusalOfAnyCall) {
  is_test = true;
  Limits limits = TestLimits();
  limits.connect_id = absl::Seconds(5);  // the other half may not get in
  for (const int error : GetParam().errors) {
    int number = 0;
    int in_vain = 0;  // rounds in a row without that call: on a busy machine some are short
    bool refused = true;
    while ((refused || in_vain < 3) && number < 200) {
      if (refused) ++number;
      SCOPED_TRACE(absl::StrCat("call ", number, " fails: ", error));
      TestServer server(limits);
      refused_call = GetParam().call;
      calls_until_refusal = number;
      refusal = error;
      armed = true;
      Use(server);
      armed = false;
      refused = calls_until_refusal <= 0;
      in_vain = refused ? 0 : in_vain + 1;
      // Everybody has gone, whatever happened, and who comes now is served.
      ASSERT_TRUE(server.AwaitConnections(0));
      TestClient next = server.LoggedIn("next");
      next.Send(Message("next", "hello"));
      ASSERT_TRUE(next.Expect(Message("next", "hello")));
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_GT(number, 1) << "no such call was made";
  }
}

}  // namespace
}  // namespace chat::net
