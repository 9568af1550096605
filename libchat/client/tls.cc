#include "libchat/client/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chat::client {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

// The reason of the last error; none is left behind.
std::string LastError() {
  const unsigned long code = ERR_peek_last_error();  // NOLINT: OpenSSL's type
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

int Size(absl::string_view bytes) {
  return static_cast<int>(std::min<size_t>(bytes.size(), INT_MAX));
}

}  // namespace

struct Tls::State {
  std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>> context;
  std::unique_ptr<SSL, Freer<SSL_free>> ssl;
  BIO* from_server = nullptr;  // ssl's
  BIO* to_server = nullptr;    // ssl's
};

Tls::Tls(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tls::~Tls() = default;

absl::StatusOr<std::unique_ptr<Tls>> Tls::Create(const std::string& host,
                                                 const std::string& ca_file) {
  auto state = std::make_unique<State>();
  state->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = state->context.get();
  if (context == nullptr) return absl::InternalError(LastError());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // OpenSSL would say "system lib".
  if (!ca_file.empty() && ::access(ca_file.c_str(), R_OK) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot use the certificates in \"", ca_file, "\": ", ::strerror(errno)));
  }
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_file(context, ca_file.c_str());
  if (loaded != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot use the certificates in \"", ca_file, "\": ", LastError()));
  }

  state->ssl.reset(SSL_new(context));
  SSL* ssl = state->ssl.get();
  if (ssl == nullptr) return absl::InternalError(LastError());
  state->from_server = BIO_new(BIO_s_mem());
  state->to_server = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, state->from_server, state->to_server);
  SSL_set_connect_state(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) != 1) {
    ERR_clear_error();  // not an address: a name
    if (SSL_set1_host(ssl, host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl, host.c_str()) != 1) {
      return absl::InvalidArgumentError(absl::StrCat("not a host: \"", host, "\""));
    }
  }
  return std::unique_ptr<Tls>(new Tls(std::move(state)));
}

absl::Status Tls::Handshake() {
  SSL* ssl = state_->ssl.get();
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl);
  if (result == 1 || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ) return absl::OkStatus();
  const long verified = SSL_get_verify_result(ssl);  // NOLINT: OpenSSL's type
  if (verified != X509_V_OK) {
    ERR_clear_error();
    return absl::PermissionDeniedError(absl::StrCat("the server's certificate is not accepted: ",
                                                    X509_verify_cert_error_string(verified)));
  }
  return absl::DataLossError(absl::StrCat("TLS: ", LastError()));
}

bool Tls::established() const { return SSL_is_init_finished(state_->ssl.get()) == 1; }

absl::Status Tls::Receive(absl::string_view bytes, std::string* plain) {
  // A memory BIO takes everything.
  BIO_write(state_->from_server, bytes.data(), Size(bytes));
  if (!established()) return absl::OkStatus();
  ERR_clear_error();
  char buffer[16 * 1024];
  for (;;) {
    const int n = SSL_read(state_->ssl.get(), buffer, sizeof(buffer));
    if (n > 0) {
      plain->append(buffer, n);
      continue;
    }
    const int error = SSL_get_error(state_->ssl.get(), n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("TLS: ", LastError()));
  }
}

bool Tls::peer_ended() const {
  return (SSL_get_shutdown(state_->ssl.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void Tls::Send(absl::string_view plain) {
  while (!plain.empty()) {
    // Fails only if the connection is broken, which Receive reports.
    const int n = SSL_write(state_->ssl.get(), plain.data(), Size(plain));
    if (n <= 0) return ERR_clear_error();
    plain.remove_prefix(n);
  }
}

void Tls::End() {
  // 0: said, and the server has not said it yet.
  if (SSL_shutdown(state_->ssl.get()) < 0) ERR_clear_error();
}

std::string Tls::TakeOutput() {
  std::string output(BIO_ctrl_pending(state_->to_server), '\0');
  if (!output.empty()) BIO_read(state_->to_server, output.data(), Size(output));
  return output;
}

}  // namespace chat::client
