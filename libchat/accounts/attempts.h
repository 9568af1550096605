// How often clients may try: logins, which fail, and registrations. By address, never by name: so
// nobody locks out the owner of a name.

#ifndef LIBCHAT_ACCOUNTS_ATTEMPTS_H_
#define LIBCHAT_ACCOUNTS_ATTEMPTS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chat {

// What is known of the `capacity` addresses that were used last.
// Thread safety: none.
template <typename Entry>
class AddressTable {
 public:
  // The address's entry, a new one if there is none; it is the last to be forgotten now. Valid
  // until the next call.
  Entry& Use(absl::string_view address, size_t capacity) {
    const auto it = index_.find(address);
    if (it != index_.end()) {
      entries_.splice(entries_.begin(), entries_, it->second);
      return entries_.front().second;
    }
    while (!entries_.empty() && entries_.size() >= capacity) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(std::string(address), Entry());
    index_[entries_.front().first] = entries_.begin();
    return entries_.front().second;
  }

  size_t size() const { return entries_.size(); }

 private:
  using List = std::list<std::pair<std::string, Entry>>;

  List entries_;  // the last used first
  absl::flat_hash_map<std::string, typename List::iterator> index_;
};

struct LoginBounds {
  // So many failures of one address within `window` bring a refusal of `first_refusal`. Each
  // further failure doubles it, up to `longest_refusal`, until the address has kept still for a
  // `window` after a refusal.
  int64_t failures = 10;
  absl::Duration window = absl::Minutes(5);
  absl::Duration first_refusal = absl::Seconds(5);
  absl::Duration longest_refusal = absl::Minutes(10);
  // So many addresses are remembered.
  int64_t addresses = 65536;
};

// Thread safety: none. Invariant: an address has never more tries under way than it has failures
// left, but for one: no haste gives it more guesses.
class LoginAttempts {
 public:
  enum class Admission : uint8_t {
    kGranted,  // End is due
    kRefused,  // too many failures
    kBusy,     // so many tries of this address are under way that their failures could be too many
  };

  // `address` is not empty.
  Admission Begin(absl::string_view address, const LoginBounds& bounds, absl::Time now);
  void End(absl::string_view address, bool failed, const LoginBounds& bounds, absl::Time now);

 private:
  struct Entry {
    absl::Time since = absl::InfinitePast();  // of the window; in a refusal: its end
    int64_t failures = 0;
    int64_t under_way = 0;
    absl::Duration refusal;  // the last one
  };

  AddressTable<Entry> addresses_;
};

struct RegistrationBounds {
  // Tries within `window`, whatever becomes of them: in all, and of one address.
  int64_t in_all = 30;
  int64_t per_address = 10;
  absl::Duration window = absl::Minutes(10);
  // So many addresses are remembered.
  int64_t addresses = 65536;
};

// Thread safety: none.
class RegistrationAttempts {
 public:
  // True if one more may be tried now: it counts. An empty address counts in all alone.
  bool Admit(absl::string_view address, const RegistrationBounds& bounds, absl::Time now);

 private:
  struct Count {
    absl::Time since = absl::InfinitePast();
    int64_t tries = 0;

    void Renew(absl::Duration window, absl::Time now) {
      if (now - since >= window) *this = {now, 0};
    }
  };

  Count in_all_;
  AddressTable<Count> addresses_;
};

}  // namespace chat

#endif  // LIBCHAT_ACCOUNTS_ATTEMPTS_H_
