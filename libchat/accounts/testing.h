// For the tests of accounts: a directory of their own, and calls of SQLite's that fail.

#ifndef LIBCHAT_ACCOUNTS_TESTING_H_
#define LIBCHAT_ACCOUNTS_TESTING_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace chat::testing {

// A new directory, removed with all that is in it.
class TestDirectory {
 public:
  TestDirectory();
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory();

  std::string Path(absl::string_view name) const;
  // True if any file in it contains `bytes`.
  bool Contains(absl::string_view bytes) const;

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, absl::string_view bytes);

// Makes system calls fail that change files (open, write, truncate, fsync, map, unlink), SQLite's
// and our own, in this process, while it lives: the call of number `first` (from 1 on), and, with
// kOn, all after it.
//
// Thread safety: one lives at a time; the calls may come from any thread.
class FailingCalls {
 public:
  enum class Extent : uint8_t { kOnce, kOn };

  FailingCalls(int64_t first, Extent extent, int error);
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;
  ~FailingCalls();

  // How many calls there were since.
  int64_t calls() const;
};

}  // namespace chat::testing

#endif  // LIBCHAT_ACCOUNTS_TESTING_H_
