#include "tools/testing/coroutine_traps.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/testing/process.h"

namespace chat::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::pair<int, absl::string_view>> Find(absl::string_view source) {
  static std::vector<CoroutineTrap> traps;
  traps = FindCoroutineTraps(source);
  std::vector<std::pair<int, absl::string_view>> found;
  for (const CoroutineTrap& trap : traps) found.emplace_back(trap.line, trap.what);
  return found;
}

TEST(CoroutineTraps, FindsAnAwaitInsideAConditional) {
  for (const char* source : {
           "const Status s = done ? Ok() : co_await Read();",
           "const int fd = a ? co_await A() : co_await B(x, y);",
           "co_return co_await A() ? 1 : 2;",
           "f(x, y ? (co_await A()).status() : b);",
           "if (auto s = ok ? g(co_await A()) : T(); s) {}",
       }) {
    EXPECT_THAT(Find(source), ElementsAre(std::pair(1, kAwaitInConditional))) << source;
  }
  EXPECT_THAT(Find("int fd =\n    a\n        ? 1 // ?\n        : co_await\n  B();"),
              ElementsAre(std::pair(3, kAwaitInConditional)));
}

TEST(CoroutineTraps, FindsABracedArgumentOfAnAwaitedCall) {
  for (const char* source : {
           "co_await Send({1, 2});",
           "co_await Send(Options{.a = 1});",
           "x = co_await client.Send(name, g(Options{}));",
           "const bool ok = (co_await object->Ask(Pair<int>{1, 2})).ok();",
           "co_return co_await First(1).Second({});",
       }) {
    EXPECT_THAT(Find(source), ElementsAre(std::pair(1, kBracedArgument))) << source;
  }
  EXPECT_THAT(Find("co_await Send(\n    a,\n    Options{1});"),
              ElementsAre(std::pair(3, kBracedArgument)));
}

TEST(CoroutineTraps, FindsALambdaWithCapturesInAnAwaitedCall) {
  EXPECT_THAT(Find("co_await Until([&] { return done; });"),
              ElementsAre(std::pair(1, kCaptureInAwaited)));
  EXPECT_THAT(Find("co_await Until(\n  1,\n  [this, x](int a) mutable -> bool {\n return a; });"),
              ElementsAre(std::pair(3, kCaptureInAwaited)));
}

TEST(CoroutineTraps, FindsACoroutineThatIsALambdaWithCaptures) {
  EXPECT_THAT(Find("spawn(io, [&]() -> asio::awaitable<void> {\n co_await A();\n}, detached);"),
              ElementsAre(std::pair(1, kCapturingCoroutine)));
  EXPECT_THAT(Find("auto f = [self = shared()](\n int a) -> awaitable<int> { co_return a; };"),
              ElementsAre(std::pair(1, kCapturingCoroutine)));
}

TEST(CoroutineTraps, LeavesAloneWhatIsCompiledRightly) {
  for (const char* source : {
           "if (!error) opened = co_await Open();",
           "co_await Send(a ? b : c);",
           "const int x = a ? b : c; co_await Send(x);",
           "if (a) { co_await A(); } else { b = c ? 1 : 2; }",
           "// x = a ? b : co_await C();\n/* co_await Send({}); */",
           "Say(\"a ? b : co_await C({})\"); Say(R\"(co_await C({1}))\"); char c = '?';",
           "const Options options{1}; co_await Send(options);",
           "while (co_await Next()) { items.push_back({1, 2}); }",
           "co_await Until([] { return Options{1}.done; });",
           "post([self] { self->Flush(); }); co_await Wait();",
           "co_await Send(values[i]); x[co_await Index()] = 1;",
           "for (auto x : {1, 2}) co_await A(x);",
           "if (auto s = co_await A(); !s.ok()) co_return B{s, 1'000};",
           "awaitable<int> f() { co_return Relay{std::move(a), b}; }",
           "#define X(a) co_await f(a ? \\\n 1 : co_await g())\n",
       }) {
    EXPECT_THAT(Find(source), IsEmpty()) << source;
  }
}

// The whole tree, which is where this file's own link leads to.
TEST(CoroutineTraps, NoneIsInTheTree) {
  namespace fs = std::filesystem;
  const fs::path root = fs::canonical(Runfile("tools/testing/coroutine_traps.h")) / "../../..";
  int files = 0;
  for (const char* folder : {"libchat", "tools"}) {
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(root.lexically_normal() / folder)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".cc" && extension != ".h")) continue;
      if (entry.path().filename() == "coroutine_traps_test.cc") continue;  // has them all
      ++files;
      std::ifstream file(entry.path());
      const std::string source((std::istreambuf_iterator<char>(file)),
                               std::istreambuf_iterator<char>());
      for (const CoroutineTrap& trap : FindCoroutineTraps(source)) {
        ADD_FAILURE() << entry.path().string() << ":" << trap.line << ": " << trap.what
                      << ": GCC 12 compiles this wrongly; name the value first";
      }
    }
  }
  EXPECT_GT(files, 100);
}

}  // namespace
}  // namespace chat::testing
