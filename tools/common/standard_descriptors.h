// Descriptors 0, 1 and 2, which every program takes for granted.

#ifndef TOOLS_COMMON_STANDARD_DESCRIPTORS_H_
#define TOOLS_COMMON_STANDARD_DESCRIPTORS_H_

namespace chat::tools {

// Is called first in every main. If the process was started with one of the three closed, the next
// socket or file would become that one: /dev/null takes the place instead. A missing standard input
// cannot be read then (EBADF), a missing standard output cannot be written, and what is written to
// a missing standard error goes nowhere.
//
// From here on std::cerr waits while standard error is full: another program may have made the
// terminal that they share non-blocking, and what std::cerr cannot write at once it would lose.
void PrepareStandardDescriptors();

// True if `fd`, one of the three, was closed when PrepareStandardDescriptors was called.
bool WasClosed(int fd);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_STANDARD_DESCRIPTORS_H_
