#include "tools/chat-listen/printer.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "asio/io_context.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/signal.h"

namespace chat::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class PrinterTest : public ::testing::Test {
 protected:
  PrinterTest()
      : changed_(io_.get_executor()),
        null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
        output_(io_.get_executor(), null_),
        queue_(io_.get_executor(), output_, changed_) {}
  ~PrinterTest() override { ::close(null_); }

  static Received Public(User from, std::string body) {
    return {false, std::move(from), User(), std::move(body)};
  }
  static Received Private(User from, std::string body) {
    return {true, std::move(from), User("bob"), std::move(body)};
  }
  // What was added since the last flush.
  std::string Batch() { return queue_.batch(); }

  asio::io_context io_;
  client::Signal changed_;
  const int null_;
  Output output_;
  OutputQueue queue_;
};

TEST_F(PrinterTest, TakesOnlyWhatIsWanted) {
  PrintOptions options;
  options.from = {User("alice"), User("carol", 7)};
  options.only_private = true;
  options.grep = *BodyPattern::Compile("^yes");
  options.count = 2;
  Printer printer(options, queue_);
  EXPECT_TRUE(printer.AddMessage(Private(User("alice"), "yes 1")));
  EXPECT_TRUE(printer.AddMessage(Private(User("alice", 7), "yes")));
  EXPECT_TRUE(printer.AddMessage(Private(User("carol"), "yes")));
  EXPECT_TRUE(printer.AddMessage(Private(User("bob"), "yes")));
  EXPECT_TRUE(printer.AddMessage(Private(User("alice"), "no")));
  EXPECT_TRUE(printer.AddMessage(Public(User("alice"), "yes")));
  EXPECT_TRUE(printer.AddFile(User("alice"), User("bob"), "no.png", "d/no.png", 1));
  EXPECT_FALSE(printer.enough());
  EXPECT_TRUE(printer.AddMessage(Private(User("carol", 7), "yes 2")));
  EXPECT_TRUE(printer.enough());
  EXPECT_FALSE(printer.AddMessage(Private(User("alice"), "yes 3")));
  EXPECT_FALSE(printer.AddFile(User("alice"), User("bob"), "yes", "d/yes", 1));
  EXPECT_EQ(Batch(), "alice\tyes 1\ncarol@7\tyes 2\n");
}

// Over a dialect without servers in it, a user of another server comes with both in the name.
TEST_F(PrinterTest, AServerInTheNameIsAServer) {
  PrintOptions options;
  options.from = {User("carol", 7)};
  Printer printer(options, queue_);
  printer.AddMessage(Public(User("carol@7"), "here"));
  EXPECT_EQ(Batch(), "carol@7\there\n");
}

TEST_F(PrinterTest, IsDoneOnceAllIsWritten) {
  PrintOptions options;
  options.count = 1;
  Printer printer(options, queue_);
  EXPECT_FALSE(printer.done());
  printer.AddMessage(Public(User("alice"), "one"));
  printer.Flush();
  EXPECT_TRUE(printer.enough());
  EXPECT_FALSE(printer.done());
  io_.run();
  EXPECT_TRUE(printer.done());
}

TEST_F(PrinterTest, OnceClosedItTakesNothingAndIsNotDone) {
  Printer printer(PrintOptions(), queue_);
  printer.Close();
  EXPECT_FALSE(printer.AddMessage(Public(User("alice"), "one")));
  EXPECT_EQ(Batch(), "");
  EXPECT_TRUE(printer.enough());
  EXPECT_FALSE(printer.done());
}

TEST_F(PrinterTest, AGapIsInTheJsonWhateverIsWanted) {
  PrintOptions options;
  options.dialect = "chaton";
  options.format = *Format::Parse("%j\\n");
  options.from = {User("alice")};
  options.count = 1;
  Printer lines(options, queue_);
  lines.AddGap("connected again");
  EXPECT_EQ(Batch(), "");
  options.notices = true;
  Printer printer(options, queue_);
  EXPECT_FALSE(printer.AddNotice("the server's"));
  printer.AddGap("connected again");
  EXPECT_THAT(Batch(),
              MatchesRegex("[{]\"v\":1,\"time\":\"[^\"]*\",\"kind\":\"notice\",\"dialect\":"
                           "\"chaton\",\"detail\":\"gap\",\"body\":\"connected again\"[}]"
                           "\n"));
  EXPECT_FALSE(printer.enough());
}

TEST_F(PrinterTest, OneBatchHasOneTime) {
  PrintOptions options;
  options.format = *Format::Parse("%T ");
  Printer printer(options, queue_);
  for (int i = 0; i < 1000; ++i) printer.AddMessage(Public(User("alice"), "x"));
  const std::string batch = Batch();
  const std::string first = batch.substr(0, batch.find(' ') + 1);
  std::string expected;
  for (int i = 0; i < 1000; ++i) expected += first;
  EXPECT_EQ(batch, expected);
  const auto before = printer.last_printed();
  printer.Flush();
  EXPECT_GT(printer.last_printed(), before);
}

}  // namespace
}  // namespace chat::tools
