// A dialect of lines, for tests of what must work with any dialect.
//
//   to the server      LOGIN name [password]    REGISTER name password    SAY token text
//                      TICKET id    BYE
//   from the server    OK | TAKEN | ELSEWHERE | UNNAMED | WRONG | UNKNOWN | NO    MADE | UNMADE
//                      MSG name text    ECHO token    SAYS text    OPEN    (else: broken)

#ifndef LIBCHAT_CLIENT_TOY_DIALECT_H_
#define LIBCHAT_CLIENT_TOY_DIALECT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "libchat/dialect/dialect.h"

namespace chat::client {

class ToyClientSession final : public ClientSession {
 public:
  explicit ToyClientSession(ClientHost& host) : host_(host) {}

  absl::Status Login(absl::string_view name) override { return Say(absl::StrCat("LOGIN ", name)); }
  absl::Status LoginWithPassword(absl::string_view name, absl::string_view password) override {
    return Say(absl::StrCat("LOGIN ", name, " ", password));
  }
  absl::Status Register(absl::string_view name, absl::string_view password) override {
    return Say(absl::StrCat("REGISTER ", name, " ", password));
  }
  absl::Status PresentTicket(int64_t id) override { return Say(absl::StrCat("TICKET ", id)); }
  absl::Status SendPublic(SendToken token, Text body) override {
    return Say(absl::StrCat("SAY ", token, " ", body.bytes()));
  }

  void Leave() override { host_.Send("BYE\n"); }

  Step OnBytes(absl::string_view in) override {
    Step step;
    while (step.next == Next::kMore) {
      const size_t end = in.find('\n', step.consumed);
      if (end == in.npos) break;
      step.next = OnLine(in.substr(step.consumed, end - step.consumed));
      step.consumed = end + 1;
    }
    return step;
  }

 private:
  Next OnLine(absl::string_view line) {
    if (line == "OK") return Tell(LoggedIn{});
    if (line == "TAKEN") return Tell(LoginRefused{LoginRefused::Reason::kTaken, true});
    if (line == "WRONG") return Tell(LoginRefused{LoginRefused::Reason::kPassword, false});
    if (line == "UNKNOWN") return Tell(LoginRefused{LoginRefused::Reason::kNoAccount, false});
    if (line == "UNNAMED") return Tell(LoginRefused{LoginRefused::Reason::kName, false});
    if (line == "ELSEWHERE") return Tell(LoginRefused{LoginRefused::Reason::kTaken, false});
    if (line == "NO") return Tell(LoginRefused{LoginRefused::Reason::kOther, false});
    if (line == "MADE") return Tell(AccountMade{});
    if (line == "UNMADE") return Tell(AccountRefused{});
    if (absl::ConsumePrefix(&line, "SAYS ")) return Tell(Notice{std::string(line)});
    if (line == "OPEN") return Tell(RelayOpen{}), Next::kRelay;
    SendToken token = 0;
    if (absl::ConsumePrefix(&line, "ECHO ") && absl::SimpleAtoi(line, &token)) {
      return Tell(Confirmed{token});
    }
    if (!absl::ConsumePrefix(&line, "MSG ")) return Next::kClose;
    const std::pair<std::string, std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    return Tell(Received{false, User(words.first), User(), words.second});
  }

  Next Tell(ClientEvent event) {
    host_.OnClientEvent(std::move(event));
    return Next::kMore;
  }
  absl::Status Say(absl::string_view line) {
    host_.Send(absl::StrCat(line, "\n"));
    return absl::OkStatus();
  }

  ClientHost& host_;
};

class ToyDialect : public Dialect {
 public:
  absl::string_view name() const override { return "toy"; }
  std::vector<DefaultListener> default_listeners() const override { return {{7000, {}}}; }
  absl::Status CheckOptions(const DialectOptions& options) const override {
    for (const auto& [name, value] : options) {
      if (name != "color") return absl::InvalidArgumentError(absl::StrCat("no option ", name));
    }
    return absl::OkStatus();
  }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions&, const SessionLimits&,
                                                  SessionHost&) const override {
    return nullptr;  // the tests play the server
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions&,
                                                  ClientHost& host) const override {
    return std::make_unique<ToyClientSession>(host);
  }
  ClientTraits client_traits() const override { return {}; }
  bool answers(RequestKind) const override { return false; }
  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    out.Bytes(message.body.bytes());
  }
};

inline const Dialect& Toy() {
  static const ToyDialect toy;
  return toy;
}

// All the dialects of a test: the toy.
inline const std::vector<const Dialect*>& Toys() {
  static const std::vector<const Dialect*> toys = {&Toy()};
  return toys;
}

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_TOY_DIALECT_H_
