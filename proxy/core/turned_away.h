// A client that is not let in: the connection ends before anything is said on it. Only its end is seen of it,
// by the path that owns it as it owns others.
#pragma once

#include "proxy/core/client_connection.h"

namespace weir::core {

class TurnedAway final : public ClientConnection {
 public:
  TurnedAway(observe::ListenerShare& listener, observe::TurnedAwayFor why) : ClientConnection(listener) {
    listener_.turned_away.add(why);
    listener_.closed.add();
  }
  void drain(base::Duration) override {}
  void cut(const base::Error&) override {}
};

}  // namespace weir::core
