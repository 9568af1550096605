// Plays every transcript over TCP against the real chatd.

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "libchat/testing/tcp_transcripts.h"
#include "tools/chat-admin/admin_client.h"
#include "tools/testing/process.h"

namespace chat::testing {
namespace {

constexpr int kReadyFd = 3;

std::string UrlOf(const Listening& listening) {
  std::string url = absl::StrCat(listening.dialect->name(), "://127.0.0.1:", listening.port);
  if (listening.options.empty()) return url;
  return absl::StrCat(url, "?", absl::StrJoin(listening.options, "&", absl::PairFormatter("=")));
}

// The port in chaton://127.0.0.1:41234?long_bytes=8
uint16_t PortOf(absl::string_view url) {
  const size_t colon = url.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(url.substr(colon + 1, url.find('?') - colon - 1), &port)) {
    ADD_FAILURE() << "no port in " << url;
  }
  return static_cast<uint16_t>(port);
}

class Chatd final : public RunningServer {
 public:
  explicit Chatd(const std::vector<Listening>& wanted)
      : listening_(wanted), process_(Arguments(wanted), Options()) {
    // A line a listener, in the order of the options, then an empty one.
    const std::vector<std::string> urls =
        absl::StrSplit(process_.WaitForText(kReadyFd, "\n\n"), '\n', absl::SkipEmpty());
    EXPECT_EQ(urls.size(), wanted.size());
    for (size_t i = 0; i < std::min(urls.size(), wanted.size()); ++i) {
      listening_[i].port = PortOf(urls[i]);
    }
  }
  ~Chatd() override {
    process_.Signal(SIGTERM);
    EXPECT_EQ(process_.Wait(), 0) << process_.Stderr();
  }

  std::vector<Listening> listening() const override { return listening_; }
  void ForgetAccounts() override {
    if (admin_ == nullptr) {
      auto opened = tools::AdminClient::Open(AdminSocket(), absl::Minutes(1));
      ASSERT_TRUE(opened.ok()) << opened.status();
      admin_ = *std::move(opened);
    }
    const auto all = admin_->Accounts();
    ASSERT_TRUE(all.ok()) << all.status();
    for (const auto& account : *all) EXPECT_TRUE(admin_->RemoveAccount(account.name()).ok());
  }

 private:
  std::string AdminSocket() const { return directory_.path() + "/admin"; }

  static ProcessOptions Options() {
    ProcessOptions options;
    options.outputs = {kReadyFd};
    return options;
  }
  std::vector<std::string> Arguments(const std::vector<Listening>& wanted) const {
    std::vector<std::string> arguments = {
        Runfile("tools/chatd/chatd"),
        "--config",
        // There are many transcripts, and they know the server as this one.
        directory_.Write("config",
                         "limits { registrations: 'unlimited' } mesh { server_id: 1000 "
                         "allow_merge_from: '127.0.0.1' listed_port: 7773 }"),
        "--admin",
        absl::StrCat("unix:", AdminSocket()),
        "--data-dir",
        absl::StrCat(directory_.path(), "/data"),
        "--ready-fd",
        absl::StrCat(kReadyFd),
    };
    for (const Listening& one : wanted) {
      arguments.push_back("--listen");
      arguments.push_back(UrlOf(one));
    }
    return arguments;
  }

  const TempDir directory_;
  std::vector<Listening> listening_;
  Process process_;
  std::unique_ptr<tools::AdminClient> admin_;
};

}  // namespace

std::unique_ptr<RunningServer> StartServer(const std::vector<Listening>& wanted) {
  return std::make_unique<Chatd>(wanted);
}

}  // namespace chat::testing
