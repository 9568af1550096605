#include "tools/common/format.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Moment kMoment(absl::FromUnixMillis(1709210096789));

Message Said(absl::string_view body) {
  Message message;
  message.time = &kMoment;
  message.kind = "public";
  message.dialect = "chaton";
  message.from = "ann";
  message.body = body;
  return message;
}

Message Whispered(absl::string_view body) {
  Message message = Said(body);
  message.kind = "private";
  message.to = "bob";
  return message;
}

std::string Print(absl::string_view spec, const Message& message,
                  Format::Raw raw = Format::Raw::kBody) {
  const absl::StatusOr<Format> format = Format::Parse(spec);
  if (!format.ok()) return std::string(format.status().message());
  std::string out;
  format->Append(message, raw, &out);
  return out;
}

struct Case {
  const char* spec;
  absl::string_view printed;
};

TEST(Format, KnowsItsLetters) {
  const Case kCases[] = {
      {"", ""},
      {"%s", "a\tb"},
      {"<%S>", "<3>"},
      {"%q", "a\\tb"},
      {"%f>%t", "ann>bob"},
      {"%k %p", "private chaton"},
      {"%T", "1709210096789"},
      {"%I", "2024-02-29T12:34:56.789Z"},
      {"%%%s%%", "%a\tb%"},
      {"x\\n\\t\\r\\\\y", "x\n\t\r\\y"},
      {"\\0\\x41\\xfF", {"\0A\xff", 3}},
      {"%f %f tail", "ann ann tail"},
      {"%j",
       "{\"v\":1,\"time\":\"2024-02-29T12:34:56.789Z\",\"kind\":\"private\",\"dialect\":\"chaton\","
       "\"from\":\"ann\",\"to\":\"bob\",\"body\":\"a\\tb\"}"},
  };
  for (const Case& c : kCases) EXPECT_EQ(Print(c.spec, Whispered("a\tb")), c.printed) << c.spec;
}

TEST(Format, NamesWhatItDoesNotKnow) {
  for (const char* bad : {"%", "%z", "a%", "\\", "\\q", "\\x4", "\\xg0", "%5s"}) {
    EXPECT_THAT(Print(bad, Said("")), HasSubstr("no such")) << bad;
  }
}

TEST(Format, PrintsABodyRawOnlyWhereThatIsWanted) {
  const Message hostile = Said("\x1b[2J\n");
  EXPECT_EQ(Print("%s", hostile, Format::Raw::kNothing), "\\x1b[2J\\n");
  EXPECT_EQ(Print("%s", hostile, Format::Raw::kBody), "\x1b[2J\n");
  EXPECT_EQ(Print("%q", hostile, Format::Raw::kAll), "\\x1b[2J\\n");
}

TEST(Format, EscapesNamesUnlessAllIsRaw) {
  Message hostile = Whispered("");
  hostile.from = "a\nb";
  hostile.to = "c\td";
  EXPECT_EQ(Print("%f %t", hostile, Format::Raw::kBody), "a\\nb c\\td");
  EXPECT_EQ(Print("%f %t", hostile, Format::Raw::kAll), "a\nb c\td");
}

TEST(Format, MayGetAnEnding) {
  std::string out;
  Format::Parse("%s")->With(absl::string_view("\0", 1)).Append(Said("x"), Format::Raw::kBody, &out);
  EXPECT_EQ(out, std::string("x\0", 2));
}

TEST(Json, BringsEveryTextBack) {
  const absl::string_view kBodies[] = {
      "",
      " ",
      "tab\tnewline\nreturn\rquote\"backslash\\slash/",
      "h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80",
      "{\"body\":\"nested\"}",
      "\x01\x1b\x7f",
      "\xC2\x85\xE2\x80\xA8\xE2\x80\xAE",
      "\xff\xfe not UTF-8",
      {"NUL\0NUL", 7},
  };
  for (absl::string_view body : kBodies) {
    const std::string json = Print("%j", Whispered(body));
    const absl::StatusOr<ParsedMessage> parsed = ParseJson(json);
    ASSERT_TRUE(parsed.ok()) << json << ": " << parsed.status();
    EXPECT_EQ(parsed->body, body) << json;
    EXPECT_EQ(parsed->kind, "private");
    EXPECT_EQ(parsed->to, "bob");
  }
}

TEST(Json, IsOneLineAndSafeToShow) {
  const std::string json = Print("%j", Said("\n\x1b\xC2\x9B\xE2\x80\xAE\x7f"));
  for (const char* unsafe : {"\n", "\x1b", "\xC2\x9B", "\xE2\x80\xAE", "\x7f"}) {
    EXPECT_THAT(json, Not(HasSubstr(unsafe)));
  }
}

TEST(Json, SaysWhatIsNotUtf8InBase64) {
  const std::string json = Print("%j", Said("\xff"));
  EXPECT_THAT(json, HasSubstr("\"body_b64\":\"/w==\""));
  EXPECT_THAT(json, Not(HasSubstr("\"body\":")));
  EXPECT_THAT(json, Not(HasSubstr("\"to\"")));
}

TEST(Json, SaysWhereAFileIs) {
  Message message = Whispered("photo.png");
  message.kind = "file";
  message.path = "/in/photo.png";
  message.size = 51187;
  EXPECT_THAT(Print("%j", message),
              HasSubstr("\"kind\":\"file\",\"dialect\":\"chaton\",\"from\":\"ann\",\"to\":\"bob\","
                        "\"body\":\"photo.png\",\"path\":\"/in/photo.png\",\"size\":51187}"));
}

TEST(Json, ANoticeIsFromNobody) {
  Message message = Said("closing");
  message.kind = "notice";
  message.from = "";
  EXPECT_THAT(Print("%j", message),
              HasSubstr("\"kind\":\"notice\",\"dialect\":\"chaton\",\"body\":\"closing\"}"));
}

TEST(Json, TakesTheLeastThereIs) {
  const absl::StatusOr<ParsedMessage> parsed =
      ParseJson(" { \"body\" : \"x\", \"to\": null, \"other\": [1, 2] } ");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->kind, "public");
  EXPECT_EQ(parsed->to, "");
  EXPECT_EQ(parsed->body, "x");
}

TEST(Json, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"{\"body\":\"x\"", "not a JSON object"},
      {"{\"body\":\"x\"} {}", "not a JSON object"},
      {"{\"body\":\"\xff\"}", "not a JSON object"},
      {"{}", "either"},
      {"{\"body\":\"x\",\"body_b64\":\"eA==\"}", "either"},
      {"{\"body\":1}", "\"body\" is not a string"},
      {"{\"body\":\"x\",\"to\":1}", "\"to\" is not a string"},
      {"{\"body_b64\":\"*\"}", "not base64"},
  };
  for (const auto& [json, reason] : kCases) {
    const absl::StatusOr<ParsedMessage> parsed = ParseJson(json);
    ASSERT_FALSE(parsed.ok()) << json;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(reason)) << json;
  }
}

}  // namespace
}  // namespace chat::tools
