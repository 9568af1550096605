#include "libchat/testing/transcript.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libchat/testing/hex.h"
#include "libchat/testing/segments.h"

namespace chat::testing {
namespace {

using Kind = TranscriptLine::Kind;
using End = World::End;

absl::Status At(const TranscriptLine& line, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line.number, ": ", problem));
}

absl::Status At(const TranscriptLine& line, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("line ", line.number, ": ", status.message()));
}

absl::Status ParseLine(TranscriptLine& line) {
  const absl::string_view raw = line.raw;
  if (raw.empty() || raw[0] == '#') return absl::OkStatus();
  absl::string_view rest = raw;
  if (absl::ConsumePrefix(&rest, "wait ")) {
    line.kind = Kind::kWait;
    if (absl::ParseDuration(rest, &line.time)) return absl::OkStatus();
    return At(line, "not a duration");
  }
  const std::pair<absl::string_view, absl::string_view> words =
      absl::StrSplit(raw, absl::MaxSplits(' ', 1));
  line.client = std::string(words.first);
  rest = words.second;
  if (absl::ConsumePrefix(&rest, "> ")) {
    line.kind = Kind::kDo;
  } else if (absl::ConsumePrefix(&rest, "< ")) {
    line.kind = Kind::kGet;
  } else if (rest == "connect" || absl::ConsumePrefix(&rest, "connect ")) {
    line.kind = Kind::kConnect;
    if (rest == "connect") rest = "";
  } else {
    return At(line,
              "neither a comment nor `CLIENT > ...`, `CLIENT < ...`, `CLIENT connect`, `wait`");
  }
  line.what = std::string(absl::StripAsciiWhitespace(rest));
  return absl::OkStatus();
}

// The end that a line waits for, if it does.
std::optional<End> EndOf(absl::string_view what) {
  if (what == "half-close") return End::kHalfClosed;
  if (what == "closed") return End::kClosed;
  if (what == "reset") return End::kReset;
  return std::nullopt;
}

absl::string_view NameOf(End end) {
  switch (end) {
    case End::kOpen:
      return "open";
    case End::kHalfClosed:
      return "half-close";
    case End::kClosed:
      return "closed";
    case End::kReset:
      return "reset";
  }
  return "unknown";
}

// An action with what comes of it. Joined, several sends of one client.
struct Step {
  std::vector<const TranscriptLine*> actions;
  std::vector<const TranscriptLine*> results;
};

bool IsSend(const TranscriptLine& line) { return line.kind == Kind::kDo && !EndOf(line.what); }

// True if `next` may arrive in one segment with the last action of `step`.
bool Joins(const Step& step, const TranscriptLine& next) {
  if (step.actions.empty() || !IsSend(*step.actions.back()) || !IsSend(next)) return false;
  if (step.actions.back()->client != next.client) return false;
  if (absl::StrContains(next.what, "$")) return false;  // it may depend on what comes
  return std::none_of(step.results.begin(), step.results.end(),
                      [](const TranscriptLine* line) { return EndOf(line->what).has_value(); });
}

std::vector<Step> Steps(const Transcript& transcript, bool joined) {
  std::vector<Step> steps;
  for (const TranscriptLine& line : transcript.lines) {
    if (line.kind == Kind::kComment) continue;
    if (line.kind == Kind::kGet) {
      if (steps.empty()) steps.emplace_back();
      steps.back().results.push_back(&line);
      continue;
    }
    if (!joined || steps.empty() || !Joins(steps.back(), line)) steps.emplace_back();
    steps.back().actions.push_back(&line);
  }
  return steps;
}

// What a connect line says; a client that has none connects as an empty one.
Connecting ParseConnect(absl::string_view what, const Players& players) {
  Connecting connecting;
  connecting.dialect = players.dialect;
  for (absl::string_view word : absl::StrSplit(what, ' ', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> option =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (absl::StrContains(word, "=")) {
      connecting.options.insert(option);
    } else {
      connecting.dialect = players.find_dialect(word);
    }
  }
  return connecting;
}

class Player {
 public:
  Player(const Players& players, World& world, const Arrival& arrival)
      : players_(players), world_(world), arrival_(arrival), random_(arrival.seed) {}

  absl::Status Do(const std::vector<const TranscriptLine*>& actions);
  // Compares the next that has come, and takes it.
  absl::Status Get(const TranscriptLine& line);
  // An error if something has come that no line took.
  absl::Status ExpectNothing(const TranscriptLine& line);
  // Ends what is left, and waits for the server to do so, too: nothing may come.
  absl::Status Leave(const TranscriptLine& line);

  // All that has come for whomever, as lines; it is taken.
  std::vector<std::string> TakeLines();

 private:
  struct Client {
    const Dialect* dialect = nullptr;
    const Notation* notation = nullptr;
    DialectOptions options;
    std::string bytes;  // came, and not taken yet
    End end = End::kOpen;
    End told = End::kOpen;  // the end that a line took
    bool done = false;      // has half-closed or reset
  };

  absl::Status Connect(const TranscriptLine& line);
  absl::StatusOr<std::string> BytesOf(const TranscriptLine& line, const Client& client) const;
  absl::Status Send(const std::string& name, absl::string_view bytes);
  absl::Status GetEnd(const TranscriptLine& line, Client& client, End end);
  absl::Status GetBytes(const TranscriptLine& line, Client& client, absl::string_view bytes);
  absl::Status GetPacket(const TranscriptLine& line, Client& client);
  // False if nothing more will come.
  bool Receive(const std::string& name, Client& client) {
    return world_.Receive(name, &client.bytes, &client.end);
  }
  // What has come and was not taken, for people.
  std::string Rest(const Client& client) const;
  std::string Resolve(absl::string_view text) const;
  bool Matches(absl::string_view wanted, absl::string_view text);

  const Players& players_;
  World& world_;
  const Arrival arrival_;
  std::mt19937 random_;
  std::map<std::string, Client> clients_;
  std::map<std::string, std::string> variables_;  // "$id" -> "42"
};

absl::Status Player::Connect(const TranscriptLine& line) {
  if (clients_.contains(line.client)) return At(line, "is connected already");
  Connecting how = ParseConnect(line.kind == Kind::kConnect ? line.what : "", players_);
  if (how.dialect == nullptr) return At(line, absl::StrCat("no dialect in: ", line.what));
  Client client;
  client.dialect = how.dialect;
  client.options = std::move(how.options);
  client.notation = players_.find_notation(client.dialect->name());
  if (client.notation == nullptr) return At(line, "the dialect has no notation");
  const Client& placed = clients_.emplace(line.client, std::move(client)).first->second;
  return At(line, world_.Connect(line.client, *placed.dialect, placed.options));
}

absl::Status Player::Do(const std::vector<const TranscriptLine*>& actions) {
  std::string segment;
  for (const TranscriptLine* line : actions) {
    if (line->kind == Kind::kWait) return At(*line, world_.Pass(line->time));
    if (line->kind == Kind::kConnect || !clients_.contains(line->client)) {
      if (absl::Status s = Connect(*line); !s.ok()) return s;
    }
    if (line->kind == Kind::kConnect) return absl::OkStatus();
    Client& client = clients_.at(line->client);
    if (const std::optional<End> end = EndOf(line->what)) {
      client.done = true;
      if (*end != End::kReset) return At(*line, world_.HalfClose(line->client));
      client.told = End::kReset;
      return At(*line, world_.Reset(line->client));
    }
    const absl::StatusOr<std::string> bytes = BytesOf(*line, client);
    if (!bytes.ok()) return At(*line, bytes.status());
    segment += *bytes;
  }
  return At(*actions.front(), Send(actions.front()->client, segment));
}

absl::StatusOr<std::string> Player::BytesOf(const TranscriptLine& line,
                                            const Client& client) const {
  const std::string text = Resolve(line.what);
  absl::string_view hex = text;
  if (absl::ConsumePrefix(&hex, "hex ")) return ParseHex(hex);
  return client.notation->Write(text, client.options);
}

absl::Status Player::Send(const std::string& name, absl::string_view bytes) {
  Segments segments;
  switch (arrival_.how) {
    case Arrival::How::kWhole:
    case Arrival::How::kJoined:
      segments = Whole(bytes);
      break;
    case Arrival::How::kByteByByte:
      segments = ByteByByte(bytes);
      break;
    case Arrival::How::kRandom:
      segments = Random(bytes, random_);
      break;
  }
  for (const std::string& segment : segments) {
    if (absl::Status s = world_.Send(name, segment); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Player::Get(const TranscriptLine& line) {
  if (!clients_.contains(line.client)) {
    if (absl::Status s = Connect(line); !s.ok()) return s;
  }
  Client& client = clients_.at(line.client);
  if (const std::optional<End> end = EndOf(line.what)) return GetEnd(line, client, *end);
  const std::string text = Resolve(line.what);
  absl::string_view hex = text;
  if (absl::ConsumePrefix(&hex, "hex ")) {
    const absl::StatusOr<std::string> bytes = ParseHex(hex);
    return bytes.ok() ? GetBytes(line, client, *bytes) : At(line, bytes.status());
  }
  return GetPacket(line, client);
}

absl::Status Player::GetEnd(const TranscriptLine& line, Client& client, End end) {
  while (Receive(line.client, client)) {
  }
  if (!client.bytes.empty()) return At(line, absl::StrCat("before it comes ", Rest(client)));
  // A server that closes while there is unread input resets, as TCP wants it.
  const bool same =
      client.end == end || (!world_.tells_ends_apart() && end == End::kClosed &&
                            (client.end == End::kHalfClosed || client.end == End::kReset));
  if (!same) return At(line, absl::StrCat("the connection is ", NameOf(client.end)));
  client.told = client.end;
  return absl::OkStatus();
}

absl::Status Player::GetBytes(const TranscriptLine& line, Client& client, absl::string_view bytes) {
  while (client.bytes.size() < bytes.size() && Receive(line.client, client)) {
  }
  if (!absl::StartsWith(client.bytes, bytes)) {
    return At(line, absl::StrCat("there comes ", Rest(client)));
  }
  client.bytes.erase(0, bytes.size());
  return absl::OkStatus();
}

absl::Status Player::GetPacket(const TranscriptLine& line, Client& client) {
  std::string text;
  absl::StatusOr<size_t> size = client.notation->Read(client.bytes, client.options, &text);
  while (size.ok() && *size == 0 && Receive(line.client, client)) {
    size = client.notation->Read(client.bytes, client.options, &text);
  }
  if (!size.ok() || *size == 0) {
    return At(line, absl::StrCat("there comes ", Rest(client), "; the connection is ",
                                 NameOf(client.end)));
  }
  // As the notation itself would write what the line says.
  std::string wanted = Resolve(line.what);
  const absl::StatusOr<std::string> bytes = client.notation->Write(wanted, client.options);
  std::string plain;
  if (bytes.ok() && client.notation->Read(*bytes, client.options, &plain).ok()) wanted = plain;
  if (!Matches(wanted, text)) return At(line, absl::StrCat("there comes ", text));
  client.bytes.erase(0, *size);
  return absl::OkStatus();
}

absl::Status Player::ExpectNothing(const TranscriptLine& line) {
  for (auto& [name, client] : clients_) {
    while (Receive(name, client)) {
    }
    if (!client.bytes.empty()) {
      return At(line, absl::StrCat("below it, there also comes for ", name, ": ", Rest(client)));
    }
    if (client.end != client.told) {
      return At(line,
                absl::StrCat("below it, the connection of ", name, " is ", NameOf(client.end)));
    }
  }
  return absl::OkStatus();
}

absl::Status Player::Leave(const TranscriptLine& line) {
  for (auto& [name, client] : clients_) {
    if (client.done || client.told == End::kClosed || client.told == End::kReset) continue;
    if (absl::Status s = world_.HalfClose(name); !s.ok()) return At(line, s);
  }
  for (auto& [name, client] : clients_) {
    while (Receive(name, client)) {
    }
    if (!client.bytes.empty()) {
      return At(line, absl::StrCat("at the end, there also comes for ", name, ": ", Rest(client)));
    }
    if (client.end == End::kOpen && !client.done) {
      return At(line, absl::StrCat("at the end, the connection of ", name, " is still open"));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> Player::TakeLines() {
  std::vector<std::string> lines;
  for (auto& [name, client] : clients_) {
    while (Receive(name, client)) {
    }
    std::string text;
    while (!client.bytes.empty()) {
      const absl::StatusOr<size_t> size =
          client.notation->Read(client.bytes, client.options, &text);
      const bool packet = size.ok() && *size > 0;
      lines.push_back(absl::StrCat(name, " < ", packet ? text : "hex " + ShowHex(client.bytes)));
      client.bytes.erase(0, packet ? *size : client.bytes.size());
    }
    if (client.end != client.told) lines.push_back(absl::StrCat(name, " < ", NameOf(client.end)));
    client.told = client.end;
  }
  return lines;
}

std::string Player::Rest(const Client& client) const {
  if (client.bytes.empty()) return "nothing";
  std::string text;
  const absl::StatusOr<size_t> size = client.notation->Read(client.bytes, client.options, &text);
  return size.ok() && *size > 0 ? text : "hex " + ShowHex(client.bytes);
}

// Variables that are known, in the place of their names.
std::string Player::Resolve(absl::string_view text) const {
  std::string resolved(text);
  for (const auto& [name, value] : variables_) {
    const size_t at = resolved.find(name);
    if (at != std::string::npos) resolved.replace(at, name.size(), value);
  }
  return resolved;
}

// Binds a variable that `wanted` names and that is not known yet.
bool Player::Matches(absl::string_view wanted, absl::string_view text) {
  const size_t at = wanted.find('$');
  if (at == absl::string_view::npos || wanted == text) return wanted == text;
  if (wanted.substr(0, at) != text.substr(0, at)) return false;
  const auto run = [](absl::string_view s, bool (*in)(unsigned char)) {
    return s.substr(0, std::find_if_not(s.begin(), s.end(), in) - s.begin());
  };
  const absl::string_view name = run(wanted.substr(at + 1), absl::ascii_isalnum);
  const absl::string_view value = run(text.substr(at), absl::ascii_isdigit);
  if (wanted.substr(at + 1 + name.size()) != text.substr(at + value.size())) return false;
  variables_[absl::StrCat("$", name)] = std::string(value);
  return !value.empty();
}

}  // namespace

std::vector<Connecting> ConnectionsOf(const Transcript& transcript, const Players& players) {
  std::vector<Connecting> connections;
  for (const TranscriptLine& line : transcript.lines) {
    if (line.kind == Kind::kConnect) connections.push_back(ParseConnect(line.what, players));
  }
  return connections;
}

absl::StatusOr<Transcript> ParseTranscript(absl::string_view text) {
  Transcript transcript;
  absl::ConsumeSuffix(&text, "\n");
  int number = 0;
  for (absl::string_view raw : absl::StrSplit(text, '\n')) {
    TranscriptLine line;
    line.number = ++number;
    line.raw = std::string(raw);
    if (absl::Status s = ParseLine(line); !s.ok()) return s;
    transcript.lines.push_back(std::move(line));
  }
  absl::string_view rule = transcript.lines[0].raw;
  if (!absl::ConsumePrefix(&rule, "# ")) {
    return At(transcript.lines[0], "the first line is a comment that says the rule");
  }
  transcript.rule = std::string(rule);
  return transcript;
}

absl::Status Play(const Transcript& transcript, const Players& players, World& world,
                  const Arrival& arrival) {
  Player player(players, world, arrival);
  const std::vector<Step> steps = Steps(transcript, arrival.how == Arrival::How::kJoined);
  const TranscriptLine* last = &transcript.lines.back();
  for (const Step& step : steps) {
    if (!step.actions.empty()) {
      last = step.actions.back();
      if (absl::Status s = player.Do(step.actions); !s.ok()) return s;
    }
    for (const TranscriptLine* result : step.results) {
      if (absl::Status s = player.Get(*result); !s.ok()) return s;
    }
    if (!world.settles()) continue;
    if (absl::Status s = player.ExpectNothing(*last); !s.ok()) return s;
  }
  return player.Leave(*last);
}

absl::StatusOr<std::string> Rewrite(const Transcript& transcript, const Players& players,
                                    World& world) {
  Player player(players, world, {});
  std::string out;
  const auto append = [&](absl::string_view line) { absl::StrAppend(&out, line, "\n"); };
  for (size_t i = 0; i < transcript.lines.size();) {
    const TranscriptLine& line = transcript.lines[i++];
    append(line.raw);
    if (line.kind == Kind::kComment || line.kind == Kind::kGet) continue;
    if (absl::Status s = player.Do({&line}); !s.ok()) return s;
    // What stands below it, right or wrong.
    bool right = true;
    for (; i < transcript.lines.size() && transcript.lines[i].kind == Kind::kGet; ++i) {
      right = right && player.Get(transcript.lines[i]).ok();
      if (right) append(transcript.lines[i].raw);
    }
    for (const std::string& came : player.TakeLines()) append(came);
  }
  return out;
}

}  // namespace chat::testing
