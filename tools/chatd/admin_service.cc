#include "tools/chatd/admin_service.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libchat/dialect/limits.h"
#include "libchat/event/text.h"
#include "libchat/hub/hub.h"
#include "tools/common/version.h"

namespace chat::tools {
namespace {

using admin::v1::Connection;
using admin::v1::WatchResponse;
using google::protobuf::Timestamp;

constexpr size_t kDefaultPage = 100;
constexpr size_t kLargestPage = 1000;
// How soon a Watch sees that its client has gone, or that the daemon ends.
constexpr absl::Duration kWatchTurn = absl::Milliseconds(200);
constexpr size_t kWatchBatch = 256;

absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

void SetTime(absl::Time time, Timestamp* out) {
  const timespec spec = absl::ToTimespec(time);
  out->set_seconds(spec.tv_sec);
  out->set_nanos(static_cast<int32_t>(spec.tv_nsec));
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  const timespec spec = absl::ToTimespec(duration);
  out->set_seconds(spec.tv_sec);
  out->set_nanos(static_cast<int32_t>(spec.tv_nsec));
}

// The codes of absl::Status and gRPC are the same.
grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

// What is wrong with the disk is neither the caller's mistake nor the connection's.
grpc::Status FromAccounts(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
      return ToGrpc(status);
    default:
      return ToGrpc(absl::FailedPreconditionError(status.message()));
  }
}

grpc::Status Invalid(std::string what) {
  return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, std::move(what));
}

grpc::Status BadToken() { return Invalid("page_token is not one of this server's"); }

size_t PageSize(uint32_t asked) {
  return asked == 0 ? kDefaultPage : std::min<size_t>(asked, kLargestPage);
}

// The number in a page token; an empty one is the first page's.
bool ReadToken(const std::string& token, uint64_t& number) {
  number = 0;
  return token.empty() || absl::SimpleAtoi(token, &number);
}

std::string IdText(SessionId id) { return absl::StrCat(id.value()); }

Connection::State ToProto(ConnectionInfo::State state) {
  switch (state) {
    case ConnectionInfo::State::kLogin:
      return Connection::STATE_LOGIN;
    case ConnectionInfo::State::kOpen:
      return Connection::STATE_OPEN;
    case ConnectionInfo::State::kHalfClosed:
      return Connection::STATE_HALF_CLOSED;
    case ConnectionInfo::State::kWaitingForPeer:
      return Connection::STATE_WAITING_FOR_PEER;
    case ConnectionInfo::State::kRelay:
      return Connection::STATE_RELAY;
  }
  return Connection::STATE_UNSPECIFIED;
}

WatchResponse::Kind ToProto(ServerEvent::Kind kind) {
  switch (kind) {
    case ServerEvent::Kind::kLogin:
      return WatchResponse::KIND_LOGIN;
    case ServerEvent::Kind::kLogout:
      return WatchResponse::KIND_LOGOUT;
    case ServerEvent::Kind::kRefused:
      return WatchResponse::KIND_REFUSED;
    case ServerEvent::Kind::kCut:
      return WatchResponse::KIND_CUT;
    case ServerEvent::Kind::kTunnelOpen:
      return WatchResponse::KIND_TUNNEL_OPEN;
    case ServerEvent::Kind::kTunnelClosed:
      return WatchResponse::KIND_TUNNEL_CLOSED;
    case ServerEvent::Kind::kSay:
      return WatchResponse::KIND_SAY;
    case ServerEvent::Kind::kMerged:
      return WatchResponse::KIND_MERGED;
    case ServerEvent::Kind::kSeparated:
      return WatchResponse::KIND_SEPARATED;
    case ServerEvent::Kind::kDrain:
      return WatchResponse::KIND_DRAIN;
    case ServerEvent::Kind::kGap:
      return WatchResponse::KIND_GAP;
  }
  return WatchResponse::KIND_UNSPECIFIED;
}

void Fill(const UserInfo& user, admin::v1::User* out) {
  out->set_name(user.name);
  out->set_dialect(user.dialect);
  out->set_connection_id(IdText(user.session));
  SetTime(user.since, out->mutable_login_time());
}

void Fill(const ConnectionInfo& connection, bool show_address, Connection* out) {
  out->set_id(IdText(connection.session));
  out->set_dialect(connection.dialect);
  out->set_listener(connection.listener);
  if (show_address) out->set_address(connection.address);
  out->set_user(connection.user);
  out->set_state(ToProto(connection.state));
  SetTime(connection.since, out->mutable_start_time());
  out->set_bytes_in(connection.bytes_in);
  out->set_bytes_out(connection.bytes_out);
  out->set_lag_bytes(connection.lag_bytes);
  out->set_queued_bytes(connection.queued_bytes);
  out->set_acknowledged(connection.acknowledged);
}

void Fill(const TunnelInfo& tunnel, admin::v1::Tunnel* out) {
  out->set_id(tunnel.id);
  out->set_asker(tunnel.asker);
  out->set_target(tunnel.target);
  out->set_established(tunnel.established);
  SetTime(tunnel.since, out->mutable_start_time());
  out->set_bytes_from_first(tunnel.bytes_from_first);
  out->set_bytes_from_second(tunnel.bytes_from_second);
}

std::string ToText(const Sibling& at) {
  const uint32_t ip = at.ipv4;
  return absl::StrCat(ip >> 24, ".", ip >> 16 & 255, ".", ip >> 8 & 255, ".", ip & 255, ":",
                      at.port);
}

void Fill(const ServerInfo& server, admin::v1::Server* out) {
  out->set_id(server.id);
  if (server.at) out->set_address(ToText(*server.at));
  out->set_opened_here(server.opened_here);
  out->set_connection_id(IdText(server.link));
  SetTime(server.since, out->mutable_merge_time());
}

void Fill(const ServerEvent& event, WatchResponse* out) {
  out->set_kind(ToProto(event.kind));
  SetTime(event.time, out->mutable_time());
  out->set_sequence(event.sequence);
  out->set_user(event.user);
  out->set_dialect(event.dialect);
  out->set_detail(event.detail);
  out->set_number(event.number);
}

RateMeter::Values RateValues(const Counters& counters) {
  return {counters.value(Counter::kMessagesPublic) + counters.value(Counter::kMessagesPrivate),
          counters.value(Counter::kBytesIn), counters.value(Counter::kBytesOut),
          counters.value(Counter::kTunnelBytes)};
}

}  // namespace

AdminService::AdminService(net::Server& server, Accounts& accounts,
                           std::vector<const Dialect*> dialects, std::function<void()> drain)
    : server_(server),
      accounts_(accounts),
      dialects_(std::move(dialects)),
      drain_(std::move(drain)),
      start_(absl::Now()),
      steady_start_(SteadyNow()) {
  Tick();
}

void AdminService::Tick() {
  const RateMeter::Values values = RateValues(server_.hub().counters());
  absl::MutexLock lock(&mu_);
  rates_.Sample(values, SteadyNow());
}

grpc::Status AdminService::GetStatus(grpc::ServerContext*, const admin::v1::GetStatusRequest*,
                                     admin::v1::GetStatusResponse* response) {
  Hub& hub = server_.hub();
  response->set_version(kVersion);
  SetTime(start_, response->mutable_start_time());
  SetDuration(SteadyNow() - steady_start_, response->mutable_uptime());
  response->set_threads(server_.threads());
  for (const net::ListenerOptions& listener : server_.listeners()) {
    response->add_listeners(net::ToUrl(listener));
  }
  response->set_draining(server_.draining());

  const std::vector<size_t> users = hub.users_by_dialect();
  for (size_t i = 0; i < users.size(); ++i) {
    (*response->mutable_users_by_dialect())[std::string(dialects_[i]->name())] = users[i];
  }
  response->set_users(std::accumulate(users.begin(), users.end(), uint64_t{0}));
  response->set_connections(server_.connection_count());
  response->set_tunnels(hub.tunnel_count());
  response->set_log_bytes(hub.log_bytes());
  response->set_memory_bytes(server_.memory_bytes());
  for (const auto& [name, value] : hub.counters().Values()) {
    (*response->mutable_counters())[name] = value;
  }

  response->set_server_id(hub.server_id());
  response->set_servers(hub.Servers().size());

  const RateMeter::Values values = RateValues(hub.counters());
  absl::MutexLock lock(&mu_);
  const RateMeter::Rates rates = rates_.Read(values, SteadyNow());
  response->mutable_rates()->set_messages_per_second(rates[0]);
  response->mutable_rates()->set_bytes_in_per_second(rates[1]);
  response->mutable_rates()->set_bytes_out_per_second(rates[2]);
  response->mutable_rates()->set_tunnel_bytes_per_second(rates[3]);
  return grpc::Status::OK;
}

grpc::Status AdminService::ListUsers(grpc::ServerContext*,
                                     const admin::v1::ListUsersRequest* request,
                                     admin::v1::ListUsersResponse* response) {
  const size_t size = PageSize(request->page_size());
  const std::vector<UserInfo> users = server_.hub().Users(request->page_token(), size);
  for (const UserInfo& user : users) Fill(user, response->add_users());
  if (users.size() == size) response->set_next_page_token(users.back().name);
  return grpc::Status::OK;
}

grpc::Status AdminService::ListConnections(grpc::ServerContext*,
                                           const admin::v1::ListConnectionsRequest* request,
                                           admin::v1::ListConnectionsResponse* response) {
  uint64_t after = 0;
  if (!ReadToken(request->page_token(), after)) return BadToken();
  const size_t size = PageSize(request->page_size());
  const std::vector<ConnectionInfo> connections =
      server_.Connections(SessionId::FromValue(after), size);
  for (const ConnectionInfo& connection : connections) {
    Fill(connection, request->show_addresses(), response->add_connections());
  }
  if (connections.size() == size) {
    response->set_next_page_token(IdText(connections.back().session));
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListTunnels(grpc::ServerContext*,
                                       const admin::v1::ListTunnelsRequest* request,
                                       admin::v1::ListTunnelsResponse* response) {
  uint64_t after = 0;
  if (!ReadToken(request->page_token(), after)) return BadToken();
  const size_t size = PageSize(request->page_size());
  const std::vector<TunnelInfo> tunnels = server_.hub().Tunnels(after, size);
  for (const TunnelInfo& tunnel : tunnels) Fill(tunnel, response->add_tunnels());
  if (tunnels.size() == size) response->set_next_page_token(absl::StrCat(tunnels.back().id));
  return grpc::Status::OK;
}

grpc::Status AdminService::ListServers(grpc::ServerContext*,
                                       const admin::v1::ListServersRequest* request,
                                       admin::v1::ListServersResponse* response) {
  uint64_t after = 0;
  if (!ReadToken(request->page_token(), after)) return BadToken();
  const size_t size = PageSize(request->page_size());
  for (const ServerInfo& server : server_.hub().Servers()) {
    if (static_cast<uint64_t>(server.id) <= after) continue;
    Fill(server, response->add_servers());
    if (static_cast<size_t>(response->servers_size()) < size) continue;
    response->set_next_page_token(absl::StrCat(server.id));
    break;
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Merge(grpc::ServerContext*, const admin::v1::MergeRequest* request,
                                 admin::v1::MergeResponse*) {
  if (request->port() < 1 || request->port() > UINT16_MAX) {
    return Invalid(absl::StrCat("port ", request->port(), " is not from 1 to ", UINT16_MAX));
  }
  return ToGrpc(server_.Merge(request->host(), static_cast<uint16_t>(request->port())));
}

grpc::Status AdminService::KickUser(grpc::ServerContext*, const admin::v1::KickUserRequest* request,
                                    admin::v1::KickUserResponse*) {
  return ToGrpc(server_.Kick(request->name()));
}

grpc::Status AdminService::CloseTunnel(grpc::ServerContext*,
                                       const admin::v1::CloseTunnelRequest* request,
                                       admin::v1::CloseTunnelResponse*) {
  return ToGrpc(server_.CloseTunnel(request->id()));
}

grpc::Status AdminService::Say(grpc::ServerContext*, const admin::v1::SayRequest* request,
                               admin::v1::SayResponse*) {
  const std::string& bytes = request->text();
  if (bytes.empty()) return Invalid("text is empty");
  if (bytes.size() > kMaxMessageBytes) {
    return Invalid(absl::StrCat("text has ", bytes.size(), " bytes, more than ", kMaxMessageBytes));
  }
  const std::optional<Text> text = Text::From(bytes);
  if (!text) return Invalid("text is not UTF-8, or has a NUL");
  server_.hub().Say(*text);
  return grpc::Status::OK;
}

grpc::Status AdminService::AddAccount(grpc::ServerContext*,
                                      const admin::v1::AddAccountRequest* request,
                                      admin::v1::AddAccountResponse*) {
  if (request->name() == kServerName) {
    return Invalid(absl::StrCat("\"", kServerName, "\" is the name under which the server speaks"));
  }
  return FromAccounts(accounts_.Add(request->name(), request->password()));
}

grpc::Status AdminService::SetAccountPassword(grpc::ServerContext*,
                                              const admin::v1::SetAccountPasswordRequest* request,
                                              admin::v1::SetAccountPasswordResponse*) {
  return FromAccounts(accounts_.SetPassword(request->name(), request->password()));
}

grpc::Status AdminService::RemoveAccount(grpc::ServerContext*,
                                         const admin::v1::RemoveAccountRequest* request,
                                         admin::v1::RemoveAccountResponse*) {
  const absl::Status removed = accounts_.Remove(request->name());
  // After that: whoever logs in later finds no account.
  if (removed.ok()) server_.hub().KickAccount(request->name());
  return FromAccounts(removed);
}

grpc::Status AdminService::ListAccounts(grpc::ServerContext*,
                                        const admin::v1::ListAccountsRequest* request,
                                        admin::v1::ListAccountsResponse* response) {
  const size_t size = PageSize(request->page_size());
  const absl::StatusOr<std::vector<AccountInfo>> accounts =
      accounts_.List(request->page_token(), size);
  if (!accounts.ok()) return FromAccounts(accounts.status());
  for (const AccountInfo& account : *accounts) {
    admin::v1::Account* out = response->add_accounts();
    out->set_name(account.name);
    SetTime(account.created, out->mutable_create_time());
  }
  if (accounts->size() == size) response->set_next_page_token(accounts->back().name);
  return grpc::Status::OK;
}

grpc::Status AdminService::Drain(grpc::ServerContext*, const admin::v1::DrainRequest*,
                                 admin::v1::DrainResponse*) {
  drain_();
  return grpc::Status::OK;
}

grpc::Status AdminService::Watch(grpc::ServerContext* context, const admin::v1::WatchRequest*,
                                 grpc::ServerWriter<WatchResponse>* writer) {
  const absl::Cleanup leave = [this] { --watchers_; };
  if (++watchers_ > kMaxWatchers) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                        absl::StrCat("there are ", kMaxWatchers, " watchers already"));
  }
  const EventFeed& feed = server_.hub().events();
  uint64_t next = feed.next();
  writer->SendInitialMetadata();
  while (!ending_ && !context->IsCancelled()) {
    for (const ServerEvent& event : feed.Read(next, kWatchBatch, kWatchTurn)) {
      WatchResponse response;
      Fill(event, &response);
      if (!writer->Write(response)) return grpc::Status::CANCELLED;
      next = event.sequence + 1;
    }
  }
  return grpc::Status::OK;
}

}  // namespace chat::tools
