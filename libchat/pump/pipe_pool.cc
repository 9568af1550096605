#include "libchat/pump/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace chat {

Pipe::~Pipe() {
  if (read_end_ < 0) return;
  close(read_end_);
  close(write_end_);
}

std::optional<Pipe> PipePool::Borrow() {
  if (!idle_.empty()) {
    Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    ++borrowed_;
    return pipe;
  }
  if (borrowed_ >= max_pipes_) return std::nullopt;
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  // EPERM: this user has its share of pipe memory; the pipe keeps the size that it has, a page or
  // two once the share is used up.
  fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(pipe_bytes_));
  const int size = fcntl(ends[1], F_GETPIPE_SZ);
  const size_t capacity = size > 0 ? static_cast<size_t>(size) : 0;
  Pipe pipe(ends[0], ends[1], capacity);
  if (capacity < std::min(pipe_bytes_, kLeastBytes)) return std::nullopt;
  ++borrowed_;
  return pipe;
}

void PipePool::Return(Pipe pipe, bool empty) {
  --borrowed_;
  if (empty) idle_.push_back(std::move(pipe));
}

}  // namespace chat
