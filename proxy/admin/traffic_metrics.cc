#include "proxy/admin/metric_family.h"

#include <chrono>
#include <limits>

#include "proxy/codec/h2_limits.h"
#include "proxy/config/scalar.h"
#include "proxy/observe/shares.h"

namespace weir::admin {
namespace {

using observe::ListenerShare;
using observe::RouteShare;
using Type = MetricDefinition::Type;

template <class F>
void each_route(const MetricSource& source, F&& f) {
  for (const core::SnapshotRoute& route : source.scene.snapshot->routes) {
    const config::Route& config = source.scene.snapshot->config.routes[route.config];
    f(*route.counts, Labels{{"route", config.name}, {"pool", config.pool}});
  }
}

template <class F>
void each_listener(const MetricSource& source, F&& f) {
  for (const SceneListener& listener : source.scene.listeners)
    f(*listener.counts, Labels{{"listener", listener.name}});
}

template <observe::Count ListenerShare::* kCount>
void count_listeners(const MetricSource& source, Family& family) {
  each_listener(source, [&](const observe::ListenerCounts& counts, Labels labels) {
    family.add(std::move(labels),
               counts.sum([](const ListenerShare& share) { return (share.*kCount).get(); }));
  });
}

void request_duration(const MetricSource& source, Family& family) {
  each_route(source, [&](const observe::RouteCounts& counts, Labels labels) {
    add_histogram(counts, std::move(labels), family,
                  [](const RouteShare& share) -> auto& { return share.duration; });
  });
}

void requests(const MetricSource& source, Family& family) {
  each_route(source, [&](const observe::RouteCounts& counts, const Labels& labels) {
    by_class(counts, labels, family, [](const RouteShare& share) -> auto& { return share.answers; });
  });
}

void request_failures(const MetricSource& source, Family& family) {
  each_route(source, [&](const observe::RouteCounts& counts, const Labels& labels) {
    by_reason(counts, labels, family, [](const RouteShare& share) -> auto& { return share.failures; });
  });
}

void listener_connections(const MetricSource& source, Family& family) {
  each_listener(source, [&](const observe::ListenerCounts& counts, Labels labels) {
    family.add(std::move(labels), observe::open_connections(counts));
  });
}

void listener_refused(const MetricSource& source, Family& family) {
  each_listener(source, [&](const observe::ListenerCounts& counts, const Labels& labels) {
    by_reason(counts, labels, family, [](const ListenerShare& share) -> auto& { return share.refused; });
  });
}

void listener_turned_away(const MetricSource& source, Family& family) {
  for (std::size_t why = 0; why < observe::kTurnedAwayFor.size(); ++why)
    each_listener(source, [&](const observe::ListenerCounts& counts, Labels labels) {
      family.add(with(std::move(labels), "reason", observe::kTurnedAwayFor[why]),
                 counts.sum([&](const ListenerShare& share) {
                   return share.turned_away.get(static_cast<observe::TurnedAwayFor>(why));
                 }));
    });
}

void requests_over_rate(const MetricSource& source, Family& family) {
  each_route(source, [&](const observe::RouteCounts& counts, Labels labels) {
    family.add(std::move(labels), counts.sum([](const RouteShare& share) { return share.over_rate.get(); }));
  });
}

void shed_requests(const MetricSource& source, Family& family) {
  for (const core::SnapshotRoute& route : source.scene.snapshot->routes) {
    const config::Route& config = source.scene.snapshot->config.routes[route.config];
    family.add({{"route", config.name},
                {"pool", config.pool},
                {"priority", std::string(config::kPriorities[static_cast<std::size_t>(route.priority)])}},
               route.counts->sum([](const RouteShare& share) { return share.shed.get(); }));
  }
}

void http2_limits(const MetricSource& source, Family& family) {
  for (std::size_t limit = 1; limit <= static_cast<std::size_t>(codec::H2Limit::acks); ++limit)
    each_listener(source, [&](const observe::ListenerCounts& counts, Labels labels) {
      family.add(with(std::move(labels), "limit", codec::word(static_cast<codec::H2Limit>(limit))),
                 counts.sum([&](const ListenerShare& share) { return share.h2_limits[limit].get(); }));
    });
}

void proxy_header_failures(const MetricSource& source, Family& family) {
  for (const SceneListener& listener : source.scene.listeners) {
    if (listener.reception->terms()->proxy_protocol == config::ProxyProtocol::off) continue;
    for (std::size_t why = 0; why < observe::kProxyHeaderFailures.size(); ++why)
      family.add({{"listener", listener.name}, {"reason", std::string(observe::kProxyHeaderFailures[why])}},
                 listener.counts->sum([&](const ListenerShare& share) {
                   return share.proxy_headers.get(static_cast<observe::ProxyHeaderFailure>(why));
                 }));
  }
}

// Those that speak TLS, with their settings.
template <class F>
void each_tls_listener(const MetricSource& source, F&& f) {
  for (const SceneListener& listener : source.scene.listeners)
    if (const auto settings = listener.reception->terms()->tls)
      f(*listener.counts, Labels{{"listener", listener.name}}, *settings);
}

void tls_handshakes(const MetricSource& source, Family& family) {
  each_tls_listener(source, [&](const observe::ListenerCounts& counts, const Labels& labels, const auto&) {
    for (std::size_t version = 0; version < tls::kVersions.size(); ++version)
      for (const bool resumed : {false, true})
        family.add(with(with(labels, "version", tls::kVersions[version]), "resumed", resumed ? "yes" : "no"),
                   counts.sum([&](const ListenerShare& share) {
                     return share.handshakes.get(static_cast<tls::Version>(version), resumed);
                   }));
  });
}

void tls_handshake_failures(const MetricSource& source, Family& family) {
  each_tls_listener(source, [&](const observe::ListenerCounts& counts, const Labels& labels, const auto&) {
    for (std::size_t why = 1; why < tls::kFailures.size(); ++why)
      family.add(with(labels, "reason", tls::kFailures[why]), counts.sum([&](const ListenerShare& share) {
        return share.handshakes.get(static_cast<tls::Failure>(why));
      }));
  });
}

void tls_certificate_expiry(const MetricSource& source, Family& family) {
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  each_tls_listener(source, [&](const auto&, const Labels& labels, const tls::ServerSettings& settings) {
    for (const auto& certificate : settings.certificates()) {
      const auto& names = certificate->names();
      const std::string_view name = names.empty() ? std::string_view() : names.front();
      family.add(with(with(labels, "certificate", name), "fingerprint", certificate->fingerprint()),
                 static_cast<double>(certificate->not_after()) - now);
    }
  });
}

void tls_ocsp_staple_expiry(const MetricSource& source, Family& family) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  each_tls_listener(source, [&](const auto&, const Labels& labels, const tls::ServerSettings& settings) {
    for (const auto& certificate : settings.certificates()) {
      if (certificate->files().stapling == tls::Stapling::none) continue;
      const auto staple = certificate->staple(now);
      const auto& names = certificate->names();
      const std::string_view name = names.empty() ? std::string_view() : names.front();
      family.add(with(with(labels, "certificate", name), "fingerprint", certificate->fingerprint()),
                 staple ? static_cast<double>(staple->until - now) : 0.0);
    }
  });
}

void tls_client_crl_expiry(const MetricSource& source, Family& family) {
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  each_tls_listener(source, [&](const auto&, const Labels& labels, const tls::ServerSettings& settings) {
    const auto& trust = settings.client_trust();
    if (trust && trust->crl_until()) family.add(labels, static_cast<double>(*trust->crl_until()) - now);
  });
}

constexpr MetricEntry kTrafficEntries[] = {
    {{"weir_request_duration_seconds", Type::histogram, "route, pool",
      "From the request's head to the end of its answer; without tunnels."},
     request_duration},
    {{"weir_requests_total", Type::counter, "route, pool, code",
      "Requests that are over, by the class of the status that the client got."},
     requests},
    {{"weir_request_failures_total", Type::counter, "route, pool, reason",
      "Requests that did not go well, by the reason word of the access log."},
     request_failures},
    {{"weir_listener_connections", Type::gauge, "listener", "Client connections that are open."},
     listener_connections},
    {{"weir_listener_connections_total", Type::counter, "listener", "Client connections accepted."},
     count_listeners<&ListenerShare::accepted>},
    {{"weir_listener_requests_total", Type::counter, "listener", "Requests that came in."},
     count_listeners<&ListenerShare::requests>},
    {{"weir_listener_received_bytes_total", Type::counter, "listener", "Bytes read from clients."},
     count_listeners<&ListenerShare::received_bytes>},
    {{"weir_listener_sent_bytes_total", Type::counter, "listener", "Bytes that clients' connections took."},
     count_listeners<&ListenerShare::sent_bytes>},
    {{"weir_listener_refused_requests_total", Type::counter, "listener, reason",
      "Requests that Weir answered itself without trying a node, by reason word."},
     listener_refused},
    {{"weir_listener_turned_away_connections_total", Type::counter, "listener, reason",
      "Client connections that were ended at once: the listener does not take them (denied), or their client "
      "has "
      "as many as limits.connections_per_client allows."},
     listener_turned_away},
    {{"weir_listener_over_rate_requests_total", Type::counter, "listener",
      "Requests over the listener's rate limit that were let through, since that is a dry run."},
     count_listeners<&ListenerShare::over_rate>},
    {{"weir_over_rate_requests_total", Type::counter, "route, pool",
      "Requests over their route's rate limit that were let through, since that is a dry run."},
     requests_over_rate},
    {{"weir_shed_requests_total", Type::counter, "route, pool, priority",
      "Requests that were answered 503 (overloaded) without a node, since Weir itself was overloaded."},
     shed_requests},
    {{"weir_proxy_protocol_failures_total", Type::counter, "listener, reason",
      "Connections of trusted proxies that were closed since their PROXY header was missing, malformed or "
      "late "
      "(timeout)."},
     proxy_header_failures},
    {{"weir_listener_redirects_total", Type::counter, "listener",
      "Requests that came in clear and were sent to https."},
     count_listeners<&ListenerShare::redirects>},
    {{"weir_http2_limits_total", Type::counter, "listener, limit",
      "Client connections that were ended for going beyond a limit of HTTP/2, by the names of "
      "docs/http2.md."},
     http2_limits},
    {{"weir_tls_handshakes_total", Type::counter, "listener, version, resumed",
      "TLS handshakes with clients that succeeded, by version and whether they went on with a session."},
     tls_handshakes},
    {{"weir_tls_handshake_failures_total", Type::counter, "listener, reason",
      "TLS handshakes with clients that failed, by the reason words of docs/tls.md."},
     tls_handshake_failures},
    {{"weir_tls_certificate_expiry_seconds", Type::gauge, "listener, certificate, fingerprint",
      "Until a certificate expires, by its first name; below 0: since when it has."},
     tls_certificate_expiry},
    {{"weir_tls_ocsp_staple_expiry_seconds", Type::gauge, "listener, certificate, fingerprint",
      "Until what is stapled to a certificate (OCSP) is over; 0: nothing is, though it should."},
     tls_ocsp_staple_expiry},
    {{"weir_tls_client_crl_expiry_seconds", Type::gauge, "listener",
      "Until the first list of tls.client_crl is due to be replaced; below 0: its authority's clients are "
      "refused."},
     tls_client_crl_expiry},
};

}  // namespace

std::span<const MetricEntry> traffic_metrics() {
  return kTrafficEntries;
}

}  // namespace weir::admin
