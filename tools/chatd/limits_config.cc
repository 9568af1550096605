#include "tools/chatd/limits_config.h"

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace chat::tools {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;
constexpr absl::string_view kUnlimitedWord = "unlimited";

struct Unit {
  absl::string_view name;
  int64_t bytes;
};
constexpr Unit kUnits[] = {{"GiB", 1024 * kMiB}, {"MiB", kMiB}, {"KiB", kKiB}, {"", 1}};

// ---- How each kind of bound is written ----

std::string FormatNumber(int64_t number) { return absl::StrCat(number); }

std::string FormatSize(int64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (bytes % unit.bytes == 0) return absl::StrCat(bytes / unit.bytes, unit.name);
  }
  return absl::StrCat(bytes);  // not reached: the last unit is 1
}

// All three: InvalidArgument if `text` is not of that kind. They take any value, 0 included.

absl::StatusOr<int64_t> ParseNumber(absl::string_view text) {
  int64_t number = 0;
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (digits && absl::SimpleAtoi(text, &number) && number < kUnlimited) return number;
  return absl::InvalidArgumentError("a number, like \"1000\"");
}

absl::StatusOr<int64_t> ParseSize(absl::string_view text) {
  for (const Unit& unit : kUnits) {
    if (!absl::EndsWith(text, unit.name)) continue;
    const absl::StatusOr<int64_t> count =
        ParseNumber(text.substr(0, text.size() - unit.name.size()));
    if (!count.ok() || *count > kUnlimited / unit.bytes) break;
    return *count * unit.bytes;
  }
  return absl::InvalidArgumentError("a size, like \"512\", \"64KiB\", \"4MiB\" or \"1GiB\"");
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  const bool starts_with_digit = !text.empty() && text[0] >= '0' && text[0] <= '9';
  if (starts_with_digit && absl::ParseDuration(text, &duration)) return duration;
  return absl::InvalidArgumentError("a duration, like \"500ms\", \"15s\" or \"2m\"");
}

// ---- The bounds themselves ----

template <typename T>
struct Range {
  T lowest;
  T highest;
  bool or_unlimited;
};

struct Number {
  int64_t Limits::*member;
  Range<int64_t> range = {1, kUnlimited - 1, true};
};
struct Size {
  int64_t Limits::*member;
  Range<int64_t> range = {1, kUnlimited - 1, true};
};
struct Duration {
  absl::Duration Limits::*member;
  Range<absl::Duration> range = {absl::Milliseconds(1), absl::Hours(24 * 365), true};
};
struct Flag {
  bool Limits::*member;
};

struct Bound {
  const char* field;
  std::variant<Number, Size, Duration, Flag> as;
};

// Bounds of the kernel's own, for TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT.
constexpr absl::Duration kLongestKeepalive = absl::Hours(9);
constexpr int64_t kMostProbes = 127;

constexpr int64_t kMostAddresses = 16 << 20;
// Each takes 64 MiB while it hashes.
constexpr int64_t kMostHashingThreads = 128;

const Bound kBounds[] = {
    {"login", Duration{&Limits::login}},
    {"frame_before_login", Size{&Limits::frame_before_login, {64, 16 * kMiB, false}}},
    {"frame", Size{&Limits::frame, {2 * kKiB, 16 * kMiB, false}}},
    {"unauthenticated", Number{&Limits::unauthenticated}},
    {"unauthenticated_per_address", Number{&Limits::unauthenticated_per_address}},
    {"unauthenticated_random_from", Number{&Limits::unauthenticated_random_from}},
    {"connections", Number{&Limits::connections}},
    {"connections_per_address", Number{&Limits::connections_per_address}},
    {"new_connections_per_address_per_minute",
     Number{&Limits::new_connections_per_address_per_minute}},
    {"accepts_per_wake", Number{&Limits::accepts_per_wake, {1, 1024, false}}},
    {"lag", Size{&Limits::lag}},
    {"stall", Duration{&Limits::stall}},
    {"private_queue", Size{&Limits::private_queue}},
    {"mailbox", Number{&Limits::mailbox}},
    {"kernel_unsent", Size{&Limits::kernel_unsent, {1, INT32_MAX, true}}},
    {"memory", Size{&Limits::memory}},
    {"messages_per_second", Number{&Limits::messages_per_second}},
    {"messages_burst", Number{&Limits::messages_burst}},
    {"read_budget", Size{&Limits::read_budget, {4 * kKiB, 16 * kMiB, false}}},
    {"requests_per_pair", Number{&Limits::requests_per_pair}},
    {"relay_requests_per_pair", Number{&Limits::relay_requests_per_pair}},
    {"requests_per_sender", Number{&Limits::requests_per_sender}},
    {"requests_per_target", Number{&Limits::requests_per_target}},
    {"request", Duration{&Limits::request}},
    {"talks_per_user", Number{&Limits::talks_per_user}},
    {"held_messages", Number{&Limits::held_messages}},
    {"held_bytes", Size{&Limits::held_bytes}},
    {"held_bytes_in_all", Size{&Limits::held_bytes_in_all}},
    {"file_window", Size{&Limits::file_window}},
    {"file_patience", Duration{&Limits::file_patience}},
    {"merge_targets", Number{&Limits::merge_targets}},
    {"tunnels", Number{&Limits::tunnels}},
    {"tunnels_per_user", Number{&Limits::tunnels_per_user}},
    {"pending_tunnels_per_address", Number{&Limits::pending_tunnels_per_address}},
    {"connect_id", Duration{&Limits::connect_id}},
    {"early_bytes", Size{&Limits::early_bytes}},
    {"bad_connect_ids_per_minute", Number{&Limits::bad_connect_ids_per_minute}},
    {"bad_connect_ids_per_second", Number{&Limits::bad_connect_ids_per_second}},
    {"relay_close", Duration{&Limits::relay_close}},
    {"relay_notice", Duration{&Limits::relay_notice}},
    {"logins_per_connection", Number{&Limits::logins_per_connection}},
    {"logins_per_address", Number{&Limits::logins_per_address}},
    {"logins_window", Duration{&Limits::logins_window}},
    {"logins_refusal", Duration{&Limits::logins_refusal}},
    {"logins_longest_refusal", Duration{&Limits::logins_longest_refusal}},
    {"logins_addresses", Number{&Limits::logins_addresses, {1, kMostAddresses, false}}},
    {"hashing_threads", Number{&Limits::hashing_threads, {1, kMostHashingThreads, false}}},
    {"hashing_queue", Number{&Limits::hashing_queue}},
    {"registrations", Number{&Limits::registrations}},
    {"registrations_per_address", Number{&Limits::registrations_per_address}},
    {"registrations_window", Duration{&Limits::registrations_window}},
    {"accounts", Number{&Limits::accounts}},
    {"drain", Duration{&Limits::drain}},
    {"drain_relays", Duration{&Limits::drain_relays}},
    {"keepalive_idle",
     Duration{&Limits::keepalive_idle, {absl::Seconds(1), kLongestKeepalive, true}}},
    {"keepalive_interval",
     Duration{&Limits::keepalive_interval, {absl::Seconds(1), kLongestKeepalive, false}}},
    {"keepalive_probes", Number{&Limits::keepalive_probes, {1, kMostProbes, false}}},
    {"user_timeout",
     Duration{&Limits::user_timeout, {absl::Milliseconds(1), absl::Hours(24), true}}},
    {"exempt_loopback", Flag{&Limits::exempt_loopback}},
};

// The value of `text`, or what is wrong with it.
template <typename T>
absl::StatusOr<T> ParseBound(absl::string_view text, absl::StatusOr<T> (*parse)(absl::string_view),
                             std::string (*format)(T), const Range<T>& range, T unlimited) {
  const std::string shown = absl::StrCat("\"", text, "\" ");
  if (text == kUnlimitedWord) {
    if (range.or_unlimited) return unlimited;
    return absl::InvalidArgumentError("cannot be unlimited");
  }
  absl::StatusOr<T> value = parse(text);
  if (!value.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(shown, "is not ", value.status().message(),
                     range.or_unlimited ? ", nor \"unlimited\"" : ""));
  }
  if (*value == T()) {
    return absl::InvalidArgumentError(absl::StrCat(
        shown, "is refused", range.or_unlimited ? ": to lift the bound, say \"unlimited\"" : ""));
  }
  if (*value < range.lowest) {
    return absl::InvalidArgumentError(
        absl::StrCat(shown, "is below the least possible, \"", format(range.lowest), "\""));
  }
  if (*value > range.highest) {
    return absl::InvalidArgumentError(
        absl::StrCat(shown, "is above the most possible, \"", format(range.highest), "\""));
  }
  return value;
}

absl::StatusOr<int64_t> Parse(const Number& bound, absl::string_view text) {
  return ParseBound<int64_t>(text, ParseNumber, FormatNumber, bound.range, kUnlimited);
}
absl::StatusOr<int64_t> Parse(const Size& bound, absl::string_view text) {
  return ParseBound<int64_t>(text, ParseSize, FormatSize, bound.range, kUnlimited);
}
absl::StatusOr<absl::Duration> Parse(const Duration& bound, absl::string_view text) {
  return ParseBound<absl::Duration>(text, ParseDuration, absl::FormatDuration, bound.range,
                                    absl::InfiniteDuration());
}

std::string Format(const Number& bound, const Limits& limits) {
  const int64_t value = limits.*bound.member;
  return value == kUnlimited ? std::string(kUnlimitedWord) : FormatNumber(value);
}
std::string Format(const Size& bound, const Limits& limits) {
  const int64_t value = limits.*bound.member;
  return value == kUnlimited ? std::string(kUnlimitedWord) : FormatSize(value);
}
std::string Format(const Duration& bound, const Limits& limits) {
  const absl::Duration value = limits.*bound.member;
  return value == absl::InfiniteDuration() ? std::string(kUnlimitedWord)
                                           : absl::FormatDuration(value);
}

const FieldDescriptor* FieldOf(const Bound& bound) {
  return config::v1::Limits::descriptor()->FindFieldByName(bound.field);
}

}  // namespace

void ApplyLimits(const config::v1::Limits& config, Limits& limits, LimitError error) {
  const auto* reflection = config.GetReflection();
  for (const Bound& bound : kBounds) {
    const FieldDescriptor* field = FieldOf(bound);
    if (!reflection->HasField(config, field)) continue;
    std::visit(
        [&](const auto& as) {
          if constexpr (std::is_same_v<decltype(as), const Flag&>) {
            limits.*as.member = reflection->GetBool(config, field);
          } else {
            const auto value = Parse(as, reflection->GetString(config, field));
            if (value.ok()) {
              limits.*as.member = *value;
            } else {
              error(bound.field, value.status().message());
            }
          }
        },
        bound.as);
  }
}

config::v1::Limits LimitsToConfig(const Limits& limits) {
  config::v1::Limits config;
  const auto* reflection = config.GetReflection();
  for (const Bound& bound : kBounds) {
    // Left to the limit on open files.
    if (bound.field == absl::string_view("connections") && limits.connections == 0) continue;
    std::visit(
        [&](const auto& as) {
          if constexpr (std::is_same_v<decltype(as), const Flag&>) {
            reflection->SetBool(&config, FieldOf(bound), limits.*as.member);
          } else {
            reflection->SetString(&config, FieldOf(bound), Format(as, limits));
          }
        },
        bound.as);
  }
  return config;
}

}  // namespace chat::tools
