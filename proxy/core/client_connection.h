// What a worker knows of each client that is in, whatever its connection carries: by which listener it came,
// and how it is told to end. Owned by its worker's DataPath; loop thread only.
#pragma once

#include "proxy/base/error.h"
#include "proxy/base/intrusive_list.h"
#include "proxy/base/time.h"
#include "proxy/core/client_table.h"
#include "proxy/observe/shares.h"

namespace weir::core {

struct ConnectionTag;

class ClientConnection : public base::ListHook<ConnectionTag> {
 public:
  virtual ~ClientConnection() = default;

  // Nothing new begins on it; where nothing is under way it ends within `idle`.
  virtual void drain(base::Duration idle) = 0;
  // Ends whatever is under way, visibly, and retires.
  virtual void cut(const base::Error& error) = 0;
  // Since when nothing has been under way, or from when on that counts; kNever: something is.
  virtual base::Time idle_since() const { return base::kNever; }
  // Ends now, if nothing is under way.
  virtual void end_idle() {}
  // Bytes that wait for the client, or for its node.
  virtual std::size_t held() const { return 0; }
  observe::ListenerShare& listener() { return listener_; }
  // Under which it is counted among its client's; kNobody: it is not.
  ClientTable::Key client_key() const { return client_key_; }
  void count_under(ClientTable::Key key) { client_key_ = key; }
  bool came_by(const observe::ListenerShare& listener) const { return &listener == &listener_; }

 protected:
  explicit ClientConnection(observe::ListenerShare& listener) : listener_(listener) {}

  observe::ListenerShare& listener_;

 private:
  ClientTable::Key client_key_ = ClientTable::kNobody;
};

}  // namespace weir::core
