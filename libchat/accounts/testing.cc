#include "libchat/accounts/testing.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sqlite3.h"

namespace chat::testing {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

std::atomic<int64_t> seen = 0;
std::atomic<int64_t> first_failure = kNever;
std::atomic<int64_t> last_failure = kNever;
std::atomic<int> failure = 0;

bool Fails() {
  if (first_failure == kNever) return false;
  const int64_t call = ++seen;
  if (call < first_failure || call > last_failure) return false;
  errno = failure;
  return true;
}

// SQLite has a table of the system calls that it makes: for each here, the one that was there.
std::map<std::string, sqlite3_syscall_ptr>& Originals() {
  static auto& originals = *new std::map<std::string, sqlite3_syscall_ptr>();
  return originals;
}

template <typename Function>
Function* Original(const char* name) {
  return reinterpret_cast<Function*>(Originals().at(name));
}

int Open(const char* path, int flags, int mode) {
  return Fails() ? -1 : Original<int(const char*, int, int)>("open")(path, flags, mode);
}
ssize_t Write(int fd, const void* bytes, size_t size) {
  return Fails() ? -1 : Original<ssize_t(int, const void*, size_t)>("write")(fd, bytes, size);
}
ssize_t Pwrite64(int fd, const void* bytes, size_t size, off_t at) {
  if (Fails()) return -1;
  return Original<ssize_t(int, const void*, size_t, off_t)>("pwrite64")(fd, bytes, size, at);
}
int Ftruncate(int fd, off_t size) {
  return Fails() ? -1 : Original<int(int, off_t)>("ftruncate")(fd, size);
}
int Unlink(const char* path) { return Fails() ? -1 : Original<int(const char*)>("unlink")(path); }
void* Mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  if (Fails()) return MAP_FAILED;
  return Original<void*(void*, size_t, int, int, int, off_t)>("mmap")(at, size, protection, flags,
                                                                      fd, offset);
}

template <typename Function>
void Replace(sqlite3_vfs& vfs, const char* name, Function* with) {
  const sqlite3_syscall_ptr original = vfs.xGetSystemCall(&vfs, name);
  if (original == nullptr) return;
  Originals()[name] = original;
  vfs.xSetSystemCall(&vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(with));
}

bool ReplaceAll() {
  sqlite3_vfs& vfs = *sqlite3_vfs_find(nullptr);
  Replace(vfs, "open", Open);
  Replace(vfs, "write", Write);
  Replace(vfs, "pwrite64", Pwrite64);
  Replace(vfs, "ftruncate", Ftruncate);
  Replace(vfs, "unlink", Unlink);
  Replace(vfs, "mmap", Mmap);
  return true;
}

// The library's own, behind the one below.
int Sync(const char* name, int fd) {
  return reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name))(fd);
}

}  // namespace

TestDirectory::TestDirectory() {
  std::string path = absl::StrCat(::testing::TempDir(), "/accounts-XXXXXX");
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  path_ = path;
}

TestDirectory::~TestDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestDirectory::Path(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

bool TestDirectory::Contains(absl::string_view bytes) const {
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    if (absl::StrContains(ReadFile(entry.path().string()), bytes)) return true;
  }
  return false;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, absl::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(file.flush()) << path;
}

FailingCalls::FailingCalls(int64_t first, Extent extent, int error) {
  static const bool replaced = ReplaceAll();
  EXPECT_TRUE(replaced);
  seen = 0;
  failure = error;
  last_failure = extent == Extent::kOnce ? first : kNever;
  first_failure = first;
}

FailingCalls::~FailingCalls() { first_failure = kNever; }

int64_t FailingCalls::calls() const { return seen; }

}  // namespace chat::testing

// SQLite's library, too, finds these before the C library's.
extern "C" int fsync(int fd) {
  return chat::testing::Fails() ? -1 : chat::testing::Sync("fsync", fd);
}
extern "C" int fdatasync(int fd) {
  return chat::testing::Fails() ? -1 : chat::testing::Sync("fdatasync", fd);
}
