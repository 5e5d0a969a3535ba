#include "proxy/server/admin_site.h"

#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/epoll/listen_socket.h"

namespace weir::server {

base::Result<std::unique_ptr<AdminSite>, std::string> AdminSite::open(epoll::EpollRuntime& runtime,
                                                                      admin::ApiHost& host,
                                                                      const config::Admin& config,
                                                                      InheritedSockets* inherited,
                                                                      Sharing sharing) {
  std::unique_ptr<AdminSite> site(new AdminSite(runtime, host, config));
  if (!config.address) return site;
  io::Address address = *config.address;
  if (inherited != nullptr)
    if (auto group = inherited->take(SocketGroup::Use::admin, address)) {
      site->take_over(std::move(*group));
      return site;
    }
  auto sockets = sharing == Sharing::none ? epoll::open_listen_sockets(address, 1)
                                          : epoll::open_more_listen_sockets(address, 1, epoll::Begin::now);
  if (!sockets && config.source == config::Admin::Source::built_in) {
    base::log_warning("admin port {}: {}; going on without one; admin.address gives it another",
                      address.text(), sockets.error());
    return site;
  }
  if (!sockets)
    return base::unexpected(
        fmt::format("cannot listen on {} for the admin port: {}", address.text(), sockets.error()));
  site->socket_ = sockets->front();
  if (address.kind == io::Address::Kind::unix_path)
    site->file_ = std::make_unique<SocketFile>(address.text_, SocketFile::Owner::this_process);
  else
    address.port = epoll::bound_port(site->socket_);
  site->address_ = address;
  return site;
}

void AdminSite::take_over(SocketGroup group) {
  socket_ = {group.sockets.front().let_go()};
  address_ = group.bound;
  maker_ = group.maker;
  if (address_->kind == io::Address::Kind::unix_path && maker_ == SocketMaker::weir)
    file_ = std::make_unique<SocketFile>(address_->text_, SocketFile::Owner::another);
}

AdminSite::~AdminSite() {
  api_.reset();
  close_socket();
}

void AdminSite::close_socket() {
  if (socket_.fd < 0) return;
  epoll::close_listen_socket(std::exchange(socket_, {}));
  file_.reset();
}

void AdminSite::serve(std::shared_ptr<const admin::Scene> scene) {
  if (!address_) return;
  api_ = std::make_unique<admin::Api>(runtime_, host_, std::move(scene));
  api_->open(socket_, {*address_, config_.hosts}, admin::Token(config_.token));
  base::log_info("admin port on {} (metrics, API, dashboard)", address_->text());
}

void AdminSite::publish(std::shared_ptr<const admin::Scene> scene) {
  if (api_) api_->publish(std::move(scene));
}

void AdminSite::on_nodes_changed() {
  if (api_) api_->on_nodes_changed();
}

void AdminSite::allow(const config::Admin& config) {
  if (api_) api_->allow({*address_, config.hosts}, admin::Token(config.token));
}

void AdminSite::leave(std::function<void()> over) {
  over_ = std::move(over);
  if (api_) api_->stop_listening();
  close_socket();
  timer_.set(base::deadline(runtime_.now(), kLastAnswers));
}

}  // namespace weir::server
