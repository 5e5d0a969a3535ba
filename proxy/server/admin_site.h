// This process's admin port: its listening socket and its API, where the configuration wants one. Owned by
// the supervisor; control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/admin/api.h"
#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/server/inherited_sockets.h"
#include "proxy/server/socket_file.h"

namespace weir::server {

class AdminSite final : io::TimerHandler {
 public:
  enum class Sharing : std::uint8_t { none, with_own_sockets };

  // So long a site that is given up goes on answering what it was asked.
  static constexpr base::Duration kLastAnswers = std::chrono::seconds(2);

  // Listens; nobody is answered before serve(). The error says for the log that the address which the file
  // names cannot be had; without one that is built in, all goes on without a port. What was inherited for the
  // address, if anything was, is taken over. Sharing::with_own_sockets: this process
  // listens there already, or on an address that overlaps; until that ends, clients come to either.
  static base::Result<std::unique_ptr<AdminSite>, std::string> open(epoll::EpollRuntime& runtime,
                                                                    admin::ApiHost& host,
                                                                    const config::Admin& config,
                                                                    InheritedSockets* inherited = nullptr,
                                                                    Sharing sharing = Sharing::none);
  ~AdminSite();
  AdminSite(const AdminSite&) = delete;
  AdminSite& operator=(const AdminSite&) = delete;

  // Says in the log where it listens.
  void serve(std::shared_ptr<const admin::Scene> scene);
  // Something that is reported on has changed.
  void publish(std::shared_ptr<const admin::Scene> scene);
  void on_nodes_changed();
  // See Api. False also where there is no admin port, and so nobody who knows.
  [[nodiscard]] bool read_latencies(std::function<void(admin::Latencies)> then) {
    return api_ && api_->read_latencies(std::move(then));
  }
  void allow(const config::Admin& config);  // its hosts and its token, from now on
  // Nobody new is taken; `over` is called, in a task of its own, when it may go.
  void leave(std::function<void()> over);
  // Where it listens, as bound; none: there is no admin port.
  const std::optional<io::Address>& address() const { return address_; }
  io::ListenSocket socket() const { return socket_; }
  SocketMaker maker() const { return maker_; }
  void set_owner_of_file(SocketFile::Owner owner) const {
    if (file_) file_->set_owner(owner);
  }

 private:
  AdminSite(epoll::EpollRuntime& runtime, admin::ApiHost& host, config::Admin config)
      : runtime_(runtime), host_(host), config_(std::move(config)), timer_(runtime.timers(), *this) {}
  void take_over(SocketGroup group);
  void close_socket();
  void on_timer() override { runtime_.post(std::exchange(over_, nullptr)); }

  epoll::EpollRuntime& runtime_;
  admin::ApiHost& host_;
  const config::Admin config_;  // it was opened with
  io::ListenSocket socket_;
  std::optional<io::Address> address_;
  SocketMaker maker_ = SocketMaker::weir;
  std::unique_ptr<SocketFile> file_;  // of a unix socket that is Weir's
  io::Timer timer_;
  std::function<void()> over_;
  std::unique_ptr<admin::Api> api_;
};

}  // namespace weir::server
