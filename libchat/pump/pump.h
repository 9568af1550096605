// Moves bytes from one descriptor to another, without an event loop.

#ifndef LIBCHAT_PUMP_PUMP_H_
#define LIBCHAT_PUMP_PUMP_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "libchat/pump/pipe_pool.h"

namespace chat {

// One direction of a tunnel: `from` -> `to`, by splice(2) where the kernel can, else by copying.
// Two pumps with the descriptors exchanged are a tunnel.
//
// The descriptors (sockets, pipes, ttys, files) are borrowed and must be non-blocking (O_NONBLOCK)
// while Run is called, unless LeaveFlags was called; else a blocking one may block Run. The process
// must ignore SIGPIPE: writing to a closed peer raises it.
//
// Thread safety: none; see PipePool.
//
// Invariants:
//  1. A pipe is borrowed only while bytes are in it: an idle pump costs no descriptor of its own
//     and no buffer.
//  2. Bytes leave in the order in which they came, `early` first.
//  3. Backpressure: nothing is read while `to` does not take what was read before, so a pump holds
//     at most one pipe's capacity or kCopyBytes (or `early`, if that is longer).
//  4. End of input becomes shutdown(SHUT_WR) on `to` once everything was written and never before
//     (see HoldEnd); the other direction is not touched.
//  5. An error is never taken for an end: after one `to` is not shut down.
class Pump {
 public:
  // What to wait for before the next Run. Readiness must be level-triggered (or armed anew at each
  // wait): Run does not always read on until EAGAIN.
  enum class Wait {
    kReadable,  // `from` has nothing more now
    kWritable,  // `to` takes nothing more now
    kAgain,     // the budget is used up: call again, after the others had their turn
    kDone,      // end of input was reached, everything written, and `to` shut down for writing if
                // it is a socket; a pipe or file is the caller's to close
    kReset,     // an error on one side: see error()
  };

  static constexpr size_t kCopyBytes = 64 * 1024;

  // `early`: bytes that go to `to` before those read from `from`. `pool` outlives the pump.
  Pump(int from, int to, PipePool& pool, std::string early = {});
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;
  ~Pump();

  // Moves what there is, up to about `budget` bytes (> 0): what a pipe holds may come on top. After
  // kDone or kReset it does nothing and says the same again.
  Wait Run(size_t budget);

  // Nothing more is to be read: what is held is still written, and then the end passed on.
  void EndInput() { input_ended_ = true; }

  // One of the descriptors shares its flags with other processes, so it was not made non-blocking:
  // bytes are copied, with calls that do not block.
  void LeaveFlags() {
    leaves_flags_ = true;
    can_splice_ = false;
  }

  // While `on`, the end of input is not passed on to `to`: once it was reached and everything
  // written, Run says kReadable, and input_ended() is true.
  void HoldEnd(bool on) { end_held_ = on; }

  // Bytes written to `to`, early ones included.
  uint64_t bytes() const { return bytes_; }
  // Bytes read (or given as early) and not yet written.
  size_t held() const { return copied_.size() - copied_sent_ + piped_; }
  // `from` has said that nothing more comes, or EndInput was called.
  bool input_ended() const { return input_ended_; }

  // After kReset: the errno of what failed; ECONNRESET and EPIPE are the peer's doing. A socket
  // reports a reset once: a pump that reads the same socket may now see an ordinary end of input,
  // so after kReset with anything but EPIPE the other direction must not be run any more.
  int error() const { return error_; }
  // After kReset: true if writing to `to` failed, false if reading from `from` did.
  bool failed_on_write() const { return failed_on_write_; }

 private:
  bool Fill(size_t limit);
  bool FillByCopy();
  bool Drain();
  bool UnpipeForCopy();
  void ReturnPipe();
  bool Stop(Wait reason);
  bool Fail(int error, bool on_write);
  void Finish();
  ssize_t Read(char* bytes, size_t size) const;
  ssize_t Write(const char* bytes, size_t size) const;

  const int from_;
  const int to_;
  PipePool& pool_;

  // What is held: first copied_ (from copied_sent_ on), then what is in the pipe.
  std::string copied_;
  size_t copied_sent_ = 0;
  std::optional<Pipe> pipe_;
  size_t piped_ = 0;

  bool can_splice_ = true;
  bool leaves_flags_ = false;
  bool input_ended_ = false;
  bool end_held_ = false;
  uint64_t bytes_ = 0;
  // Why the last step stopped; kDone and kReset are final.
  Wait stopped_ = Wait::kAgain;
  int error_ = 0;
  bool failed_on_write_ = false;
};

// Makes the coming close(2) of TCP socket `fd` a reset (RST) instead of an orderly end, so that an
// error on one side of a tunnel arrives as an error on the other. `on` false undoes that. No effect
// on other descriptors.
void ResetOnClose(int fd, bool on = true);

}  // namespace chat

#endif  // LIBCHAT_PUMP_PUMP_H_
