// A dialect with direct connections, for tests of what must work with any of them.
//
//   from who connects, first    HELLO login id
//   both ways                   MSG text    FILE name size, then so many bytes
//                               LATE text, a message that is held back until the stream ends
//
// A piece of a file has at most 1024 bytes; one with fewer is the last.

#ifndef LIBCHAT_CLIENT_TOY_DIRECT_H_
#define LIBCHAT_CLIENT_TOY_DIRECT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "libchat/dialect/dialect.h"

namespace chat::client {

class ToyDirectSession final : public DirectSession {
 public:
  ToyDirectSession(chat::DirectOptions options, DirectHost& host)
      : options_(std::move(options)), host_(host) {}

  void Start() override {
    if (options_.side == chat::DirectOptions::Side::kListens) return;
    host_.Send(absl::StrCat("HELLO ", options_.self, " ", options_.id, "\n"));
    Open();
  }

  absl::Status SendMessage(Text body) override {
    if (body.bytes().find('\n') != body.bytes().npos) {
      return absl::InvalidArgumentError("a line has no newline");
    }
    host_.Send(absl::StrCat("MSG ", body.bytes(), "\n"));
    return absl::OkStatus();
  }
  absl::Status SendFilePiece(absl::string_view name, absl::string_view content) override {
    host_.Send(absl::StrCat("FILE ", name, " ", content.size(), "\n", content));
    return absl::OkStatus();
  }
  size_t max_piece_bytes() const override { return 1024; }

  Step OnBytes(absl::string_view in) override {
    Step step;
    while (step.next == Next::kMore) {
      const size_t begin = step.consumed;
      const size_t end = in.find('\n', begin);
      if (end == in.npos) break;
      const absl::string_view behind = in.substr(end + 1);
      size_t size = 0;
      if (!OnLine(in.substr(begin, end - begin), behind, &size)) step.next = Next::kClose;
      if (size > behind.size()) break;
      step.consumed = end + 1 + size;
    }
    return step;
  }

  void OnEnd() override {
    for (std::string& text : std::exchange(late_, {})) {
      host_.OnDirectEvent(DirectMessage{std::move(text)});
    }
  }

 private:
  // *size: how many bytes behind the line belong to it. False if the peer is not to be talked to.
  bool OnLine(absl::string_view line, absl::string_view behind, size_t* size) {
    if (!opened_) {
      if (line != absl::StrCat("HELLO ", options_.peer, " ", options_.id)) return false;
      Open();
      return true;
    }
    if (absl::ConsumePrefix(&line, "MSG ")) {
      host_.OnDirectEvent(DirectMessage{std::string(line)});
      return true;
    }
    if (absl::ConsumePrefix(&line, "LATE ")) {
      late_.emplace_back(line);
      return true;
    }
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() != 3 || words[0] != "FILE" || !absl::SimpleAtoi(words[2], size)) return false;
    if (*size > max_piece_bytes()) return false;
    if (*size <= behind.size()) {
      host_.OnDirectEvent(DirectFilePiece{std::string(words[1]),
                                          std::string(behind.substr(0, *size)), *size < 1024});
    }
    return true;
  }

  void Open() {
    opened_ = true;
    host_.OnDirectEvent(DirectOpened{});
  }

  const chat::DirectOptions options_;
  DirectHost& host_;
  bool opened_ = false;
  std::vector<std::string> late_;
};

class ToyDirectDialect final : public Dialect {
 public:
  absl::string_view name() const override { return "toydirect"; }
  std::vector<DefaultListener> default_listeners() const override { return {{7001, {}}}; }
  absl::Status CheckOptions(const DialectOptions&) const override { return absl::OkStatus(); }
  std::unique_ptr<ServerSession> NewServerSession(const DialectOptions&, const SessionLimits&,
                                                  SessionHost&) const override {
    return nullptr;  // there is no server in these tests
  }
  std::unique_ptr<ClientSession> NewClientSession(const DialectOptions&,
                                                  ClientHost&) const override {
    return nullptr;
  }
  std::unique_ptr<DirectSession> NewDirectSession(const chat::DirectOptions& options,
                                                  DirectHost& host) const override {
    return std::make_unique<ToyDirectSession>(options, host);
  }
  ClientTraits client_traits() const override { return {}; }
  bool answers(RequestKind) const override { return false; }
  void EncodePublic(const PublicMessage& message, wire::Writer& out) const override {
    out.Bytes(message.body.bytes());
  }
};

inline const Dialect& ToyDirect() {
  static const ToyDirectDialect toy;
  return toy;
}

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_TOY_DIRECT_H_
