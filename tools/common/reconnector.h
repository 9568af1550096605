// When a tool tries again after its connection has failed, and what it says about that.

#ifndef TOOLS_COMMON_RECONNECTOR_H_
#define TOOLS_COMMON_RECONNECTOR_H_

#include <optional>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libchat/client/reconnect.h"
#include "tools/common/diagnostics.h"

namespace chat::tools {

// Follows --reconnect. A failure that can pass is tried again; so is "the name is taken" once this
// process has been logged in: the server may still believe in the connection that was lost. A login
// alone does not start the back-off over, progress does: a server that lets a client log in and
// then cuts it is not asked ever faster, and --reconnect N ends.
//
// Thread safety: none.
class Reconnector {
 public:
  // `random` and `diagnostics` outlive this.
  Reconnector(client::ReconnectPolicy policy, absl::BitGenRef random, Diagnostics& diagnostics)
      : backoff_(policy, random), diagnostics_(diagnostics) {}

  // A login has succeeded. If it was not the first one, says so, and returns for how long there was
  // no connection: what others have said meanwhile has not come.
  std::optional<absl::Duration> OnLoggedIn(absl::Time now);

  // A message was confirmed or has come: the connection is good for something.
  void OnProgress() { backoff_.Reset(); }

  // The connection, or the attempt to have one, has ended with `status`. Returns how long to wait
  // before the next attempt, which was said; nothing if there is to be none, and nothing was said.
  std::optional<absl::Duration> OnFailed(const absl::Status& status, absl::Time now);

  bool was_logged_in() const { return was_logged_in_; }

 private:
  bool MayPass(const absl::Status& status) const;

  client::Backoff backoff_;
  Diagnostics& diagnostics_;
  bool was_logged_in_ = false;
  absl::Time lost_ = absl::InfiniteFuture();  // the connection, if there is none now
};

// "3.4s", "12m5s": for people.
std::string ShortDuration(absl::Duration duration);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_RECONNECTOR_H_
