#include "tools/chat-send/source.h"

#include <unistd.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "asio/co_spawn.hpp"
#include "asio/io_context.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/common/stdio.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a source makes of an input: "number>to:body" each, and its last words.
struct Taken {
  std::vector<std::string> messages;
  absl::Status status;
  int64_t at = 0;  // of what was wrong
  std::string skipped;
  int64_t reports = 0;
};

asio::awaitable<void> TakeAll(Source& source, Taken& taken) {
  for (;;) {
    const absl::StatusOr<std::optional<Outgoing>> message = source.Take();
    taken.status = message.status();
    taken.at = source.next_number();
    if (!message.ok()) co_return;
    if (message->has_value()) {
      const Outgoing& outgoing = **message;
      taken.messages.push_back(absl::StrCat(outgoing.number, ">", outgoing.to, ":", outgoing.body));
    } else if (source.ended()) {
      co_return;
    } else {
      taken.status = co_await source.Fill();
      if (!taken.status.ok()) co_return;
    }
  }
}

Taken Read(SourceOptions options, absl::string_view bytes) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_EQ(::write(ends[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::close(ends[1]);
  Taken taken;
  {
    asio::io_context io;
    Input input(io.get_executor(), ends[0]);
    Source source(&input, std::move(options));
    asio::co_spawn(io, TakeAll(source, taken), [](std::exception_ptr thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
    io.run();
    taken.skipped = source.WhatWasSkipped();
    taken.reports = source.reports();
  }
  ::close(ends[0]);
  return taken;
}

SourceOptions Jsonl(Invalid invalid = Invalid::kFail) {
  SourceOptions options;
  options.kind = SourceOptions::Kind::kJsonl;
  options.invalid = invalid;
  return options;
}

SourceOptions Lines(Invalid invalid, bool ascii_only = false) {
  SourceOptions options;
  options.invalid = invalid;
  options.ascii_only = ascii_only;
  return options;
}

const absl::string_view kBadLines(
    "a\nb\xff"
    "b\n\0\nc\xC3\xA9\n",
    12);

TEST(Source, ABadLineEndsTheInput) {
  const Taken taken = Read(Lines(Invalid::kFail), kBadLines);
  EXPECT_THAT(taken.messages, ElementsAre("1>:a"));
  EXPECT_EQ(taken.status, absl::InvalidArgumentError("not valid UTF-8"));
  EXPECT_EQ(taken.at, 2);
  EXPECT_EQ(taken.skipped, "");
}

TEST(Source, BadLinesAreLeftOutAndCounted) {
  const Taken taken = Read(Lines(Invalid::kSkip), kBadLines);
  EXPECT_TRUE(taken.status.ok()) << taken.status;
  EXPECT_THAT(taken.messages, ElementsAre("1>:a", "4>:c\xC3\xA9"));
  EXPECT_EQ(taken.skipped, "skipped 2, first is line 2: not valid UTF-8");
}

TEST(Source, BadBytesAreReplaced) {
  const Taken taken = Read(Lines(Invalid::kReplace), kBadLines);
  EXPECT_TRUE(taken.status.ok()) << taken.status;
  EXPECT_THAT(taken.messages, ElementsAre("1>:a",
                                          "2>:b\xEF\xBF\xBD"
                                          "b",
                                          "3>:\xEF\xBF\xBD", "4>:c\xC3\xA9"));
  EXPECT_EQ(taken.skipped, "");
}

TEST(Source, AsciiIsAllThatSomeProtocolsSay) {
  EXPECT_THAT(Read(Lines(Invalid::kSkip, true), kBadLines).messages, ElementsAre("1>:a"));
  EXPECT_THAT(Read(Lines(Invalid::kReplace, true), kBadLines).messages,
              ElementsAre("1>:a", "2>:b?b", "3>:?", "4>:c?"));
  const Taken taken = Read(Lines(Invalid::kFail, true), "\xC3\xA9\n");
  EXPECT_THAT(std::string(taken.status.message()), HasSubstr("not ASCII"));
}

TEST(Source, AnEmptyInputIsNoMessage) {
  SourceOptions whole;
  whole.delimiter = "";
  EXPECT_THAT(Read(whole, "").messages, IsEmpty());
  EXPECT_THAT(Read(whole, "a\nb\n").messages, ElementsAre("1>:a\nb\n"));
  EXPECT_THAT(Read(SourceOptions(), "").messages, IsEmpty());
  EXPECT_THAT(Read(SourceOptions(), "\n").messages, ElementsAre("1>:"));
}

TEST(Source, ARecordSaysWhoIsMeant) {
  const Taken taken = Read(Jsonl(), R"({"body":"to all"})"
                                    "\n\n \t\r\n"
                                    R"({"to":"bob","body":"to bob"})"
                                    "\n"
                                    R"({"v":1,"kind":"private","to":"bob@7","body_b64":"aGk="})"
                                    "\n"
                                    R"({"v":1,"kind":"public","to":null,"body":"bye"})"
                                    "\n"
                                    R"({"kind":null,"to":"bob","body":""})"
                                    "\n");
  EXPECT_TRUE(taken.status.ok()) << taken.status;
  EXPECT_THAT(taken.messages,
              ElementsAre("1>:to all", "4>bob:to bob", "5>bob@7:hi", "6>:bye", "7>bob:"));
}

TEST(Source, ReportsAreLeftOutAndCounted) {
  const Taken taken =
      Read(Jsonl(), R"({"kind":"file","from":"a","to":"b","body":"x","path":"/x","size":1})"
                    "\n"
                    R"({"kind":"tunnel_request","from":"a","to":"b"})"
                    "\n"
                    R"({"kind":"notice","body":"closing"})"
                    "\n"
                    R"({"body":"hi"})"
                    "\n");
  EXPECT_TRUE(taken.status.ok()) << taken.status;
  EXPECT_THAT(taken.messages, ElementsAre("4>:hi"));
  EXPECT_EQ(taken.reports, 3);
  EXPECT_EQ(taken.skipped, "");
}

TEST(Source, ABadRecordIsNeverSaidToSomebodyElse) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"kind":"public","to":"bob","body":"x"})", "public, but with \"to\""},
      {R"({"kind":"private","body":"x"})", "private, but without \"to\""},
      {R"({"kind":"private","to":"","body":"x"})", "\"to\" is empty"},
      {R"({"kind":"public","to":"","body":"x"})", "public, but with \"to\""},
      {R"({"to":"","body":"x"})", "\"to\" is empty"},
      {R"({"to":["bob"],"body":"x"})", "\"to\""},
      {R"({"kind":"Private","to":"bob","body":"x"})", "\"kind\" is \"Private\""},
      {R"({"kind":"chat","body":"x"})", "\"kind\" is \"chat\""},
      {R"({"kind":"","body":"x"})", "\"kind\" is \"\""},
      {R"({"kind":7,"body":"x"})", "\"kind\""},
      {R"({"v":2,"body":"x"})", "\"v\""},
      {R"({"v":"1","body":"x"})", "\"v\""},
      {R"({"v":1.5,"body":"x"})", "\"v\""},
      {R"(["body"])", ""},
      {R"({"body":"a\u0000b"})", "NUL"},
      {R"({"body_b64":"/w=="})", "UTF-8"},
      {R"({"to":"bob"})", "either \"body\" or \"body_b64\""},
  };
  for (const auto& [record, why] : kCases) {
    const std::string input = absl::StrCat("{\"body\":\"a\"}\n", record, "\n{\"body\":\"b\"}\n");
    const Taken failed = Read(Jsonl(), input);
    EXPECT_THAT(failed.messages, ElementsAre("1>:a"));
    EXPECT_EQ(failed.status.code(), absl::StatusCode::kInvalidArgument) << record;
    EXPECT_THAT(std::string(failed.status.message()), HasSubstr(why)) << record;
    EXPECT_EQ(failed.at, 2);

    const Taken skipped = Read(Jsonl(Invalid::kSkip), input);
    EXPECT_TRUE(skipped.status.ok()) << skipped.status;
    EXPECT_THAT(skipped.messages, ElementsAre("1>:a", "3>:b")) << record;
    EXPECT_THAT(skipped.skipped, HasSubstr("skipped 1, first is line 2: ")) << record;
    EXPECT_THAT(skipped.skipped, HasSubstr(why)) << record;
  }
}

TEST(Source, ReplacingMendsBytesAndNoRecords) {
  const Taken bytes = Read(Jsonl(Invalid::kReplace),
                           "{\"body\":\"a\xff\"}\n"
                           "{\"body\":\"b\\u0000\"}\n"
                           "{\"body_b64\":\"/w==\"}\n");
  EXPECT_TRUE(bytes.status.ok()) << bytes.status;
  EXPECT_THAT(bytes.messages,
              ElementsAre("1>:a\xEF\xBF\xBD", "2>:b\xEF\xBF\xBD", "3>:\xEF\xBF\xBD"));
  EXPECT_FALSE(Read(Jsonl(Invalid::kReplace), "{\"kind\":\"chat\",\"body\":\"x\"}\n").status.ok());
}

TEST(Source, WhatTheSenderFindsUnfitIsCountedToo) {
  SourceOptions options;
  options.invalid = Invalid::kSkip;
  Source skips("hello", options);
  EXPECT_TRUE(skips.Skip(1, absl::InvalidArgumentError("too long")));
  EXPECT_FALSE(skips.Skip(2, absl::NotFoundError("no such user")));
  EXPECT_EQ(skips.WhatWasSkipped(), "skipped 1, first is message 1: too long");
  Source fails("hello", SourceOptions());
  EXPECT_FALSE(fails.Skip(1, absl::InvalidArgumentError("too long")));
}

}  // namespace
}  // namespace chat::tools
