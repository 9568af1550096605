#include "tools/chatd/config.h"

#include <stdlib.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/toy_dialect.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

absl::StatusOr<ServerSettings> Read(const SettingSources& sources) {
  return ReadSettings(sources, {&client::Toy()});
}

SettingSources File(std::string text) { return {{}, {}, "chatd.textproto", std::move(text)}; }

std::string ErrorOf(const SettingSources& sources) {
  return std::string(Read(sources).status().message());
}

std::vector<std::string> Urls(const ServerSettings& settings) {
  std::vector<std::string> urls;
  for (const net::ListenerOptions& listener : settings.listeners) {
    urls.push_back(net::ToUrl(listener));
  }
  return urls;
}

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    setenv("XDG_STATE_HOME", "/state", 1);
    setenv("XDG_RUNTIME_DIR", "/run/me", 1);
  }
};

TEST_F(ConfigTest, ServesEveryDialectWhenNothingIsSaid) {
  const absl::StatusOr<ServerSettings> settings = Read({});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_THAT(Urls(*settings), ElementsAre("toy://127.0.0.1:7000"));
  EXPECT_EQ(settings->admin_socket, "/run/me/chatd/admin.sock");
  EXPECT_EQ(settings->data_dir, "/state/chatd");
  EXPECT_EQ(settings->threads, 0u);
  EXPECT_EQ(settings->log_level, net::LogLevel::kInfo);
  EXPECT_EQ(settings->limits.tunnels, Limits().tunnels);
  EXPECT_EQ(settings->mesh,
            (net::MeshOptions{.server_id = 0, .allow_merge_from = {}, .merge_with = {}}));
}

TEST_F(ConfigTest, TakesEachFieldOfTheFile) {
  const absl::StatusOr<ServerSettings> settings = Read(File(R"(
    listen: "toy://0.0.0.0:7?color=red"
    listen: "toy://[::1]:8"
    listen: "toy://localhost"
    admin: "unix:/a/b.sock"
    data_dir: "/d"
    threads: 3
    log_level: "warning"
    limits { tunnels: "5" }
    mesh {
      server_id: 7
      allow_merge_from: "192.0.2.0/24"
      allow_merge_from: "2001:db8::1"
      list_self: false
      listed_port: 443
      merge_with: "example.com:7773"
    })"));
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_THAT(Urls(*settings),
              ElementsAre("toy://0.0.0.0:7?color=red", "toy://[::1]:8", "toy://127.0.0.1:7000"));
  EXPECT_EQ(settings->admin_socket, "/a/b.sock");
  EXPECT_EQ(settings->data_dir, "/d");
  EXPECT_EQ(settings->threads, 3u);
  EXPECT_EQ(settings->log_level, net::LogLevel::kWarning);
  EXPECT_EQ(settings->limits.tunnels, 5);
  EXPECT_EQ(settings->mesh, (net::MeshOptions{.server_id = 7,
                                              .allow_merge_from = {"192.0.2.0/24", "2001:db8::1"},
                                              .list_self = false,
                                              .listed_port = 443,
                                              .merge_with = {{"example.com", 7773}}}));
}

TEST_F(ConfigTest, AFlagWinsOverTheEnvironmentAndThatOverTheFile) {
  SettingSources sources = File(R"(
    listen: "toy://127.0.0.1:1" listen: "toy://127.0.0.1:2"
    admin: "unix:/file" data_dir: "/file" threads: 1 log_level: "debug"
    mesh { server_id: 1 allow_merge_from: "127.0.0.1" list_self: false listed_port: 1 merge_with: "a:1" })");
  sources.environment = {{"toy://127.0.0.1:3"}, "unix:/env", "/env", "2",    "warning", "2",
                         {"127.0.0.2"},         "false",     "2",    {"a:2"}};
  sources.flags = {{"toy://127.0.0.1:4", "toy://127.0.0.1:5"},
                   "none",
                   "/flag",
                   "3",
                   "error",
                   "3",
                   {"127.0.0.3", "127.0.0.4"},
                   "true",
                   "3",
                   {"a:3"}};
  const auto mesh = [](int32_t id, std::vector<std::string> allowed, bool list_self) {
    const auto port = static_cast<uint16_t>(id);
    return net::MeshOptions{id, std::move(allowed), list_self, port, {{"a", port}}};
  };

  absl::StatusOr<ServerSettings> settings = Read(sources);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_THAT(Urls(*settings), ElementsAre("toy://127.0.0.1:4", "toy://127.0.0.1:5"));
  EXPECT_EQ(settings->admin_socket, "");
  EXPECT_EQ(settings->data_dir, "/flag");
  EXPECT_EQ(settings->threads, 3u);
  EXPECT_EQ(settings->log_level, net::LogLevel::kError);
  EXPECT_EQ(settings->mesh, mesh(3, {"127.0.0.3", "127.0.0.4"}, true));

  sources.flags = {};
  settings = Read(sources);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_THAT(Urls(*settings), ElementsAre("toy://127.0.0.1:3"));
  EXPECT_EQ(settings->admin_socket, "/env");
  EXPECT_EQ(settings->data_dir, "/env");
  EXPECT_EQ(settings->threads, 2u);
  EXPECT_EQ(settings->log_level, net::LogLevel::kWarning);
  EXPECT_EQ(settings->mesh, mesh(2, {"127.0.0.2"}, false));

  sources.environment = {};
  settings = Read(sources);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_THAT(Urls(*settings), ElementsAre("toy://127.0.0.1:1", "toy://127.0.0.1:2"));
  EXPECT_EQ(settings->admin_socket, "/file");
  EXPECT_EQ(settings->data_dir, "/file");
  EXPECT_EQ(settings->threads, 1u);
  EXPECT_EQ(settings->log_level, net::LogLevel::kDebug);
  EXPECT_EQ(settings->mesh, mesh(1, {"127.0.0.1"}, false));
}

TEST_F(ConfigTest, ReadsTheEnvironment) {
  EXPECT_THAT(SettingsInEnvironment().listen, IsEmpty());
  EXPECT_EQ(SettingsInEnvironment().admin, std::nullopt);
  setenv("CHATD_LISTEN", " toy://127.0.0.1:1  toy://127.0.0.1:2 ", 1);
  setenv("CHATD_ADMIN", "none", 1);
  setenv("CHATD_DATA_DIR", "/d", 1);
  setenv("CHATD_THREADS", "4", 1);
  setenv("CHATD_LOG_LEVEL", "error", 1);
  setenv("CHATD_SERVER_ID", "7", 1);
  setenv("CHATD_ALLOW_MERGE_FROM", "127.0.0.1 192.0.2.0/24", 1);
  setenv("CHATD_LIST_SELF", "false", 1);
  setenv("CHATD_LISTED_PORT", "443", 1);
  setenv("CHATD_MERGE_WITH", "127.0.0.1:7773 a:1", 1);
  const SettingTexts texts = SettingsInEnvironment();
  EXPECT_THAT(texts.listen, ElementsAre("toy://127.0.0.1:1", "toy://127.0.0.1:2"));
  EXPECT_EQ(texts.admin, "none");
  EXPECT_EQ(texts.data_dir, "/d");
  EXPECT_EQ(texts.threads, "4");
  EXPECT_EQ(texts.log_level, "error");
  EXPECT_EQ(texts.server_id, "7");
  EXPECT_THAT(texts.allow_merge_from, ElementsAre("127.0.0.1", "192.0.2.0/24"));
  EXPECT_EQ(texts.list_self, "false");
  EXPECT_EQ(texts.listed_port, "443");
  EXPECT_THAT(texts.merge_with, ElementsAre("127.0.0.1:7773", "a:1"));
}

TEST_F(ConfigTest, PrintsWhatReadsBack) {
  const absl::StatusOr<ServerSettings> settings = Read(File(R"(
    listen: "toy://[::1]:0?color=red%26%20hot" admin: "none" data_dir: "/d\u00e9\"" threads: 2
    log_level: "error" limits { lag: "unlimited" drain: "90s" exempt_loopback: false }
    mesh { server_id: 2147483647 allow_merge_from: "::1" list_self: false listed_port: 1
           merge_with: "b.example:9" })"));
  ASSERT_TRUE(settings.ok()) << settings.status();
  const std::string printed = PrintSettings(*settings);
  const absl::StatusOr<ServerSettings> again = Read(File(printed));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(PrintSettings(*again), printed);
  ASSERT_EQ(again->listeners.size(), 1u);
  EXPECT_EQ(again->listeners[0].host, "::1");
  EXPECT_EQ(again->listeners[0].port, 0);
  EXPECT_THAT(again->listeners[0].options, ElementsAre(Pair("color", "red& hot")));
  EXPECT_EQ(again->admin_socket, "");
  EXPECT_EQ(again->data_dir, "/dé\"");
  EXPECT_EQ(again->threads, 2u);
  EXPECT_EQ(again->log_level, net::LogLevel::kError);
  EXPECT_EQ(again->limits.lag, kUnlimited);
  EXPECT_EQ(again->limits.drain, absl::Seconds(90));
  EXPECT_FALSE(again->limits.exempt_loopback);
  EXPECT_EQ(again->mesh, settings->mesh);
  EXPECT_EQ(again->mesh.server_id, 2147483647);
}

TEST_F(ConfigTest, PrintsEveryDefault) {
  const absl::StatusOr<ServerSettings> settings = Read({});
  ASSERT_TRUE(settings.ok()) << settings.status();
  const absl::StatusOr<ServerSettings> again = Read(File(PrintSettings(*settings)));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(PrintSettings(*again), PrintSettings(*settings));
}

TEST_F(ConfigTest, NamesWhereInTheFileSomethingIsWrong) {
  EXPECT_EQ(ErrorOf(File("threads: 1\nlimits {\n\n  login: '0'\n}\n")),
            "chatd.textproto:4: limits.login: "
            "\"0\" is refused: to lift the bound, say \"unlimited\"");
  EXPECT_EQ(ErrorOf(File("listen: 'toy://127.0.0.1'\nlisten: 'ftp://127.0.0.1'")),
            "chatd.textproto:2: listen: ftp://127.0.0.1: no such protocol: \"ftp\"; there are: toy");
  EXPECT_EQ(ErrorOf(File("\nthreads: 0")),
            "chatd.textproto:2: threads: \"0\" is not a number from 1 to 64");
  EXPECT_EQ(ErrorOf(File("log_level: 'loud'")),
            "chatd.textproto:1: log_level: \"loud\" is not one of debug, info, warning, error");
  EXPECT_EQ(ErrorOf(File("data_dir: ''")), "chatd.textproto:1: data_dir: is empty");
  EXPECT_EQ(ErrorOf(File("admin: '127.0.0.1:7790'")),
            "chatd.textproto:1: admin: \"127.0.0.1:7790\" is no admin address: only unix:PATH is "
            "served; TCP is refused, since anybody could connect");
  EXPECT_EQ(ErrorOf(File("\nlimits { frame_before_login: '1MiB' }")),
            "chatd.textproto:2: limits.frame_before_login: is larger than limits.frame");
  EXPECT_EQ(ErrorOf(File("mesh {\n server_id: 0\n}")),
            "chatd.textproto:2: mesh.server_id: \"0\" is not a number from 1 to 2147483647");
  EXPECT_EQ(ErrorOf(File("mesh { listed_port: 65536 }")),
            "chatd.textproto:1: mesh.listed_port: \"65536\" is not a number from 1 to 65535");
  EXPECT_EQ(ErrorOf(File("\nmesh {\n allow_merge_from: '127.0.0.1'\n allow_merge_from: 'x' }"))
                .substr(0, 72),
            "chatd.textproto:4: mesh.allow_merge_from: \"x\" is no range of addresses: ");
  EXPECT_EQ(ErrorOf(File("mesh { merge_with: 'here' }")),
            "chatd.textproto:1: mesh.merge_with: \"here\": want HOST:PORT, or [IPV6]:PORT");
  EXPECT_EQ(ErrorOf(File("threads: 1\ncolour: 1")),
            "chatd.textproto:2: Message type \"chat.config.v1.Config\" has no field named "
            "\"colour\".");
}

TEST_F(ConfigTest, NamesTheFlagOrTheVariableThatIsWrong) {
  SettingSources sources;
  sources.flags.log_level = "loud";
  sources.environment.threads = "many";
  sources.flags.listen = {"toy://127.0.0.1:1", "toy://127.0.0.1:1?size=2"};
  sources.flags.server_id = "-7";
  sources.environment.list_self = "yes";
  EXPECT_EQ(ErrorOf(sources),
            "--listen: toy://127.0.0.1:1?size=2: no option size\n"
            "CHATD_THREADS: \"many\" is not a number from 1 to 64\n"
            "--log-level: \"loud\" is not one of debug, info, warning, error\n"
            "--server-id: \"-7\" is not a number from 1 to 2147483647\n"
            "CHATD_LIST_SELF: \"yes\" is neither true nor false");
}

TEST_F(ConfigTest, RefusesListenersThatCannotBe) {
  const std::pair<const char*, const char*> kCases[] = {
      {"toy://example.com:1", "\"example.com\" is not an IP address"},
      {"toy+tls://127.0.0.1:1", "chatd has no TLS: put a TLS proxy before it"},
      {"toy://ann@127.0.0.1:1", "a listener has no user"},
      {"toy://127.0.0.1:65536", "a port is a number from 0 to 65535, not \"65536\""},
  };
  for (const auto& [url, what] : kCases) {
    SettingSources sources;
    sources.flags.listen = {url};
    EXPECT_EQ(ErrorOf(sources), absl::StrCat("--listen: ", url, ": ", what));
  }
}

}  // namespace
}  // namespace chat::tools
