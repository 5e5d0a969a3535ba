#include "proxy/config/read.h"

#include <fmt/format.h>

#include "proxy/config/read_admin.h"
#include "proxy/config/read_listener.h"
#include "proxy/config/read_log.h"
#include "proxy/config/read_pool.h"
#include "proxy/config/read_reload.h"
#include "proxy/config/read_route.h"
#include "proxy/config/read_server.h"
#include "proxy/config/read_timeouts.h"
#include "proxy/config/read_tracing.h"
#include "proxy/config/scalar.h"
#include "proxy/config/source.h"
#include "proxy/config/validate.h"
#include "proxy/config/yaml_reader.h"

namespace weir::config {

namespace {

constexpr DurationRange kWait{0ms, kYear};  // 0: at once

Config defaults() {
  Config config;
  config.trusted_proxies = {*io::IpPrefix::parse("127.0.0.0/8"), *io::IpPrefix::parse("::1")};
  config.admin.address = *io::Address::parse("127.0.0.1:9901");
  const io::Address address = *io::Address::parse("127.0.0.1:8080");
  config.listeners = {{.address = address, .name = address.text(), .tls = {}}};
  return config;
}

void imply_route(const Field& root, Config& config, Places& places) {
  if (config.pools.empty()) return;  // said already
  const Position at = root.value.at;
  const std::string& first = config.pools[0].name;
  if (config.pools.size() > 1) {
    root.report.error(
        at, "routes",
        "there are several pools and no route; add routes that say what goes where, such as - pool: " +
            first);
    return;
  }
  Route route;
  route.name = "default";
  route.pool = first;
  config.routes.push_back(route);
  places.routes.push_back(at);
  places.route_pools.push_back(at);
  places.route_listeners.push_back(at);
}

void warn_of_grace(const Field& grace, const Config& config) {
  if (config.shutdown_grace > config.shutdown_timeout && !grace.report.failed())
    grace.report.warning(grace.value.at, grace.path,
                         fmt::format("({}) is never reached: shutdown_timeout ({}) is shorter",
                                     written(config.shutdown_grace), written(config.shutdown_timeout)));
}

void read_config(const Field& root, Config& config, Places& places) {
  const Section file(root, keys::kFile);
  file.read("workers", read_workers, config.workers);
  file.read("memory_limit", read_memory_limit, config.memory_limit);
  file.read("admin", read_admin, config.admin, places);
  file.read("log", read_log, config.log);
  file.read("access_log", read_access_log, config.access_log);
  file.read("tracing", read_tracing, config.tracing);
  file.read("shutdown_timeout", read_duration, config.shutdown_timeout, kWait);
  file.read("shutdown_grace", read_duration, config.shutdown_grace, kWait);
  file.read("shutdown_grace", warn_of_grace, config);
  file.read("drain_timeout", read_duration, config.drain_timeout, kWait);
  file.read("reload", read_reload, config.reload);
  file.read("deadline_header", read_deadline_header, config.deadline_header);
  file.read("trusted_proxies", read_trusted_proxies, config.trusted_proxies);
  file.read("timeouts", read_timeouts, config.timeouts);
  file.read("limits", read_limits, config.limits);
  file.read("listeners", read_listeners, config.listeners, places);
  settle_admin(config, places, root.report);
  file.require("pools", read_pools, config.pools, places);
  file.read("routes", read_routes, config.routes, places);
  if (config.routes.empty() && !places.routes_unreadable) imply_route(root, config, places);
}

Loaded read_checked(std::string_view text, Report& report) {
  Config config = defaults();
  Places places;
  if (check_text(text, report)) {
    if (const ValuePtr root = read_yaml(text, report)) {
      read_config(Field{*root, "", report}, config, places);
      validate(config, places, report);
    }
  }
  Loaded loaded;
  if (!report.failed()) loaded.config = std::move(config);
  loaded.diagnostics = report.take();
  loaded.hash = hash_of(text);
  return loaded;
}

}  // namespace

Loaded read_file(const std::string& path) {
  Report report(path);
  auto text = load(path, report);
  if (!text) return {std::nullopt, report.take(), {}, {}};
  Loaded loaded = read_checked(*text, report);
  loaded.text = std::move(*text);
  return loaded;
}

Loaded read_text(std::string_view text, const std::string& file) {
  Report report(file);
  return read_checked(text, report);
}

}  // namespace weir::config
