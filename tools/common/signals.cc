#include "tools/common/signals.h"

#include <signal.h>

namespace chat::tools {

bool IsIgnored(int signal) {
  struct sigaction action;
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void AddUnlessIgnored(asio::signal_set& signals, int signal) {
  if (IsIgnored(signal)) return;
  asio::error_code ignored;
  signals.add(signal, ignored);
}

}  // namespace chat::tools
