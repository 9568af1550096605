#include "libchat/accounts/hasher.h"

#include <sys/resource.h>

#include <array>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "sodium.h"

namespace chat {
namespace {

// Chat goes on while passwords are hashed, even where there are fewer cores than threads.
constexpr int kNiceness = 10;

constexpr size_t kKiB = 1024;

using Salt = std::array<unsigned char, crypto_pwhash_SALTBYTES>;
using Key = std::array<unsigned char, 32>;  // as long as crypto_pwhash_str makes it

// What stands in a hash.
struct Parsed {
  unsigned long long operations = 0;
  size_t memory = 0;  // in bytes
  Salt salt;
  Key key;
};

template <size_t size>
bool FromBase64(absl::string_view text, std::array<unsigned char, size>& bytes) {
  size_t decoded = 0;
  return sodium_base642bin(bytes.data(), size, text.data(), text.size(), nullptr, &decoded, nullptr,
                           sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
         decoded == size;
}

template <size_t size>
std::string ToBase64(const std::array<unsigned char, size>& bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  char text[sodium_base64_ENCODED_LEN(size, kVariant)];
  return sodium_bin2base64(text, sizeof(text), bytes.data(), size, kVariant);
}

// $argon2id$v=19$m=65536,t=2,p=1$salt$key
std::optional<Parsed> Parse(absl::string_view hash) {
  const std::vector<absl::string_view> parts = absl::StrSplit(hash, '$');
  if (parts.size() != 6 || parts[1] != "argon2id" || parts[2] != "v=19") return std::nullopt;
  const std::vector<absl::string_view> costs = absl::StrSplit(parts[3], ',');
  if (costs.size() != 3 || costs[2] != "p=1") return std::nullopt;
  Parsed parsed;
  if (!absl::SimpleAtoi(absl::StripPrefix(costs[0], "m="), &parsed.memory) ||
      !absl::SimpleAtoi(absl::StripPrefix(costs[1], "t="), &parsed.operations)) {
    return std::nullopt;
  }
  parsed.memory *= kKiB;
  if (!FromBase64(parts[4], parsed.salt) || !FromBase64(parts[5], parsed.key)) return std::nullopt;
  return parsed;
}

}  // namespace

Hasher::Hasher(size_t threads, int64_t queue) : queue_(queue) {
  try {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  } catch (const std::system_error&) {
    End();
    throw;
  }
}

Hasher::~Hasher() { End(); }

void Hasher::End() {
  {
    absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Hasher::Submit(absl::AnyInvocable<void()> task) {
  absl::MutexLock lock(&mu_);
  if (ending_ || static_cast<int64_t>(waiting_.size()) >= queue_) return false;
  waiting_.push_back(std::move(task));
  return true;
}

void Hasher::SetQueue(int64_t queue) {
  absl::MutexLock lock(&mu_);
  queue_ = queue;
}

void Hasher::Run() {
  // Of this thread alone, as Linux has it. Without that right it hashes all the same.
  setpriority(PRIO_PROCESS, 0, kNiceness);
  const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return ending_ || !waiting_.empty();
  };
  for (;;) {
    absl::AnyInvocable<void()> task;
    {
      absl::MutexLock lock(&mu_, absl::Condition(&has_work));
      if (ending_) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task();
  }
}

std::optional<std::string> Hasher::Hash(const Password& password) {
  ++computations_;
  const absl::string_view bytes = password.bytes();
  char hash[crypto_pwhash_STRBYTES];
  const int failed =
      crypto_pwhash_str_alg(hash, bytes.data(), bytes.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                            crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
  if (failed != 0) return std::nullopt;
  return std::string(hash);
}

std::string Hasher::NobodysHash() {
  Salt salt;
  Key key;
  randombytes_buf(salt.data(), salt.size());
  randombytes_buf(key.data(), key.size());
  return absl::StrCat("$argon2id$v=19$m=", crypto_pwhash_MEMLIMIT_INTERACTIVE / kKiB,
                      ",t=", crypto_pwhash_OPSLIMIT_INTERACTIVE, ",p=1$", ToBase64(salt), "$",
                      ToBase64(key));
}

// Not crypto_pwhash_str_verify: where memory is refused it says what it says of a wrong password.
Hasher::Match Hasher::Verify(const std::string& hash, const Password& password) {
  ++computations_;
  const std::optional<Parsed> wanted = Parse(hash);
  if (!wanted) return Match::kFailed;
  const absl::string_view bytes = password.bytes();
  Key key;
  const int failed =
      crypto_pwhash(key.data(), key.size(), bytes.data(), bytes.size(), wanted->salt.data(),
                    wanted->operations, wanted->memory, crypto_pwhash_ALG_ARGON2ID13);
  if (failed != 0) return Match::kFailed;
  return sodium_memcmp(key.data(), wanted->key.data(), key.size()) == 0 ? Match::kYes : Match::kNo;
}

}  // namespace chat
