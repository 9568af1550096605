// What to say of a server that does not speak as its URL says.

#ifndef LIBCHAT_CLIENT_WRONG_PROTOCOL_H_
#define LIBCHAT_CLIENT_WRONG_PROTOCOL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "libchat/client/url.h"

namespace chat::client {

// So many bytes of what came first are enough to tell.
inline constexpr size_t kTellingBytes = 8;

// What is there instead, guessed from the first bytes that came and from the port:
// " (it may be a cfp port)". Empty if nothing tells.
std::string Guess(const ServerUrl& url, absl::string_view first_bytes);

// The same, with a question if nothing tells: " (does it speak chaton?)".
std::string Doubt(const ServerUrl& url, absl::string_view first_bytes);

// How to reach a server that has no TLS: " (without TLS: chaton://h:7771)".
std::string WithoutTls(const ServerUrl& url);

}  // namespace chat::client

#endif  // LIBCHAT_CLIENT_WRONG_PROTOCOL_H_
