// Transcripts: a rule of a protocol, told as a conversation that a person can read and that any
// World can play.
//
//   # MESSAGE goes to all connected clients, the sender included (001, section 2).
//   A > LOGIN login="alice"
//   A < LOGIN_ACCEPTED
//   B connect long_bytes=8
//   B > hex 00 00000003 "bob"
//   B < LOGIN_ACCEPTED
//   A > MESSAGE login="alice" msg="hi"
//   A < MESSAGE login="alice" msg="hi"
//   B < MESSAGE login="alice" msg="hi"
//
// `A > ...` is what client A does, `A < ...` what it gets. The first line is a comment that says
// the rule. A client connects when it is first named, or with a line of its own (`A connect`) where
// it needs options (`long_bytes=8`) or speaks another dialect than the transcript's (`A connect
// cfp`).
//
// It sends or gets a packet, in its dialect's Notation, or bytes: `hex`, then what ParseHex reads.
// It can also do `half-close` and `reset`, and get `half-close`, `closed` and `reset`. `wait 60s`
// lets time pass.
//
// `$id` in what a client gets stands for a number: the first time for any, which is remembered,
// later for that one.
//
// What comes of an action stands below it, up to the next action, in the order in which each client
// gets it; which client's lines come first does not matter. Nothing else may come. On real sockets
// clients race: where it matters that something without results has been read, its client says
// something with results behind it.

#ifndef LIBCHAT_TESTING_TRANSCRIPT_H_
#define LIBCHAT_TESTING_TRANSCRIPT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libchat/dialect/dialect.h"
#include "libchat/testing/notation.h"

namespace chat::testing {

// Where a transcript is played: clients by name, and a server.
class World {
 public:
  // What has become of the stream to a client.
  enum class End : uint8_t { kOpen, kHalfClosed, kClosed, kReset };

  virtual ~World() = default;

  virtual absl::Status Connect(const std::string& client, const Dialect& dialect,
                               const DialectOptions& options) = 0;
  // What comes after the server has closed is lost, and no error.
  virtual absl::Status Send(const std::string& client, absl::string_view bytes) = 0;
  virtual absl::Status HalfClose(const std::string& client) = 0;
  virtual absl::Status Reset(const std::string& client) = 0;
  // kUnimplemented in a world whose time is real.
  virtual absl::Status Pass(absl::Duration time) = 0;

  // Appends what has come for the client. If nothing has, a world whose settles() is false waits
  // for something. False: nothing more will come for now, and `*end` says what became of the
  // stream.
  virtual bool Receive(const std::string& client, std::string* bytes, End* end) = 0;

  // True if all that comes of an action is there when it returns.
  virtual bool settles() const = 0;
  // True if End tells kHalfClosed from kClosed.
  virtual bool tells_ends_apart() const = 0;
};

struct TranscriptLine {
  enum class Kind : uint8_t { kComment, kConnect, kDo, kGet, kWait };
  int number = 0;  // in the file
  Kind kind = Kind::kComment;
  std::string raw;
  std::string client;
  std::string what;     // behind `>`, `<` or `connect`
  absl::Duration time;  // kWait
};

struct Transcript {
  std::string rule;
  std::vector<TranscriptLine> lines;
};

// InvalidArgument names the line.
absl::StatusOr<Transcript> ParseTranscript(absl::string_view text);

// How what a client sends arrives.
struct Arrival {
  enum class How : uint8_t {
    kWhole,  // a line a segment
    kByteByByte,
    kJoined,  // what one client sends in a row, in one segment
    kRandom,  // cut at random
  };
  How how = How::kWhole;
  uint32_t seed = 0;  // kRandom
};

struct Players {
  const Dialect* dialect = nullptr;  // of clients that name none
  // By name; null if there is none such.
  std::function<const Dialect*(absl::string_view)> find_dialect;
  std::function<const Notation*(absl::string_view)> find_notation;
};

// How a client connects.
struct Connecting {
  const Dialect* dialect = nullptr;  // null: `players` do not know the one named
  DialectOptions options;
};
// One for each connect line.
std::vector<Connecting> ConnectionsOf(const Transcript& transcript, const Players& players);

// Plays it in a fresh part of `world`. An error names the line, what should have come and what did;
// kUnimplemented means that this world cannot play it.
absl::Status Play(const Transcript& transcript, const Players& players, World& world,
                  const Arrival& arrival);

// Plays it and returns it with what really comes in the place of what should: nothing is changed
// below an action whose results are right. `world` settles.
absl::StatusOr<std::string> Rewrite(const Transcript& transcript, const Players& players,
                                    World& world);

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_TRANSCRIPT_H_
