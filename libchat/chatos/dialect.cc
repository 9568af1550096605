#include "libchat/chatos/dialect.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libchat/chatos/ascii.h"
#include "libchat/chatos/client_session.h"
#include "libchat/chatos/packets.h"
#include "libchat/chatos/server_session.h"

namespace chat::chatos {
namespace {

class ChatOs final : public Dialect {
 public:
  absl::string_view name() const override { return "chatos"; }

  std::vector<DefaultListener> default_listeners() const override { return {{7770, {}}}; }

  absl::Status CheckOptions(const DialectOptions& options) const override {
    if (options.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("chatos has no options, so no \"", options.begin()->first, "\""));
  }

  std::unique_ptr<chat::ServerSession> NewServerSession(const DialectOptions&,
                                                        const SessionLimits& limits,
                                                        SessionHost& host) const override {
    return std::make_unique<ServerSession>(limits, host);
  }

  std::unique_ptr<chat::ClientSession> NewClientSession(const DialectOptions&,
                                                        ClientHost& host) const override {
    return std::make_unique<ClientSession>(host);
  }

  ClientTraits client_traits() const override {
    return {.max_message_bytes = kMaxMessageBytes,
            .public_room = true,
            .public_confirmation = Confirmation::kAck,
            .private_confirmation = Confirmation::kAck,
            .tells_private = false,
            .ascii_only = true,
            .private_way = PrivateWay::kTalk,
            .passwords = Passwords::kNever};
  }

  OwnPublic own_public() const override { return OwnPublic::kLeftOut; }
  PrivateMessages private_messages() const override { return PrivateMessages::kTalks; }
  bool ascii_names() const override { return true; }
  bool answers(RequestKind kind) const override { return kind == RequestKind::kTalk; }

  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    // As ToAscii and Display, without their allocations.
    char name[kMaxShownNameBytes];
    wire::Writer shown(absl::MakeSpan(name));
    WriteAscii(message.from.name, shown);
    if (message.from.server != 0) {
      shown.Bytes("@");
      shown.Bytes(absl::AlphaNum(message.from.server).Piece());
    }
    char text[kMaxMessageBytes];
    wire::Writer body(absl::MakeSpan(text));
    WriteAscii(message.body.bytes(), body);
    Encode(Chat{message.number, shown.written(), body.written()}, out);
  }
};

}  // namespace

const Dialect& Instance() {
  static const ChatOs& instance = *new ChatOs;
  return instance;
}

}  // namespace chat::chatos
