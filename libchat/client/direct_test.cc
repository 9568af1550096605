#include "libchat/client/direct.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "asio/post.hpp"
#include "asio/use_awaitable.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/client.h"
#include "libchat/client/file_receiver.h"
#include "libchat/client/file_sender.h"
#include "libchat/client/scripted_server.h"
#include "libchat/client/temp_dir.h"
#include "libchat/client/toy_dialect.h"
#include "libchat/client/toy_direct.h"
#include "libchat/pump/pump.h"
#include "libchat/pump/testing.h"

namespace chat::client {
namespace {

using ::chat::testing::Fd;
using ::chat::testing::RandomBytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Connection = std::unique_ptr<DirectConnection>;

const asio::ip::address kLoopback = asio::ip::make_address("127.0.0.1");

DirectConnectionOptions Impatient() { return {.patience = absl::Milliseconds(50)}; }

// A coroutine that runs beside others.
template <class T>
class Running {
 public:
  Running(asio::io_context& io, asio::awaitable<T> coroutine) : io_(io) {
    asio::co_spawn(io, std::move(coroutine),
                   [result = result_](std::exception_ptr thrown, T value) {
                     if (thrown) std::rethrow_exception(thrown);
                     *result = std::move(value);
                   });
  }
  bool done() const { return result_->has_value(); }
  T Join() {
    io_.restart();
    while (!done()) io_.run_one();
    return *std::move(*result_);
  }

 private:
  asio::io_context& io_;
  std::shared_ptr<std::optional<T>> result_ = std::make_shared<std::optional<T>>();
};

// A blocking connection to `at`, for strangers. A read from it gives up after a while.
Fd Call(const DirectAddress& at) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(at.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const timeval guard{20, 0};
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard)), 0);
  return fd;
}

std::string Hello(absl::string_view login, int64_t id) {
  return absl::StrCat("HELLO ", login, " ", id, "\n");
}

// Nothing was said to the stranger, and the connection has ended.
bool WasTurnedAway(const Fd& fd) {
  char byte;
  const ssize_t n = ::read(fd.get(), &byte, 1);
  return n == 0 || (n < 0 && errno == ECONNRESET);
}

// Waits until there is something to read, or the end.
asio::awaitable<bool> Readable(asio::io_context& io, int fd) {
  asio::posix::stream_descriptor descriptor(io, ::dup(fd));
  co_await descriptor.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  co_return true;
}

class DirectTest : public ::testing::Test {
 protected:
  // bob listens for ann.
  void Listen(DirectConnectionOptions options = {}) {
    auto listener = DirectListener::Open(io_.get_executor(), kLoopback, options);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }
  asio::awaitable<absl::StatusOr<Connection>> Accept() {
    return listener_->Accept({&ToyDirect(), "bob", "ann"});
  }
  asio::awaitable<absl::StatusOr<Connection>> Connect(DirectAddress at,
                                                      DirectConnectionOptions options = {}) {
    return ConnectDirect(io_.get_executor(), {&ToyDirect(), "ann", "bob"}, std::move(at), options);
  }
  // Connects the two.
  void Meet(DirectConnectionOptions options = {}) {
    Listen(options);
    Running<absl::StatusOr<Connection>> accepting(io_, Accept());
    auto ann = Await(io_, Connect(listener_->address(), options));
    ASSERT_TRUE(ann.ok()) << ann.status();
    auto bob = accepting.Join();
    ASSERT_TRUE(bob.ok()) << bob.status();
    ann_ = *std::move(ann);
    bob_ = *std::move(bob);
  }
  // The same, but ann is a blocking socket of the test's own.
  Fd MeetStranger() {
    Listen();
    Running<absl::StatusOr<Connection>> accepting(io_, Accept());
    Fd ann = Call(listener_->address());
    Put(ann.get(), Hello("ann", listener_->address().id));
    auto bob = accepting.Join();
    EXPECT_TRUE(bob.ok()) << bob.status();
    bob_ = *std::move(bob);
    return ann;
  }

  asio::io_context io_;
  std::unique_ptr<DirectListener> listener_;
  Connection ann_;  // who connects
  Connection bob_;  // who listens
  TempDir sent_;
  TempDir taken_;
};

// ---- What the tools do with it ----

asio::awaitable<absl::Status> SendFile(DirectConnection& to, FileSender& file) {
  for (bool last = false; !last;) {
    const absl::StatusOr<FilePiece> piece = co_await file.Next(to.max_piece_bytes());
    if (!piece.ok()) co_return piece.status();
    last = piece->last;
    if (absl::Status status = to.SendFilePiece(file.name(), piece->content); !status.ok()) {
      co_return status;
    }
    if (absl::Status status = co_await to.WaitForRoom(); !status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> SendFiles(asio::io_context& io, DirectConnection& to,
                                        std::vector<std::string> paths) {
  for (const std::string& path : paths) {
    const auto file = FileSender::Open(io.get_executor(), path);
    if (!file.ok()) co_return file.status();
    if (absl::Status status = co_await SendFile(to, **file); !status.ok()) co_return status;
  }
  co_return co_await to.Confirm();
}

absl::Status TakePiece(FileReceiver& into, const DirectFilePiece& piece,
                       std::unique_ptr<IncomingFile>& file) {
  if (file == nullptr) {
    auto begun = into.Begin(piece.name);
    if (!begun.ok()) return begun.status();
    file = *std::move(begun);
  }
  if (absl::Status status = file->Append(piece.content); !status.ok()) return status;
  if (!piece.last) return absl::OkStatus();
  const absl::Status status = file->Finish();
  file = nullptr;
  return status;
}

// Takes files until the peer ends, and says that all is well; or refuses.
asio::awaitable<absl::Status> TakeFiles(DirectConnection& from, FileReceiver& into) {
  std::unique_ptr<IncomingFile> file;
  for (;;) {
    const auto events = co_await from.Receive();
    if (absl::IsOutOfRange(events.status())) break;
    if (!events.ok()) co_return events.status();
    for (const DirectEvent& event : *events) {
      const absl::Status status = TakePiece(into, std::get<DirectFilePiece>(event), file);
      if (status.ok()) continue;
      from.Abort();
      co_return status;
    }
  }
  from.Close();
  co_return absl::OkStatus();
}

// ---- Files ----

class DirectFileTest : public DirectTest, public ::testing::WithParamInterface<size_t> {};

INSTANTIATE_TEST_SUITE_P(Sizes, DirectFileTest,
                         ::testing::Values(0, 1, 1023, 1024, 1025, 2048, 10 << 20));

TEST_P(DirectFileTest, ArrivesAsItWasSentAndIsConfirmed) {
  const std::string content = RandomBytes(GetParam(), 1);
  sent_.Write("file", content);
  const auto into = FileReceiver::Open(taken_.path());
  Meet();
  Running<absl::Status> taking(io_, TakeFiles(*bob_, **into));
  EXPECT_EQ(Await(io_, SendFiles(io_, *ann_, {sent_ / "file"})), absl::OkStatus());
  // It is there before the sender hears of it.
  EXPECT_THAT(taken_.Names(), ElementsAre("file"));
  EXPECT_TRUE(taken_.Read("file") == content);
  EXPECT_EQ(taking.Join(), absl::OkStatus());
}

TEST_F(DirectTest, TwoFilesInARow) {
  sent_.Write("a", RandomBytes(2048, 1));
  sent_.Write("b", RandomBytes(5000, 2));
  const auto into = FileReceiver::Open(taken_.path());
  Meet();
  Running<absl::Status> taking(io_, TakeFiles(*bob_, **into));
  EXPECT_EQ(Await(io_, SendFiles(io_, *ann_, {sent_ / "a", sent_ / "b"})), absl::OkStatus());
  EXPECT_THAT(taken_.Names(), ElementsAre("a", "b"));
  EXPECT_EQ(taken_.Read("a"), sent_.Read("a"));
  EXPECT_EQ(taken_.Read("b"), sent_.Read("b"));
}

TEST_F(DirectTest, ASenderLearnsThatItsFileWasRefused) {
  for (const size_t size : {size_t{10}, size_t{10 << 20}}) {
    sent_.Write("file", RandomBytes(size, 1));
    taken_.Write("file", "older");
    const auto into = FileReceiver::Open(taken_.path());
    Meet();
    Running<absl::Status> taking(io_, TakeFiles(*bob_, **into));
    EXPECT_EQ(Await(io_, SendFiles(io_, *ann_, {sent_ / "file"})).code(),
              absl::StatusCode::kAborted);
    EXPECT_EQ(taking.Join().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(taken_.Names(), ElementsAre("file"));
    EXPECT_EQ(taken_.Read("file"), "older");
  }
}

asio::awaitable<absl::Status> TakeOnePiece(DirectConnection& from, FileReceiver& into,
                                           std::unique_ptr<IncomingFile>& file) {
  const auto events = co_await from.Receive();
  if (!events.ok()) co_return events.status();
  co_return TakePiece(into, std::get<DirectFilePiece>(events->at(0)), file);
}

TEST_F(DirectTest, APeerThatDiesInTheMiddleOfAFileLeavesNothing) {
  const auto into = FileReceiver::Open(taken_.path());
  Meet();
  ASSERT_EQ(ann_->SendFilePiece("file", RandomBytes(1024, 1)), absl::OkStatus());
  {
    std::unique_ptr<IncomingFile> file;
    ASSERT_EQ(Await(io_, TakeOnePiece(*bob_, **into, file)), absl::OkStatus());
    EXPECT_EQ(taken_.Names().size(), 1u);  // under its temporary name
    ann_.reset();
    EXPECT_EQ(Await(io_, TakeOnePiece(*bob_, **into, file)).code(), absl::StatusCode::kAborted);
  }
  EXPECT_THAT(taken_.Names(), IsEmpty());
}

TEST_F(DirectTest, AnEndInTheMiddleOfAFileIsNone) {
  const auto into = FileReceiver::Open(taken_.path());
  const Fd ann = MeetStranger();
  Put(ann.get(), absl::StrCat("FILE file 1024\n", std::string(1024, 'x')));
  ::shutdown(ann.get(), SHUT_WR);
  EXPECT_EQ(Await(io_, TakeFiles(*bob_, **into)).code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(taken_.Names(), IsEmpty());
}

TEST_F(DirectTest, AnEndInTheMiddleOfAPacketIsNone) {
  const Fd ann = MeetStranger();
  Put(ann.get(), "MSG one\nMSG tw");
  ::shutdown(ann.get(), SHUT_WR);
  EXPECT_THAT(*Await(io_, bob_->Receive()), ElementsAre(DirectEvent(DirectMessage{"one"})));
  EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kDataLoss);
}

// A session may hold something back, which the end of the stream makes known.
TEST_F(DirectTest, WhatIsHeldBackComesBeforeTheEnd) {
  const Fd ann = MeetStranger();
  Put(ann.get(), "MSG one\nLATE two\n");
  EXPECT_THAT(*Await(io_, bob_->Receive()), ElementsAre(DirectEvent(DirectMessage{"one"})));
  ::shutdown(ann.get(), SHUT_WR);
  EXPECT_THAT(*Await(io_, bob_->Receive()), ElementsAre(DirectEvent(DirectMessage{"two"})));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kOutOfRange);
  }
}

TEST_F(DirectTest, WhatIsHeldBackIsLostWithoutAnOrderlyEnd) {
  Fd ann = MeetStranger();
  Put(ann.get(), "LATE one\nMSG tw");
  ::shutdown(ann.get(), SHUT_WR);
  EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kDataLoss);

  ann = MeetStranger();
  Put(ann.get(), "LATE one\nMSG two\n");
  EXPECT_THAT(*Await(io_, bob_->Receive()), ElementsAre(DirectEvent(DirectMessage{"two"})));
  const linger at_once{1, 0};
  ASSERT_EQ(::setsockopt(ann.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  ann.reset();
  EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kAborted);
}

// ---- Messages ----

asio::awaitable<absl::StatusOr<std::vector<std::string>>> TakeMessages(DirectConnection& from,
                                                                       size_t count) {
  std::vector<std::string> bodies;
  while (bodies.size() < count) {
    const auto events = co_await from.Receive();
    if (!events.ok()) co_return events.status();
    for (const DirectEvent& event : *events) bodies.push_back(ToString(event));
  }
  co_return bodies;
}

TEST_F(DirectTest, MessagesAndFilesTravelBothWays) {
  Meet();
  ASSERT_EQ(ann_->SendMessage(*Text::From("hello")), absl::OkStatus());
  ASSERT_EQ(ann_->SendFilePiece("a", "from ann"), absl::OkStatus());
  ASSERT_EQ(bob_->SendMessage(*Text::From("good day")), absl::OkStatus());
  ASSERT_EQ(bob_->SendFilePiece("b", "from bob"), absl::OkStatus());
  EXPECT_THAT(*Await(io_, TakeMessages(*bob_, 2)),
              ElementsAre(ToString(DirectMessage{"hello"}),
                          ToString(DirectFilePiece{"a", "from ann", true})));
  EXPECT_THAT(*Await(io_, TakeMessages(*ann_, 2)),
              ElementsAre(ToString(DirectMessage{"good day"}),
                          ToString(DirectFilePiece{"b", "from bob", true})));
  // ann has ended; bob has not.
  ASSERT_EQ(Await(io_, ann_->FinishSending()), absl::OkStatus());
  EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kOutOfRange);
  ASSERT_EQ(bob_->SendMessage(*Text::From("last words")), absl::OkStatus());
  ASSERT_EQ(Await(io_, bob_->FinishSending()), absl::OkStatus());
  bob_->Close();
  EXPECT_THAT(*Await(io_, TakeMessages(*ann_, 1)),
              ElementsAre(ToString(DirectMessage{"last words"})));
  EXPECT_EQ(Await(io_, ann_->Confirm()), absl::OkStatus());
}

TEST_F(DirectTest, WhatCannotBeSaidIsNotSent) {
  Meet();
  EXPECT_EQ(ann_->SendMessage(*Text::From("two\nlines")).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(Await(io_, ann_->FinishSending()), absl::OkStatus());
  EXPECT_EQ(ann_->SendMessage(*Text::From("late")).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ann_->SendFilePiece("a", "late").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(DirectTest, MessagesThatCameWithTheIntroductionAreKept) {
  Listen();
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  const Fd ann = Call(listener_->address());
  Put(ann.get(), absl::StrCat(Hello("ann", listener_->address().id), "MSG at once\n"));
  const auto bob = accepting.Join();
  ASSERT_TRUE(bob.ok()) << bob.status();
  EXPECT_THAT(*Await(io_, (*bob)->Receive()), ElementsAre(DirectEvent(DirectMessage{"at once"})));
}

// What the two sides know of the same bytes: how many were handed over, and how many taken.
struct Flow {
  size_t total = 0;
  size_t sent = 0;
  size_t taken = 0;
  size_t most_between = 0;
};

asio::awaitable<absl::Status> SendMuch(DirectConnection& to, Flow& flow) {
  const std::string body(1000, 'x');
  while (flow.sent < flow.total) {
    if (absl::Status status = to.SendMessage(*Text::From(body)); !status.ok()) co_return status;
    flow.sent += body.size();
    flow.most_between = std::max(flow.most_between, flow.sent - flow.taken);
    if (absl::Status status = co_await to.WaitForRoom(); !status.ok()) co_return status;
  }
  co_return co_await to.Confirm();
}

asio::awaitable<absl::Status> TakeMuch(DirectConnection& from, Flow& flow) {
  for (;;) {
    const auto events = co_await from.Receive();
    if (absl::IsOutOfRange(events.status())) break;
    if (!events.ok()) co_return events.status();
    for (const DirectEvent& event : *events)
      flow.taken += std::get<DirectMessage>(event).body.size();
  }
  from.Close();
  co_return absl::OkStatus();
}

TEST_F(DirectTest, ASlowReceiverSlowsTheSender) {
  // Between the two is never more than the kernel's buffers hold (4 MiB and 6 MiB, unless the
  // system was told otherwise) and their own.
  constexpr size_t kBound = 32 << 20;
  Meet({.write_buffer = 64 * 1024});
  Flow flow{.total = 128'000'000};
  Running<absl::Status> sending(io_, SendMuch(*ann_, flow));
  // The receiver does not begin before the sender can do nothing more.
  io_.restart();
  while (io_.poll() > 0) {
  }
  EXPECT_LT(flow.sent, kBound);
  Running<absl::Status> taking(io_, TakeMuch(*bob_, flow));
  EXPECT_EQ(sending.Join(), absl::OkStatus());
  EXPECT_EQ(taking.Join(), absl::OkStatus());
  EXPECT_EQ(flow.taken, flow.total);
  EXPECT_LT(flow.most_between, kBound);
}

// ---- Who may come ----

TEST_F(DirectTest, AListenerSaysWhereItIsWithASecret) {
  std::set<int64_t> ids;
  for (int i = 0; i < 20; ++i) {
    Listen();
    EXPECT_EQ(listener_->address().address, std::string("\x7F\0\0\1", 4));
    EXPECT_GE(listener_->address().port, 1024);
    EXPECT_GT(listener_->address().id, 0);
    ids.insert(listener_->address().id);
  }
  EXPECT_EQ(ids.size(), 20u);
  // Not all of them small: the upper half is used, too.
  EXPECT_GT(*ids.rbegin(), int64_t{1} << 32);
}

TEST_F(DirectTest, AListenerIsWhereItsClientIs) {
  ScriptedServer server([](int fd) { GetLine(fd); });
  Client client(io_.get_executor(),
                *ParseServerUrl(absl::StrCat("toy://127.0.0.1:", server.port()), Toys()));
  EXPECT_EQ(client.LocalAddress().status().code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(Await(io_, client.Connect()), absl::OkStatus());
  const auto local = client.LocalAddress();
  ASSERT_TRUE(local.ok()) << local.status();
  EXPECT_EQ(*local, kLoopback);
}

TEST_F(DirectTest, AListenersAddressMustBeOneToConnectTo) {
  for (const char* address : {"0.0.0.0", "169.254.1.1", "224.0.0.1", "::", "fe80::1"}) {
    const auto listener = DirectListener::Open(io_.get_executor(), asio::ip::make_address(address));
    EXPECT_EQ(listener.status().code(), absl::StatusCode::kFailedPrecondition) << address;
  }
  // TEST-NET-1: nobody has it.
  EXPECT_EQ(
      DirectListener::Open(io_.get_executor(), asio::ip::make_address("192.0.2.1")).status().code(),
      absl::StatusCode::kUnavailable);
  const auto mapped =
      DirectListener::Open(io_.get_executor(), asio::ip::make_address("::ffff:127.0.0.1"));
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ((*mapped)->address().address, std::string("\x7F\0\0\1", 4));
}

TEST_F(DirectTest, TurnsStrangersAwayAndWaitsOn) {
  Listen();
  const DirectAddress& at = listener_->address();
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  const Fd silent = Call(at);
  const Fd wrong_id = Call(at);
  Put(wrong_id.get(), Hello("ann", at.id ^ 1));
  const Fd wrong_login = Call(at);
  Put(wrong_login.get(), Hello("eve", at.id));
  const Fd garbage = Call(at);
  Put(garbage.get(), "GET / HTTP/1.0\r\n\r\n");
  const Fd endless = Call(at);
  Put(endless.get(), std::string(64 * 1024, 'x'));
  const Fd gone = Call(at);
  ::shutdown(gone.get(), SHUT_WR);

  for (const Fd* stranger : {&wrong_id, &wrong_login, &garbage, &endless, &gone}) {
    Await(io_, Readable(io_, stranger->get()));
    EXPECT_TRUE(WasTurnedAway(*stranger));
  }
  EXPECT_FALSE(accepting.done());

  auto ann = Await(io_, Connect(at));
  ASSERT_TRUE(ann.ok()) << ann.status();
  const auto bob = accepting.Join();
  ASSERT_TRUE(bob.ok()) << bob.status();
  EXPECT_TRUE(WasTurnedAway(silent));
  // And it is ann who was let in.
  ASSERT_EQ((*ann)->SendMessage(*Text::From("it is me")), absl::OkStatus());
  EXPECT_THAT(*Await(io_, (*bob)->Receive()), ElementsAre(DirectEvent(DirectMessage{"it is me"})));
}

TEST_F(DirectTest, ASilentCrowdIsInNobodysWay) {
  Listen();
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  std::vector<Fd> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(Call(listener_->address()));
    io_.poll();
  }
  // No more than sixteen are listened to.
  for (int i = 0; i < 100 - 16; ++i) ASSERT_TRUE(WasTurnedAway(crowd[i])) << i;
  const auto ann = Await(io_, Connect(listener_->address()));
  ASSERT_TRUE(ann.ok()) << ann.status();
  EXPECT_TRUE(accepting.Join().ok());
  for (const Fd& stranger : crowd) EXPECT_TRUE(WasTurnedAway(stranger));
}

TEST_F(DirectTest, TakesOnePeerAlone) {
  Meet();
  EXPECT_EQ(Await(io_, Connect(listener_->address())).status().code(),
            absl::StatusCode::kUnavailable);
  // The connection does not need its listener.
  listener_.reset();
  ASSERT_EQ(ann_->SendMessage(*Text::From("still there")), absl::OkStatus());
  EXPECT_TRUE(Await(io_, bob_->Receive()).ok());
}

TEST_F(DirectTest, NobodyComes) {
  Listen(Impatient());
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  const Fd silent = Call(listener_->address());
  EXPECT_EQ(accepting.Join().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(WasTurnedAway(silent));
}

TEST_F(DirectTest, CloseEndsAWaitingAccept) {
  Listen();
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  asio::post(io_, [this] { listener_->Close(); });
  EXPECT_EQ(accepting.Join().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Await(io_, Accept()).status().code(), absl::StatusCode::kUnavailable);
}

// ---- Whom to connect to ----

std::string InNetworkOrder(const char* text) {
  const asio::ip::address address = asio::ip::make_address(text);
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return std::string(bytes.begin(), bytes.end());
  }
  const auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.end());
}

TEST_F(DirectTest, AddressesThatAreNobodysAreRefused) {
  for (const char* address :
       {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "169.254.169.254", "255.255.255.255",
        "::", "ff02::1", "fe80::1", "::ffff:0.0.0.0", "::ffff:169.254.169.254",
        "::ffff:255.255.255.255"}) {
    const absl::Status status = Await(io_, Connect({InNetworkOrder(address), 5000, 1})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << address;
  }
}

TEST_F(DirectTest, PortsOfServicesAreRefused) {
  for (const uint16_t port : {0, 22, 1023}) {
    const absl::Status status =
        Await(io_, Connect({InNetworkOrder("127.0.0.1"), port, 1})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << port;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(port)));
  }
}

TEST_F(DirectTest, AnAddressHasFourOrSixteenBytes) {
  for (const size_t size : {0, 3, 5, 15, 17}) {
    EXPECT_EQ(Await(io_, Connect({std::string(size, 127), 5000, 1})).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
}

TEST_F(DirectTest, SixteenBytesMayMeanFour) {
  Listen();
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  DirectAddress at = listener_->address();
  at.address = InNetworkOrder("::ffff:127.0.0.1");
  const auto ann = Await(io_, Connect(at));
  EXPECT_TRUE(ann.ok()) << ann.status();
  EXPECT_TRUE(accepting.Join().ok());
}

TEST_F(DirectTest, WorksOverIPv6) {
  auto listener = DirectListener::Open(io_.get_executor(), asio::ip::make_address("::1"));
  if (!listener.ok()) GTEST_SKIP() << "there is no IPv6 here: " << listener.status();
  listener_ = *std::move(listener);
  EXPECT_EQ(listener_->address().address, InNetworkOrder("::1"));
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  const auto ann = Await(io_, Connect(listener_->address()));
  EXPECT_TRUE(ann.ok()) << ann.status();
  EXPECT_TRUE(accepting.Join().ok());
}

TEST_F(DirectTest, SaysThatNobodyIsThere) {
  Listen();
  const DirectAddress at = listener_->address();
  listener_.reset();
  const absl::Status status = Await(io_, Connect(at)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Connection refused"));
}

// A listening socket with a queue for one, which is full.
TEST_F(DirectTest, GivesUpOnWhoDoesNotAnswer) {
  const Fd busy(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(busy.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(busy.get(), 0), 0);
  ASSERT_EQ(::getsockname(busy.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const DirectAddress at{InNetworkOrder("127.0.0.1"), ntohs(address.sin_port), 1};
  const Fd first = Call(at);
  EXPECT_EQ(Await(io_, Connect(at, Impatient())).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

// ---- How it ends ----

TEST_F(DirectTest, OnlyCloseIsAnOrderlyEnd) {
  Meet();
  bob_->Close();
  EXPECT_EQ(Await(io_, ann_->Receive()).status().code(), absl::StatusCode::kOutOfRange);
  Meet();
  bob_->Abort();
  EXPECT_EQ(Await(io_, ann_->Receive()).status().code(), absl::StatusCode::kAborted);
  Meet();
  bob_.reset();
  EXPECT_EQ(Await(io_, ann_->Receive()).status().code(), absl::StatusCode::kAborted);
}

// The kernel closes what a process leaves behind; that must not look like a confirmation.
TEST_F(DirectTest, TheEndOfAProcessIsNoOrderlyEnd) {
  Listen();
  ::chat::testing::SocketPair heard = ::chat::testing::PipePair();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    asio::io_context io;
    const auto ann = Await(
        io, ConnectDirect(io.get_executor(), {&ToyDirect(), "ann", "bob"}, listener_->address()));
    if (ann.ok() && (*ann)->SendMessage(*Text::From("hello")).ok()) io.poll();
    char byte;
    ::_exit(::read(heard.second.get(), &byte, 1) == 1 ? 0 : 1);
  }
  const auto bob = Await(io_, Accept());
  ASSERT_TRUE(bob.ok()) << bob.status();
  EXPECT_THAT(*Await(io_, (*bob)->Receive()), ElementsAre(DirectEvent(DirectMessage{"hello"})));
  ASSERT_EQ(::write(heard.first.get(), "x", 1), 1);
  EXPECT_EQ(Await(io_, (*bob)->Receive()).status().code(), absl::StatusCode::kAborted);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(DirectTest, AWrongIdIsSeenByWhoConnects) {
  Listen(Impatient());
  Running<absl::StatusOr<Connection>> accepting(io_, Accept());
  DirectAddress at = listener_->address();
  at.id ^= 1;
  const auto ann = Await(io_, Connect(at));
  ASSERT_TRUE(ann.ok()) << ann.status();
  EXPECT_EQ(Await(io_, (*ann)->Confirm()).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(accepting.Join().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(DirectTest, APeerThatBreaksTheProtocol) {
  const Fd ann = MeetStranger();
  Put(ann.get(), "MSG fine\nwhat is this\n");
  EXPECT_THAT(*Await(io_, bob_->Receive()), ElementsAre(DirectEvent(DirectMessage{"fine"})));
  EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(DirectTest, APacketThatDoesNotEnd) {
  const Fd ann = MeetStranger();
  std::thread talker([&ann] {
    const std::string block(64 * 1024, 'x');
    while (::send(ann.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_EQ(Await(io_, bob_->Receive()).status().code(), absl::StatusCode::kDataLoss);
  bob_.reset();
  talker.join();
}

// A peer that ends its own stream at once has not confirmed what is still on its way to it.
TEST_F(DirectTest, AnEndThatCameTooEarlyConfirmsNothing) {
  const Fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int small = 4096;
  ::setsockopt(listening.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  ASSERT_EQ(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto ann = Await(io_, Connect({InNetworkOrder("127.0.0.1"), ntohs(address.sin_port), 1}));
  ASSERT_TRUE(ann.ok()) << ann.status();
  const Fd bob(::accept(listening.get(), nullptr, nullptr));
  ::shutdown(bob.get(), SHUT_WR);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ((*ann)->SendMessage(*Text::From(std::string(1000, 'x'))), absl::OkStatus());
  }
  EXPECT_EQ(Await(io_, (*ann)->Confirm()).code(), absl::StatusCode::kAborted);
}

TEST_F(DirectTest, CloseEndsWhatWaits) {
  Meet({.write_buffer = 4096});
  Running<absl::StatusOr<std::vector<DirectEvent>>> receiving(io_, bob_->Receive());
  Flow flow{.total = 128'000'000};
  Running<absl::Status> sending(io_, SendMuch(*bob_, flow));
  io_.restart();
  while (io_.poll() > 0) {
  }
  EXPECT_FALSE(receiving.done());
  EXPECT_FALSE(sending.done());
  bob_->Close();
  EXPECT_EQ(receiving.Join().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(sending.Join().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace chat::client
