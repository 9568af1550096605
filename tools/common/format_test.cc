#include "tools/common/format.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

TEST(Format, PrintsAMomentInFull) {
  for (const auto& [milliseconds, iso] :
       std::vector<std::pair<int64_t, const char*>>{{0, "1970-01-01T00:00:00.000Z"},
                                                    {1, "1970-01-01T00:00:00.001Z"},
                                                    {951782399999, "2000-02-28T23:59:59.999Z"},
                                                    {951782400000, "2000-02-29T00:00:00.000Z"},
                                                    {1735689600090, "2025-01-01T00:00:00.090Z"}}) {
    std::string printed;
    Moment(absl::FromUnixMillis(milliseconds)).AppendIso(&printed);
    EXPECT_EQ(printed, iso);
  }
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
    EXPECT_EQ(parsed->kind, ParsedMessage::Kind::kPrivate);
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
      ParseJson(" { \"body\" : \"x\", \"kind\": null, \"other\": [1, 2] } ");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->kind, ParsedMessage::Kind::kPublic);
  EXPECT_EQ(parsed->to, "");
  EXPECT_EQ(parsed->body, "x");
}

std::string Explained(absl::string_view json) {
  using Kind = ParsedMessage::Kind;
  const absl::StatusOr<ParsedMessage> parsed = ParseJson(json);
  if (!parsed.ok()) return std::string(parsed.status().message());
  if (parsed->kind == Kind::kSkipped) return "skipped";
  if (parsed->kind == Kind::kPublic) return absl::StrCat("to all: ", parsed->body);
  return absl::StrCat("to ", parsed->to, ": ", parsed->body);
}

TEST(Json, WhatIsMeantForOneNeverGoesToAll) {
  EXPECT_EQ(Explained(R"({"to":"bob","body":"x"})"), "to bob: x");
  EXPECT_EQ(Explained(R"({"kind":null,"to":"bob","body":"x"})"), "to bob: x");
  EXPECT_EQ(Explained(R"({"kind":"private","to":"bob","body":"x"})"), "to bob: x");
  EXPECT_EQ(Explained(R"({"kind":"public","to":null,"body":"x"})"), "to all: x");
  EXPECT_EQ(Explained(R"({"to":null,"body":"x"})"),
            "\"to\" is null, and \"kind\" does not say public");
  EXPECT_EQ(Explained(R"({"kind":null,"to":null,"body":"x"})"),
            "\"to\" is null, and \"kind\" does not say public");
  EXPECT_EQ(Explained(R"({"kind":"public","to":"bob","body":"x"})"), "public, but with \"to\"");
  EXPECT_EQ(Explained(R"({"kind":"public","to":"","body":"x"})"), "public, but with \"to\"");
  EXPECT_EQ(Explained(R"({"kind":"private","body":"x"})"), "private, but without \"to\"");
  EXPECT_EQ(Explained(R"({"kind":"private","to":null,"body":"x"})"), "private, but without \"to\"");
  EXPECT_EQ(Explained(R"({"to":"","body":"x"})"), "\"to\" is empty");
  EXPECT_EQ(Explained(R"({"kind":"private","to":"","body":"x"})"), "\"to\" is empty");
}

TEST(Json, KnowsWhatItSkipsAndNothingElse) {
  for (const char* kind : {"file", "tunnel_request", "notice"}) {
    EXPECT_EQ(Explained(absl::StrCat(R"({"v":1,"kind":")", kind, R"(","to":"bob","size":1})")),
              "skipped");
  }
  EXPECT_EQ(Explained(R"({"kind":"Private","to":"bob","body":"x"})"),
            "\"kind\" is \"Private\", and neither public nor private");
  EXPECT_EQ(Explained(R"({"kind":"","body":"x"})"),
            "\"kind\" is \"\", and neither public nor private");
  EXPECT_EQ(Explained(R"({"v":2,"kind":"file"})"), "\"v\" is 2, and only version 1 is known");
  EXPECT_EQ(Explained(R"({"v":1.0,"body":"x"})"), "to all: x");
}

TEST(Json, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "not JSON: it ends too early"},
      {"[]", "not a JSON object"},
      {"{\"body\":\"x\"", "not JSON: it ends too early"},
      {"{\"body\":\"x\"} {}", "not JSON: \"{\" at byte 14"},
      {"{\"body\":\"\xff\"}", "not JSON: not UTF-8 at byte 10"},
      {"{}", "an object has either \"body\" or \"body_b64\""},
      {"{\"body\":\"x\",\"body_b64\":\"eA==\"}", "an object has either"},
      {"{\"body\":1}", "\"body\" is not a string"},
      {"{\"body\":\"x\",\"to\":1}", "\"to\" is not a string"},
      {"{\"kind\":[],\"body\":\"x\"}", "\"kind\" is not a string"},
      {"{\"v\":\"1\",\"body\":\"x\"}", "\"v\" is not a number"},
      {"{\"body_b64\":\"*\"}", "\"body_b64\" is not base64"},
  };
  for (const auto& [json, reason] : kCases)
    EXPECT_THAT(Explained(json), StartsWith(reason)) << json;
}

}  // namespace
}  // namespace chat::tools
