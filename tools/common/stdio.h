// Standard input and output for coroutines, whatever they are: pipe, terminal, file, socket.

#ifndef TOOLS_COMMON_STDIO_H_
#define TOOLS_COMMON_STDIO_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/posix/stream_descriptor.hpp"

namespace chat::tools {

// Neither class makes the descriptor itself non-blocking: other processes share that flag.
//
// Thread safety: none; all on the executor's one thread.
class Input {
 public:
  // `fd` stays the caller's.
  Input(asio::any_io_executor executor, int fd);

  // Waits until there is something, and reads it. 0 at the end of the input. Errors name the cause.
  asio::awaitable<absl::StatusOr<size_t>> Read(absl::Span<char> buffer);

  // Ends a Read that waits; it returns kCancelled, as all later ones do.
  void Cancel();

 private:
  asio::posix::stream_descriptor descriptor_;
  bool cancelled_ = false;
};

class Output {
 public:
  // `fd` stays the caller's.
  Output(asio::any_io_executor executor, int fd);
  ~Output();

  // Writes all of `bytes`, which live until then. Into a pipe it never blocks the thread.
  // kAborted: nobody reads any more.
  asio::awaitable<absl::Status> Write(absl::string_view bytes);

  // Calls `gone` once, when nobody reads the output any more, though nothing is written.
  void OnReaderGone(std::function<void()> gone);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace chat::tools

#endif  // TOOLS_COMMON_STDIO_H_
