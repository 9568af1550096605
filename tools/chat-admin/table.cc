#include "tools/chat-admin/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "tools/common/escape.h"

namespace chat::tools {
namespace {

// JSON that is safe on a terminal as well: what is not ASCII is written as \uNNNN.
std::string Json(const Row& value, int indent = -1) {
  return value.dump(indent, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string Plain(const Row& value) {
  return value.is_string() ? value.get<std::string>() : Json(value);
}

// ---- Tables ----

struct Cell {
  std::string text;
  bool number = false;  // stands at the right of its column
};

// Columns that a terminal needs for `text`: its code points.
size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

std::vector<Cell> HeaderCells(const std::vector<std::string>& columns) {
  std::vector<Cell> cells;
  for (const std::string& column : columns) cells.push_back({absl::AsciiStrToUpper(column)});
  return cells;
}

std::vector<Cell> Cells(const Row& row) {
  std::vector<Cell> cells;
  for (const auto& [key, value] : row.items()) {
    const bool empty = value.is_string() && value.get_ref<const std::string&>().empty();
    cells.push_back({empty ? "-" : Escape(Plain(value)), value.is_number()});
  }
  return cells;
}

std::string TableLine(const std::vector<Cell>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const size_t width = Width(cells[i].text);
    const std::string padding(i < widths.size() && widths[i] > width ? widths[i] - width : 0, ' ');
    const bool last = i + 1 == cells.size();
    if (cells[i].number) {
      absl::StrAppend(&line, padding, cells[i].text);
    } else {
      absl::StrAppend(&line, cells[i].text, last ? "" : padding);
    }
    if (!last) line += "  ";
  }
  line += '\n';
  return line;
}

// A name stands over its numbers, at the right.
void AlignHeader(const std::vector<Cell>& row, std::vector<Cell>& header) {
  for (size_t i = 0; i < header.size(); ++i) header[i].number = row[i].number;
}

std::string Table(const std::vector<std::string>& columns, const std::vector<Row>& rows,
                  bool headers) {
  std::vector<std::vector<Cell>> lines;
  if (headers) lines.push_back(HeaderCells(columns));
  for (const Row& row : rows) lines.push_back(Cells(row));
  if (headers && !rows.empty()) AlignHeader(lines[1], lines[0]);

  std::vector<size_t> widths(columns.size());
  for (const std::vector<Cell>& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i].text));
  }
  std::string text;
  for (const std::vector<Cell>& line : lines) text += TableLine(line, widths);
  return text;
}

// ---- CSV ----

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string CsvLine(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) line += ',';
    line += CsvField(field);
  }
  line += '\n';
  return line;
}

std::string CsvRow(const Row& row) {
  std::vector<std::string> fields;
  for (const auto& [key, value] : row.items()) fields.push_back(Escape(Plain(value)));
  return CsvLine(fields);
}

// ---- One object ----

// A row with "key" and "value" for each value in `object`, however deep.
void Flatten(const std::string& prefix, const Row& object, std::vector<Row>& rows) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      Flatten(absl::StrCat(prefix, key, "."), value, rows);
    } else if (value.is_array()) {
      std::string words;
      for (const Row& word : value) absl::StrAppend(&words, words.empty() ? "" : " ", Plain(word));
      rows.push_back({{"key", prefix + key}, {"value", words}});
    } else {
      rows.push_back({{"key", prefix + key}, {"value", Plain(value)}});
    }
  }
}

}  // namespace

std::string RenderRows(const std::vector<std::string>& columns, const std::vector<Row>& rows,
                       OutputStyle style) {
  if (style.format == OutputFormat::kTable) return Table(columns, rows, style.headers);
  if (style.format == OutputFormat::kCsv) {
    std::string text = style.headers ? CsvLine(columns) : "";
    for (const Row& row : rows) text += CsvRow(row);
    return text;
  }
  if (rows.empty()) return "[]\n";
  std::string text = "[";
  for (const Row& row : rows) {
    absl::StrAppend(&text, &row == &rows.front() ? "\n  " : ",\n  ", Json(row));
  }
  text += "\n]\n";
  return text;
}

std::string RenderObject(const Row& object, OutputStyle style) {
  if (style.format == OutputFormat::kJson) return absl::StrCat(Json(object, 2), "\n");
  std::vector<Row> rows;
  Flatten("", object, rows);
  return RenderRows({"key", "value"}, rows, style);
}

std::string RenderHeader(const std::vector<std::string>& columns, const std::vector<size_t>& widths,
                         OutputStyle style) {
  if (!style.headers || style.format == OutputFormat::kJson) return "";
  if (style.format == OutputFormat::kCsv) return CsvLine(columns);
  return TableLine(HeaderCells(columns), widths);
}

std::string RenderRow(const Row& row, const std::vector<size_t>& widths, OutputStyle style) {
  if (style.format == OutputFormat::kJson) return absl::StrCat(Json(row), "\n");
  if (style.format == OutputFormat::kCsv) return CsvRow(row);
  std::vector<Cell> cells = Cells(row);
  for (Cell& cell : cells) cell.number = false;
  return TableLine(cells, widths);
}

}  // namespace chat::tools
