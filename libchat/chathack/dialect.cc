#include "libchat/chathack/dialect.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libchat/chathack/client_session.h"
#include "libchat/chathack/direct_session.h"
#include "libchat/chathack/packets.h"
#include "libchat/chathack/server_session.h"

namespace chat::chathack {
namespace {

constexpr char kAnyAddress[] = "any_address";

// `options` has passed CheckOptions.
AddressRule AddressRuleOf(const DialectOptions& options) {
  const auto it = options.find(kAnyAddress);
  return it != options.end() && it->second == "true" ? AddressRule::kAny : AddressRule::kOwn;
}

class Chathack final : public Dialect {
 public:
  absl::string_view name() const override { return "chathack"; }

  std::vector<DefaultListener> default_listeners() const override { return {{7772, {}}}; }

  absl::Status CheckOptions(const DialectOptions& options) const override {
    for (const auto& [key, value] : options) {
      if (key != kAnyAddress) {
        return absl::InvalidArgumentError(
            absl::StrCat("chathack has no option \"", key, "\", only ", kAnyAddress));
      }
      if (value != "true" && value != "false") {
        return absl::InvalidArgumentError(
            absl::StrCat(kAnyAddress, " is true or false, not \"", value, "\""));
      }
    }
    return absl::OkStatus();
  }

  std::unique_ptr<chat::ServerSession> NewServerSession(const DialectOptions& options,
                                                        const SessionLimits& limits,
                                                        SessionHost& host) const override {
    return std::make_unique<ServerSession>(AddressRuleOf(options), limits, host);
  }

  std::unique_ptr<chat::ClientSession> NewClientSession(const DialectOptions&,
                                                        ClientHost& host) const override {
    return std::make_unique<ClientSession>(host);
  }

  std::unique_ptr<chat::DirectSession> NewDirectSession(const DirectOptions& options,
                                                        DirectHost& host) const override {
    return std::make_unique<DirectSession>(options, host);
  }

  ClientTraits client_traits() const override {
    return {.max_message_bytes = kMaxContentBytes,
            .public_room = true,
            .public_confirmation = Confirmation::kEcho,
            .private_confirmation = Confirmation::kNone,
            .tells_absent = false,
            .private_way = PrivateWay::kDirect,
            .file_way = FileWay::kDirect,
            .passwords = Passwords::kOptional};
  }

  PrivateMessages private_messages() const override { return PrivateMessages::kNone; }

  bool answers(RequestKind kind) const override { return kind == RequestKind::kDirect; }

  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    if (message.from.server == 0) {
      return Encode(AckGlobalMessage{message.from.name, message.body.bytes()}, out);
    }
    // As Display, without its allocation.
    char buffer[kMaxShownNameBytes];
    wire::Writer shown(absl::MakeSpan(buffer));
    shown.Bytes(message.from.name);
    shown.Bytes("@");
    shown.Bytes(absl::AlphaNum(message.from.server).Piece());
    Encode(AckGlobalMessage{shown.written(), message.body.bytes()}, out);
  }
};

}  // namespace

const Dialect& Instance() {
  static const Chathack& instance = *new Chathack;
  return instance;
}

}  // namespace chat::chathack
