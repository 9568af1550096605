#include "libchat/accounts/database.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "sqlite3.h"

namespace chat {
namespace {

// How long it waits for others that look into the file (an operator's sqlite3).
constexpr int kBusyMilliseconds = 5000;

absl::StatusCode CodeOf(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CONSTRAINT:
      return absl::StatusCode::kAlreadyExists;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status Errno(const std::string& path) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return absl::Status(
      full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kPermissionDenied,
      absl::StrCat(path, ": ", strerror(errno)));
}

absl::Status SyncDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory =
      slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Errno(directory);
  const absl::Cleanup close_it = [fd] { close(fd); };
  return fsync(fd) == 0 ? absl::OkStatus() : Errno(directory);
}

// SQLite gives its other files (-wal, -shm) the mode of this one.
absl::Status MakeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd < 0) return Errno(path);
  const absl::Cleanup close_it = [fd] { close(fd); };
  struct stat found;
  if (fstat(fd, &found) != 0) return Errno(path);
  if (!S_ISREG(found.st_mode)) {
    return absl::PermissionDeniedError(absl::StrCat(path, " is no regular file"));
  }
  if ((found.st_mode & 07777) != 0600 && fchmod(fd, 0600) != 0) return Errno(path);
  return SyncDirectory(path);
}

}  // namespace

int64_t Database::Row::Number(int column) const { return sqlite3_column_int64(statement_, column); }

absl::string_view Database::Row::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

absl::StatusOr<Database> Database::Open(const std::string& path,
                                        absl::Span<const char* const> schema) {
  if (absl::Status status = MakeFile(path); !status.ok()) return status;
  Database database(path);
  if (absl::Status status = database.Connect(); !status.ok()) return status;
  if (absl::Status status = database.Migrate(schema); !status.ok()) return status;
  return database;
}

absl::Status Database::Connect() {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) return Error(code);
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyMilliseconds);
  const absl::StatusOr<std::string> mode = Word("PRAGMA journal_mode = WAL");
  if (!mode.ok()) return mode.status();
  if (*mode != "wal") {
    return absl::InternalError(absl::StrCat(path_, ": cannot keep a write-ahead log"));
  }
  // What is removed is overwritten, and nothing is written anywhere else.
  if (absl::Status status = RunAll("PRAGMA synchronous = FULL;"
                                   "PRAGMA secure_delete = ON;"
                                   "PRAGMA temp_store = MEMORY;"
                                   "PRAGMA trusted_schema = OFF;"
                                   "PRAGMA cell_size_check = ON;");
      !status.ok()) {
    return status;
  }
  const absl::StatusOr<std::string> check = Word("PRAGMA quick_check(1)");
  if (!check.ok()) return check.status();
  if (*check == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path_, " is damaged: ", *check));
}

absl::Status Database::Migrate(absl::Span<const char* const> schema) {
  if (absl::Status status = RunAll("BEGIN IMMEDIATE"); !status.ok()) return status;
  absl::Status status = Apply(schema);
  if (status.ok()) status = RunAll("COMMIT");
  // Some errors have ended the transaction already.
  if (!status.ok() && sqlite3_get_autocommit(db_.get()) == 0) RunAll("ROLLBACK").IgnoreError();
  return status;
}

absl::Status Database::Apply(absl::Span<const char* const> schema) {
  const absl::StatusOr<int64_t> version = Number("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const int64_t newest = static_cast<int64_t>(schema.size());
  if (*version < 0 || *version > newest) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " has version ", *version, " of its tables, and this program knows ",
                     "them up to version ", newest, ": a newer one has made it"));
  }
  for (int64_t i = *version; i < newest; ++i) {
    if (absl::Status status = RunAll(schema[static_cast<size_t>(i)]); !status.ok()) return status;
  }
  if (*version == newest) return absl::OkStatus();
  return RunAll(absl::StrCat("PRAGMA user_version = ", newest).c_str());
}

absl::Status Database::Run(const char* sql, std::initializer_list<Value> values,
                           absl::FunctionRef<void(const Row&)> on_row) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(db_.get(), sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) return Error(code);
  const absl::Cleanup finalize = [statement] { sqlite3_finalize(statement); };
  int index = 0;
  for (const Value& value : values) {
    ++index;
    if (const int64_t* number = std::get_if<int64_t>(&value)) {
      code = sqlite3_bind_int64(statement, index, *number);
    } else {
      const absl::string_view text = std::get<absl::string_view>(value);
      code = sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
    }
    if (code != SQLITE_OK) return Error(code);
  }
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) on_row(Row(statement));
  return code == SQLITE_DONE ? absl::OkStatus() : Error(code);
}

int64_t Database::changes() const { return sqlite3_changes64(db_.get()); }

absl::Status Database::RunAll(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::StatusOr<int64_t> Database::Number(const char* sql) {
  int64_t number = 0;
  const absl::Status status = Run(sql, {}, [&](const Row& row) { number = row.Number(0); });
  if (!status.ok()) return status;
  return number;
}

absl::StatusOr<std::string> Database::Word(const char* sql) {
  std::string word;
  const absl::Status status =
      Run(sql, {}, [&](const Row& row) { word = std::string(row.Text(0)); });
  if (!status.ok()) return status;
  return word;
}

absl::Status Database::Error(int code) const {
  const char* what = db_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db_.get());
  return absl::Status(CodeOf(code), absl::StrCat(path_, ": ", what));
}

}  // namespace chat
