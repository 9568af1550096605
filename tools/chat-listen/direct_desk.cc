#include "tools/chat-listen/direct_desk.h"

#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/ip/address.hpp"
#include "asio/steady_timer.hpp"

namespace chat::tools {

DirectDesk::DirectDesk(asio::io_context& io, Inbox& inbox, Printer& printer, OutputQueue& queue,
                       Refusals& refusals, Diagnostics& diagnostics)
    : io_(io),
      inbox_(inbox),
      printer_(printer),
      queue_(queue),
      refusals_(refusals),
      diagnostics_(diagnostics),
      changed_(io.get_executor()) {}

absl::Status DirectDesk::Accept(client::Client& client, const std::string& self, const User& from) {
  const auto open = of_one_.find(Display(from));
  if (in_all_ >= Inbox::kInAll || (open != of_one_.end() && open->second >= Inbox::kOfOne)) {
    return absl::ResourceExhaustedError("enough connections are open");
  }
  const absl::StatusOr<asio::ip::address> local = client.LocalAddress();
  if (!local.ok()) return local.status();
  absl::StatusOr<std::unique_ptr<client::DirectListener>> listener =
      client::DirectListener::Open(io_.get_executor(), *local);
  if (!listener.ok()) return listener.status();
  absl::Status status = client.session().AcceptDirect(from, (*listener)->address());
  if (!status.ok()) return status;
  ++of_one_[Display(from)];
  ++in_all_;
  const client::DirectParties parties{client.url().dialect, self, Display(from)};
  asio::co_spawn(io_, Serve(*std::move(listener), parties, from), asio::detached);
  return absl::OkStatus();
}

asio::awaitable<void> DirectDesk::Serve(std::shared_ptr<client::DirectListener> listener,
                                        client::DirectParties parties, User from) {
  const absl::StatusOr<std::unique_ptr<client::DirectConnection>> connection =
      co_await listener->Accept(parties);
  absl::Status status = connection.status();
  if (status.ok()) {
    ++open_;
    status = co_await Take(**connection, parties, from);
    if (status.ok()) {
      (*connection)->Close();
    } else {
      (*connection)->Abort();
    }
    --open_;
  }
  if (!status.ok() && !absl::IsCancelled(status)) {
    diagnostics_.Notice(absl::StrCat(parties.peer, ": ", status.message()));
  }
  --in_all_;
  if (--of_one_[parties.peer] == 0) of_one_.erase(parties.peer);
  changed_.Notify();
}

asio::awaitable<absl::Status> DirectDesk::Take(client::DirectConnection& connection,
                                               const client::DirectParties& parties,
                                               const User& from) {
  std::shared_ptr<client::IncomingFile> file;
  for (;;) {
    const absl::StatusOr<std::vector<DirectEvent>> events = co_await connection.Receive();
    if (absl::IsOutOfRange(events.status())) {
      const absl::Status written = co_await queue_.WaitUntilWritten();
      if (!written.ok()) co_return EnoughHasCome();  // whoever watches the queue says why
      co_return absl::OkStatus();
    }
    if (!events.ok()) co_return events.status();
    absl::Status status;
    for (const DirectEvent& event : *events) {
      status = Handle(event, parties.self, from, &file);
      if (!status.ok()) break;
    }
    printer_.Flush();
    if (!status.ok()) co_return status;
    const absl::Status room = co_await queue_.WaitForRoom();
    if (!room.ok()) co_return EnoughHasCome();
  }
}

absl::Status DirectDesk::Handle(const DirectEvent& event, const std::string& self, const User& from,
                                std::shared_ptr<client::IncomingFile>* file) {
  if (const auto* message = std::get_if<DirectMessage>(&event)) {
    return printer_.AddMessage({true, from, User(self), message->body}) ? absl::OkStatus()
                                                                        : EnoughHasCome();
  }
  const auto* piece = std::get_if<DirectFilePiece>(&event);
  if (piece == nullptr) return absl::OkStatus();
  if (printer_.enough()) return EnoughHasCome();
  const absl::Status status = HandlePiece(*piece, self, from, file);
  if (status.ok() || absl::IsCancelled(status)) return status;
  refusals_.SayFile(from, piece->name, status.message());
  return absl::CancelledError("a file was refused");
}

absl::Status DirectDesk::HandlePiece(const DirectFilePiece& piece, const std::string& self,
                                     const User& from,
                                     std::shared_ptr<client::IncomingFile>* file) {
  if (*file == nullptr) {
    absl::StatusOr<std::shared_ptr<client::IncomingFile>> begun = inbox_.Begin(piece.name);
    if (!begun.ok()) return begun.status();
    *file = *std::move(begun);
  }
  if ((*file)->name() != piece.name) {
    return absl::DataLossError("it began in the middle of another one");
  }
  inbox_.OnPiece();
  if (absl::Status status = (*file)->Append(piece.content); !status.ok()) return status;
  if (!piece.last) return absl::OkStatus();
  const std::shared_ptr<client::IncomingFile> whole = std::exchange(*file, nullptr);
  return inbox_.Finish(*whole, from, User(self));
}

asio::awaitable<void> DirectDesk::Finish(absl::Duration grace) {
  asio::steady_timer timer(io_, absl::ToChronoNanoseconds(grace));
  const auto over = std::make_shared<bool>(false);
  timer.async_wait([this, weak = std::weak_ptr<bool>(over)](asio::error_code error) {
    const std::shared_ptr<bool> over = weak.lock();
    if (error || over == nullptr) return;
    *over = true;
    changed_.Notify();
  });
  while (open_ > 0 && !*over) co_await changed_.Wait();
}

}  // namespace chat::tools
