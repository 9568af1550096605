#include "libchat/fanout/outbox.h"

#include <malloc.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "libchat/fanout/broadcast_log.h"

// Counts what the process has on its heap, to see what an outbox owns. (Inlined, GCC would take
// malloc and delete for a mismatch.)
static std::atomic<int64_t> blocks_on_heap = 0;
static std::atomic<size_t> bytes_on_heap = 0;

ABSL_ATTRIBUTE_NOINLINE void* operator new(size_t size) {
  void* block = std::malloc(size);
  if (block == nullptr) std::abort();
  ++blocks_on_heap;
  bytes_on_heap += ::malloc_usable_size(block);
  return block;
}
ABSL_ATTRIBUTE_NOINLINE void operator delete(void* block) noexcept {
  if (block != nullptr) --blocks_on_heap;
  bytes_on_heap -= ::malloc_usable_size(block);
  std::free(block);
}
ABSL_ATTRIBUTE_NOINLINE void operator delete(void* block, size_t) noexcept {
  operator delete(block);
}

namespace chat::fanout {
namespace {

constexpr size_t kAnyBytes = std::numeric_limits<size_t>::max();

// A log, and what it holds.
class OutboxTest : public ::testing::Test {
 protected:
  void Say(absl::string_view message) {
    const absl::Span<char> room = log_.Reserve(message.size());
    std::memcpy(room.data(), message.data(), message.size());
    log_.Commit(message.size());
  }
  // One who leaves its own messages out says something.
  void SayOwn(Outbox& outbox, absl::string_view message) {
    const uint64_t begin = log_.head();
    Say(message);
    outbox.Skip(begin, log_.head());
  }
  // An outbox that follows from here on.
  Outbox Follower() {
    Outbox outbox;
    outbox.Follow(log_.end());
    return outbox;
  }

  std::string Due(const Outbox& outbox, size_t max_bytes = kAnyBytes, size_t pieces = 64) const {
    return DueAt(log_.head(), outbox, max_bytes, pieces);
  }
  std::string DueAt(uint64_t head, const Outbox& outbox, size_t max_bytes = kAnyBytes,
                    size_t pieces = 64) const {
    std::vector<iovec> out(pieces);
    const size_t count = outbox.Gather(head, max_bytes, absl::MakeSpan(out));
    EXPECT_LE(count, pieces);
    EXPECT_EQ(outbox.HasData(head), outbox.Gather(head, kAnyBytes, absl::MakeSpan(out)) != 0);
    outbox.Gather(head, max_bytes, absl::MakeSpan(out));
    std::string bytes;
    for (size_t i = 0; i < count; ++i) {
      EXPECT_NE(out[i].iov_len, 0u);
      bytes.append(static_cast<const char*>(out[i].iov_base), out[i].iov_len);
    }
    return bytes;
  }
  size_t Pieces(const Outbox& outbox, size_t max_bytes) const {
    iovec out[64];
    return outbox.Gather(log_.head(), max_bytes, absl::MakeSpan(out));
  }

  BroadcastLog log_;
};

// ---- Without a log ----

TEST_F(OutboxTest, IsEmptyAtFirst) {
  Outbox outbox;
  EXPECT_FALSE(outbox.following());
  EXPECT_FALSE(outbox.HasData(0));
  EXPECT_EQ(outbox.lag(0), 0u);
  EXPECT_EQ(outbox.own_bytes(), 0u);
  EXPECT_EQ(Due(outbox), "");
}

TEST_F(OutboxTest, OwnBytesInOrder) {
  Say("not followed");
  Outbox outbox;
  outbox.Append("one ", 7);
  outbox.Append("", 7);
  outbox.Append("two", 3);
  EXPECT_EQ(outbox.own_bytes(), 7u);
  EXPECT_EQ(Due(outbox), "one two");
  outbox.Consume(2);
  EXPECT_EQ(outbox.own_bytes(), 5u);
  outbox.Append(" three", 0);
  EXPECT_EQ(Due(outbox), "e two three");
  outbox.Consume(11);
  EXPECT_EQ(Due(outbox), "");
  EXPECT_EQ(outbox.own_bytes(), 0u);
  EXPECT_EQ(outbox.lag(log_.head()), 0u);
}

TEST_F(OutboxTest, SkipAndUnfollowWithoutALogDoNothing) {
  Outbox outbox;
  outbox.Append("one", 0);
  outbox.Skip(0, 10);
  outbox.Unfollow(0);
  EXPECT_EQ(Due(outbox), "one");
}

// ---- With a log ----

TEST_F(OutboxTest, FollowsFromWhereItCame) {
  Say("before ");
  Outbox outbox = Follower();
  EXPECT_FALSE(outbox.HasData(log_.head()));
  Say("one ");
  Say("two");
  EXPECT_EQ(outbox.lag(log_.head()), 7u);
  EXPECT_EQ(Due(outbox), "one two");
  outbox.Consume(7);
  EXPECT_EQ(outbox.lag(log_.head()), 0u);
  EXPECT_FALSE(outbox.HasData(log_.head()));
}

TEST_F(OutboxTest, WhatWasAppendedBeforeComesBeforeTheLog) {
  Outbox outbox;
  outbox.Append("refused ", 0);
  outbox.Append("accepted ", 0);
  outbox.Consume(3);
  Say("before");
  outbox.Follow(log_.end());
  Say("public");
  EXPECT_EQ(Due(outbox), "used accepted public");
}

TEST_F(OutboxTest, OwnBytesComeOnceTheLogUpToTheirPositionIs) {
  Outbox outbox = Follower();
  Say("one ");
  const uint64_t after_one = log_.head();
  Say("two ");
  outbox.Append("own1 ", after_one);
  outbox.Append("own2 ", after_one);
  outbox.Append("own3 ", log_.head());
  Say("three");
  EXPECT_EQ(Due(outbox), "one own1 own2 two own3 three");
  EXPECT_EQ(outbox.own_bytes(), 15u);
}

TEST_F(OutboxTest, OwnBytesStayInTheOrderOfTheCalls) {
  Outbox outbox = Follower();
  Say("one ");
  outbox.Append("later ", log_.head());
  outbox.Append("earlier ", 0);
  Say("two");
  EXPECT_EQ(Due(outbox), "one later earlier two");
}

TEST_F(OutboxTest, OwnBytesForAPlaceThatIsPassedComeAtOnce) {
  Outbox outbox = Follower();
  Say("one two");
  outbox.Consume(4);
  outbox.Append("own ", 1);
  EXPECT_EQ(Due(outbox), "own two");
}

TEST_F(OutboxTest, OwnBytesWaitForAHeadThatHasReachedTheirPosition) {
  Outbox outbox = Follower();
  Say("one ");
  const uint64_t head = log_.head();
  Say("two ");
  outbox.Append("own", log_.head());
  outbox.Append(" of two positions", log_.head() + 3);
  EXPECT_EQ(DueAt(head, outbox), "one ");
  EXPECT_EQ(Due(outbox), "one two own");
  Say("33");
  EXPECT_EQ(Due(outbox), "one two own33");
  Say("3");
  EXPECT_EQ(Due(outbox), "one two own333 of two positions");
}

TEST_F(OutboxTest, LogCrossesChunksBetweenOwnBytes) {
  Outbox outbox = Follower();
  std::string due;
  for (char c : {'a', 'b', 'c', 'd'}) {
    const std::string message(Chunk::kBytes * 2 / 3, c);
    Say(message);
    outbox.Append("|", log_.head());
    due += message + "|";
  }
  EXPECT_EQ(Due(outbox), due);
  while (outbox.HasData(log_.head())) {
    const std::string some = Due(outbox, 1000, 3);
    ASSERT_EQ(some, due.substr(0, some.size()));
    due.erase(0, some.size());
    outbox.Consume(some.size());
  }
  EXPECT_EQ(due, "");
}

// ---- Leaving out what it said itself ----

TEST_F(OutboxTest, SkipAtThePositionMovesIt) {
  Outbox outbox = Follower();
  SayOwn(outbox, "mine ");
  EXPECT_FALSE(outbox.HasData(log_.head()));
  EXPECT_EQ(outbox.lag(log_.head()), 0u);
  Say("theirs");
  EXPECT_EQ(Due(outbox), "theirs");
}

TEST_F(OutboxTest, SkipBetweenMessages) {
  Outbox outbox = Follower();
  Say("one ");
  SayOwn(outbox, "mine ");
  SayOwn(outbox, "mine too ");
  Say("two ");
  SayOwn(outbox, "mine again ");
  EXPECT_EQ(Due(outbox), "one two ");
  outbox.Consume(4);
  EXPECT_EQ(Due(outbox), "two ");
  outbox.Consume(4);
  EXPECT_FALSE(outbox.HasData(log_.head()));
  EXPECT_EQ(outbox.lag(log_.head()), 0u);
}

TEST_F(OutboxTest, SkipAmongOwnBytes) {
  Outbox outbox = Follower();
  outbox.Append("ack1 ", log_.head());
  SayOwn(outbox, "mine ");
  outbox.Append("ack2 ", log_.head());
  Say("theirs ");
  outbox.Append("ack3", log_.head());
  SayOwn(outbox, "mine ");
  EXPECT_EQ(Due(outbox), "ack1 ack2 theirs ack3");
}

TEST_F(OutboxTest, SkipAcrossChunks) {
  Outbox outbox = Follower();
  Say("one ");
  const uint64_t begin = log_.head();
  for (int i = 0; i < 5; ++i) Say(std::string(Chunk::kBytes / 2, 'm'));
  outbox.Skip(begin, log_.head());
  Say("two ");
  outbox.Append("own", log_.head());
  EXPECT_EQ(Due(outbox), "one two own");
  outbox.Consume(5);
  EXPECT_EQ(Due(outbox), "wo own");
  EXPECT_EQ(log_.bytes_held(), sizeof(Chunk));
}

TEST_F(OutboxTest, SkipLeavesOutOnlyWhatWasNotConsumed) {
  Outbox outbox = Follower();
  Say("one two ");
  const uint64_t two = log_.head() - 4;
  outbox.Consume(6);
  outbox.Skip(two, log_.head());
  EXPECT_FALSE(outbox.HasData(log_.head()));
  outbox.Skip(0, two);
  Say("three");
  EXPECT_EQ(Due(outbox), "three");
}

TEST_F(OutboxTest, SkipOfNothing) {
  Outbox outbox = Follower();
  Say("one");
  outbox.Skip(2, 2);
  outbox.Skip(3, 2);
  EXPECT_EQ(Due(outbox), "one");
}

// ---- The end of following ----

TEST_F(OutboxTest, UnfollowLeavesWhatCameBefore) {
  Outbox outbox = Follower();
  Say("one ");
  const uint64_t end = log_.head();
  Say("two ");
  outbox.Unfollow(end);
  EXPECT_TRUE(outbox.following());
  EXPECT_EQ(Due(outbox), "one ");
  outbox.Append("last words", log_.head());
  EXPECT_EQ(Due(outbox), "one last words");
  outbox.Consume(14);
  Say("three");
  EXPECT_FALSE(outbox.HasData(log_.head()));
}

TEST_F(OutboxTest, UnfollowLeavesWhatIsItsOwn) {
  Outbox outbox = Follower();
  Say("one ");
  const uint64_t end = log_.head();
  Say("two ");
  outbox.Append("own ", log_.head());
  Say("three ");
  outbox.Unfollow(end);
  outbox.Append("last words", log_.head());
  EXPECT_EQ(Due(outbox), "one two own last words");
}

TEST_F(OutboxTest, UnfollowOfWhatIsConsumedLeavesNothing) {
  Outbox outbox = Follower();
  Say("one two");
  outbox.Consume(5);
  outbox.Unfollow(2);
  EXPECT_FALSE(outbox.HasData(log_.head()));
}

// One that is leaving slowly keeps all that the log gets, like any laggard.
TEST_F(OutboxTest, LagCountsWhatTheLogKeepsForItAfterUnfollow) {
  Outbox outbox = Follower();
  Say("one two");
  outbox.Unfollow(log_.head());
  outbox.Consume(3);
  for (int i = 0; i < 10; ++i) Say(std::string(Chunk::kBytes, 'x'));
  EXPECT_EQ(log_.bytes_held(), 11 * sizeof(Chunk));
  EXPECT_EQ(outbox.lag(log_.head()), 4 + 10 * Chunk::kBytes);
}

// ---- Gather and Consume ----

TEST_F(OutboxTest, GatherKeepsToItsBudget) {
  Outbox outbox = Follower();
  for (int i = 0; i < 8; ++i) {
    Say(std::string(Chunk::kBytes, static_cast<char>('a' + i)));
    outbox.Append("own", log_.head());
  }
  EXPECT_EQ(Pieces(outbox, 0), 0u);
  EXPECT_EQ(Pieces(outbox, 1), 1u);
  EXPECT_EQ(Pieces(outbox, Chunk::kBytes), 1u);
  EXPECT_EQ(Pieces(outbox, Chunk::kBytes + 1), 2u);
  EXPECT_EQ(Pieces(outbox, Chunk::kBytes + 4), 3u);
  EXPECT_EQ(Pieces(outbox, kAnyBytes), 16u);
}

TEST_F(OutboxTest, GatherKeepsToItsPieces) {
  Outbox outbox = Follower();
  std::string due;
  for (int i = 0; i < 5; ++i) {
    Say("log");
    outbox.Append("own", log_.head());
    due += "logown";
  }
  for (size_t pieces = 1; pieces <= 10; ++pieces) {
    EXPECT_EQ(Due(outbox, kAnyBytes, pieces), due.substr(0, 3 * pieces));
  }
}

TEST_F(OutboxTest, ManyMessagesAreOnePiece) {
  Outbox outbox = Follower();
  for (int i = 0; i < 1000; ++i) Say("message\n");
  EXPECT_EQ(Pieces(outbox, kAnyBytes), 1u);
}

TEST_F(OutboxTest, ConsumeAtEveryByte) {
  const std::string due = "acceptedone ack1two ack2threelast";
  const auto make = [&] {
    Outbox outbox;
    outbox.Append("accepted", 0);
    outbox.Follow(log_.end());
    Say("one ");
    outbox.Append("ack1", log_.head());
    SayOwn(outbox, "mine");
    Say(std::string("two "));
    SayOwn(outbox, "mine");
    outbox.Append("ack2", log_.head());
    SayOwn(outbox, "mine");
    Say("three");
    outbox.Append("last", log_.head());
    outbox.Unfollow(log_.head());
    Say("four");
    return outbox;
  };
  for (size_t n = 0; n <= due.size(); ++n) {
    Outbox outbox = make();
    ASSERT_EQ(Due(outbox), due);
    outbox.Consume(n);
    EXPECT_EQ(Due(outbox), due.substr(n)) << n;
  }
  Outbox outbox = make();
  for (size_t n = 0; n <= due.size(); ++n) {
    ASSERT_EQ(Due(outbox), due.substr(n));
    if (n < due.size()) outbox.Consume(1);
  }
}

TEST_F(OutboxTest, ConsumeLetsGoOfChunks) {
  Outbox outbox = Follower();
  for (int i = 0; i < 4; ++i) Say(std::string(Chunk::kBytes, 'x'));
  EXPECT_EQ(log_.bytes_held(), 4 * sizeof(Chunk));
  outbox.Consume(Chunk::kBytes + 1);
  EXPECT_EQ(log_.bytes_held(), 3 * sizeof(Chunk));
  outbox.Consume(3 * Chunk::kBytes - 1);
  EXPECT_EQ(log_.bytes_held(), sizeof(Chunk));
}

TEST_F(OutboxTest, UpToDateOwnsNothingOnTheHeap) {
  Outbox outbox = Follower();
  const std::string message(100, 'x');
  const int64_t before = blocks_on_heap;
  for (int i = 0; i < 200; ++i) {
    Say(message);
    outbox.Append(message, log_.head());
  }
  EXPECT_GT(blocks_on_heap, before);
  while (outbox.HasData(log_.head())) outbox.Consume(Due(outbox).size());
  EXPECT_EQ(blocks_on_heap, before);
}

// A slow receiver of a long file: something always waits, but little does.
TEST_F(OutboxTest, WhatWasWrittenIsFreedThoughItIsNeverEmpty) {
  const std::string message(1000, 'x');
  for (Outbox outbox : {Outbox(), Follower()}) {
    for (int i = 0; i < 200; ++i) outbox.Append(message, log_.head());
    const size_t before = bytes_on_heap;
    for (int i = 0; i < 20'000; ++i) {
      outbox.Append(message, log_.head());
      outbox.Consume(message.size());
      ASSERT_LT(bytes_on_heap, before + (512 << 10)) << i;
    }
    EXPECT_EQ(outbox.own_bytes(), 200'000u);
    EXPECT_EQ(Due(outbox), std::string(200'000, 'x'));
  }
}

// ---- TakeAll ----

TEST_F(OutboxTest, TakeAllEmptiesIt) {
  Outbox outbox = Follower();
  std::string due;
  for (int i = 0; i < 20; ++i) {
    Say(std::string(Chunk::kBytes, 'x'));
    outbox.Append(absl::StrCat(i), log_.head());
    absl::StrAppend(&due, std::string(Chunk::kBytes, 'x'), i);
  }
  outbox.Consume(1);
  EXPECT_EQ(outbox.TakeAll(log_.head()), due.substr(1));
  EXPECT_FALSE(outbox.following());
  EXPECT_EQ(outbox.own_bytes(), 0u);
  Say("more");
  EXPECT_FALSE(outbox.HasData(log_.head()));
  EXPECT_EQ(log_.bytes_held(), sizeof(Chunk));
}

TEST_F(OutboxTest, TakeAllWithoutALog) {
  Outbox outbox;
  outbox.Append("established", 0);
  EXPECT_EQ(outbox.TakeAll(0), "established");
  EXPECT_EQ(outbox.TakeAll(0), "");
}

// ---- Against a model ----

// The same, byte by byte: what is due, and where in the log each byte stands.
class Model {
 public:
  void Follow(uint64_t position) {
    following_ = true;
    floor_ = consumed_ = position;
  }
  void Say(absl::string_view message, uint64_t begin) {
    if (!following_ || left_) return;
    for (size_t i = 0; i < message.size(); ++i) due_.push_back({message[i], begin + i});
  }
  void Append(absl::string_view bytes, uint64_t at) {
    if (bytes.empty()) return;
    at = following_ ? std::max(std::min(at, end_), std::max(floor_, consumed_)) : 0;
    const auto behind = std::find_if(due_.begin(), due_.end(), [at](const Byte& byte) {
      return byte.place && *byte.place >= at;
    });
    std::vector<Byte> own;
    for (char c : bytes) own.push_back({c, std::nullopt});
    due_.insert(behind, own.begin(), own.end());
    floor_ = at;
  }
  void Skip(uint64_t begin, uint64_t end) {
    begin = std::max(begin, std::max(floor_, consumed_));
    if (!following_ || begin >= end) return;
    due_.erase(std::remove_if(due_.begin(), due_.end(),
                              [&](const Byte& byte) {
                                return byte.place && *byte.place >= begin && *byte.place < end;
                              }),
               due_.end());
    floor_ = end;
  }
  void Unfollow() { left_ = true; }
  void EndAt(uint64_t end) { end_ = end; }
  void Consume(size_t n) {
    for (size_t i = 0; i < n; ++i) {
      if (due_[i].place) consumed_ = *due_[i].place + 1;
    }
    due_.erase(due_.begin(), due_.begin() + static_cast<ptrdiff_t>(n));
  }

  std::string due() const {
    std::string bytes;
    for (const Byte& byte : due_) bytes += byte.value;
    return bytes;
  }
  size_t own_bytes() const {
    return std::count_if(due_.begin(), due_.end(), [](const Byte& byte) { return !byte.place; });
  }

 private:
  struct Byte {
    char value;
    std::optional<uint64_t> place;  // none: its own
  };
  std::vector<Byte> due_;
  bool following_ = false;
  bool left_ = false;
  uint64_t end_ = std::numeric_limits<uint64_t>::max();
  uint64_t floor_ = 0;     // own bytes and skips are in the order of the calls
  uint64_t consumed_ = 0;  // of the log
};

class OutboxModelTest : public OutboxTest, public ::testing::WithParamInterface<uint32_t> {
 protected:
  struct Reader {
    Outbox outbox;
    Model model;
    bool follows = false;
    bool left = false;
  };

  size_t Below(size_t n) { return random_() % n; }

  std::string Message() {
    // Mostly short ones; now and then one that fills much of a chunk, so that chunks change often.
    const size_t size = Below(40) == 0 ? 1 + Below(Chunk::kBytes / 2) : 1 + Below(60);
    std::string message(size, '\0');
    for (char& c : message) c = next_char_ == 'z' ? next_char_ = 'a' : ++next_char_;
    return message;
  }

  void SayToAll(Reader* own) {
    const std::string message = Message();
    const uint64_t begin = log_.head();
    Say(message);
    for (Reader& reader : readers_) reader.model.Say(message, begin);
    if (own == nullptr) return;
    own->outbox.Skip(begin, log_.head());
    own->model.Skip(begin, log_.head());
  }

  void Append(Reader& reader) {
    const std::string bytes = Below(10) == 0 ? std::string() : Message().substr(0, 200);
    const uint64_t at = log_.head() - Below(std::min<uint64_t>(log_.head(), 300) + 1);
    reader.outbox.Append(bytes, at);
    reader.model.Append(bytes, at);
  }

  void SkipSome(Reader& reader) {
    const uint64_t end = log_.head() - Below(std::min<uint64_t>(log_.head(), 100) + 1);
    const uint64_t begin = end - Below(std::min<uint64_t>(end, 100) + 1);
    if (reader.left) return;
    reader.outbox.Skip(begin, end);
    reader.model.Skip(begin, end);
  }

  void FollowOrLeave(Reader& reader) {
    if (!reader.follows) {
      reader.follows = true;
      reader.outbox.Follow(log_.end());
      reader.model.Follow(log_.head());
    } else if (!reader.left && Below(50) == 0) {
      reader.left = true;
      reader.outbox.Unfollow(log_.head());
      reader.model.Unfollow();
      reader.model.EndAt(log_.head());
    }
  }

  void Drain(Reader& reader) {
    const size_t max_bytes = Below(3) == 0 ? kAnyBytes : Below(3000);
    const size_t pieces = 1 + Below(8);
    const std::string got = Due(reader.outbox, max_bytes, pieces);
    if (max_bytes != 0 && !reader.model.due().empty()) {
      ASSERT_FALSE(got.empty());
    }
    const size_t n = Below(4) == 0 ? got.size() : Below(got.size() + 1);
    reader.outbox.Consume(n);
    reader.model.Consume(n);
  }

  void Check(const Reader& reader) {
    ASSERT_EQ(Due(reader.outbox, kAnyBytes, 4096), reader.model.due());
    ASSERT_EQ(reader.outbox.own_bytes(), reader.model.own_bytes());
  }

  std::mt19937 random_{GetParam()};
  char next_char_ = 'a';
  std::vector<Reader> readers_ = std::vector<Reader>(4);
};

TEST_P(OutboxModelTest, SaysTheSame) {
  for (int step = 0; step < 1500; ++step) {
    Reader& reader = readers_[Below(readers_.size())];
    switch (Below(8)) {
      case 0:
        SayToAll(nullptr);
        break;
      case 1:
        SayToAll(reader.left ? nullptr : &reader);
        break;
      case 2:
      case 3:
        Append(reader);
        break;
      case 4:
        SkipSome(reader);
        break;
      case 5:
        if (Below(10) == 0) FollowOrLeave(reader);
        break;
      default:
        ASSERT_NO_FATAL_FAILURE(Drain(reader)) << "step " << step;
        break;
    }
    ASSERT_NO_FATAL_FAILURE(Check(reader)) << "step " << step;
  }
  for (Reader& reader : readers_) {
    EXPECT_EQ(reader.outbox.TakeAll(log_.head()), reader.model.due());
  }
  EXPECT_EQ(log_.bytes_held(), sizeof(Chunk));
}

INSTANTIATE_TEST_SUITE_P(Seeds, OutboxModelTest, ::testing::Range(uint32_t{1}, uint32_t{21}));

}  // namespace
}  // namespace chat::fanout
