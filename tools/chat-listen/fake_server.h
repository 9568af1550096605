// A server that does what a test tells it.

#ifndef TOOLS_CHAT_LISTEN_FAKE_SERVER_H_
#define TOOLS_CHAT_LISTEN_FAKE_SERVER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace chat::testing {

// One connection of the protocol of document 001 (chaton) at a time, by blocking calls. What takes
// longer than a minute fails the test.
//
// Thread safety: none.
class FakeServer {
 public:
  FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer();

  const std::string& url() const { return url_; }

  // Waits for a client, which takes the place of the one before it. Returns the name that it asks
  // for.
  std::string Accept();
  // Answers that.
  void LogIn() { Send(absl::string_view("\x01", 1)); }
  void Refuse() { Send(absl::string_view("\x02", 1)); }

  // A public message, as bytes.
  static std::string Message(absl::string_view from, absl::string_view body);
  // Waits until all of it has been sent.
  void Send(absl::string_view bytes);
  // Sends of it, again and again, until the client has read nothing for `patience_ms`, but at least
  // so many bytes. Returns how many.
  size_t SendUntilItStops(absl::string_view bytes, size_t at_least, int patience_ms);

  // Waits for the end of the client's stream. False if it is a reset.
  bool AwaitEnd();

  void Close();  // the connection, in an orderly way
  void Reset();  // ... with a reset

 private:
  int listener_ = -1;
  int fd_ = -1;
  std::string url_;
};

}  // namespace chat::testing

#endif  // TOOLS_CHAT_LISTEN_FAKE_SERVER_H_
