// The decoder on anything: what it takes is written again as one message that says the same, and it
// takes the same however the input is cut. And the encoder on anything: the input is a body, too.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/crp/packets.h"

namespace chat::crp {
namespace {

using Status = Decoded::Status;

// Of a message that passes by.
constexpr size_t kMaxFollowed = 4 * kMaxMessageSize;

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckDone(const Message& message) {
  const std::string bytes = Encode(message);
  const Decoded again = Decoder().Decode(bytes, bytes.size(), bytes.size());
  Check(again.status == Status::kDone && again.size + 2 == bytes.size());
  Check(again.message == message);
  Check(!ToString(message).empty());
}

// Each message, and how the stream ends, with the bytes given in pieces.
std::vector<std::string> Say(absl::string_view in, size_t piece) {
  std::vector<std::string> said;
  Decoder decoder;
  size_t begin = 0;
  for (size_t end = std::min(piece, in.size());; end = std::min(end + piece, in.size())) {
    Decoded decoded;
    do {
      const std::string given(in.substr(begin, end - begin));
      decoded = decoder.Decode(given, kMaxMessageSize, kMaxFollowed);
      begin += decoded.size;
      if (decoded.status == Status::kDone) {
        CheckDone(decoded.message);
        said.push_back(ToString(decoded.message));
      } else if (decoded.status != Status::kNeedMore) {
        said.push_back(std::to_string(static_cast<int>(decoded.status)));
      }
    } while (decoded.status == Status::kDone || decoded.status == Status::kUnknownCommand ||
             decoded.status == Status::kPassedBy);
    if (decoded.status != Status::kNeedMore) return said;
    Check(end - begin <= kMaxMessageSize);
    if (end == in.size()) return said;
  }
}

// A text is one message, and only newlines beyond its lines are changed.
void CheckBody(absl::string_view body) {
  if (body.size() > kMaxBodyBytes || body.find('\0') != absl::string_view::npos) return;
  const std::string bytes = Encode({.command = Command::kTxt,
                                    .session_id = "S12345",
                                    .source_user = "alice",
                                    .target_user = "bobby",
                                    .body = std::string(body)});
  const Decoded decoded = Decoder().Decode(bytes, kMaxMessageSize, kMaxMessageSize);
  Check(decoded.status == Status::kDone && decoded.size + 2 == bytes.size());
  size_t newlines = 0;
  std::string expected(body);
  for (char& c : expected) {
    if (c == '\n' && ++newlines >= MaxBodyLines(3)) c = ' ';
  }
  Check(decoded.message.body == expected);
}

}  // namespace
}  // namespace chat::crp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view in(reinterpret_cast<const char*>(data), size);
  const auto whole = chat::crp::Say(in, std::max<size_t>(size, 1));
  chat::crp::Check(chat::crp::Say(in, 1) == whole);
  chat::crp::Check(chat::crp::Say(in, 7) == whole);
  chat::crp::CheckBody(in);
  return 0;
}
