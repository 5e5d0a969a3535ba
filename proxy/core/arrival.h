// Where a request came in, as far as its exchange has to know. The connection owns it and makes it once; it
// outlives the exchanges that it is lent to. Loop thread only.
#pragma once

#include <memory>
#include <string_view>

#include "proxy/core/reception.h"
#include "proxy/http/message.h"
#include "proxy/io/address.h"
#include "proxy/io/identity.h"
#include "proxy/io/transport.h"
#include "proxy/observe/shares.h"

namespace weir::core {

// Knows which hosts a connection may be asked for.
class HostJudge {
 public:
  virtual bool is_misdirected(std::string_view authority) = 0;

 protected:
  ~HostJudge() = default;
};

// How slow the client of a request may be, as its route has it.
struct ClientPace {
  base::Duration body;     // its longest silence
  std::uint64_t min_rate;  // bytes a second; 0: any
};

struct Arrival {
  const io::Ip* peer;
  const io::Transport* transport;
  std::string_view scheme;  // how the connection is spoken over: "http", "https"
  observe::ListenerShare* listener;
  const io::Identity* identity = nullptr;                // of a client that has proven one
  HostJudge* hosts = nullptr;                            // nullptr: it may be asked for any
  std::shared_ptr<const HttpsRules> https{};             // of its listener, if it has some
  std::shared_ptr<const policy::Admission> admission{};  // likewise

  // On each final answer.
  void mark(http::Response& head) const {
    if (https != nullptr && !https->hsts.empty()) head.fields.set("Strict-Transport-Security", https->hsts);
  }
};

}  // namespace weir::core
