// A dialect without sessions: what the hub asks of one, and nothing else.

#ifndef LIBCHAT_HUB_FAKE_DIALECT_H_
#define LIBCHAT_HUB_FAKE_DIALECT_H_

#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/dialect/dialect.h"

namespace chat {

// Says a public message as "12 alice: hello\n", 12 being its number.
class FakeDialect final : public Dialect {
 public:
  struct Options {
    std::string name = "fake";
    bool has_public_room = true;
    OwnPublic own_public = OwnPublic::kEchoed;
    std::vector<RequestKind> answers = {RequestKind::kRelay};
    PrivateMessages private_messages = PrivateMessages::kFree;
    size_t max_private_bytes = kMaxMessageBytes;
    bool shows_reason = false;
    bool ascii_names = false;
    bool takes_files = false;
  };

  explicit FakeDialect(Options options) : options_(std::move(options)) {}

  absl::string_view name() const override { return options_.name; }
  std::vector<DefaultListener> default_listeners() const override { return {}; }
  absl::Status CheckOptions(const DialectOptions&) const override { return absl::OkStatus(); }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions&, const SessionLimits&,
                                                  SessionHost&) const override {
    return nullptr;
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions&,
                                                  ClientHost&) const override {
    return nullptr;
  }
  ClientTraits client_traits() const override { return {}; }
  bool has_public_room() const override { return options_.has_public_room; }
  OwnPublic own_public() const override { return options_.own_public; }
  PrivateMessages private_messages() const override { return options_.private_messages; }
  size_t max_private_bytes() const override { return options_.max_private_bytes; }
  bool shows_reason() const override { return options_.shows_reason; }
  bool ascii_names() const override { return options_.ascii_names; }
  bool takes_files() const override { return options_.takes_files; }
  bool answers(RequestKind kind) const override {
    for (RequestKind known : options_.answers) {
      if (known == kind) return true;
    }
    return false;
  }
  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    char number[20];
    const auto end = std::to_chars(number, number + sizeof(number), message.number).ptr;
    out.Bytes(absl::string_view(number, static_cast<size_t>(end - number)));
    out.Bytes(" ");
    out.Bytes(message.from.name);
    out.Bytes(": ");
    out.Bytes(message.body.bytes());
    out.Bytes("\n");
  }

 private:
  const Options options_;
};

}  // namespace chat

#endif  // LIBCHAT_HUB_FAKE_DIALECT_H_
