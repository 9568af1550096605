// Debian builds gRPC without ThreadSanitizer: its locks are unseen, and so whatever its threads
// hand to each other looks like a race. A program that links it
//   - ignores what uninstrumented libraries call. libstdc++ is one, and a std::condition_variable
//     waits inside it: use absl::Mutex and absl::CondVar in a program with gRPC;
//   - reports no race in which a thread has gRPC on its stack: what the methods of a service do is
//     not checked there, but what they call can be, in a test without gRPC.

extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

extern "C" const char* __tsan_default_suppressions() { return "race:grpc::\n"; }
