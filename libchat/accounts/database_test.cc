#include "libchat/accounts/database.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/accounts/testing.h"
#include "sqlite3.h"

namespace chat {
namespace {

using ::testing::ElementsAre;
using testing::FailingCalls;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestDirectory;

constexpr const char* kSchema[] = {
    "CREATE TABLE words (word TEXT PRIMARY KEY)",
    "ALTER TABLE words ADD COLUMN length INTEGER NOT NULL DEFAULT 0;"
    "UPDATE words SET length = length(word);",
    "CREATE TABLE numbers (number INTEGER PRIMARY KEY)",
};

// The first versions of it.
absl::Span<const char* const> Schema(size_t versions) { return {kSchema, versions}; }

std::vector<std::string> Read(Database& database, const char* sql) {
  std::vector<std::string> all;
  const absl::Status status = database.Run(
      sql, {}, [&](const Database::Row& row) { all.push_back(std::string(row.Text(0))); });
  EXPECT_TRUE(status.ok()) << status;
  return all;
}

absl::Status AddWord(Database& database, absl::string_view word) {
  return database.Run("INSERT INTO words (word) VALUES (?)", {word});
}

absl::Status ReadWords(Database& database, std::set<std::string>& words) {
  return database.Run("SELECT word FROM words", {},
                      [&](const Database::Row& row) { words.insert(std::string(row.Text(0))); });
}

class DatabaseTest : public ::testing::Test {
 protected:
  absl::StatusOr<Database> Open(size_t versions = 1) {
    return Database::Open(path_, Schema(versions));
  }
  // Must open.
  Database Opened(size_t versions = 1) {
    absl::StatusOr<Database> database = Open(versions);
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }

  const TestDirectory directory_;
  const std::string path_ = directory_.Path("test.sqlite3");
};

TEST_F(DatabaseTest, KeepsWhatItWasTold) {
  {
    Database database = Opened();
    EXPECT_TRUE(AddWord(database, "one").ok());
    EXPECT_EQ(database.changes(), 1);
  }
  Database database = Opened();
  EXPECT_THAT(Read(database, "SELECT word FROM words"), ElementsAre("one"));
}

TEST_F(DatabaseTest, BindsValuesAndReadsRows) {
  Database database = Opened();
  const absl::string_view odd("a\0'\";--\xc3\xa9", 8);
  int64_t number = 0;
  std::string text;
  ASSERT_TRUE(database
                  .Run("SELECT ?, ?", {int64_t{-7}, odd},
                       [&](const Database::Row& row) {
                         number = row.Number(0);
                         text = std::string(row.Text(1));
                       })
                  .ok());
  EXPECT_EQ(number, -7);
  EXPECT_EQ(text, odd);
}

TEST_F(DatabaseTest, IsDurable) {
  Database database = Opened();
  EXPECT_THAT(Read(database, "PRAGMA journal_mode"), ElementsAre("wal"));
  EXPECT_THAT(Read(database, "PRAGMA synchronous"), ElementsAre("2"));  // FULL
}

TEST_F(DatabaseTest, IsThisUsersAlone) {
  testing::WriteFile(path_, "");
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  Database database = Opened();
  ASSERT_TRUE(AddWord(database, "one").ok());
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat found;
    ASSERT_EQ(stat((path_ + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 07777, 0600u) << suffix;
  }
}

TEST_F(DatabaseTest, SaysWhatIsThereAlready) {
  Database database = Opened();
  ASSERT_TRUE(AddWord(database, "one").ok());
  EXPECT_EQ(AddWord(database, "one").code(), absl::StatusCode::kAlreadyExists);
}

// ---- Versions ----

TEST_F(DatabaseTest, MigratesWhatAnOlderProgramLeft) {
  {
    Database database = Opened(1);
    ASSERT_TRUE(AddWord(database, "three").ok());
  }
  {
    Database database = Opened(3);
    EXPECT_THAT(Read(database, "SELECT length FROM words WHERE word = 'three'"), ElementsAre("5"));
    EXPECT_TRUE(database.Run("INSERT INTO numbers VALUES (1)").ok());
    EXPECT_THAT(Read(database, "PRAGMA user_version"), ElementsAre("3"));
  }
  Database database = Opened(3);  // nothing is done twice
  EXPECT_THAT(Read(database, "SELECT number FROM numbers"), ElementsAre("1"));
}

TEST_F(DatabaseTest, MigratesAllOrNothing) {
  {
    Database database = Opened(1);
    ASSERT_TRUE(AddWord(database, "one").ok());
  }
  const char* const bad[] = {kSchema[0], kSchema[1], "CREATE NONSENSE"};
  const absl::StatusOr<Database> refused = Database::Open(path_, bad);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInternal) << refused.status();
  EXPECT_THAT(refused.status().message(), HasSubstr("NONSENSE"));

  Database database = Opened(1);
  EXPECT_THAT(Read(database, "PRAGMA user_version"), ElementsAre("1"));
  EXPECT_THAT(Read(database, "SELECT name FROM pragma_table_info('words')"), ElementsAre("word"));
  EXPECT_THAT(Read(database, "SELECT word FROM words"), ElementsAre("one"));
}

TEST_F(DatabaseTest, LeavesWhatANewerProgramMade) {
  {
    Database database = Opened(3);
    ASSERT_TRUE(AddWord(database, "one").ok());
  }
  const absl::StatusOr<Database> refused = Open(2);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("version 3"));
  EXPECT_THAT(refused.status().message(), HasSubstr(path_));
  Database database = Opened(3);
  EXPECT_THAT(Read(database, "SELECT word FROM words"), ElementsAre("one"));
}

// ---- Damage ----

TEST_F(DatabaseTest, SaysIfTheFileIsNoDatabase) {
  testing::WriteFile(path_, std::string(5000, 'x'));
  const absl::StatusOr<Database> refused = Open();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss) << refused.status();
  EXPECT_THAT(refused.status().message(), HasSubstr(path_));
}

TEST_F(DatabaseTest, SaysIfTheFileIsDamaged) {
  {
    Database database = Opened();
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(AddWord(database, absl::StrCat("a somewhat longer word, number ", i)).ok());
    }
  }
  std::string bytes = testing::ReadFile(path_);
  ASSERT_GT(bytes.size(), 5 * 4096u);
  for (size_t i = 2 * 4096; i < 3 * 4096; ++i) bytes[i] = '\x55';
  testing::WriteFile(path_, bytes);
  const absl::StatusOr<Database> refused = Open();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss) << refused.status();
  EXPECT_THAT(refused.status().message(), HasSubstr(path_));
}

TEST_F(DatabaseTest, SaysIfTheFileCannotBe) {
  for (const char* path : {"missing/test.sqlite3", "."}) {
    const absl::StatusOr<Database> refused = Database::Open(directory_.Path(path), Schema(1));
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied) << refused.status();
    EXPECT_THAT(refused.status().message(), HasSubstr(directory_.Path(path)));
  }
}

TEST_F(DatabaseTest, FollowsNoLink) {
  testing::WriteFile(directory_.Path("other"), "");
  ASSERT_EQ(symlink(directory_.Path("other").c_str(), path_.c_str()), 0);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kPermissionDenied);
}

// ---- Faults ----

struct Fault {
  const char* name;
  FailingCalls::Extent extent;
  int error;
};

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

class DatabaseFaultTest : public ::testing::TestWithParam<Fault> {};

// What a disk was told, and what it said.
struct Told {
  std::set<std::string> there;
  // The answer was an error. The call that failed may have been the last one, the fsync: then it
  // was written, and only a later write would have taken its place.
  std::set<std::string> failed;
};

// Adds a few words and removes the first; errors name the file.
Told AddAndRemove(Database& database, const std::string& path) {
  Told told;
  const auto failed = [&](const absl::Status& status, const std::string& word) {
    if (status.ok()) return false;
    EXPECT_THAT(status.message(), HasSubstr(path));
    EXPECT_NE(status.code(), absl::StatusCode::kAlreadyExists);
    told.failed.insert(word);
    return true;
  };
  for (int i = 0; i < 4; ++i) {
    const std::string word = absl::StrCat("word", i);
    if (!failed(AddWord(database, word), word)) told.there.insert(word);
  }
  if (!failed(database.Run("DELETE FROM words WHERE word = 'word0'"), "word0")) {
    told.there.erase("word0");
  }
  return told;
}

// Whichever call fails: what was said to be written is there afterwards, what was said not to be is
// not seen, and the file is whole.
TEST_P(DatabaseFaultTest, IsNeverWrongWhicheverCallFails) {
  int64_t n = 0;
  for (int64_t calls = 0; calls >= n;) {
    ++n;
    SCOPED_TRACE(absl::StrCat("call ", n));
    const TestDirectory directory;
    const std::string path = directory.Path("test.sqlite3");
    Told told;
    {
      const FailingCalls failing(n, GetParam().extent, GetParam().error);
      absl::StatusOr<Database> database = Database::Open(path, Schema(3));
      if (database.ok()) {
        told = AddAndRemove(*database, path);
        std::set<std::string> read;
        if (ReadWords(*database, read).ok()) {
          EXPECT_EQ(read, told.there);
        }
      } else {
        EXPECT_THAT(database.status().message(), HasSubstr(DirectoryOf(path)));
      }
      calls = failing.calls();
    }
    absl::StatusOr<Database> database = Database::Open(path, Schema(3));
    ASSERT_TRUE(database.ok()) << database.status();
    EXPECT_THAT(Read(*database, "PRAGMA integrity_check"), ElementsAre("ok"));
    std::set<std::string> words;
    ASSERT_TRUE(ReadWords(*database, words).ok());
    if (GetParam().extent == FailingCalls::Extent::kOn) {
      for (const std::string& word : told.failed) {
        words.erase(word);
        told.there.erase(word);
      }
    }
    EXPECT_EQ(words, told.there);
  }
  EXPECT_GT(n, 20);  // the last one had no call to fail
}

INSTANTIATE_TEST_SUITE_P(
    All, DatabaseFaultTest,
    ::testing::Values(Fault{"IoErrorOnce", FailingCalls::Extent::kOnce, EIO},
                      Fault{"IoErrorFromThenOn", FailingCalls::Extent::kOn, EIO},
                      Fault{"DiskFullOnce", FailingCalls::Extent::kOnce, ENOSPC},
                      Fault{"DiskFullFromThenOn", FailingCalls::Extent::kOn, ENOSPC},
                      Fault{"ReadOnlyFromThenOn", FailingCalls::Extent::kOn, EROFS}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chat
