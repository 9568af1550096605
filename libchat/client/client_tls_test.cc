// The client over TLS, against a real TLS server on a real socket.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "asio/io_context.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/client.h"
#include "libchat/client/scripted_server.h"
#include "libchat/client/toy_dialect.h"
#include "libchat/client/url.h"

namespace chat::client {
namespace {

using ::testing::HasSubstr;

// A key and a certificate for 127.0.0.1 that signs itself, and the file to trust it by.
class Identity {
 public:
  Identity() : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_set_version(certificate_, X509_VERSION_3);
    X509_set_pubkey(certificate_, key_);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate_), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate_, names, -1);
    X509_EXTENSION_free(names);
    EXPECT_GT(X509_sign(certificate_, key_, EVP_sha256()), 0);

    static int count = 0;
    file_ = absl::StrCat(::testing::TempDir(), "/certificate", ++count, ".pem");
    FILE* file = std::fopen(file_.c_str(), "w");
    PEM_write_X509(file, certificate_);
    std::fclose(file);
  }
  ~Identity() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }

  const std::string& file() const { return file_; }
  void Use(SSL_CTX* context) const {
    SSL_CTX_use_certificate(context, certificate_);
    SSL_CTX_use_PrivateKey(context, key_);
  }

 private:
  EVP_PKEY* const key_;
  X509* const certificate_;
  std::string file_;
};

// Serves one connection: `script` runs if the handshake succeeds.
ScriptedServer::Script OverTls(const Identity& identity, std::function<void(SSL*)> script) {
  // OpenSSL's own writes to a socket whose client has gone raise it.
  ::signal(SIGPIPE, SIG_IGN);
  return [&identity, script = std::move(script)](int fd) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    identity.Use(context);
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) script(ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
  };
}

void Put(SSL* ssl, absl::string_view bytes) { SSL_write(ssl, bytes.data(), bytes.size()); }

std::string GetLine(SSL* ssl) {
  std::string line;
  for (char c; !absl::EndsWith(line, "\n") && SSL_read(ssl, &c, 1) == 1;) line += c;
  return line;
}

ServerUrl UrlOf(const ScriptedServer& server, absl::string_view host = "127.0.0.1") {
  return *ParseServerUrl(absl::StrCat("toy+tls://", host, ":", server.port()), Toys());
}

ClientOptions Trusting(const Identity& identity) {
  ClientOptions options;
  options.tls_ca = identity.file();
  return options;
}

asio::awaitable<absl::Status> SendAll(Client& client, int count, std::string body) {
  const Text text = Text::From(body).value();
  for (int i = 0; i < count; ++i) {
    if (absl::Status status = client.session().SendPublic(i, text); !status.ok()) co_return status;
    if (absl::Status status = co_await client.WaitForRoom(); !status.ok()) co_return status;
  }
  co_return co_await client.FinishSending();
}

TEST(ClientTls, SpeaksBothWaysAndEndsEachByItself) {
  constexpr int kCount = 5000;
  Identity identity;
  int lines = 0;
  ScriptedServer server(OverTls(identity, [&lines](SSL* ssl) {
    EXPECT_EQ(GetLine(ssl), "LOGIN ann\n");
    Put(ssl, "OK\nMSG bob hello\n");
    while (!GetLine(ssl).empty()) ++lines;
    EXPECT_EQ(SSL_get_shutdown(ssl), SSL_RECEIVED_SHUTDOWN);  // it was said, not cut
    Put(ssl, absl::StrCat("MSG bob ", std::string(50000, 'x'), "\n"));
    SSL_shutdown(ssl);
  }));
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server), Trusting(identity));
  ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
  ASSERT_EQ(Await(io, client.Login("ann")), absl::OkStatus());
  auto events = Await(io, client.Receive());
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(std::get<Received>(events->at(0)).body, "hello");
  EXPECT_EQ(Await(io, SendAll(client, kCount, std::string(100, 'y'))), absl::OkStatus());
  events = Await(io, client.Receive());
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(std::get<Received>(events->at(0)).body, std::string(50000, 'x'));
  EXPECT_EQ(lines, kCount + 1);  // and BYE
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(ClientTls, AnEndThatNobodySaidIsNoCleanEnd) {
  Identity identity;
  ScriptedServer server(OverTls(identity, [](SSL* ssl) {
    GetLine(ssl);
    Put(ssl, "OK\n");
  }));
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server), Trusting(identity));
  ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
  ASSERT_EQ(Await(io, client.Login("ann")), absl::OkStatus());
  EXPECT_EQ(Await(io, client.Receive()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(ClientTls, RefusesACertificateThatItDoesNotTrust) {
  Identity identity;
  Identity other;
  for (const ClientOptions& options : {Trusting(other), ClientOptions()}) {
    ScriptedServer server(OverTls(identity, [](SSL*) { FAIL() << "accepted"; }));
    asio::io_context io;
    Client client(io.get_executor(), UrlOf(server), options);
    const absl::Status status = Await(io, client.Connect());
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("certificate"));
  }
}

TEST(ClientTls, RefusesACertificateOfAnotherHost) {
  Identity identity;
  ScriptedServer server(OverTls(identity, [](SSL*) { FAIL() << "accepted"; }));
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server, "localhost"), Trusting(identity));
  const absl::Status status = Await(io, client.Connect());
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("ostname mismatch"));
}

TEST(ClientTls, RefusesWhatIsNotTls) {
  ScriptedServer server([](int fd) {
    client::Put(fd, "this is not TLS\n");
    client::GetLine(fd);
  });
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server));
  const absl::Status status = Await(io, client.Connect());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("nothing at ", ToString(client.url()), " speaks TLS")));
  EXPECT_THAT(std::string(status.message()), HasSubstr("without TLS: toy://127.0.0.1:"));
}

TEST(ClientTls, SaysThatTheServerHungUp) {
  for (const char* last_words : {"", "\x16\x03\x03"}) {
    ScriptedServer server([last_words](int fd) {
      client::Put(fd, last_words);
      ::shutdown(fd, SHUT_WR);
      client::GetLine(fd);
    });
    asio::io_context io;
    Client client(io.get_executor(), UrlOf(server));
    const absl::Status status = Await(io, client.Connect());
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat(ToString(client.url()),
                                       " closed the connection before TLS was there")));
  }
}

TEST(ClientTls, GivesUpInTheMiddleOfAHandshake) {
  ScriptedServer server([](int fd) {
    client::Put(fd, "\x16\x03\x03");
    while (!client::GetLine(fd).empty()) {
    }
  });
  asio::io_context io;
  ClientOptions options;
  options.connect_timeout = absl::Milliseconds(50);
  Client client(io.get_executor(), UrlOf(server), options);
  const absl::Status status = Await(io, client.Connect());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no TLS within 50ms"));
}

TEST(ClientTls, SaysThatItCannotUseAFile) {
  ScriptedServer server([](int fd) { client::GetLine(fd); });
  asio::io_context io;
  ClientOptions options;
  options.tls_ca = "/nonexistent";
  Client client(io.get_executor(), UrlOf(server), options);
  const absl::Status status = Await(io, client.Connect());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("\"/nonexistent\": No such file or directory"));
}

TEST(ClientTls, IsNoRelay) {
  Identity identity;
  ScriptedServer server(OverTls(identity, [](SSL* ssl) { GetLine(ssl); }));
  asio::io_context io;
  Client client(io.get_executor(), UrlOf(server), Trusting(identity));
  ASSERT_EQ(Await(io, client.Connect()), absl::OkStatus());
  EXPECT_EQ(Await(io, client.OpenRelay(17)).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace chat::client
