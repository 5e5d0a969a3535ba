#include "proxy/config/to_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "balancer/strategies.h"
#include "proxy/config/read_log.h"
#include "proxy/config/scalar.h"
#include "proxy/config/utf8.h"

namespace weir::config {

namespace {

using Json = nlohmann::ordered_json;

// Text that the reader takes as it stands: ${ would ask for an environment variable.
Json text(const std::string& plain) {
  std::string escaped = plain;
  for (std::size_t at = 0; (at = escaped.find("${", at)) != escaped.npos; at += 3) escaped.insert(at, "$");
  return escaped;
}

Json duration(Duration value) {
  return value == kOff ? "off" : written(value);
}

Json size(std::uint64_t bytes) {
  return bytes == kUnlimited ? "unlimited" : written_size(bytes);
}

Json memory_limit(std::uint64_t bytes) {
  return bytes == kAutoMemory ? "auto" : bytes == kUnlimited ? "off" : written_size(bytes);
}

Json token(const std::string& token, Secrets secrets) {
  if (token.empty()) return "off";
  return secrets == Secrets::shown ? token : kMasked;
}

Json admin(const Admin& admin, Secrets secrets) {
  if (!admin.address) return "off";
  return {{"address", text(admin.address->text())},
          {"hosts", admin.hosts},
          {"token", token(admin.token, secrets)}};
}

Json log(const Log& log) {
  return {{"level", kLogLevels[static_cast<std::size_t>(log.level)]},
          {"format", kLogStyles[static_cast<std::size_t>(log.format)]}};
}

Json log_format(const AccessLog& log) {
  if (log.format == LogFormat::custom) return text(log.custom.text);
  return log.format == LogFormat::json ? "json" : "combined";
}

Json access_log(const AccessLog& log) {
  return {{"path", text(log.path)}, {"format", log_format(log)}, {"sample", fmt::format("1/{}", log.sample)}};
}

Json reload(const Reload& reload) {
  return {{"guard", reload.guard > Duration::zero() ? duration(reload.guard) : Json("off")},
          {"min_healthy", std::to_string(reload.min_healthy) + "%"}};
}

Json tracing(const std::optional<Tracing>& tracing) {
  if (!tracing) return "off";
  return {{"endpoint", text("http://" + tracing->collector.text() + tracing->path)},
          {"sample", fmt::format("1/{}", tracing->one_in)},
          {"service", text(tracing->service)}};
}

Json network(const io::IpPrefix& prefix) {
  if (prefix.ip.family == io::Ip::Family::none) return "unix";
  return prefix.ip.text() + "/" + std::to_string(prefix.bits);
}

template <class Items, class ToJson>
Json list(const Items& items, ToJson to_json) {
  Json all = Json::array();
  for (const auto& item : items) all.push_back(to_json(item));
  return all;
}

Json rate(std::uint64_t bytes) {
  return bytes == 0 ? "off" : written_size(bytes);
}

Json timeouts(const Timeouts& timeouts) {
  return {{"header", duration(timeouts.header)},     {"idle", duration(timeouts.idle)},
          {"body", duration(timeouts.body)},         {"connect", duration(timeouts.connect)},
          {"response", duration(timeouts.response)}, {"attempt", duration(timeouts.attempt)},
          {"request", duration(timeouts.request)},   {"stream_idle", duration(timeouts.stream_idle)},
          {"tunnel", duration(timeouts.tunnel)},     {"min_rate", rate(timeouts.min_rate)}};
}

// What is not given comes from the level above, and may change there, so it is left out.
Json overrides(const TimeoutOverrides& timeouts) {
  Json given = Json::object();
  const auto put = [&](const char* key, const std::optional<Duration>& value) {
    if (value) given[key] = duration(*value);
  };
  put("body", timeouts.body);
  put("connect", timeouts.connect);
  put("response", timeouts.response);
  put("attempt", timeouts.attempt);
  put("request", timeouts.request);
  put("stream_idle", timeouts.stream_idle);
  put("tunnel", timeouts.tunnel);
  if (timeouts.min_rate) given["min_rate"] = rate(*timeouts.min_rate);
  return given;
}

Json budget(std::uint32_t percent) {
  return percent == kNoBudget ? "off" : std::to_string(percent) + "%";
}

Json backoff(Duration base) {
  return duration(base > Duration::zero() ? base : kOff);
}

Json retry(const Retry& retry) {
  return {{"attempts", retry.attempts},
          {"statuses", retry.statuses},
          {"budget", budget(retry.budget)},
          {"backoff", backoff(retry.backoff)}};
}

Json overrides(const RetryOverrides& retry) {
  Json given = Json::object();
  if (retry.attempts) given["attempts"] = *retry.attempts;
  if (retry.statuses) given["statuses"] = *retry.statuses;
  if (retry.budget) given["budget"] = budget(*retry.budget);
  if (retry.backoff) given["backoff"] = backoff(*retry.backoff);
  return given;
}

Json hedge(const Hedge& hedge) {
  if (!hedge.on()) return "off";
  const Json after =
      hedge.percentile > 0 ? Json("p" + std::to_string(hedge.percentile)) : duration(hedge.after);
  return {{"after", after}};
}

Json limits(const Limits& limits) {
  return {{"header", size(limits.header)},
          {"header_fields", limits.header_fields},
          {"request_line", size(limits.request_line)},
          {"body", size(limits.body)},
          {"connections", limits.connections},
          {"connections_per_client", limits.connections_per_client == kUnlimited
                                         ? Json("unlimited")
                                         : Json(limits.connections_per_client)}};
}

Json certificate(const tls::CertificateFiles& files) {
  Json json = {{"cert", text(files.cert)}, {"key", text(files.key)}};
  if (files.stapling == tls::Stapling::file) json["ocsp"] = text(files.ocsp);
  if (files.stapling == tls::Stapling::fetch) json["ocsp"] = "fetch";
  return json;
}

Json listener_tls(const tls::ServerOptions& options) {
  Json json = Json::object();
  if (!options.certificates.empty()) json["certificates"] = list(options.certificates, certificate);
  if (!options.certificates_dir.empty()) json["certificates_dir"] = text(options.certificates_dir);
  json["min_version"] = tls::kVersions[static_cast<std::size_t>(options.min_version)];
  json["ciphers"] = text(options.ciphers);
  if (!options.ticket_keys.empty()) json["ticket_keys"] = list(options.ticket_keys, text);
  if (options.client_trust.ca.empty()) return json;
  json["client_ca"] = text(options.client_trust.ca);
  json["client_auth"] = kClientAuths[static_cast<std::size_t>(options.client_auth)];
  if (!options.client_trust.crl.empty()) json["client_crl"] = text(options.client_trust.crl);
  return json;
}

std::string_view proxy_protocol(ProxyProtocol version) {
  return kProxyProtocols[static_cast<std::size_t>(version)];
}

Json redirect(const Redirect& redirect) {
  if (redirect.from.empty()) return true;
  return list(redirect.from, text);
}

Json hsts(const Hsts& hsts) {
  return {{"max_age", duration(hsts.max_age)},
          {"include_subdomains", hsts.include_subdomains},
          {"preload", hsts.preload}};
}

std::string hash_key(const HashKey& key) {
  switch (key.source) {
    case HashSource::client_ip:
      return "client-ip";
    case HashSource::path:
      return "path";
    case HashSource::header:
      return "header:" + key.name;
    case HashSource::cookie:
      return "cookie:" + key.name;
    case HashSource::query:
      return "query:" + key.name;
  }
  return {};
}

std::string rate_unit(Duration per) {
  return per == 1s ? "/s" : per == 1min ? "/m" : "/h";
}

Json rate_limit(const RateLimit& limit) {
  return {{"rate", std::to_string(limit.requests) + rate_unit(limit.per)},
          {"burst", limit.burst},
          {"key", text(hash_key(limit.key))},
          {"ipv4_prefix", limit.ipv4_prefix},
          {"ipv6_prefix", limit.ipv6_prefix},
          {"dry_run", kOffOn[static_cast<std::size_t>(limit.dry_run)]}};
}

void put_admission(Json& json, const Access& access, const std::optional<RateLimit>& limit) {
  if (!access.allow.empty()) json["allow"] = list(access.allow, network);
  if (!access.deny.empty()) json["deny"] = list(access.deny, network);
  if (limit) json["rate_limit"] = rate_limit(*limit);
}

Json listener(const Listener& listener) {
  Json json = {{"address", text(listener.address.text())},
               {"name", text(listener.name)},
               {"mode", kModes[static_cast<std::size_t>(listener.mode)]}};
  if (listener.mode == Mode::http) {
    json["protocol"] = kProtocols[static_cast<std::size_t>(listener.protocol)];
    json["max_connection_age"] = duration(listener.max_connection_age);
  }
  json["proxy_protocol"] = proxy_protocol(listener.proxy_protocol);
  put_admission(json, listener.access, listener.rate_limit);
  if (!listener.tls) return json;
  Json& tls = json["tls"] = listener_tls(*listener.tls);
  if (listener.redirect) tls["redirect"] = redirect(*listener.redirect);
  if (listener.hsts) tls["hsts"] = hsts(*listener.hsts);
  return json;
}

Json limit(std::uint64_t count) {
  if (count == kUnlimited) return "unlimited";
  return count == kAdaptive ? Json("adaptive") : Json(count);
}

Json node(const Node& node) {
  return {{"address", text(node.address.text())},
          {"weight", node.weight},
          {"max_in_flight", limit(node.max_in_flight)},
          {"max_connections", limit(node.max_connections)},
          {"state", balancer::word(node.state)},
          {"priority", node.priority},
          {"backup", node.backup}};
}

Json keepalive(const Keepalive& keepalive) {
  return {{"max_idle", keepalive.max_idle},
          {"idle_timeout", duration(keepalive.idle_timeout)},
          {"max_lifetime", duration(keepalive.max_lifetime)}};
}

std::string status_range(const StatusRange& range) {
  const std::string first = std::to_string(range.first);
  return range.first == range.last ? first : first + "-" + std::to_string(range.last);
}

std::string_view off_or_on(bool on) {
  return on ? "on" : "off";
}

void add_http_check(Json& json, const HttpCheck& check) {
  json["http"] = text(check.target);
  json["method"] = check.method;
  if (check.host) json["host"] = text(*check.host);
  Json headers = Json::object();
  for (const auto& [name, value] : check.headers) headers[name] = text(value);
  json["headers"] = std::move(headers);
  json["expect"] = list(check.expect, status_range);
  if (!check.body.empty()) json["body"] = text(check.body);
  json["agent"] = off_or_on(check.agent);
}

void add_grpc_check(Json& json, const GrpcCheck& check) {
  json["grpc"] = check.service.empty() ? Json(true) : Json(text(check.service));
  if (check.host) json["host"] = text(*check.host);
}

Json health(const Health& health) {
  Json json = Json::object();
  if (health.http)
    add_http_check(json, *health.http);
  else if (health.grpc)
    add_grpc_check(json, *health.grpc);
  else
    json["tcp"] = true;
  if (health.port != 0) json["port"] = health.port;
  json["interval"] = duration(health.interval);
  json["fast_interval"] = duration(health.fast_interval);
  json["jitter"] = std::to_string(health.jitter) + "%";
  json["timeout"] = duration(health.timeout);
  json["fall"] = health.fall;
  json["rise"] = health.rise;
  return json;
}

Json in_a_row(std::uint32_t count) {
  return count == 0 ? Json("off") : Json(count);
}

Json ejection(const Ejection& ejection) {
  return {{"connect_failures", in_a_row(ejection.connect_failures)},
          {"gateway_errors", in_a_row(ejection.gateway_errors)},
          {"success_rate", off_or_on(ejection.success_rate)},
          {"latency", off_or_on(ejection.latency)},
          {"time", duration(ejection.time)},
          {"max_time", duration(ejection.max_time)},
          {"max_ejected", std::to_string(ejection.max_ejected) + "%"}};
}

Json pool_tls(const tls::ClientOptions& options) {
  Json json = Json::object();
  if (!options.ca.empty()) json["ca"] = text(options.ca);
  json["verify"] = options.verify == tls::Verify::on ? "on" : "off";
  if (options.sni) json["sni"] = text(*options.sni);
  if (options.certificate) json.update(certificate(*options.certificate));
  return json;
}

Json sticky(const std::optional<Sticky>& sticky, Secrets secrets) {
  if (!sticky) return "off";
  return {
      {"cookie", sticky->cookie}, {"ttl", duration(sticky->ttl)}, {"secret", token(sticky->secret, secrets)}};
}

Json pool(const Pool& pool, Secrets secrets) {
  Json json = {{"strategy", pool.strategy}};
  if (balancer::takes_key(pool.strategy)) json["hash"] = {{"key", text(hash_key(pool.hash))}};
  json["nodes"] = list(pool.nodes, node);
  json["protocol"] = kProtocols[static_cast<std::size_t>(pool.protocol)];
  if (pool.tls) json["tls"] = pool_tls(*pool.tls);
  json["health"] = pool.health ? health(*pool.health) : Json("off");
  json["ejection"] = pool.ejection ? ejection(*pool.ejection) : Json("off");
  json["panic"] = std::to_string(pool.panic) + "%";
  json["slow_start"] = duration(pool.slow_start);
  json["retry"] = retry(pool.retry);
  json["hedge"] = hedge(pool.hedge);
  json["keepalive"] = keepalive(pool.keepalive);
  json["max_in_flight"] = limit(pool.max_in_flight);
  json["max_connections"] = limit(pool.max_connections);
  json["queue"] = {{"size", pool.queue.size}, {"timeout", duration(pool.queue.timeout)}};
  json["timeouts"] = overrides(pool.timeouts);
  json["sticky"] = sticky(pool.sticky, secrets);
  json["request_buffer"] = size(pool.request_buffer);
  json["resolve_interval"] = duration(pool.resolve_interval);
  json["proxy_protocol"] = proxy_protocol(pool.proxy_protocol);
  return json;
}

// ordered_json looks each key up from the start, which thousands of pools would wait for; nobody looks into
// a map of pools, so it is put together by hand.
Json pools(const std::vector<Pool>& pools, Secrets secrets) {
  Json::object_t by_name;
  by_name.reserve(pools.size());
  for (const Pool& each : pools) by_name.push_back({each.name, pool(each, secrets)});
  return by_name;
}

Json match(const Match& match) {
  Json json = Json::object();
  if (!match.host.empty()) json["host"] = text(match.host);
  if (!match.path.empty()) json["path"] = text(match.path);
  if (!match.sni.empty()) json["sni"] = text(match.sni);
  if (!match.listener.empty()) json["listener"] = text(match.listener);
  return json;
}

Json route(const Route& route) {
  Json json = {{"name", text(route.name)}, {"match", match(route.match)}, {"pool", route.pool}};
  if (route.host) json["host"] = text(*route.host);
  json["timeouts"] = overrides(route.timeouts);
  put_admission(json, route.access, route.rate_limit);
  json["retry"] = overrides(route.retry);
  if (route.hedge) json["hedge"] = hedge(*route.hedge);
  json["priority"] = kPriorities[static_cast<std::size_t>(route.priority)];
  return json;
}

Json whole(const Config& config, Secrets secrets) {
  return {{"workers", config.workers == 0 ? Json("auto") : Json(config.workers)},
          {"memory_limit", memory_limit(config.memory_limit)},
          {"admin", admin(config.admin, secrets)},
          {"log", log(config.log)},
          {"access_log", access_log(config.access_log)},
          {"tracing", tracing(config.tracing)},
          {"shutdown_timeout", duration(config.shutdown_timeout)},
          {"shutdown_grace", duration(config.shutdown_grace)},
          {"drain_timeout", duration(config.drain_timeout)},
          {"reload", reload(config.reload)},
          {"deadline_header", config.deadline_header.empty() ? Json("off") : text(config.deadline_header)},
          {"trusted_proxies", list(config.trusted_proxies, network)},
          {"timeouts", timeouts(config.timeouts)},
          {"limits", limits(config.limits)},
          {"listeners", list(config.listeners, listener)},
          {"pools", pools(config.pools, secrets)},
          {"routes", list(config.routes, route)}};
}

// JSON may hold as they stand what YAML may not.
std::string as_yaml(const std::string& json) {
  std::string escaped;
  escaped.reserve(json.size());
  for (std::size_t i = 0; i < json.size();) {
    const std::size_t size = utf8_size(json, i);
    const std::string_view sequence = std::string_view(json).substr(i, size);
    const char32_t character = code_point(sequence);
    escaped += must_be_escaped(character) ? fmt::format("\\u{:04x}", static_cast<unsigned>(character))
                                          : std::string(sequence);
    i += size;
  }
  return escaped;
}

}  // namespace

// An environment variable may hold bytes that are no UTF-8; they are the one thing that does not read back.
std::string to_json(const Config& config, Secrets secrets) {
  return as_yaml(whole(config, secrets).dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

}  // namespace weir::config
