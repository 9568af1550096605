// The client's side of TLS, as a filter of bytes: no socket, no event loop.

#ifndef LIBCHAT_CLIENT_TLS_H_
#define LIBCHAT_CLIENT_TLS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chat::client {

// One connection. What is for the server gathers in TakeOutput after each call.
//
// Thread safety: none.
class Tls {
 public:
  // The server has to prove that it is `host`, a name or an IP address, by a certificate that leads
  // to one in the PEM file `ca_file`, or to one that this system trusts if that is empty.
  // InvalidArgument if the file cannot be used.
  static absl::StatusOr<std::unique_ptr<Tls>> Create(const std::string& host,
                                                     const std::string& ca_file);
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;
  ~Tls();

  // Call first, and after each Receive until established(). PermissionDenied: the server has not
  // proved who it is. DataLoss: it does not speak TLS as it should.
  absl::Status Handshake();
  bool established() const;

  // `bytes` came from the server; what they say is appended to *plain. DataLoss if they are wrong.
  absl::Status Receive(absl::string_view bytes, std::string* plain);
  // The server has said that nothing more will come. An end of the connection without that may be
  // an attacker's.
  bool peer_ended() const;

  // Encrypts `plain`, once established.
  void Send(absl::string_view plain);
  // Says that nothing more will be sent. Receiving goes on.
  void End();

  // The bytes for the server since the last call.
  std::string TakeOutput();

 private:
  struct State;
  explicit Tls(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_TLS_H_
