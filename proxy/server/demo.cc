#include "proxy/server/demo.h"

#include <utility>

#include "proxy/server/demo_server.h"

namespace weir::server {

DemoServers::DemoServers(std::vector<DemoAddress> addresses) : addresses_(std::move(addresses)) {}

DemoServers::~DemoServers() = default;

std::string DemoServers::start() {
  for (const DemoAddress& address : addresses_) {
    auto server = std::make_unique<DemoServer>(address);
    if (std::string error = server->listen(); !error.empty()) {
      servers_.clear();
      return error;
    }
    servers_.push_back(std::move(server));
  }
  for (auto& server : servers_) server->serve();
  return {};
}

}  // namespace weir::server
