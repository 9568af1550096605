// The server's side of a crp connection. The rules stand in README.md.

#ifndef LIBCHAT_CRP_SERVER_SESSION_H_
#define LIBCHAT_CRP_SERVER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "libchat/crp/packets.h"
#include "libchat/dialect/limits.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"

namespace chat::crp {

class ServerSession final : public chat::ServerSession {
 public:
  // `host` outlives the session.
  ServerSession(Compat compat, const SessionLimits& limits, SessionHost& host);

  Step OnBytes(absl::string_view in) override;
  Next OnEvent(const Event& event) override;
  void OnFarewell(Farewell reason) override;

 private:
  // What has been decoded. False: stop.
  bool Take(const Decoded& decoded);
  bool Close(Fault fault);
  void On(const Message& message);

  // A section each of 3.1.
  void OnReg(const Message& message);
  void OnSign(const Message& message);
  void OnInvt(const Message& message);
  void OnRsp(const Message& message);
  void OnTxt(const Message& message);
  void OnClose(const Message& message);
  void OnQuit(const Message& message);

  // True if `name` is this client's own; else it is counted as spoofed.
  bool IsOwn(const Header& name);
  // The body, or nothing, counted, if it is too long or not text.
  std::optional<Text> BodyOf(const Message& message);
  // Counts what has become of something that is not answered.
  void CountUnlessSent(Delivery delivery);
  void SayNoTalk(absl::string_view asker, absl::string_view target, absl::string_view status);
  void SayHowItEnded(Command command, absl::string_view status);
  void Send(const Message& message) { host_.Send(Encode(message)); }

  void Tell(const PrivateMessage& event);
  void Tell(const Request& event);
  void Tell(const Answer& event);
  void Tell(const TalkClosed& event);
  void Tell(const Authenticated& event);
  void Tell(const Registered& event);
  // What crp has no words for: its user asks for a talk before it writes, and has no relays.
  void Tell(const Undelivered&) {}
  void Tell(const FileChunk&) {}
  void Tell(const Announcement&) {}
  void Tell(const MergeAnswer&) {}
  void Tell(const RelayClosing&) {}
  void Tell(const RelayEstablished&) {}

  const Compat compat_;
  const SessionLimits limits_;
  SessionHost& host_;
  Decoder decoder_;
  Next next_ = Next::kMore;
  std::string login_;    // once signed in; a login is never empty
  std::string user_id_;  // while paused: of the REG or SIGN that waits for its end
  // Whose INVT has gone to the client and was not answered: an acceptance that comes too late is
  // answered, one of nothing is not.
  absl::flat_hash_set<std::string> invited_by_;
};

}  // namespace chat::crp

#endif  // LIBCHAT_CRP_SERVER_SESSION_H_
