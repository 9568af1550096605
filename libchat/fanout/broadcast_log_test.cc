#include "libchat/fanout/broadcast_log.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"

namespace chat::fanout {
namespace {

void Say(BroadcastLog& log, absl::string_view message) {
  const absl::Span<char> room = log.Reserve(message.size());
  ASSERT_EQ(room.size(), message.size());
  std::memcpy(room.data(), message.data(), message.size());
  log.Commit(message.size());
}

// Takes what lies before `head`, and moves `position` there.
std::string ReadTo(LogPosition& position, uint64_t head) {
  std::string bytes;
  while (position.offset < head) {
    const uint64_t end = std::min(position.chunk->end(), head);
    if (position.offset == end) {
      position.chunk = ChunkRef(position.chunk->next());
      continue;
    }
    absl::StrAppend(&bytes, position.chunk->bytes(position.offset, end));
    position.offset = end;
  }
  return bytes;
}

TEST(BroadcastLogTest, StartsEmpty) {
  BroadcastLog log;
  EXPECT_EQ(log.head(), 0u);
  EXPECT_EQ(log.end().offset, 0u);
  EXPECT_EQ(log.bytes_held(), sizeof(Chunk));
}

TEST(BroadcastLogTest, CommitPublishesWhatWasWritten) {
  BroadcastLog log;
  LogPosition reader = log.end();
  const absl::Span<char> room = log.Reserve(100);
  EXPECT_EQ(room.size(), 100u);
  std::memcpy(room.data(), "hello", 5);
  EXPECT_EQ(log.head(), 0u);
  log.Commit(5);
  EXPECT_EQ(log.head(), 5u);
  EXPECT_EQ(ReadTo(reader, log.head()), "hello");
}

TEST(BroadcastLogTest, ReserveWithoutCommitSaysNothing) {
  BroadcastLog log;
  LogPosition reader = log.end();
  Say(log, std::string(Chunk::kBytes - 1, 'a'));
  log.Reserve(100);  // in a new chunk
  log.Commit(0);
  EXPECT_EQ(log.head(), Chunk::kBytes - 1);
  Say(log, "b");
  EXPECT_EQ(ReadTo(reader, log.head()), std::string(Chunk::kBytes - 1, 'a') + "b");
}

TEST(BroadcastLogTest, PositionsRunOnAcrossChunks) {
  BroadcastLog log;
  LogPosition reader = log.end();
  std::string said;
  for (int i = 0; said.size() < 5 * Chunk::kBytes; ++i) {
    const std::string message(1000 + i % 7, static_cast<char>('a' + i % 26));
    Say(log, message);
    said += message;
    EXPECT_EQ(log.head(), said.size());
    EXPECT_EQ(log.end().offset, said.size());
  }
  EXPECT_EQ(ReadTo(reader, log.head()), said);
}

TEST(BroadcastLogTest, MessageThatJustFitsStaysInItsChunk) {
  BroadcastLog log;
  Say(log, std::string(Chunk::kBytes - 100, 'a'));
  const ChunkRef first = log.end().chunk;
  Say(log, std::string(100, 'b'));
  EXPECT_EQ(log.end().chunk.get(), first.get());
  EXPECT_EQ(first->end(), Chunk::kBytes);
}

TEST(BroadcastLogTest, MessageNeverStraddlesChunks) {
  BroadcastLog log;
  Say(log, std::string(Chunk::kBytes - 100, 'a'));
  const ChunkRef first = log.end().chunk;
  Say(log, std::string(101, 'b'));
  EXPECT_EQ(first->end(), Chunk::kBytes - 100);
  const Chunk* second = log.end().chunk.get();
  EXPECT_EQ(first->next(), second);
  EXPECT_EQ(second->base(), first->end());
  EXPECT_EQ(second->bytes(second->base(), second->end()), std::string(101, 'b'));
}

TEST(BroadcastLogTest, MessageMayFillAChunk) {
  BroadcastLog log;
  LogPosition reader = log.end();
  Say(log, "a");
  Say(log, std::string(Chunk::kBytes, 'b'));
  Say(log, "c");
  EXPECT_EQ(ReadTo(reader, log.head()), "a" + std::string(Chunk::kBytes, 'b') + "c");
}

TEST(BroadcastLogTest, ChunksThatNobodyStandsInFreeThemselves) {
  BroadcastLog log;
  for (int i = 0; i < 10; ++i) Say(log, std::string(Chunk::kBytes, 'a'));
  EXPECT_EQ(log.bytes_held(), sizeof(Chunk));

  LogPosition slow = log.end();
  for (int i = 0; i < 4; ++i) Say(log, std::string(Chunk::kBytes, 'a'));
  LogPosition quick = log.end();
  for (int i = 0; i < 3; ++i) Say(log, std::string(Chunk::kBytes, 'a'));
  EXPECT_EQ(log.bytes_held(), 8 * sizeof(Chunk));

  slow = LogPosition();
  EXPECT_EQ(log.bytes_held(), 4 * sizeof(Chunk));
  ReadTo(quick, log.head());
  EXPECT_EQ(log.bytes_held(), sizeof(Chunk));
}

TEST(BroadcastLogTest, PositionOutlivesTheLog) {
  auto log = std::make_unique<BroadcastLog>();
  LogPosition reader = log->end();
  const std::string said(Chunk::kBytes, 'a');
  Say(*log, said);
  Say(*log, "b");
  const uint64_t head = log->head();
  log.reset();
  EXPECT_EQ(ReadTo(reader, head), said + "b");
}

TEST(BroadcastLogTest, RefsCount) {
  BroadcastLog log;
  ChunkRef a = log.end().chunk;
  ChunkRef b = a;
  ChunkRef c = std::move(a);
  EXPECT_FALSE(a);  // NOLINT: what a moved-from reference is, is promised
  EXPECT_EQ(b.get(), c.get());
  b = *&b;
  b = std::move(c);
  Say(log, std::string(Chunk::kBytes, 'a'));
  Say(log, std::string(Chunk::kBytes, 'a'));
  EXPECT_EQ(log.bytes_held(), 2 * sizeof(Chunk));
  b = ChunkRef();
  EXPECT_EQ(log.bytes_held(), sizeof(Chunk));
}

void* Release(void* position) {
  *static_cast<LogPosition*>(position) = LogPosition();
  return nullptr;
}

// On a stack on which a call a chunk does not fit.
TEST(BroadcastLogTest, LongChainIsFreedIteratively) {
  constexpr int kChunks = 8000;
  BroadcastLog log;
  LogPosition laggard = log.end();
  for (int i = 0; i < kChunks; ++i) {
    log.Reserve(Chunk::kBytes);
    log.Commit(Chunk::kBytes);
  }
  EXPECT_EQ(log.bytes_held(), kChunks * sizeof(Chunk));

  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 64 * 1024), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, Release, &laggard), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  ASSERT_EQ(pthread_attr_destroy(&attributes), 0);
  EXPECT_EQ(log.bytes_held(), sizeof(Chunk));
}

// Number i, as a line whose length varies with i.
std::string Line(int i) { return absl::StrCat(i, ":", std::string(i * 37 % 900, 'x'), "\n"); }

// Readers that come while the log grows see every line from where they came, none of it torn; and
// nothing of it is held in the end.
TEST(BroadcastLogTest, ReadersWhileItGrows) {
  constexpr int kLines = 2000;
  constexpr int kReaders = 3;
  struct {
    absl::Mutex mu;  // the appender's
    BroadcastLog log;
    int said ABSL_GUARDED_BY(mu) = 0;
  } shared;
  std::vector<std::string> errors(kReaders);

  auto read = [&](int reader) {
    for (int next = 0; next < kLines;) {
      LogPosition position;
      {
        absl::MutexLock lock(&shared.mu);
        position = shared.log.end();
        next = shared.said;
      }
      // Follows for a while, then comes anew.
      const int until = std::min(kLines, next + 300 + 100 * reader);
      while (next < until) {
        {
          absl::MutexLock lock(&shared.mu);
          const auto grown = [&] { return shared.said > next; };
          shared.mu.Await(absl::Condition(&grown));
        }
        // Meanwhile it grows on, and no lock is between them.
        for (uint64_t head = 0; (head = shared.log.head()) > position.offset;) {
          const std::string read = ReadTo(position, head);
          for (absl::string_view rest = read; !rest.empty(); ++next) {
            if (!absl::ConsumePrefix(&rest, Line(next))) {
              errors[reader] = absl::StrCat("at ", next, ": ", rest.substr(0, 80));
              return;
            }
          }
        }
      }
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back(read, i);
  for (int i = 0; i < kLines; ++i) {
    absl::MutexLock lock(&shared.mu);
    Say(shared.log, Line(i));
    ++shared.said;
  }
  for (std::thread& reader : readers) reader.join();
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  EXPECT_EQ(shared.log.bytes_held(), sizeof(Chunk));
}

}  // namespace
}  // namespace chat::fanout
