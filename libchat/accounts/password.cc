#include "libchat/accounts/password.h"

#include <cstring>

#include "sodium.h"

namespace chat {

std::optional<Password> Password::From(absl::string_view bytes) {
  if (bytes.empty() || bytes.size() > kMaxBytes) return std::nullopt;
  return Password(bytes);
}

Password::Password(absl::string_view bytes) : bytes_(new char[bytes.size()], Wipe{bytes.size()}) {
  std::memcpy(bytes_.get(), bytes.data(), bytes.size());
}

void Password::Wipe::operator()(char* bytes) const {
  sodium_memzero(bytes, size);
  delete[] bytes;
}

}  // namespace chat
