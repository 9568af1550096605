// The network between two servers, which a test can break.

#ifndef TOOLS_TESTING_MESH_LINK_PROXY_H_
#define TOOLS_TESTING_MESH_LINK_PROXY_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace chat::testing {

// Takes connections on a port of 127.0.0.1 and carries their bytes to and from a server there. A
// server whose --listed-port is this one's is reached by the others through it.
//
// Thread safety: all methods may be called from any thread.
class LinkProxy {
 public:
  LinkProxy();
  LinkProxy(const LinkProxy&) = delete;
  LinkProxy& operator=(const LinkProxy&) = delete;
  // Cuts.
  ~LinkProxy();

  uint16_t port() const { return port_; }
  // To where; before the first connection.
  void LeadTo(uint16_t port);

  // Nothing crosses any more, nor do ends; what is on its way waits.
  void Stall();
  // What comes is lost; ends wait.
  void Drop();
  // Ends all connections, with what waits, and new ones as they come.
  void Cut();
  // New connections live again.
  void Heal();

 private:
  enum class State { kPass, kStall, kDrop, kCut };

  void Set(State state);
  void Accept();
  void Carry(int from, int to);
  // Waits until what has come may go on. False: it must not.
  bool MayPass(bool is_end);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread accepting_;

  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kPass;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  uint16_t target_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);  // until the end of this
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chat::testing

#endif  // TOOLS_TESTING_MESH_LINK_PROXY_H_
