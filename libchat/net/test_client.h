// A client made of one socket, for tests of the server: it sends and receives bytes as they are.

#ifndef LIBCHAT_NET_TEST_CLIENT_H_
#define LIBCHAT_NET_TEST_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace chat::net {

// No wait in these tests takes longer, unless something hangs.
inline constexpr int kHangGuardSeconds = 60;

// Waits until `condition` holds; false, and a failure of the test, if it does not within the hang
// guard. For what can only be looked at.
bool Await(const std::function<bool()>& condition, absl::string_view what);

// How a stream has ended.
enum class StreamEnd : uint8_t {
  kNone,   // not yet, within the hang guard: a failure of the test
  kClean,  // after everything that was sent
  kReset,
};

// Thread safety: none. The methods that send may be called while another thread receives.
class TestClient {
 public:
  // Without a connection yet.
  TestClient();
  // Connects to `port` of 127.0.0.1; `from` is the client's own address. `receive_buffer`: the
  // kernel's, in bytes; 0: as it comes.
  explicit TestClient(uint16_t port, const char* from = "127.0.0.1", int receive_buffer = 0);
  TestClient(TestClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), unread_(std::move(other.unread_)) {}
  TestClient& operator=(TestClient&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(unread_, other.unread_);
    return *this;
  }
  // The other end of one that was accepted: takes `fd`.
  static TestClient Of(int fd);
  ~TestClient() { Close(); }

  int fd() const { return fd_; }

  // False if nobody listens there.
  bool Connect(uint16_t port);

  // Sends all of it. False if the other side has closed.
  bool Send(absl::string_view bytes);
  // Sends what the kernel takes at once, and says how much that was.
  size_t SendSome(absl::string_view bytes);
  // Ends its own stream; it still receives.
  void HalfClose();
  void Close();
  // Closes with a reset.
  void Reset();

  // The next `size` bytes; less if the stream ends before them.
  std::string Receive(size_t size);
  // Whether the next bytes are `bytes`. If not, says what came instead.
  bool Expect(absl::string_view bytes);
  // Everything up to the end, which goes to `*end`.
  std::string ReceiveAll(StreamEnd* end);
  // As ReceiveAll, for those who do not need the bytes.
  StreamEnd AwaitEnd();
  // True if something (or the end) can be received at once.
  bool Readable() const;

 private:
  struct Owned {
    int fd;
  };
  explicit TestClient(Owned owned) : fd_(owned.fd) {}

  // Receives a piece into unread_.
  StreamEnd Fill();

  int fd_ = -1;
  std::string unread_;
};

// Listens on a port of 127.0.0.1, in the place of a server.
class TestListener {
 public:
  TestListener();
  ~TestListener();
  TestListener(const TestListener&) = delete;
  TestListener& operator=(const TestListener&) = delete;

  uint16_t port() const { return port_; }
  // The next one that connects.
  TestClient Accept();

 private:
  int fd_ = -1;
  uint16_t port_ = 0;
};

}  // namespace chat::net

#endif  // LIBCHAT_NET_TEST_CLIENT_H_
