// A file of SQLite's: what is said to be in it is on the disk.

#ifndef LIBCHAT_ACCOUNTS_DATABASE_H_
#define LIBCHAT_ACCOUNTS_DATABASE_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

struct sqlite3;
struct sqlite3_stmt;

namespace chat {

// Errors name the file: kResourceExhausted if the disk is full, kPermissionDenied if the file or
// its directory cannot be written, kDataLoss if it is damaged or no database, kAlreadyExists if a
// key is there already, else kInternal.
//
// A statement that has failed has changed nothing. Only where the disk failed at the very last (in
// fsync) and this program ends before it has written anything more, it may turn out to have been
// done: all of it.
//
// Thread safety: none.
class Database {
 public:
  using Value = std::variant<int64_t, absl::string_view>;

  // One row of a result. DIES WITH THE CALL IT WAS HANDED TO.
  class Row {
   public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
    int64_t Number(int column) const;
    absl::string_view Text(int column) const;

   private:
    sqlite3_stmt* const statement_;
  };

  // Opens the file, for this user alone (0600); creates it if it is missing, and checks it if not.
  //
  // `schema` is the history of its tables: step i (SQL statements) leads from version i to i + 1.
  // What is missing is done, all or nothing. FailedPrecondition if the file's version is newer than
  // all of them.
  static absl::StatusOr<Database> Open(const std::string& path,
                                       absl::Span<const char* const> schema);

  // Runs one statement, with `values` for its question marks. Returns when what it changed is on
  // the disk.
  absl::Status Run(
      const char* sql, std::initializer_list<Value> values = {},
      absl::FunctionRef<void(const Row&)> on_row = [](const Row&) {});

  // How many rows the last statement has changed.
  int64_t changes() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };

  explicit Database(const std::string& path) : path_(path) {}

  absl::Status Connect();
  absl::Status Migrate(absl::Span<const char* const> schema);
  absl::Status Apply(absl::Span<const char* const> schema);
  // Each of the statements in `sql`.
  absl::Status RunAll(const char* sql);
  absl::StatusOr<int64_t> Number(const char* sql);
  absl::StatusOr<std::string> Word(const char* sql);
  // Of the last call that has failed.
  absl::Status Error(int code) const;

  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace chat

#endif  // LIBCHAT_ACCOUNTS_DATABASE_H_
