#include "libchat/crp/dialect.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libchat/crp/client_session.h"
#include "libchat/crp/packets.h"
#include "libchat/crp/server_session.h"

namespace chat::crp {
namespace {

constexpr char kCompat[] = "compat";

// `options` has passed CheckOptions.
Compat CompatOf(const DialectOptions& options) {
  return options.contains(kCompat) ? Compat::kAuthor : Compat::kDocument;
}

class Crp final : public Dialect {
 public:
  absl::string_view name() const override { return "crp"; }

  // Section 3.3.
  std::vector<DefaultListener> default_listeners() const override { return {{10086, {}}}; }

  absl::Status CheckOptions(const DialectOptions& options) const override {
    for (const auto& [key, value] : options) {
      if (key != kCompat) {
        return absl::InvalidArgumentError(
            absl::StrCat("crp has no option \"", key, "\", only ", kCompat));
      }
      if (value != "author") {
        return absl::InvalidArgumentError(
            absl::StrCat(kCompat, " can only be author, not \"", value, "\""));
      }
    }
    return absl::OkStatus();
  }

  std::unique_ptr<chat::ServerSession> NewServerSession(const DialectOptions& options,
                                                        const SessionLimits& limits,
                                                        SessionHost& host) const override {
    return std::make_unique<ServerSession>(CompatOf(options), limits, host);
  }

  std::unique_ptr<chat::ClientSession> NewClientSession(const DialectOptions& options,
                                                        ClientHost& host) const override {
    return std::make_unique<ClientSession>(CompatOf(options), host);
  }

  ClientTraits client_traits() const override {
    return {.max_message_bytes = kMaxMessageBytes,
            .public_room = false,
            .private_confirmation = Confirmation::kNone,
            .private_way = PrivateWay::kTalk,
            .passwords = Passwords::kRequired,
            .registers = true};
  }

  bool has_public_room() const override { return false; }
  PrivateMessages private_messages() const override { return PrivateMessages::kTalks; }
  size_t max_private_bytes() const override { return kMaxBodyBytes; }
  bool shows_reason() const override { return true; }
  bool answers(RequestKind kind) const override { return kind == RequestKind::kTalk; }

  // There is no public room.
  void EncodePublic(const PublicMessage&, wire::Writer&) const override {}
};

}  // namespace

const Dialect& Instance() {
  static const Crp& instance = *new Crp;
  return instance;
}

}  // namespace chat::crp
