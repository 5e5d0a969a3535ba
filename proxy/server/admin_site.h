// This process's admin port: its listening socket and its API, where the configuration wants one. Owned by
// the supervisor; control thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/admin/api.h"
#include "proxy/config/config.h"
#include "proxy/epoll/epoll_runtime.h"

namespace weir::server {

class AdminSite {
 public:
  AdminSite(epoll::EpollRuntime& runtime, admin::ApiHost& host) : runtime_(runtime), host_(host) {}
  ~AdminSite();
  AdminSite(const AdminSite&) = delete;
  AdminSite& operator=(const AdminSite&) = delete;

  // Says in the log where it listens. False where the file names an address that cannot be had.
  [[nodiscard]] bool open(const config::Admin& config, std::shared_ptr<const admin::Scene> scene);
  // Something that is reported on has changed.
  void publish(std::shared_ptr<const admin::Scene> scene);
  void on_nodes_changed();
  // Where it listens, as bound; none: there is no admin port.
  const std::optional<io::Address>& address() const { return address_; }

 private:
  epoll::EpollRuntime& runtime_;
  admin::ApiHost& host_;
  io::ListenSocket socket_;
  std::optional<io::Address> address_;
  std::unique_ptr<admin::Api> api_;
};

}  // namespace weir::server
