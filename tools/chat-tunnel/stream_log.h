// What is said about each stream when it ends.

#ifndef TOOLS_CHAT_TUNNEL_STREAM_LOG_H_
#define TOOLS_CHAT_TUNNEL_STREAM_LOG_H_

#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libchat/client/tunnel.h"
#include "tools/common/diagnostics.h"

namespace chat::tools {

// Which stream it is.
struct StreamName {
  std::string peer;
  std::string service;            // empty: the plain one
  bool asked = false;             // the service is the peer's, else this side's
  std::optional<int> local_port;  // of the local connection, if it is over TCP

  // "bob/ssh" of the one who asks, "ann to ssh" of the one who accepts.
  std::string ToString() const;
};

// The port of the TCP socket `fd` on this side; nothing if it is something else.
std::optional<int> LocalPort(int fd);

// A line for people: always if a stream could not be made or failed, else with --verbose. With
// `json` one JSON object a line instead, for each.
//
// Thread safety: none.
class StreamLog {
 public:
  // Both outlive this.
  StreamLog(Diagnostics& diagnostics, std::ostream& out, bool json)
      : diagnostics_(diagnostics), out_(out), json_(json) {}

  void Ended(const StreamName& name, const client::TunnelReport& report);
  void NotConnected(const StreamName& name, const absl::Status& status);
  // The local side has gone before that, or the peer has not come: nobody's fault.
  void GivenUp(const StreamName& name, const absl::Status& status);

 private:
  void WriteJson(const StreamName& name, const client::TunnelReport& report,
                 absl::string_view reason);

  Diagnostics& diagnostics_;
  std::ostream& out_;
  const bool json_;
};

}  // namespace chat::tools

#endif  // TOOLS_CHAT_TUNNEL_STREAM_LOG_H_
