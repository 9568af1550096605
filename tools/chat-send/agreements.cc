#include "tools/chat-send/agreements.h"

#include <memory>
#include <variant>

#include "absl/strings/str_cat.h"
#include "asio/steady_timer.hpp"
#include "libchat/event/text.h"
#include "libchat/event/user.h"

namespace chat::tools {

void Agreements::Use(ClientSession* session) {
  session_ = session;
  ++sessions_;
  agreements_.clear();
  changed_.Notify();
}

void Agreements::OnEvent(const ClientEvent& event) {
  if (const auto* opened = std::get_if<TalkOpened>(&event)) {
    Settle(RequestKind::kTalk, opened->peer, {State::kAgreed, {}});
  } else if (const auto* ended = std::get_if<TalkEnded>(&event)) {
    const std::string peer = Display(ended->peer);
    if (Has(RequestKind::kTalk, peer)) agreements_.erase({RequestKind::kTalk, peer});
  } else if (const auto* granted = std::get_if<DirectGranted>(&event)) {
    Settle(RequestKind::kDirect, granted->peer, {State::kAgreed, granted->at});
  } else if (const auto* refused = std::get_if<Refused>(&event)) {
    Settle(refused->kind, refused->target,
           {refused->absent ? State::kAbsent : State::kRefused, {}});
  }
  changed_.Notify();  // whatever it was: another question may have its turn now
}

void Agreements::Settle(RequestKind kind, const User& user, Agreement answer) {
  const auto asked = agreements_.find({kind, Display(user)});
  // Else it came too late, or nobody has asked.
  if (asked != agreements_.end()) asked->second = std::move(answer);
}

bool Agreements::Has(RequestKind kind, const std::string& user) const {
  const auto found = agreements_.find({kind, user});
  return found != agreements_.end() && found->second.state == State::kAgreed;
}

std::optional<DirectAddress> Agreements::TakeAddress(const std::string& user) {
  if (!Has(RequestKind::kDirect, user)) return std::nullopt;
  return agreements_.extract({RequestKind::kDirect, user}).mapped().at;
}

absl::Status Agreements::AskNow(const Key& key, absl::string_view reason) {
  const Text text = Text::From(reason).value_or(Text());
  const absl::Status status = session_->Ask(key.first, ParseUser(key.second), text);
  if (status.ok()) agreements_[key] = {};
  return absl::IsResourceExhausted(status) ? absl::OkStatus() : status;
}

asio::awaitable<absl::Status> Agreements::Ask(RequestKind kind, std::string user,
                                              std::string reason, absl::Duration timeout) {
  const Key key(kind, std::move(user));
  const int64_t sessions = sessions_;
  asio::steady_timer timer(executor_, absl::ToChronoNanoseconds(timeout));
  // Gone when this has ended, though the timer may have run out just then.
  const auto over = std::make_shared<bool>(false);
  timer.async_wait([this, weak = std::weak_ptr<bool>(over)](asio::error_code error) {
    const std::shared_ptr<bool> over = weak.lock();
    if (error || over == nullptr) return;
    *over = true;
    changed_.Notify();
  });
  while (session_ != nullptr && sessions_ == sessions) {
    const auto found = agreements_.find(key);
    if (found == agreements_.end()) {
      if (absl::Status status = AskNow(key, reason); !status.ok()) co_return status;
    } else if (found->second.state == State::kAgreed) {
      co_return absl::OkStatus();
    } else if (found->second.state != State::kAsked) {
      const bool absent = found->second.state == State::kAbsent;
      agreements_.erase(found);
      co_return absent ? absl::NotFoundError(absl::StrCat("no such user: ", key.second))
                       : absl::PermissionDeniedError(absl::StrCat(key.second, " refused"));
    }
    if (*over) {
      agreements_.erase(key);
      co_return absl::DeadlineExceededError(
          absl::StrCat(key.second, " did not answer within ", absl::FormatDuration(timeout)));
    }
    co_await changed_.Wait();
  }
  co_return absl::UnavailableError("the connection has ended");
}

}  // namespace chat::tools
