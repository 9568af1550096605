// The hub among real threads. ThreadSanitizer looks on (--config=tsan).

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "libchat/fanout/outbox.h"
#include "libchat/hub/fake_dialect.h"
#include "libchat/hub/hub.h"

namespace chat {
namespace {

constexpr size_t kEcho = 0;
constexpr size_t kLeave = 1;  // leaves its sender out
constexpr size_t kDialects = 2;
// Nothing here takes as long; it tells a lost wake-up from a slow machine.
constexpr absl::Duration kGuard = absl::Minutes(2);

const FakeDialect& Echo() {
  static const FakeDialect& instance = *new FakeDialect({.name = "echo"});
  return instance;
}
const FakeDialect& Leave() {
  static const FakeDialect& instance =
      *new FakeDialect({.name = "leave", .own_public = OwnPublic::kLeftOut});
  return instance;
}

// Where a shard's thread blocks.
class Bed {
 public:
  void Wake() {
    absl::MutexLock lock(&mu_);
    woken_ = true;
  }
  // False if nobody came.
  bool WaitToBeWoken() {
    absl::MutexLock lock(&mu_);
    const bool woken = mu_.AwaitWithTimeout(absl::Condition(&woken_), kGuard);
    woken_ = false;
    return woken;
  }

 private:
  absl::Mutex mu_;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

// Threads that wait for each other, as often as they like.
class Rendezvous {
 public:
  explicit Rendezvous(int threads) : threads_(threads) {}

  void Meet() {
    absl::MutexLock lock(&mu_);
    const int all = (arrived_++ / threads_ + 1) * threads_;
    const auto here = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return arrived_ >= all; };
    mu_.Await(absl::Condition(&here));
  }

 private:
  const int threads_;
  absl::Mutex mu_;
  int arrived_ ABSL_GUARDED_BY(mu_) = 0;
};

class House {
 public:
  explicit House(uint32_t shards)
      : beds_(shards),
        hub_({.dialects = {&Echo(), &Leave()},
              .shards = shards,
              .limits = Limits(),
              .wake = [this](uint32_t shard) { beds_[shard].Wake(); },
              .random = [this] { return ++random_; }}) {}

  Hub& hub() { return hub_; }
  Bed& bed(uint32_t shard) { return beds_[shard]; }

 private:
  std::deque<Bed> beds_;
  std::atomic<uint64_t> random_ = 0;
  Hub hub_;
};

// One connection: takes in what the hub has for it, in pieces as a socket would.
class Session {
 public:
  Session(Hub& hub, SessionId id, size_t dialect, std::string name)
      : hub_(hub), id_(id), dialect_(dialect), name_(std::move(name)), random_(id.slot) {
    Hub::LoginReply reply = hub_.Login(id_, dialect_, name_);
    EXPECT_EQ(reply.result, LoginResult::kAccepted) << name_;
    out_.Follow(std::move(reply.start));
  }

  SessionId id() const { return id_; }
  const std::string& name() const { return name_; }
  // Lines that came whole.
  const std::vector<std::string>& lines() const { return lines_; }

  void Publish(const std::vector<Text>& bodies) {
    LogRange own;
    hub_.Publish(id_, bodies, &own);
    if (dialect_ == kLeave) out_.Skip(own.begin, own.end);
  }
  void SendPrivate(absl::string_view to, absl::string_view body) {
    EXPECT_EQ(hub_.SendPrivate(id_, {to}, *Text::From(body)), Delivery::kSent);
  }
  void OnMail(const Mail& mail) {
    const auto& message = std::get<PrivateMessage>(std::get<Event>(mail.what));
    out_.Append(absl::StrCat("private ", message.body.bytes(), "\n"), mail.at);
  }
  void Leave() { out_.Unfollow(*hub_.Logout(id_)); }

  void Flush() {
    const uint64_t head = hub_.log(dialect_).head();
    iovec pieces[4];
    while (const size_t n = out_.Gather(head, 1 + random_() % 4096, absl::MakeSpan(pieces))) {
      std::string some;
      for (size_t i = 0; i < n; ++i) {
        some.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      }
      some.resize(1 + random_() % some.size());
      out_.Consume(some.size());
      Receive(some);
    }
  }

 private:
  void Receive(absl::string_view bytes) {
    partial_.append(bytes.data(), bytes.size());
    size_t begin = 0;
    for (size_t end; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines_.push_back(partial_.substr(begin, end - begin));
    }
    partial_.erase(0, begin);
  }

  Hub& hub_;
  const SessionId id_;
  const size_t dialect_;
  const std::string name_;
  std::minstd_rand random_;
  fanout::Outbox out_;
  std::string partial_;
  std::vector<std::string> lines_;
};

// ---- Everybody hears everything ----

constexpr uint32_t kShards = 3;
constexpr int kBatches = 250;
constexpr int kBatchSize = 6;
constexpr int kSays = 100;
constexpr int kPublic = static_cast<int>(kShards) * kBatches * kBatchSize + kSays;
constexpr int kPerShard = kBatches * kBatchSize;

bool IsPrivate(absl::string_view line) { return absl::StartsWith(line, "private "); }

int NumberOf(absl::string_view line) {
  int number = 0;
  EXPECT_TRUE(absl::SimpleAtoi(line.substr(0, line.find(' ')), &number)) << line;
  return number;
}

// A shard with three residents: one that is echoed and speaks, one that is left out and speaks,
// one that listens; and visitors, one at a time.
class ShardThread {
 public:
  ShardThread(House& house, uint32_t index, Rendezvous& all_in)
      : house_(house), index_(index), all_in_(all_in) {}

  void Run() {
    echoed_ = NewSession(kEcho, absl::StrCat("echoed", index_));
    left_out_ = NewSession(kLeave, absl::StrCat("left_out", index_));
    listener_ = NewSession(index_ % 2 == 0 ? kEcho : kLeave, absl::StrCat("listener", index_));
    all_in_.Meet();
    std::vector<uint64_t> seen(kDialects);
    while (!Done()) {
      DeliverMail();
      for (size_t d = 0; d < kDialects; ++d) seen[d] = house_.hub().log(d).head();
      for (const auto& session : sessions_) session->Flush();
      if (batch_ < kBatches) {
        Speak();
      } else if (!Done() && house_.hub().Sleep(index_, seen)) {
        if (!house_.bed(index_).WaitToBeWoken()) {
          ADD_FAILURE() << "shard " << index_ << " slept for good";
          return;
        }
      }
    }
  }

  void Check() const {
    CheckResident(*echoed_, kPublic);
    CheckResident(*left_out_, kPublic - kPerShard / 2);
    CheckResident(*listener_, kPublic);
    for (const auto& session : sessions_) {
      CheckOrder(*session);
      if (absl::StartsWith(session->name(), "visitor")) CheckVisitor(*session);
    }
  }
  // The public lines of one who heard all.
  std::vector<std::string> Heard() const {
    std::vector<std::string> lines = echoed_->lines();
    lines.erase(std::remove_if(lines.begin(), lines.end(), IsPrivate), lines.end());
    return lines;
  }

 private:
  Session* NewSession(size_t dialect, std::string name) {
    SessionId id;
    id.generation = 1;
    id.shard = index_;
    id.slot = static_cast<uint32_t>(sessions_.size());
    sessions_.push_back(std::make_unique<Session>(house_.hub(), id, dialect, std::move(name)));
    return sessions_.back().get();
  }

  void DeliverMail() {
    std::vector<Mail> mail;
    house_.hub().TakeMail(index_, mail);
    for (const Mail& m : mail) sessions_[m.to.slot]->OnMail(m);
  }

  // A batch, then a private word to the next shard's listener, so that it follows the batch there.
  void Speak() {
    if (batch_ % 50 == 10) {
      visitor_ = NewSession(batch_ % 100 == 10 ? kEcho : kLeave,
                            absl::StrCat("visitor", index_, "_", batch_));
    }
    if (batch_ % 50 == 40) std::exchange(visitor_, nullptr)->Leave();
    std::vector<std::string> bodies;
    for (int i = 0; i < kBatchSize; ++i) {
      bodies.push_back(absl::StrCat(index_, " ", batch_, " ", std::string(batch_ * i % 300, 'x')));
    }
    std::vector<Text> texts;
    for (const std::string& body : bodies) texts.push_back(*Text::From(body));
    Session& speaker = batch_ % 2 == 0 ? *echoed_ : *left_out_;
    speaker.Publish(texts);
    speaker.SendPrivate(absl::StrCat("listener", (index_ + 1) % kShards),
                        absl::StrCat(index_, " ", batch_));
    ++batch_;
  }

  bool Done() const {
    return batch_ == kBatches && echoed_->lines().size() >= kPublic &&
           left_out_->lines().size() >= kPublic - kPerShard / 2 &&
           listener_->lines().size() >= kPublic + kBatches;
  }

  // Exactly once, in the one order; of its own nothing.
  void CheckResident(const Session& session, size_t expected) const {
    size_t count = 0;
    for (const std::string& line : session.lines()) count += IsPrivate(line) ? 0 : 1;
    EXPECT_EQ(count, expected) << session.name();
  }
  void CheckOrder(const Session& session) const {
    int last = 0;
    std::vector<int> batches(kShards, -1);  // heard of each shard
    int privates = 0;
    for (const std::string& line : session.lines()) {
      if (IsPrivate(line)) {
        const std::vector<std::string> words = absl::StrSplit(line, ' ');
        EXPECT_EQ(words[2], absl::StrCat(privates)) << session.name();
        EXPECT_GE(batches[std::stoi(words[1])], privates) << session.name() << ": too early";
        ++privates;
        continue;
      }
      EXPECT_GT(NumberOf(line), last) << session.name();
      last = NumberOf(line);
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      if (words[1] == "server:") continue;
      int& batch = batches[std::stoi(words[2])];
      EXPECT_LE(batch, std::stoi(words[3])) << session.name();
      batch = std::stoi(words[3]);
    }
    EXPECT_EQ(privates, &session == listener_ ? kBatches : 0) << session.name();
  }
  // Nothing is missing between its first and its last.
  void CheckVisitor(const Session& session) const {
    const std::vector<std::string>& lines = session.lines();
    // What its own shard's others said while it was there, at the least.
    ASSERT_GE(lines.size(), 30u * kBatchSize) << session.name();
    std::vector<std::string> all;  // what somebody heard who stayed
    for (const std::string& line : echoed_->lines()) {
      if (!IsPrivate(line)) all.push_back(line);
    }
    const auto begin = std::find(all.begin(), all.end(), lines.front());
    ASSERT_GE(static_cast<size_t>(all.end() - begin), lines.size()) << session.name();
    EXPECT_TRUE(std::equal(lines.begin(), lines.end(), begin)) << session.name();
  }

  House& house_;
  const uint32_t index_;
  Rendezvous& all_in_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Session* echoed_ = nullptr;
  Session* left_out_ = nullptr;
  Session* listener_ = nullptr;
  Session* visitor_ = nullptr;
  int batch_ = 0;
};

TEST(HubStressTest, EverybodyHearsEverythingOnceInOneOrder) {
  House house(kShards);
  Rendezvous all_in(kShards + 1);
  std::deque<ShardThread> shards;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kShards; ++i) {
    shards.emplace_back(house, i, all_in);
    threads.emplace_back(&ShardThread::Run, &shards.back());
  }
  // An operator, meanwhile.
  all_in.Meet();
  for (int i = 0; i < kSays; ++i) {
    house.hub().Say(*Text::From("attention"));
    house.hub().Tick();
    EXPECT_GE(house.hub().Users("", 1000).size(), 3u * kShards);
    EXPECT_GT(house.hub().log_bytes(), 0u);
  }
  for (std::thread& thread : threads) thread.join();
  for (const ShardThread& shard : shards) {
    shard.Check();
    EXPECT_EQ(shard.Heard(), shards[0].Heard());
  }
  EXPECT_EQ(house.hub().user_count(), 3u * kShards);
}

// ---- No wake-up is lost ----

// Readers that have nothing to do but sleep; speakers that say one thing and wait until it has come
// everywhere. If a wake-up were lost, they would wait for good.
constexpr uint32_t kReaders = 3;
constexpr uint32_t kSpeakers = 2;
constexpr int kRounds = 2000;

struct Progress {
  absl::Mutex mu;
  // By speaker and reader.
  int heard[kSpeakers][kReaders] ABSL_GUARDED_BY(mu) = {};
};

void ReadAll(House& house, uint32_t shard, Progress& progress, Rendezvous& all_in) {
  SessionId id;
  id.generation = 1;
  id.shard = shard;
  Session session(house.hub(), id, shard % kDialects, absl::StrCat("reader", shard));
  all_in.Meet();
  std::vector<uint64_t> seen(kDialects);
  size_t told = 0;
  while (told < kSpeakers * kRounds) {
    std::vector<Mail> mail;
    house.hub().TakeMail(shard, mail);
    for (const Mail& m : mail) session.OnMail(m);
    for (size_t d = 0; d < kDialects; ++d) seen[d] = house.hub().log(d).head();
    session.Flush();
    {
      absl::MutexLock lock(&progress.mu);
      for (; told < session.lines().size(); ++told) {
        const std::string& line = session.lines()[told];
        ++progress.heard[line.back() - '0'][shard];
      }
    }
    if (told < kSpeakers * kRounds && house.hub().Sleep(shard, seen) &&
        !house.bed(shard).WaitToBeWoken()) {
      ADD_FAILURE() << "reader " << shard << " slept for good";
      return;
    }
  }
}

void Speak(House& house, uint32_t speaker, Progress& progress) {
  SessionId id;
  id.generation = 1;
  id.shard = kReaders + speaker;
  Session session(house.hub(), id, kLeave, absl::StrCat("speaker", speaker));
  const std::string body = absl::StrCat(speaker);
  for (int round = 1; round <= kRounds; ++round) {
    // To everyone, or to each.
    if (round % 2 == 0) {
      session.Publish({*Text::From(body)});
    } else {
      for (uint32_t r = 0; r < kReaders; ++r) session.SendPrivate(absl::StrCat("reader", r), body);
    }
    absl::MutexLock lock(&progress.mu);
    const auto heard = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(progress.mu) {
      const int(&counts)[kReaders] = progress.heard[speaker];
      return std::all_of(counts, counts + kReaders, [&](int count) { return count >= round; });
    };
    if (!progress.mu.AwaitWithTimeout(absl::Condition(&heard), kGuard)) {
      ADD_FAILURE() << "speaker " << speaker << " was not heard in round " << round;
      return;
    }
  }
}

TEST(HubStressTest, NoWakeUpIsLost) {
  House house(kReaders + kSpeakers);
  Progress progress;
  Rendezvous all_in(kReaders + 1);
  std::vector<std::thread> threads;
  for (uint32_t r = 0; r < kReaders; ++r) {
    threads.emplace_back(ReadAll, std::ref(house), r, std::ref(progress), std::ref(all_in));
  }
  all_in.Meet();
  for (uint32_t s = 0; s < kSpeakers; ++s) {
    threads.emplace_back(Speak, std::ref(house), s, std::ref(progress));
  }
  for (std::thread& thread : threads) thread.join();
}

// ---- Relays ----

constexpr int kTunnels = 1000;

// One of the two shards whose connections become halves of relays, and what may come between them.
class HalfThread {
 public:
  HalfThread(Hub& hub, uint32_t shard, Rendezvous& rendezvous, std::atomic<int64_t>& clock)
      : hub_(hub), shard_(shard), rendezvous_(rendezvous), clock_(clock) {}

  void Run() {
    for (int round = 0; round < kTunnels; ++round) {
      SessionId id;
      id.shard = shard_;
      id.slot = 1;
      id.generation = static_cast<uint32_t>(round) + 1;
      if (shard_ == 0) Agree();
      rendezvous_.Meet();
      Present(id, round);
      rendezvous_.Meet();
      TakeMail(id);
      hub_.AbandonTicket(id);  // one that was left alone
    }
  }

  int joined() const { return joined_; }
  int accepted() const { return accepted_; }

 private:
  void Agree() {
    const SessionId anna = LoggedIn("anna", 2);
    const SessionId ben = LoggedIn("ben", 3);
    EXPECT_EQ(hub_.Ask(anna, RequestKind::kRelay, {"ben"}, Text()), Delivery::kSent);
    EXPECT_EQ(hub_.AnswerRequest(ben, RequestKind::kRelay, {"anna"}, true), Delivery::kSent);
  }
  SessionId LoggedIn(absl::string_view name, uint32_t slot) {
    SessionId id;
    id.shard = shard_;
    id.slot = slot;
    id.generation = 1;
    hub_.Login(id, kEcho, name);
    return id;
  }

  void Present(SessionId id, int round) {
    if (round % 4 == 1 && shard_ == 0) clock_ += 60;  // it expires
    // The n-th connect_id is n (see the hub's random source).
    if (hub_.PresentTicket(id, round + 1, "") == TicketResult::kAccepted) ++accepted_;
    if (round % 4 == 2) hub_.AbandonTicket(id);
    if (round % 4 == 3 && shard_ == 0) hub_.EndTunnels(absl::ZeroDuration());
    hub_.Tick();
  }

  void TakeMail(SessionId id) {
    std::vector<Mail> mail;
    hub_.TakeMail(shard_, mail);
    for (const Mail& m : mail) {
      const JoinRelay* join = std::get_if<JoinRelay>(&m.what);
      if (join == nullptr) continue;
      EXPECT_EQ(m.to, id);
      ++joined_;
      hub_.RelayEnded(join->tunnel, "over");
    }
  }

  Hub& hub_;
  const uint32_t shard_;
  Rendezvous& rendezvous_;
  std::atomic<int64_t>& clock_;
  int joined_ = 0;
  int accepted_ = 0;
};

// However two halves race with the relay's expiry, with their own leaving and with an operator, it
// is joined by both or by none.
TEST(HubStressTest, HalvesRace) {
  std::atomic<int64_t> clock = 0;  // in seconds
  std::atomic<uint64_t> random = 0;
  Hub hub({.dialects = {&Echo(), &Leave()},
           .shards = 2,
           .limits = Limits(),
           .wake = [](uint32_t) {},
           .random = [&random] { return ++random; },
           .now = [&clock] { return absl::UnixEpoch() + absl::Seconds(clock.load()); }});
  Rendezvous rendezvous(2);
  HalfThread first(hub, 0, rendezvous, clock);
  HalfThread second(hub, 1, rendezvous, clock);
  std::thread other(&HalfThread::Run, &first);
  second.Run();
  other.join();
  EXPECT_EQ(first.joined(), second.joined());
  EXPECT_GE(first.joined(), kTunnels / 4);  // nothing comes between in every fourth round
  EXPECT_LE(first.joined(), std::min(first.accepted(), second.accepted()));
  EXPECT_EQ(hub.counters().value(Counter::kTunnelsEstablished),
            static_cast<uint64_t>(first.joined()));
  hub.EndTunnels(absl::ZeroDuration());
  EXPECT_EQ(hub.tunnel_count(), 0u);
}

}  // namespace
}  // namespace chat
