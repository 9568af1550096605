#include "libchat/testing/session_pair.h"

#include <algorithm>
#include <utility>

#include "absl/types/span.h"
#include "libchat/wire/writer.h"

namespace chat::testing {

SessionPair::SessionPair(const Dialect& dialect, const DialectOptions& options)
    : dialect_(dialect),
      server_(dialect.NewServerSession(options, SessionLimits(), server_host_)),
      client_(dialect.NewClientSession(options, client_host_)),
      to_server_([this](absl::string_view in) { return server_->OnBytes(in); }),
      to_client_([this](absl::string_view in) { return client_->OnBytes(in); }) {}

void SessionPair::Tell(const Event& event) {
  if (server_->OnEvent(event) == Next::kMore) to_server_.Resume();
}

void SessionPair::Say(UserRef from, absl::string_view body) {
  std::vector<char> buffer(kMaxPublicBytes);
  wire::Writer out(absl::MakeSpan(buffer));
  dialect_.EncodePublic({from, *Text::From(body), 1, server_host_.server_id}, out);
  server_host_.Send(out.written());
}

void SessionPair::Exchange(size_t segment) {
  while (life_ > 0 && !(client_host_.sent.empty() && server_host_.sent.empty())) {
    const auto carry = [&](std::string& from, Feeder& to) {
      const size_t size = std::min({from.size(), segment, life_});
      const std::string bytes = from.substr(0, size);
      from.erase(0, size);
      life_ -= size;
      if (!bytes.empty()) to.Feed(bytes);
    };
    carry(client_host_.sent, to_server_);
    const User user(server_host_.user());
    for (const std::string& body : std::exchange(server_host_.to_itself, {})) {
      Tell(PrivateMessage{user, user, OwnedText(*Text::From(body)), 1});
    }
    carry(server_host_.sent, to_client_);
  }
}

}  // namespace chat::testing
