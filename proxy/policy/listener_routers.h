// Which router decides where it matters how a client came in: for requests at a listener that routes name,
// and for the raw connections of each listener, whose host is the name that the client asks for by TLS. Built
// once and immutable; any number of threads may ask at once.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/policy/router.h"

namespace weir::policy {

// What routes want of requests at this listener; "": at one that no route names.
std::vector<Router::Rule> rules_of_requests(const std::vector<config::Route>& routes,
                                            std::string_view listener);

class ListenerRouters {
 public:
  // Ask with the client's server name, or "", as host, and no path.
  struct Raw {
    explicit Raw(const std::vector<Router::Rule>& rules);

    Router router;
    bool asks_name = false;  // some route wants one
  };

  explicit ListenerRouters(const config::Config& config);

  // Whether any route of requests names a listener. If none does, all is as if there were one listener.
  bool names_listeners() const { return !requests_.empty(); }
  const Router* requests_at(std::string_view listener) const;  // nullptr: no route names it
  const Raw& connections_at(std::string_view listener) const;

 private:
  std::map<std::string, Router, std::less<>> requests_;
  std::map<std::string, Raw, std::less<>> connections_;  // of each listener with mode: tcp
  const Raw other_connections_;                          // of one that this configuration does not have
};

}  // namespace weir::policy
