// One end of a connection between two servers (document 003, section 7). Once they are merged, both
// ends are alike.

#ifndef LIBCHAT_CFP_LINK_SESSION_H_
#define LIBCHAT_CFP_LINK_SESSION_H_

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "absl/strings/string_view.h"
#include "libchat/cfp/packet_reader.h"
#include "libchat/cfp/packets.h"
#include "libchat/dialect/limits.h"
#include "libchat/dialect/server_session.h"
#include "libchat/dialect/session_host.h"
#include "libchat/event/event.h"
#include "libchat/event/mesh.h"

namespace chat::cfp {

class LinkSession final : public chat::ServerSession {
 public:
  // The end that asks: sends `offer` when it is connected. `host` outlives the session, here and
  // below.
  LinkSession(const MergeOffer& offer, const SessionLimits& limits, SessionHost& host);

  // The end that was asked, by server `peer`, which the host knows by now: its answer comes as a
  // MergeAnswer.
  LinkSession(int32_t peer, const SessionLimits& limits, SessionHost& host);

  void OnConnected() override;
  Step OnBytes(absl::string_view in) override;
  Next OnEvent(const Event& event) override;
  void OnFarewell(Farewell) override {}  // the document has no packet for it

 private:
  enum class State : uint8_t {
    kAsking,  // MRGREQ is sent, or about to be
    kAsked,   // this server is deciding
    kMerged,
  };

  void Close(Fault fault);
  void OnPacket(const Taken& taken);
  void OnForwarded(const Taken& taken);

  // What stands in no PCKFWD.
  void On(const MrgRsp& packet);
  void On(const MrgDcl& packet);
  template <class P>
  void On(const P&) {
    host_.Count(Fault::kUnexpected);
  }
  void OnAnswer(const MergeAnswer& answer);

  // What stands in one, for this server.
  void HandOn(const MsgPblInc& packet);
  void HandOn(const MsgPrvInc& packet);
  void HandOn(const FileChnkInc& packet);
  void HandOn(const Error& packet);
  template <class P>
  void HandOn(const P&) {
    host_.Count(Fault::kMalformed);
  }
  void Forward(const Event& event);
  // What is not so is counted.
  bool AreNames(std::initializer_list<absl::string_view> nicknames);
  std::optional<OwnedText> ToText(absl::string_view bytes);

  void Tell(const MergeAnswer& event);
  void Tell(const Announcement& event);
  void Tell(const PrivateMessage& event);
  void Tell(const FileChunk& event);
  void Tell(const Undelivered& event);
  // What concerns users of this server alone.
  template <class E>
  void Tell(const E&) {}

  template <class P>
  void Send(const P& packet);
  // Sends `packet` in a PCKFWD.
  template <class P>
  void SendForwarded(const P& packet);

  const MergeOffer offer_;  // of the end that asks
  const SessionLimits limits_;
  SessionHost& host_;
  State state_;
  Next next_;
  int32_t peer_ = 0;  // the other server's id, once it is known
  PacketReader reader_;
};

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_LINK_SESSION_H_
