// Rows of values, as a person or a program wants to read them.

#ifndef TOOLS_CHAT_ADMIN_TABLE_H_
#define TOOLS_CHAT_ADMIN_TABLE_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace chat::tools {

enum class OutputFormat { kTable, kJson, kCsv };

struct OutputStyle {
  OutputFormat format = OutputFormat::kTable;
  bool headers = true;  // of tables and CSV
};

// A JSON object; its keys, in this order, are the columns. Values are strings, numbers, booleans.
using Row = nlohmann::ordered_json;

// All of `rows`, each with the same keys, which are `columns`:
//   table   aligned columns below a line of their names; escaped, safe on a terminal
//   JSON    one array with an object a line; [] if there are none
//   CSV     as RFC 4180 has it, with lines ended by \n; values are escaped as in a table
std::string RenderRows(const std::vector<std::string>& columns, const std::vector<Row>& rows,
                       OutputStyle style);

// One object, whose values may be objects and arrays of strings as well:
//   table   a line a value: "users_by_dialect.chaton  3"
//   JSON    the object, indented
//   CSV     the columns "key" and "value"
std::string RenderObject(const Row& object, OutputStyle style);

// For rows that come one at a time: the line of the column names, empty for JSON, and the line of
// one row. A table's columns are as wide as in `widths`, or as the value is.
std::string RenderHeader(const std::vector<std::string>& columns, const std::vector<size_t>& widths,
                         OutputStyle style);
std::string RenderRow(const Row& row, const std::vector<size_t>& widths, OutputStyle style);

}  // namespace chat::tools

#endif  // TOOLS_CHAT_ADMIN_TABLE_H_
