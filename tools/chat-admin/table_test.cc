#include "tools/chat-admin/table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chat::tools {
namespace {

constexpr OutputStyle kTable{OutputFormat::kTable, true};
constexpr OutputStyle kJson{OutputFormat::kJson, true};
constexpr OutputStyle kCsv{OutputFormat::kCsv, true};

const std::vector<std::string> kColumns = {"name", "bytes", "ready"};

std::vector<Row> Rows() {
  return {{{"name", "ann"}, {"bytes", 7}, {"ready", true}},
          {{"name", "Zoë, \"x\"\n"}, {"bytes", 12345}, {"ready", false}}};
}

TEST(RenderRows, AlignsATable) {
  EXPECT_EQ(RenderRows(kColumns, Rows(), kTable),
            "NAME        BYTES  READY\n"
            "ann             7  true\n"
            "Zoë, \"x\"\\n  12345  false\n");
}

TEST(RenderRows, IsAJsonArrayWithARowALine) {
  EXPECT_EQ(RenderRows(kColumns, Rows(), kJson),
            "[\n"
            "  {\"name\":\"ann\",\"bytes\":7,\"ready\":true},\n"
            "  {\"name\":\"Zo\\u00eb, \\\"x\\\"\\n\",\"bytes\":12345,\"ready\":false}\n"
            "]\n");
}

TEST(RenderRows, QuotesCsv) {
  EXPECT_EQ(RenderRows(kColumns, Rows(), kCsv),
            "name,bytes,ready\n"
            "ann,7,true\n"
            "\"Zoë, \"\"x\"\"\\n\",12345,false\n");
}

TEST(RenderRows, LeavesHeadersOut) {
  const std::vector<Row> one = {{{"name", "a"}, {"bytes", 1}, {"ready", true}}};
  EXPECT_EQ(RenderRows(kColumns, one, {OutputFormat::kTable, false}), "a  1  true\n");
  EXPECT_EQ(RenderRows(kColumns, one, {OutputFormat::kCsv, false}), "a,1,true\n");
}

TEST(RenderRows, OfNothing) {
  EXPECT_EQ(RenderRows(kColumns, {}, kTable), "NAME  BYTES  READY\n");
  EXPECT_EQ(RenderRows(kColumns, {}, {OutputFormat::kTable, false}), "");
  EXPECT_EQ(RenderRows(kColumns, {}, kJson), "[]\n");
  EXPECT_EQ(RenderRows(kColumns, {}, kCsv), "name,bytes,ready\n");
}

TEST(RenderRows, DriveNoTerminal) {
  const std::vector<Row> rows = {{{"name", "\x1b[2J\u202e"}}};
  EXPECT_EQ(RenderRows({"name"}, rows, {OutputFormat::kTable, false}), "\\x1b[2J\\u202e\n");
  EXPECT_EQ(RenderRows({"name"}, rows, kJson), "[\n  {\"name\":\"\\u001b[2J\\u202e\"}\n]\n");
}

TEST(RenderObject, FlattensForPeople) {
  const Row object = {{"version", "1"},
                      {"listeners", {"a:1", "b:2"}},
                      {"users", {{"x", 3}, {"y", 4}}},
                      {"draining", false}};
  EXPECT_EQ(RenderObject(object, {OutputFormat::kTable, false}),
            "version    1\n"
            "listeners  a:1 b:2\n"
            "users.x    3\n"
            "users.y    4\n"
            "draining   false\n");
  EXPECT_EQ(RenderObject(object, kCsv),
            "key,value\nversion,1\nlisteners,a:1 b:2\nusers.x,3\nusers.y,4\ndraining,false\n");
  EXPECT_EQ(Row::parse(RenderObject(object, kJson)), object);
}

TEST(RenderRow, ComesOneAtATime) {
  const Row row = {{"time", "t"}, {"kind", "login"}, {"number", 3}, {"detail", ""}};
  EXPECT_EQ(RenderHeader({"time", "kind", "number", "detail"}, {3, 7, 6}, kTable),
            "TIME  KIND     NUMBER  DETAIL\n");
  EXPECT_EQ(RenderRow(row, {3, 7, 6}, kTable), "t    login    3       -\n");
  EXPECT_EQ(RenderHeader({"time"}, {}, kCsv), "time\n");
  EXPECT_EQ(RenderRow(row, {}, kCsv), "t,login,3,\n");
  EXPECT_EQ(RenderHeader({"time"}, {}, kJson), "");
  EXPECT_EQ(RenderRow(row, {}, kJson),
            "{\"time\":\"t\",\"kind\":\"login\",\"number\":3,\"detail\":\"\"}\n");
}

}  // namespace
}  // namespace chat::tools
