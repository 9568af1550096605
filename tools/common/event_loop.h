// Runs a tool's main coroutine.

#ifndef TOOLS_COMMON_EVENT_LOOP_H_
#define TOOLS_COMMON_EVENT_LOOP_H_

#include <exception>
#include <utility>

#include "asio/awaitable.hpp"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "tools/common/exit_codes.h"

namespace chat::tools {

// Runs `io` on this thread until `main` has ended, whatever else still waits there; returns what
// `main` did.
inline ExitCode RunToEnd(asio::io_context& io, asio::awaitable<ExitCode> main) {
  ExitCode result = kExitBug;
  asio::co_spawn(io, std::move(main), [&io, &result](std::exception_ptr thrown, ExitCode code) {
    if (!thrown) result = code;
    io.stop();
  });
  io.run();
  return result;
}

}  // namespace chat::tools

#endif  // TOOLS_COMMON_EVENT_LOOP_H_
