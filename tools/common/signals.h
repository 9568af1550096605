// Signals that whoever started this process wanted it to ignore: nohup, a shell's `&`, trap ''.

#ifndef TOOLS_COMMON_SIGNALS_H_
#define TOOLS_COMMON_SIGNALS_H_

#include "asio/signal_set.hpp"

namespace chat::tools {

// True if `signal` is ignored now. Ask before the program itself ignores or catches it.
bool IsIgnored(int signal);

// Adds `signal` to `signals`, unless it is ignored: then it stays so. A signal that cannot be added
// keeps its effect.
void AddUnlessIgnored(asio::signal_set& signals, int signal);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_SIGNALS_H_
