#include "libchat/cfp/dialect.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libchat/cfp/client_session.h"
#include "libchat/cfp/link_session.h"
#include "libchat/cfp/packets.h"
#include "libchat/cfp/server_session.h"

namespace chat::cfp {
namespace {

// 128 bits that nobody can guess.
std::string NewGreeting() {
  std::random_device random;
  std::string text = "cfp ";
  for (int i = 0; i < 4; ++i) absl::StrAppend(&text, absl::Hex(random(), absl::kZeroPad8));
  return text;
}

class Cfp final : public Dialect {
 public:
  absl::string_view name() const override { return "cfp"; }

  std::vector<DefaultListener> default_listeners() const override { return {{7773, {}}}; }

  absl::Status CheckOptions(const DialectOptions& options) const override {
    if (options.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("cfp has no option \"", options.begin()->first, "\""));
  }

  std::unique_ptr<chat::ServerSession> NewServerSession(const DialectOptions&,
                                                        const SessionLimits& limits,
                                                        SessionHost& host) const override {
    return std::make_unique<ServerSession>(limits, host);
  }

  std::unique_ptr<chat::ClientSession> NewClientSession(const DialectOptions&,
                                                        ClientHost& host) const override {
    return std::make_unique<ClientSession>(host, NewGreeting());
  }

  ClientTraits client_traits() const override {
    return {.max_message_bytes = kMaxMessageBytes,
            .public_room = true,
            .public_confirmation = Confirmation::kEcho,
            .private_confirmation = Confirmation::kNone,
            .private_way = PrivateWay::kServer,
            .file_way = FileWay::kServer,
            .passwords = Passwords::kOptional};
  }

  bool answers(RequestKind) const override { return false; }
  bool takes_files() const override { return true; }

  bool links() const override { return true; }
  std::unique_ptr<chat::ServerSession> NewLinkSession(const MergeOffer& offer,
                                                      const SessionLimits& limits,
                                                      SessionHost& host) const override {
    return std::make_unique<LinkSession>(offer, limits, host);
  }

  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    const int32_t origin = message.from.server == 0 ? message.here : message.from.server;
    Encode(MsgPblInc{origin, message.from.name, message.body.bytes()}, out);
  }
};

}  // namespace

const Dialect& Instance() {
  static const Cfp& instance = *new Cfp;
  return instance;
}

}  // namespace chat::cfp
