#include "libchat/chaton/dialect.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libchat/chaton/client_session.h"
#include "libchat/chaton/packets.h"
#include "libchat/chaton/server_session.h"

namespace chat::chaton {
namespace {

constexpr char kLongBytes[] = "long_bytes";

// `options` has passed CheckOptions.
LongBytes LongBytesOf(const DialectOptions& options) {
  const auto it = options.find(kLongBytes);
  return it != options.end() && it->second == "8" ? LongBytes::kEight : LongBytes::kFour;
}

class Chaton final : public Dialect {
 public:
  absl::string_view name() const override { return "chaton"; }

  // As the document is written, and as the programs are that were written for it.
  std::vector<DefaultListener> default_listeners() const override {
    return {{7771, {}}, {7777, {{kLongBytes, "8"}}}};
  }

  absl::Status CheckOptions(const DialectOptions& options) const override {
    for (const auto& [key, value] : options) {
      if (key != kLongBytes) {
        return absl::InvalidArgumentError(
            absl::StrCat("chaton has no option \"", key, "\", only ", kLongBytes));
      }
      if (value != "4" && value != "8") {
        return absl::InvalidArgumentError(
            absl::StrCat(kLongBytes, " is 4 or 8, not \"", value, "\""));
      }
    }
    return absl::OkStatus();
  }

  std::unique_ptr<chat::ServerSession> NewServerSession(const DialectOptions& options,
                                                        const SessionLimits& limits,
                                                        SessionHost& host) const override {
    return std::make_unique<ServerSession>(LongBytesOf(options), limits, host);
  }

  std::unique_ptr<chat::ClientSession> NewClientSession(const DialectOptions& options,
                                                        ClientHost& host) const override {
    return std::make_unique<ClientSession>(LongBytesOf(options), host);
  }

  ClientTraits client_traits() const override {
    return {.max_message_bytes = kMaxMessageBytes,
            .public_room = true,
            .public_confirmation = Confirmation::kEcho,
            .private_confirmation = Confirmation::kNone,
            .tells_absent = false,
            .relays = true,
            .ascii_only = false};
  }

  bool answers(RequestKind kind) const override { return kind == RequestKind::kRelay; }

  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    if (message.from.server == 0) {
      return Encode(Message{message.from.name, message.body.bytes()}, out);
    }
    // As Display, without its allocation.
    char buffer[kMaxShownNameBytes];
    wire::Writer shown(absl::MakeSpan(buffer));
    shown.Bytes(message.from.name);
    shown.Bytes("@");
    shown.Bytes(absl::AlphaNum(message.from.server).Piece());
    Encode(Message{shown.written(), message.body.bytes()}, out);
  }
};

}  // namespace

const Dialect& Instance() {
  static const Chaton& instance = *new Chaton;
  return instance;
}

}  // namespace chat::chaton
