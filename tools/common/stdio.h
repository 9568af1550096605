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

namespace chat::tools {

// Whether a descriptor is non-blocking is a flag of its open file description, which other
// processes share: the shell, the next reader of a pipe, whoever is on the same terminal. Nothing
// here ever changes a flag of a description that was handed to this process, not even for a moment.
// (A descriptor of asio's that was assigned one does, in async_wait too.)

// A new descriptor, non-blocking and close-on-exec, with an open file description of this process's
// own for the pipe or the terminal that `fd` is; `access` is O_RDONLY or O_WRONLY. It may be handed
// to asio, or to a pump. Returns -1 for everything else: sockets and files have no second
// description, the master of a pseudo-terminal would become a new one, and what belongs to another
// user (after su or sudo) may not be opened. There, Input and Output find a way without it.
int OwnDescription(int fd, int access);

// Thread safety of both: none; all on the executor's one thread.
class Input {
 public:
  // `fd` stays the caller's.
  Input(asio::any_io_executor executor, int fd);
  ~Input();

  // Waits until there is something, and reads it. 0 at the end of the input. Errors name the cause.
  asio::awaitable<absl::StatusOr<size_t>> Read(absl::Span<char> buffer);

  // Ends a Read that waits; it returns kCancelled, as all later ones do.
  void Cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

class Output {
 public:
  // `fd` stays the caller's.
  Output(asio::any_io_executor executor, int fd);
  ~Output();

  // Writes all of `bytes`, which live until then. It blocks the thread only for a file.
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
