#include "libchat/client/wrong_protocol.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace chat::client {
namespace {

struct Beginning {
  absl::string_view bytes;
  absl::string_view server;
};

// Those that speak first, or answer what they do not understand.
constexpr Beginning kBeginnings[] = {
    {"SSH-", "an SSH server"},  {"HTTP/", "a web server"},        {"+OK", "a POP3 server"},
    {"* OK", "an IMAP server"}, {"220 ", "a mail or FTP server"}, {"220-", "a mail or FTP server"},
    {"-ERR", "a Redis server"},
};

// An alert of any version of TLS, the answer to what is no handshake.
constexpr absl::string_view kTlsAlert = "\x15\x03";

}  // namespace

std::string Guess(const ServerUrl& url, absl::string_view first_bytes) {
  for (const Beginning& beginning : kBeginnings) {
    if (absl::StartsWith(first_bytes, beginning.bytes)) {
      return absl::StrCat(" (it answers like ", beginning.server, ")");
    }
  }
  if (!url.tls && absl::StartsWith(first_bytes, kTlsAlert)) {
    ServerUrl with_tls = url;
    with_tls.tls = true;
    return absl::StrCat(" (it answers with TLS: say ", ToString(with_tls), ")");
  }
  if (url.port_of != nullptr) {
    return absl::StrCat(" (it may be a ", url.port_of->name(), " port)");
  }
  return url.tls ? WithoutTls(url) : "";
}

std::string Doubt(const ServerUrl& url, absl::string_view first_bytes) {
  const std::string guess = Guess(url, first_bytes);
  return guess.empty() ? absl::StrCat(" (does it speak ", url.dialect->name(), "?)") : guess;
}

std::string WithoutTls(const ServerUrl& url) {
  ServerUrl plain = url;
  plain.tls = false;
  return absl::StrCat(" (without TLS: ", ToString(plain), ")");
}

}  // namespace chat::client
