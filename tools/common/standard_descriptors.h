// Descriptors 0, 1 and 2, which every program takes for granted.

#ifndef TOOLS_COMMON_STANDARD_DESCRIPTORS_H_
#define TOOLS_COMMON_STANDARD_DESCRIPTORS_H_

namespace chat::tools {

// If a process is started with one of the three closed, the next socket or file becomes that one.
// In a program that links this, /dev/null takes the place before anything else runs. A missing
// standard input cannot be read then (EBADF), a missing standard output cannot be written, and what
// is written to a missing standard error goes nowhere.

// Is called first in every main, which links the above in. From here on std::cerr waits while
// standard error is full: another program may have made the terminal that they share non-blocking,
// and what std::cerr cannot write at once it would lose.
void PrepareStandardDescriptors();

// True if `fd`, one of the three, was closed when the process was started.
bool WasClosed(int fd);

}  // namespace chat::tools

#endif  // TOOLS_COMMON_STANDARD_DESCRIPTORS_H_
