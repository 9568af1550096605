// Kernel pipes that a Pump splices through.

#ifndef LIBCHAT_PUMP_PIPE_POOL_H_
#define LIBCHAT_PUMP_PIPE_POOL_H_

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace chat {

// Both ends of one kernel pipe, non-blocking; owned, so closed with the object.
class Pipe {
 public:
  // Takes over both descriptors; `capacity` is what the pipe holds, in bytes.
  Pipe(int read_end, int write_end, size_t capacity)
      : read_end_(read_end), write_end_(write_end), capacity_(capacity) {}
  Pipe(Pipe&& other) noexcept
      : read_end_(std::exchange(other.read_end_, -1)),
        write_end_(std::exchange(other.write_end_, -1)),
        capacity_(other.capacity_) {}
  Pipe& operator=(Pipe&& other) noexcept {
    std::swap(read_end_, other.read_end_);
    std::swap(write_end_, other.write_end_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Pipe();

  int read_end() const { return read_end_; }
  int write_end() const { return write_end_; }
  size_t capacity() const { return capacity_; }

 private:
  int read_end_;
  int write_end_;
  size_t capacity_;
};

// A bounded stock of pipes for all the pumps of one thread.
//
// Thread safety: none; a pool and its pumps live on one thread, and the pool outlives them.
//
// Invariants:
//  - At most max_pipes pipes exist, borrowed and idle ones together (2 descriptors each).
//  - An idle pipe is empty.
class PipePool {
 public:
  static constexpr size_t kDefaultPipes = 64;
  // By pump_benchmark a GiB costs a third less CPU than with 256 KiB: every splice out of a socket
  // opens its window, and the sender's next burst is then worked off at our expense. It is the most
  // that a user who is not root may ask for (/proc/sys/fs/pipe-max-size), 64 times.
  static constexpr size_t kDefaultPipeBytes = 1024 * 1024;

  static constexpr size_t kLeastBytes = 64 * 1024;

  explicit PipePool(size_t max_pipes = kDefaultPipes, size_t pipe_bytes = kDefaultPipeBytes)
      : max_pipes_(max_pipes), pipe_bytes_(pipe_bytes) {}
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // An empty pipe, of pipe_bytes where the kernel allows it, else of its default size. Nothing if
  // max_pipes are out, the process has no descriptors left, or the kernel would give one that is so
  // small (kLeastBytes) that copying is cheaper.
  std::optional<Pipe> Borrow();

  // Ends a loan. A pipe that still holds bytes (`empty` false) is closed, never lent again.
  void Return(Pipe pipe, bool empty);

  size_t borrowed() const { return borrowed_; }
  size_t idle() const { return idle_.size(); }

 private:
  const size_t max_pipes_;
  const size_t pipe_bytes_;
  size_t borrowed_ = 0;
  std::vector<Pipe> idle_;
};

}  // namespace chat

#endif  // LIBCHAT_PUMP_PIPE_POOL_H_
