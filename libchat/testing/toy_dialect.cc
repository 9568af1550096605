#include "libchat/testing/toy_dialect.h"

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"

namespace chat::testing {
namespace {

class ToyServerSession final : public ServerSession {
 public:
  explicit ToyServerSession(SessionHost& host) : host_(host) {}

  Step OnBytes(absl::string_view in) override {
    size_t consumed = 0;
    while (!host_.Throttled()) {
      const size_t end = in.find('\n', consumed);
      if (end == absl::string_view::npos) break;
      const absl::string_view line = in.substr(consumed, end - consumed);
      consumed = end + 1;
      if (!logged_in_) {
        if (host_.Login(line) != LoginResult::kAccepted) return {consumed, Next::kClose};
        logged_in_ = true;
      } else if (const std::optional<Text> body = Text::From(line)) {
        host_.Publish(*body);
      }
    }
    return {consumed, Next::kMore};
  }
  Next OnEvent(const Event&) override { return Next::kMore; }
  void OnFarewell(Farewell) override { host_.Send("goodbye\n"); }

 private:
  SessionHost& host_;
  bool logged_in_ = false;
};

class ToyClientSession final : public ClientSession {
 public:
  explicit ToyClientSession(ClientHost& host) : host_(host) {}

  absl::Status Login(absl::string_view name) override {
    host_.Send(absl::StrCat(name, "\n"));
    host_.OnClientEvent(LoggedIn{});
    return absl::OkStatus();
  }
  absl::Status SendPublic(SendToken, Text body) override {
    host_.Send(absl::StrCat(body.bytes(), "\n"));
    return absl::OkStatus();
  }
  Step OnBytes(absl::string_view in) override {
    size_t consumed = 0;
    for (size_t end; (end = in.find('\n', consumed)) != absl::string_view::npos;) {
      const absl::string_view line = in.substr(consumed, end - consumed);
      const size_t colon = line.find(": ");
      consumed = end + 1;
      if (colon == absl::string_view::npos) continue;
      host_.OnClientEvent(Received{false, User(std::string(line.substr(0, colon))), User(),
                                   std::string(line.substr(colon + 2))});
    }
    return {consumed, Next::kMore};
  }

 private:
  ClientHost& host_;
};

class Toy final : public Dialect {
 public:
  absl::string_view name() const override { return "toy"; }
  std::vector<DefaultListener> default_listeners() const override { return {{7799, {}}}; }
  absl::Status CheckOptions(const DialectOptions& options) const override {
    if (options.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("toy has no option ", options.begin()->first));
  }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions&, const SessionLimits&,
                                                  SessionHost& host) const override {
    return std::make_unique<ToyServerSession>(host);
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions&,
                                                  ClientHost& host) const override {
    return std::make_unique<ToyClientSession>(host);
  }
  ClientTraits client_traits() const override {
    return {.max_message_bytes = kMaxMessageBytes, .public_room = true};
  }
  bool answers(RequestKind) const override { return false; }
  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    out.Bytes(message.from.name);
    out.Bytes(": ");
    // One message is one line.
    for (char c : message.body.bytes()) out.U8(c == '\n' ? ' ' : c);
    out.Bytes("\n");
  }
};

}  // namespace

const Dialect& ToyDialect() {
  static const Toy& instance = *new Toy;
  return instance;
}

}  // namespace chat::testing
