#include "proxy/server/admin_site.h"

#include <unistd.h>

#include <utility>

#include "proxy/base/log.h"
#include "proxy/epoll/listen_socket.h"

namespace weir::server {

AdminSite::~AdminSite() {
  api_.reset();
  if (socket_.fd >= 0) epoll::close_listen_socket(socket_);
  if (address_ && address_->kind == io::Address::Kind::unix_path) ::unlink(address_->text_.c_str());
}

bool AdminSite::open(const config::Admin& config, std::shared_ptr<const admin::Scene> scene) {
  if (!config.address) return true;
  io::Address address = *config.address;
  auto sockets = epoll::open_listen_sockets(address, 1);
  if (!sockets && config.source == config::Admin::Source::built_in) {
    base::log_warning("admin port {}: {}; going on without one; admin.address gives it another",
                      address.text(), sockets.error());
    return true;
  }
  if (!sockets) {
    base::log_error("cannot listen on {} for the admin port: {}; Weir does not start", address.text(),
                    sockets.error());
    return false;
  }
  socket_ = sockets->front();
  if (address.kind != io::Address::Kind::unix_path) address.port = epoll::bound_port(socket_);
  api_ = std::make_unique<admin::Api>(runtime_, host_, std::move(scene));
  api_->open(socket_, address, config.hosts);
  address_ = address;
  base::log_info("admin port on {} (metrics, API, dashboard)", address.text());
  return true;
}

void AdminSite::publish(std::shared_ptr<const admin::Scene> scene) {
  if (api_) api_->publish(std::move(scene));
}

void AdminSite::on_nodes_changed() {
  if (api_) api_->on_nodes_changed();
}

}  // namespace weir::server
