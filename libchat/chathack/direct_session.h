// One end of chathack's direct connection, between two clients. The rules stand in README.md.

#ifndef LIBCHAT_CHATHACK_DIRECT_SESSION_H_
#define LIBCHAT_CHATHACK_DIRECT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libchat/chathack/packets.h"
#include "libchat/dialect/direct_session.h"

namespace chat::chathack {

class DirectSession final : public chat::DirectSession {
 public:
  // `host` outlives the session.
  DirectSession(DirectOptions options, DirectHost& host);

  void Start() override;
  absl::Status SendMessage(Text body) override;
  absl::Status SendFilePiece(absl::string_view name, absl::string_view content) override;
  size_t max_piece_bytes() const override { return kMaxContentBytes; }
  Step OnBytes(absl::string_view in) override;
  void OnEnd() override;

 private:
  // kNew: before Start, and on the listening side until the peer has proved itself.
  enum class State : uint8_t { kNew, kOpen, kBroken };

  // Each returns false if the peer may not send the packet now.
  bool On(const PrivateConnection& packet);
  bool On(const PrivateString& packet);
  bool On(const PrivateFile& packet);
  // What is for servers.
  template <class P>
  bool On(const P&) {
    return false;
  }

  // The content of the packet that `packet` begins with is too long, which breaks the protocol.
  void OnContentTooLong(absl::string_view packet);
  // Reports the piece that is held back, if there is one.
  void Release(bool last);
  // False if no packet that begins so is allowed now.
  bool MayBegin(Opcode opcode) const;
  absl::Status IsOpen() const;

  template <class P>
  void Send(const P& packet);

  const DirectOptions options_;
  DirectHost& host_;
  State state_ = State::kNew;
  // The file that is under way, and how many pieces of it have been sent.
  std::optional<std::string> sending_;
  size_t pieces_sent_ = 0;
  // The last piece that has come, if it is as long as a piece can be: what follows says whether it
  // is the last of its file.
  std::optional<DirectFilePiece> held_;
  PacketReader reader_;
};

}  // namespace chat::chathack

#endif  // LIBCHAT_CHATHACK_DIRECT_SESSION_H_
