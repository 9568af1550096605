#include "tools/chat-bench/fanout.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/chat-bench/process_cpu.h"

namespace chat::bench {
namespace {

// Epoll's data for the sender; receivers have their index.
constexpr uint64_t kSender = UINT64_MAX;

int64_t Nanos(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

class Fanout {
 public:
  Fanout(const HostPort& server, const EndpointFactory& new_endpoint, const FanoutOptions& options)
      : server_(server),
        new_endpoint_(new_endpoint),
        options_(options),
        body_(Body("")),
        sent_at_(options.window),
        bytes_(options.receivers) {}

  absl::StatusOr<FanoutResult> Run();

 private:
  // When a phase ends: after so many messages, or when it is that late.
  struct Until {
    uint64_t messages = UINT64_MAX;
    int64_t nanos = INT64_MAX;
  };

  absl::Status ConnectAll();
  absl::Status Watch(int fd, uint64_t data, uint32_t events, int operation);

  // Sends one message that starts with `mark` and awaits it, whole and unchanged, at everyone.
  absl::Status CheckOne(absl::string_view mark);

  // Sends until `until`, then waits until everybody has everything.
  absl::Status RunPhase(const Until& until, FanoutResult& result);
  bool AllArrived() const;
  absl::Status Refill(const Until& until);
  absl::Status FlushSender();
  absl::Status AwaitEvents();
  absl::Status ReadSender();
  absl::Status CountBytes(size_t receiver);
  // Brings complete_ up to date after its slowest receiver has moved.
  void Advance();
  void RecordLatencies(FanoutResult& result);

  std::string Body(absl::string_view mark) const;

  const HostPort& server_;
  const EndpointFactory& new_endpoint_;
  const FanoutOptions& options_;
  const std::string body_;  // of all messages but the first and the last

  std::unique_ptr<Connection> sender_;
  std::vector<std::unique_ptr<Connection>> receivers_;
  Socket epoll_;
  bool sender_blocked_ = false;
  uint64_t next_number_ = 0;
  uint64_t frame_bytes_ = 0;

  // Of the current phase. Messages are numbered from 0 in each; slot number % window of sent_at_
  // is in use while the message is in flight.
  uint64_t sent_ = 0;
  uint64_t confirmed_ = 0;
  uint64_t complete_ = 0;  // messages that every receiver has
  uint64_t recorded_confirmed_ = 0;
  uint64_t recorded_complete_ = 0;
  std::vector<int64_t> sent_at_;
  std::vector<uint64_t> bytes_;  // by receiver
  size_t behind_ = 0;            // receivers that lack message number complete_
};

absl::StatusOr<FanoutResult> Fanout::Run() {
  if (absl::Status status = ConnectAll(); !status.ok()) return status;
  if (absl::Status status = CheckOne("first"); !status.ok()) return status;

  if (options_.warm_up > absl::ZeroDuration()) {
    FanoutResult discarded;
    const Until warm = {.nanos =
                            Nanos(CLOCK_MONOTONIC) + absl::ToInt64Nanoseconds(options_.warm_up)};
    if (absl::Status status = RunPhase(warm, discarded); !status.ok()) return status;
  }

  FanoutResult result;
  const uint64_t echoes_before = sender_->endpoint().received();
  absl::StatusOr<int64_t> server_before = int64_t{0};
  if (options_.server_pid != 0) server_before = ProcessCpuNanos(options_.server_pid);
  if (!server_before.ok()) return server_before.status();
  const int64_t bench_before = Nanos(CLOCK_PROCESS_CPUTIME_ID);
  const int64_t start = Nanos(CLOCK_MONOTONIC);

  const Until until = options_.messages != 0
                          ? Until{.messages = options_.messages}
                          : Until{.nanos = start + absl::ToInt64Nanoseconds(options_.duration)};
  if (absl::Status status = RunPhase(until, result); !status.ok()) return status;

  result.elapsed = absl::Nanoseconds(Nanos(CLOCK_MONOTONIC) - start);
  result.bench_cpu = absl::Nanoseconds(Nanos(CLOCK_PROCESS_CPUTIME_ID) - bench_before);
  if (options_.server_pid != 0) {
    const absl::StatusOr<int64_t> server_after = ProcessCpuNanos(options_.server_pid);
    if (!server_after.ok()) return server_after.status();
    result.server_cpu = absl::Nanoseconds(*server_after - *server_before);
  }
  const uint64_t echoes = sender_->endpoint().received() - echoes_before;
  result.messages = sent_;
  result.frame_bytes = frame_bytes_;
  result.sender_echo = echoes > 0;
  result.deliveries = sent_ * options_.receivers + echoes;

  if (absl::Status status = CheckOne("last"); !status.ok()) return status;
  return result;
}

// One after the other: the server never has more than one that is not logged in.
absl::Status Fanout::ConnectAll() {
  epoll_ = Socket(epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.fd() < 0) return SystemError("epoll_create1");
  for (size_t i = 0; i <= options_.receivers; ++i) {
    const bool is_sender = i == options_.receivers;
    auto endpoint = new_endpoint_(is_sender ? Role::kSender : Role::kReceiver, is_sender ? 0 : i);
    auto connection = Connection::Open(server_, std::move(endpoint));
    if (!connection.ok()) return connection.status();
    Connection& opened = **connection;
    absl::Status status = opened.Await([&opened] { return opened.endpoint().ready(); });
    if (!status.ok()) return status;
    status = Watch(opened.fd(), is_sender ? kSender : i, EPOLLIN, EPOLL_CTL_ADD);
    if (!status.ok()) return status;
    if (is_sender) {
      sender_ = *std::move(connection);
    } else {
      receivers_.push_back(*std::move(connection));
    }
  }
  return absl::OkStatus();
}

absl::Status Fanout::Watch(int fd, uint64_t data, uint32_t events, int operation) {
  epoll_event event = {.events = events, .data = {.u64 = data}};
  return epoll_ctl(epoll_.fd(), operation, fd, &event) == 0 ? absl::OkStatus()
                                                            : SystemError("epoll_ctl");
}

std::string Fanout::Body(absl::string_view mark) const {
  std::string body(mark.substr(0, options_.message_bytes));
  while (body.size() < options_.message_bytes) {
    body += static_cast<char>('a' + body.size() % 26);
  }
  return body;
}

absl::Status Fanout::CheckOne(absl::string_view mark) {
  const std::string body = Body(mark);
  const uint64_t confirmed_before = sender_->endpoint().confirmed();
  if (absl::Status status = sender_->endpoint().Publish(next_number_++, body); !status.ok()) {
    return status;
  }
  absl::Status status = sender_->Await([&] {
    return sender_->flushed() &&
           (!sender_->endpoint().confirms() || sender_->endpoint().confirmed() > confirmed_before);
  });
  if (!status.ok()) return status;
  for (size_t i = 0; i < receivers_.size(); ++i) {
    Connection& receiver = *receivers_[i];
    const uint64_t received_before = receiver.endpoint().received();
    const uint64_t consumed_before = receiver.consumed();
    status = receiver.Await([&] { return receiver.endpoint().received() > received_before; });
    if (!status.ok()) return status;
    const uint64_t frame_bytes = receiver.consumed() - consumed_before;
    if (frame_bytes_ == 0) frame_bytes_ = frame_bytes;
    if (receiver.endpoint().received() != received_before + 1 || receiver.unconsumed() != 0 ||
        receiver.endpoint().last_body() != body || frame_bytes != frame_bytes_) {
      return absl::DataLossError(
          absl::StrCat("receiver ", i, " did not get the ", mark, " message, alone and unchanged"));
    }
  }
  return absl::OkStatus();
}

absl::Status Fanout::RunPhase(const Until& until, FanoutResult& result) {
  sent_ = confirmed_ = complete_ = recorded_confirmed_ = recorded_complete_ = 0;
  std::fill(bytes_.begin(), bytes_.end(), 0);
  behind_ = bytes_.size();
  while (true) {
    if (absl::Status status = Refill(until); !status.ok()) return status;
    if (AllArrived()) return absl::OkStatus();
    if (absl::Status status = AwaitEvents(); !status.ok()) return status;
    RecordLatencies(result);
  }
}

bool Fanout::AllArrived() const {
  return complete_ == sent_ && (!sender_->endpoint().confirms() || confirmed_ == sent_);
}

absl::Status Fanout::Refill(const Until& until) {
  const int64_t now = Nanos(CLOCK_MONOTONIC);
  if (now >= until.nanos) return absl::OkStatus();
  const uint64_t done =
      sender_->endpoint().confirms() ? std::min(confirmed_, complete_) : complete_;
  const uint64_t target = std::min(done + options_.window, until.messages);
  if (sent_ >= target) return absl::OkStatus();
  for (; sent_ < target; ++sent_) {
    sent_at_[sent_ % options_.window] = now;
    if (absl::Status status = sender_->endpoint().Publish(next_number_++, body_); !status.ok()) {
      return status;
    }
  }
  return FlushSender();
}

absl::Status Fanout::FlushSender() {
  if (absl::Status status = sender_->Flush(); !status.ok()) return status;
  if (sender_blocked_ == !sender_->flushed()) return absl::OkStatus();
  sender_blocked_ = !sender_blocked_;
  const uint32_t events = sender_blocked_ ? EPOLLIN | EPOLLOUT : EPOLLIN;
  return Watch(sender_->fd(), kSender, events, EPOLL_CTL_MOD);
}

absl::Status Fanout::AwaitEvents() {
  epoll_event events[1024];
  const int count = epoll_wait(epoll_.fd(), events, 1024,
                               static_cast<int>(absl::ToInt64Milliseconds(options_.stall)));
  if (count < 0 && errno != EINTR) return SystemError("epoll_wait");
  if (count == 0) {
    return absl::DeadlineExceededError(
        absl::StrCat("nothing for ", absl::FormatDuration(options_.stall), "; of ", sent_,
                     " messages ", complete_, " are everywhere and ", confirmed_, " confirmed"));
  }
  for (int i = 0; i < count; ++i) {
    const uint64_t data = events[i].data.u64;
    absl::Status status = data == kSender ? ReadSender() : CountBytes(data);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Fanout::ReadSender() {
  const uint64_t confirmed_before = sender_->endpoint().confirmed();
  if (absl::Status status = sender_->Read(); !status.ok()) return status;
  confirmed_ += sender_->endpoint().confirmed() - confirmed_before;
  return FlushSender();
}

absl::Status Fanout::CountBytes(size_t receiver) {
  // With MSG_TRUNC the kernel throws the bytes away instead of copying them.
  const ssize_t n =
      recv(receivers_[receiver]->fd(), nullptr, size_t{1} << 30, MSG_TRUNC | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return absl::OkStatus();
  if (n <= 0) {
    return absl::UnavailableError(
        absl::StrCat("the server closed receiver ", receiver, " behind ", bytes_[receiver],
                     " bytes: ", n == 0 ? "end of stream" : strerror(errno)));
  }
  const uint64_t needed = (complete_ + 1) * frame_bytes_;
  uint64_t& bytes = bytes_[receiver];
  const bool was_behind = bytes < needed;
  bytes += static_cast<uint64_t>(n);
  if (bytes > sent_ * frame_bytes_) {
    return absl::DataLossError(absl::StrCat("receiver ", receiver, " got ", bytes, " bytes, ",
                                            sent_ * frame_bytes_, " were sent"));
  }
  if (was_behind && bytes >= needed && --behind_ == 0) Advance();
  return absl::OkStatus();
}

void Fanout::Advance() {
  complete_ = *std::min_element(bytes_.begin(), bytes_.end()) / frame_bytes_;
  const uint64_t needed = (complete_ + 1) * frame_bytes_;
  behind_ = static_cast<size_t>(std::count_if(bytes_.begin(), bytes_.end(),
                                              [needed](uint64_t bytes) { return bytes < needed; }));
}

void Fanout::RecordLatencies(FanoutResult& result) {
  const int64_t now = Nanos(CLOCK_MONOTONIC);
  for (; recorded_confirmed_ < confirmed_; ++recorded_confirmed_) {
    result.confirmation_nanos.Add(now - sent_at_[recorded_confirmed_ % options_.window]);
  }
  for (; recorded_complete_ < complete_; ++recorded_complete_) {
    result.delivery_nanos.Add(now - sent_at_[recorded_complete_ % options_.window]);
  }
}

}  // namespace

absl::StatusOr<FanoutResult> RunFanout(const HostPort& server, const EndpointFactory& new_endpoint,
                                       const FanoutOptions& options) {
  if (options.receivers == 0 || options.window == 0 || options.message_bytes == 0) {
    return absl::InvalidArgumentError("receivers, window and size must be at least 1");
  }
  // A few for what the process has open already.
  if (absl::Status status = AllowDescriptors(options.receivers + 32); !status.ok()) return status;
  return Fanout(server, new_endpoint, options).Run();
}

}  // namespace chat::bench
