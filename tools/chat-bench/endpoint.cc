#include "tools/chat-bench/endpoint.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libchat/event/text.h"

namespace chat::bench {
namespace {

absl::Status ToStatus(const LoginRefused& refused, absl::string_view name) {
  absl::string_view reason = "no reason given";
  if (refused.reason == LoginRefused::Reason::kTaken) reason = "the name is taken";
  if (refused.reason == LoginRefused::Reason::kName) reason = "the name is not allowed";
  if (refused.reason == LoginRefused::Reason::kPassword) reason = "wrong password";
  return absl::PermissionDeniedError(absl::StrCat("login \"", name, "\" was refused: ", reason));
}

absl::Status ToStatus(const Rejected& rejected) {
  return absl::UnavailableError(
      absl::StrCat("the server will not deliver message ", rejected.token));
}

}  // namespace

DialectEndpoint::DialectEndpoint(const Dialect& dialect, const DialectOptions& options,
                                 std::string name, int64_t connect_id)
    : name_(std::move(name)),
      connect_id_(connect_id),
      confirms_(dialect.client_traits().public_confirmation != Confirmation::kNone),
      session_(dialect.NewClientSession(options, *this)) {}

absl::Status DialectEndpoint::Open() {
  return connect_id_ != 0 ? session_->PresentTicket(connect_id_) : session_->Login(name_);
}

absl::Status DialectEndpoint::Publish(uint64_t number, absl::string_view body) {
  const std::optional<Text> text = Text::From(body);
  if (!text) return absl::InvalidArgumentError("the message is not text");
  return session_->SendPublic(number, *text);
}

absl::StatusOr<size_t> DialectEndpoint::OnBytes(absl::string_view in) {
  const Step step = session_->OnBytes(in);
  if (!error_.ok()) return error_;
  if (step.next == Next::kClose) {
    return absl::DataLossError(absl::StrCat("the server broke the protocol with ",
                                            absl::CHexEscape(in.substr(step.consumed, 64))));
  }
  return step.consumed;
}

void DialectEndpoint::OnClientEvent(ClientEvent event) {
  if (std::holds_alternative<LoggedIn>(event) || std::holds_alternative<RelayOpen>(event)) {
    ready_ = true;
  } else if (const auto* refused = std::get_if<LoginRefused>(&event)) {
    error_ = ToStatus(*refused, name_);
  } else if (auto* received = std::get_if<Received>(&event)) {
    ++received_;
    last_body_ = std::move(received->body);
  } else if (std::holds_alternative<Confirmed>(event)) {
    ++confirmed_;
  } else if (const auto* rejected = std::get_if<Rejected>(&event)) {
    error_ = ToStatus(*rejected);
  } else {
    relay_events_.push_back(std::move(event));
  }
}

// RESP: a client's command is an array of bulk strings. An array is "*<count>\r\n" and its
// elements, a bulk string "$<bytes>\r\n<the bytes>\r\n", an integer ":<digits>\r\n".

namespace {

std::string Bulk(absl::string_view bytes) {
  return absl::StrCat("$", bytes.size(), "\r\n", bytes, "\r\n");
}

}  // namespace

RedisEndpoint::RedisEndpoint(Role role, std::string channel)
    : role_(role), channel_(std::move(channel)) {}

absl::Status RedisEndpoint::Open() {
  if (role_ == Role::kSender) {
    ready_ = true;
  } else {
    output_ += absl::StrCat("*2\r\n", Bulk("SUBSCRIBE"), Bulk(channel_));
  }
  return absl::OkStatus();
}

absl::Status RedisEndpoint::Publish(uint64_t /*number*/, absl::string_view body) {
  absl::StrAppend(&output_, "*3\r\n", Bulk("PUBLISH"), Bulk(channel_), Bulk(body));
  return absl::OkStatus();
}

absl::StatusOr<size_t> RedisEndpoint::OnBytes(absl::string_view in) {
  size_t consumed = 0;
  while (consumed < in.size()) {
    const absl::string_view rest = in.substr(consumed);
    const absl::StatusOr<size_t> used =
        role_ == Role::kSender ? OnPublisherBytes(rest) : OnSubscriberBytes(rest);
    if (!used.ok()) return used.status();
    if (*used == 0) break;
    consumed += *used;
  }
  return consumed;
}

absl::StatusOr<size_t> RedisEndpoint::OnPublisherBytes(absl::string_view in) {
  const size_t end = in.find("\r\n");
  if (end == absl::string_view::npos) return 0;
  if (in[0] != ':') {
    return absl::UnavailableError(
        absl::StrCat("Redis refuses: ", absl::CHexEscape(in.substr(0, end))));
  }
  ++confirmed_;
  return end + 2;
}

absl::StatusOr<size_t> RedisEndpoint::OnSubscriberBytes(absl::string_view in) {
  const std::string subscribed =
      absl::StrCat("*3\r\n", Bulk("subscribe"), Bulk(channel_), ":1\r\n");
  if (absl::StartsWith(in, subscribed)) {
    ready_ = true;
    return subscribed.size();
  }
  const std::string prefix = absl::StrCat("*3\r\n", Bulk("message"), Bulk(channel_), "$");
  if (absl::StartsWith(subscribed, in) || absl::StartsWith(prefix, in)) return 0;
  if (!absl::StartsWith(in, prefix)) {
    return absl::DataLossError(
        absl::StrCat("not expected from Redis: ", absl::CHexEscape(in.substr(0, 64))));
  }
  in.remove_prefix(prefix.size());
  const size_t end = in.find("\r\n");
  size_t size = 0;
  if (end == absl::string_view::npos) return 0;
  if (!absl::SimpleAtoi(in.substr(0, end), &size))
    return absl::DataLossError("bad size from Redis");
  if (in.size() < end + 2 + size + 2) return 0;
  ++received_;
  last_body_ = std::string(in.substr(end + 2, size));
  return prefix.size() + end + 2 + size + 2;
}

}  // namespace chat::bench
