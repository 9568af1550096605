#include "tools/common/json_record.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

// The error, or what was read.
std::string Read(absl::string_view text) {
  JsonRecord record;
  const absl::Status status = ReadJsonRecord(text, &record);
  if (!status.ok()) return std::string(status.message());
  std::string read;
  if (record.v.has_value()) absl::StrAppend(&read, "v=", *record.v, ";");
  if (record.kind.has_value()) absl::StrAppend(&read, "kind=", *record.kind, ";");
  if (record.to.has_value()) absl::StrAppend(&read, "to=", *record.to, ";");
  if (record.body.has_value()) absl::StrAppend(&read, "body=", *record.body, ";");
  if (record.body_b64.has_value()) absl::StrAppend(&read, "body_b64=", *record.body_b64, ";");
  return read;
}

TEST(JsonRecord, TakesTheFieldsThatMatter) {
  EXPECT_EQ(Read("{}"), "");
  EXPECT_EQ(Read(" { } \r\n"), "");
  EXPECT_EQ(Read(R"({"v":1,"kind":"k","to":"t","body":"b","body_b64":"YQ=="})"),
            "v=1;kind=k;to=t;body=b;body_b64=YQ==;");
  EXPECT_EQ(Read("\xEF\xBB\xBF{\"body\":\"x\"}"), "body=x;");
  EXPECT_EQ(Read(R"({"body":null,"to":null,"v":null})"), "");
  EXPECT_EQ(Read(R"({ "bod\u0079" : "x" , "Body" : "y" })"), "body=x;");
}

TEST(JsonRecord, LeavesWhatOtherFieldsHoldAlone) {
  for (absl::string_view other :
       {"1e999", "-1E+999", "0", "-0.5e-3", "123456789012345678901234567890", R"("\udc00")",
        R"("\ud800 \ud800\u0041")", "true", "false", "null", "[]", "{}", R"([1,[2,{"body":"no"}]])",
        R"({"to":"no","x":[ ]})", R"("\"\\\/\b\f\n\r\t")"}) {
    EXPECT_EQ(Read(absl::StrCat(R"({"n":)", other, R"(,"body":"y"})")), "body=y;") << other;
    EXPECT_EQ(Read(absl::StrCat(R"({"body":"y", "n" : )", other, " }")), "body=y;") << other;
  }
  EXPECT_EQ(Read(R"({"\udc00":1,"body":"y"})"), "body=y;");
}

TEST(JsonRecord, TakesAnyDepth) {
  const std::string deep(200000, '[');
  EXPECT_EQ(Read(absl::StrCat(R"({"n":)", deep, std::string(200000, ']'), R"(,"body":"y"})")),
            "body=y;");
  EXPECT_EQ(Read(absl::StrCat(R"({"n":)", deep)), "not JSON: it ends too early");
}

TEST(JsonRecord, KnowsEveryEscape) {
  EXPECT_EQ(Read(R"({"body":"\"\\\/\b\f\n\r\t"})"), "body=\"\\/\b\f\n\r\t;");
  EXPECT_EQ(Read(R"({"body":"\u0041\u00e9\u20AC\ud83d\ude00"})"),
            "body=A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80;");
  EXPECT_EQ(Read(R"({"body":"a\u0000b"})"),
            absl::StrCat("body=a", absl::string_view("\0", 1), "b;"));
  for (const char* half :
       {R"(\udc00)", R"(\ud800)", R"(\ud800x)", R"(\ud800\n)", R"(\ud800\u0041)"}) {
    EXPECT_EQ(Read(absl::StrCat(R"({"body":")", half, R"("})")),
              "\"body\" has half a surrogate pair in it")
        << half;
  }
}

TEST(JsonRecord, SaysWhereATextIsNoJson) {
  for (absl::string_view bad : {"{\"n\":01}",
                                "{\"n\":.5}",
                                "{\"n\":1.}",
                                "{\"n\":1e}",
                                "{\"n\":+1}",
                                "{\"n\":-}",
                                "{\"n\":tru}",
                                "{\"n\":nul}",
                                "{\"n\":\"\\x\"}",
                                "{\"n\":\"\\u12g4\"}",
                                "{\"n\":\"a\tb\"}",
                                "{\"n\":[1,]}",
                                "{\"n\":[1 2]}",
                                "{\"n\":{\"a\"}}",
                                "{\"n\":{\"a\":1,}}",
                                "{\"n\":{1:2}}",
                                "{\"n\":[}",
                                "{\"n\":[1}}",
                                "{\"n\" 1}",
                                "{n:1}",
                                "{'n':1}",
                                "{\"n\":1,}",
                                "{,}",
                                "{\"n\":1}x",
                                "{\"n\":NaN}",
                                "x",
                                "[1",
                                "{",
                                "{\"",
                                "{\"n",
                                "{\"n\"",
                                "{\"n\":",
                                "{\"n\":\"\\",
                                "{\"n\":1",
                                "\"\\u00"}) {
    EXPECT_EQ(Read(bad).rfind("not JSON: ", 0), 0) << bad << ": " << Read(bad);
  }
  EXPECT_EQ(Read("{\"n\":tru}"), "not JSON: \"}\" at byte 9");
  EXPECT_EQ(Read("{\"body\":\"\xC3\xA9\" \xE2\x82\xAC}"), "not JSON: \"\xE2\x82\xAC\" at byte 14");
  EXPECT_EQ(Read("1"), "not a JSON object");
}

TEST(JsonRecord, TakesNoFieldTwice) {
  EXPECT_EQ(Read(R"({"to":"bob","to":null,"body":"x"})"), "\"to\" stands there twice");
  EXPECT_EQ(Read(R"({"v":1,"\u0076":2})"), "\"v\" stands there twice");
}

}  // namespace
}  // namespace chat::tools
