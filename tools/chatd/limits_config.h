// The bounds of the server as the config writes them: "64KiB", "15s", "1000", "unlimited".

#ifndef TOOLS_CHATD_LIMITS_CONFIG_H_
#define TOOLS_CHATD_LIMITS_CONFIG_H_

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "libchat/hub/limits.h"
#include "proto/chat/config/v1/config.pb.h"

namespace chat::tools {

// Called once for each bad value: the field's name within Limits, and what is wrong with it.
using LimitError = absl::FunctionRef<void(absl::string_view field, absl::string_view what)>;

// Sets in `limits` what `config` says, and leaves the rest as it is. A bad value is reported and
// left out. An unlimited duration becomes absl::InfiniteDuration(), any other unlimited bound
// kUnlimited.
void ApplyLimits(const config::v1::Limits& config, Limits& limits, LimitError error);

// The config that says all of `limits`. ApplyLimits on it gives `limits` again.
config::v1::Limits LimitsToConfig(const Limits& limits);

}  // namespace chat::tools

#endif  // TOOLS_CHATD_LIMITS_CONFIG_H_
