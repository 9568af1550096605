// The messages of document 004, section 3: lines of text.
//
//   TXT                     the start-line
//   SessionID=S12345        headers, Key=Value
//   SourceUser=alice
//   TargetUser=bobby
//                           an empty line
//   Hello!                  the body
//   <NUL>                   the end: a line that begins with NUL
//
// A line ends in CR LF; LF alone is taken, too. The message ends with its NUL: the line end behind
// that, which we always send, may be missing.
//
// Thread safety: plain values and pure functions, but for Decoder.

#ifndef LIBCHAT_CRP_PACKETS_H_
#define LIBCHAT_CRP_PACKETS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/event/event.h"
#include "libchat/event/user.h"
#include "libchat/wire/scanner.h"

namespace chat::crp {

// Where the programs of the document's author differ from the document, a connection goes with one
// of the two.
enum class Compat : uint8_t { kDocument, kAuthor };

enum class Command : uint8_t { kReg, kSign, kInvt, kRsp, kTxt, kClose, kQuit };
inline constexpr size_t kCommands = 7;

// "REG", "SIGN", ...
absl::string_view NameOf(Command command);

// A message has at most so many lines (section 3), its start-line, its empty line and its end
// included, and so many bytes up to its NUL. One with more passes by.
inline constexpr size_t kMaxLines = 50;
inline constexpr size_t kMaxMessageSize = 16 * 1024;

// A user is shown as "name" or "name@server": no name in a message of ours is longer, in bytes.
inline constexpr size_t kMaxShownNameBytes = kMaxNameBytes + 1 + 10;

// The value of a header, if it is there.
using Header = std::optional<absl::string_view>;

// Any message, in either direction. The values are VIEWS of what they were made from, the body is
// its own.
struct Message {
  Command command = Command::kReg;
  Header session_id = std::nullopt;
  Header source_user = std::nullopt;
  Header target_user = std::nullopt;
  Header status = std::nullopt;
  Header user_id = std::nullopt;
  Header password = std::nullopt;
  // The lines of the body, with "\n" between them. Nothing: there is no line at all.
  std::optional<std::string> body = std::nullopt;

  friend bool operator==(const Message&, const Message&) = default;
};

// The headers, in the order in which they are sent.
struct Key {
  const char* name;
  Header Message::*value;
};
inline constexpr Key kKeys[] = {
    {"SessionID", &Message::session_id},   {"SourceUser", &Message::source_user},
    {"TargetUser", &Message::target_user}, {"Status", &Message::status},
    {"UserID", &Message::user_id},         {"Password", &Message::password},
};

// Values of Status.
inline constexpr char kSuccessful[] = "Successful";
inline constexpr char kFailed[] = "Failed";
inline constexpr char kNotExist[] = "NotExist";
inline constexpr char kAccepted[] = "Accepted";
inline constexpr char kRefused[] = "Refused";

// The most body lines of a message with so many headers.
constexpr size_t MaxBodyLines(size_t headers) { return kMaxLines - 3 - headers; }

// A body of at most so many bytes always fits a TXT or an INVT, whoever exchanges it.
inline constexpr size_t kMaxBodyBytes =
    kMaxMessageSize - sizeof("TXT\r\nSessionID=S12345\r\nSourceUser=\r\nTargetUser=\r\n\r\n\r\n") -
    2 * kMaxShownNameBytes - kMaxLines;

// The bytes of `message`, whatever its body: newlines for which it has no lines left become spaces.
// The values hold no CR, LF or NUL, and the body no NUL; else it is not one message.
std::string Encode(const Message& message);

// E.g. `TXT SessionID=S12345 SourceUser="alice" TargetUser="bobby" body="two\nlines"`, with C
// escapes in the strings; a SessionID that is none stands in quotes.
std::string ToString(const Message& message);

// Section 1.2: "S12345". `talk` is a talk's number.
std::string SessionIdOf(TalkNumber talk);
// The inverse; nothing if it is not an `S` and 5 digits.
std::optional<TalkNumber> ParseSessionId(absl::string_view session_id);

// Section 2.1.1, for accounts that are made by REG: a letter, then letters or digits, 5 to 10 in
// all.
bool IsUserId(absl::string_view name);
// Section 2.1.1: 6 to 13 letters and digits.
bool IsPassword(absl::string_view password);

struct Decoded {
  enum class Status : uint8_t {
    kDone,            // `message`
    kNeedMore,        // the message goes on behind what was given
    kUnknownCommand,  // a whole message with another start-line
    kPassedBy,        // the end of one over kMaxLines, or over the bytes that a message may have
    kMalformed,       // no message begins so
    kTooLong,         // over the bytes that are followed
  };
  Status status = Status::kNeedMore;
  // So many bytes at the front of what was given are done with, with kNeedMore, too: it can be the
  // line end of the message before, or all of a message that passes by.
  size_t size = 0;
  Message message;
};

// Decodes one stream of messages. It remembers where the lines of an unfinished message are, so
// that no byte is looked for twice, however small the pieces are in which it comes.
//
// Thread safety: none; a decoder belongs to one session.
class Decoder {
 public:
  // Decodes the message at the beginning of `in`, which begins with the bytes of the last call,
  // less those done with. The message may have `max_bytes` bytes up to its NUL. One with more of
  // them or with too many lines is followed to its end for `max_followed` (not less) bytes in all,
  // and nothing of it is kept. What is wrong is judged in the order of the bytes, as soon as it is
  // there; in what passes by nothing is. Must not be called again after kMalformed and kTooLong.
  // `decoded.message` views `in`.
  Decoded Decode(absl::string_view in, size_t max_bytes, size_t max_followed);

 private:
  enum class Section : uint8_t { kStart, kHeaders, kBody };

  // A piece of the message.
  struct Span {
    size_t begin = 0;
    size_t size = 0;
  };
  struct Field {
    Span key;
    Span value;
  };

  // Skips the line end of the message before, in front of this one. False: more is needed.
  bool SkipLineEnd(absl::string_view& in);
  // The line of `size` bytes that begins at line_. False if it is malformed.
  bool TakeLine(absl::string_view in, size_t size);
  bool TakeHeader(absl::string_view in, size_t size);
  // The same as Decode, behind the line end of the message before.
  Decoded DecodeLines(absl::string_view in, size_t max_bytes, size_t max_followed);
  // Of a message that passes by; the first `seen` bytes of `in` have been looked at.
  Decoded PassBy(absl::string_view in, size_t seen, size_t max_followed);
  Decoded Finish(absl::string_view in);

  bool behind_message_ = false;  // what comes may be the line end of the message before
  Section section_ = Section::kStart;
  std::optional<Command> command_;
  size_t lines_ = 0;  // whole ones
  size_t line_ = 0;   // where the next one begins
  size_t body_ = 0;   // where the body begins
  std::vector<Field> fields_;
  wire::DelimiterScanner newline_{"\n"};  // from line_ on
  // Of a message that passes by, nothing else counts.
  bool passes_by_ = false;
  bool in_line_ = false;  // what comes next does not begin a line
  size_t passed_ = 0;     // bytes done with
};

}  // namespace chat::crp

#endif  // LIBCHAT_CRP_PACKETS_H_
