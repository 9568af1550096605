// A real OpenSSH session through ProxyCommand='chat-tunnel -W bob'.

#include <pwd.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/pump/testing.h"
#include "tools/chat-tunnel/testing.h"
#include "tools/testing/process.h"
#include "tools/testing/server.h"

namespace chat::testing {
namespace {

using ::testing::HasSubstr;

bool IsThere(const std::string& program) { return access(program.c_str(), X_OK) == 0; }

// Run by root, sshd wants a directory that only its service creates: we make it in a private /run.
bool NeedsPrivateRun() { return getuid() == 0 && access("/run/sshd", F_OK) != 0; }

// An sshd with its own host key and list of users, on a free port.
class PrivateSshd {
 public:
  PrivateSshd() {
    MakeKey("host_key");
    MakeKey("user_key");
    // Another program may take the port before sshd does.
    for (int attempt = 0; attempt < 5 && port_ == 0; ++attempt) Start();
    EXPECT_NE(port_, 0) << "sshd did not start";
  }

  uint16_t port() const { return port_; }
  std::string log() const { return daemon_->Stderr(); }

  // ssh to this sshd by way of `proxy`, running `command` there.
  std::vector<std::string> Command(const std::string& proxy, const std::string& command) const {
    const std::string known = directory_.Write("known_hosts", "bob " + Slurp("host_key.pub"));
    return {"/usr/bin/ssh", "-F",
            "none",         "-T",
            "-o",           "ProxyCommand=" + proxy,
            "-o",           "BatchMode=yes",
            "-o",           "IdentitiesOnly=yes",
            "-o",           "IdentityFile=" + Path("user_key"),
            "-o",           "UserKnownHostsFile=" + known,
            "-o",           "GlobalKnownHostsFile=none",
            "-o",           "StrictHostKeyChecking=yes",
            "-o",           "HostKeyAlias=bob",
            "-l",           getpwuid(getuid())->pw_name,
            "bob",          command};
  }

 private:
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  std::string Slurp(const std::string& name) const {
    return RunProcess({"/bin/cat", Path(name)}).out;
  }

  void MakeKey(const std::string& name) {
    const Result made =
        RunProcess({"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", Path(name)});
    EXPECT_EQ(made.exit_code, 0) << made.err;
  }

  void Start() {
    uint16_t port = 0;
    { port = TcpListener().port(); }
    const std::string config = directory_.Write(
        "sshd_config", absl::StrCat("Port ", port, "\nListenAddress 127.0.0.1\nHostKey ",
                                    Path("host_key"), "\nAuthorizedKeysFile ", Path("user_key.pub"),
                                    "\nPidFile none\nStrictModes no\nUsePAM no\n"
                                    "PasswordAuthentication no\nPermitRootLogin yes\n"));
    const std::string sshd = "/usr/sbin/sshd -D -e -f " + config;
    std::vector<std::string> argv = {"/bin/sh", "-c", "exec " + sshd};
    if (NeedsPrivateRun()) {
      argv = {"/usr/bin/unshare", "--mount", "/bin/sh", "-c",
              "mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec " + sshd};
    }
    daemon_ = std::make_unique<Process>(argv);
    const std::string said = daemon_->WaitForOutput(2, [](absl::string_view so_far) {
      return so_far.find("Server listening") != so_far.npos ||
             so_far.find("Cannot bind") != so_far.npos;
    });
    if (said.find("Server listening") != said.npos) port_ = port;
  }

  TempDir directory_;
  std::unique_ptr<Process> daemon_;
  uint16_t port_ = 0;
};

TEST(Ssh, GoesThroughAProxyCommand) {
  if (!IsThere("/usr/sbin/sshd") || !IsThere("/usr/bin/ssh")) {
    GTEST_SKIP() << "OpenSSH's client or server is not installed";
  }
  if (NeedsPrivateRun() &&
      RunProcess({"/usr/bin/unshare", "--mount", "/bin/true"}).exit_code != 0) {
    GTEST_SKIP() << "there is no /run/sshd, and no private /run can be made here";
  }
  PrivateSshd sshd;
  ChatServer server;
  RunningTunnel bob(server, "bob",
                    {absl::StrCat("--accept=127.0.0.1:", sshd.port()), "--allow=ann", "-v"});
  const std::string proxy = absl::StrJoin(TunnelCommand(server, "ann", {"-W", "bob"}), " ");
  const std::string bytes = RandomBytes(5'000'000, 8);
  const Result result = RunProcess(sshd.Command(proxy, "cat; echo over >&2; exit 7"), bytes);
  EXPECT_EQ(result.exit_code, 7) << result.err << sshd.log();
  EXPECT_TRUE(result.out == bytes) << result.out.size() << " bytes; " << result.err;
  EXPECT_THAT(result.err, HasSubstr("over\n"));
  bob.process().WaitForText(2, "ann: sent ");
}

}  // namespace
}  // namespace chat::testing
