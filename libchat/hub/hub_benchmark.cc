// What saying something to everyone costs: the hub's part (ns a message), and the outbox's (ns a
// flush of one receiver).

#include <sys/uio.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "libchat/fanout/outbox.h"
#include "libchat/hub/fake_dialect.h"
#include "libchat/hub/hub.h"

namespace chat {
namespace {

constexpr uint32_t kShards = 2;

SessionId Id(uint32_t shard, uint32_t slot) {
  SessionId id;
  id.generation = 1;
  id.slot = slot;
  id.shard = shard;
  return id;
}

// A hub of so many dialects, with one user of each on each shard.
std::unique_ptr<Hub> NewHub(size_t dialects) {
  static const FakeDialect& dialect = *new FakeDialect({});
  auto hub = std::make_unique<Hub>(Hub::Options{
      .dialects = std::vector<const Dialect*>(dialects, &dialect),
      .shards = kShards,
      .limits = Limits(),
      .wake = [](uint32_t) {},
      .random = [] { return uint64_t{1}; },
  });
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    for (size_t d = 0; d < dialects; ++d) {
      hub->Login(Id(shard, static_cast<uint32_t>(d)), d, absl::StrCat("user", shard, "_", d));
    }
  }
  return hub;
}

const std::string& Body() {
  static const std::string& body = *new std::string(100, 'x');
  return body;
}

// Messages of 100 bytes, in batches as they are read from a socket.
void BM_Publish(benchmark::State& state) {
  const size_t batch = static_cast<size_t>(state.range(1));
  const std::unique_ptr<Hub> hub = NewHub(static_cast<size_t>(state.range(0)));
  const std::vector<Text> bodies(batch, *Text::From(Body()));
  for (auto _ : state) hub->Publish(Id(0, 0), bodies, nullptr);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}
BENCHMARK(BM_Publish)->ArgNames({"dialects", "batch"})->ArgsProduct({{1, 2, 5}, {1, 16, 256}});

// The same, with a shard a thread.
void BM_PublishContended(benchmark::State& state) {
  static const std::unique_ptr<Hub>& hub = *new std::unique_ptr<Hub>(NewHub(1));
  const size_t batch = static_cast<size_t>(state.range(0));
  const std::vector<Text> bodies(batch, *Text::From(Body()));
  const SessionId session = Id(static_cast<uint32_t>(state.thread_index()), 0);
  for (auto _ : state) hub->Publish(session, bodies, nullptr);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}
BENCHMARK(BM_PublishContended)->ArgName("batch")->Arg(1)->Arg(16)->Threads(kShards)->UseRealTime();

// One receiver that is up to date takes in a batch: what a flush costs but for the system call.
void BM_Flush(benchmark::State& state) {
  const size_t batch = static_cast<size_t>(state.range(0));
  const std::unique_ptr<Hub> hub = NewHub(1);
  const std::vector<Text> bodies(batch, *Text::From(Body()));
  std::vector<fanout::Outbox> receivers(1000);
  for (size_t i = 0; i < receivers.size(); ++i) {
    receivers[i].Follow(
        hub->Login(Id(1, 100 + static_cast<uint32_t>(i)), 0, absl::StrCat("receiver", i)).start);
  }
  iovec pieces[64];
  for (auto _ : state) {
    hub->Publish(Id(0, 0), bodies, nullptr);
    const uint64_t head = hub->log(0).head();
    for (fanout::Outbox& receiver : receivers) {
      const size_t n = receiver.Gather(head, 1 << 20, absl::MakeSpan(pieces));
      size_t bytes = 0;
      for (size_t i = 0; i < n; ++i) bytes += pieces[i].iov_len;
      receiver.Consume(bytes);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(receivers.size()));
}
BENCHMARK(BM_Flush)->ArgName("batch")->Arg(1)->Arg(256);

}  // namespace
}  // namespace chat
