#include "proxy/admin/metric_family.h"

#include <chrono>
#include <limits>

#include "proxy/codec/h2_limits.h"
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
  using Histogram = observe::DurationHistogram;
  each_route(source, [&](const observe::RouteCounts& counts, Labels labels) {
    prometheus::ClientMetric::Histogram& histogram = family.add(std::move(labels)).histogram;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      below += counts.sum([&](const RouteShare& share) { return share.duration.bucket(i); });
      const double bound = i < Histogram::kBounds.size() ? static_cast<double>(Histogram::kBounds[i]) / 1e9
                                                         : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({below, bound});
    }
    histogram.sample_count = below;
    histogram.sample_sum =
        static_cast<double>(counts.sum([](const RouteShare& share) { return share.duration.sum_ns(); })) /
        1e9;
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

void http2_limits(const MetricSource& source, Family& family) {
  for (std::size_t limit = 1; limit <= static_cast<std::size_t>(codec::H2Limit::acks); ++limit)
    each_listener(source, [&](const observe::ListenerCounts& counts, Labels labels) {
      family.add(with(std::move(labels), "limit", codec::word(static_cast<codec::H2Limit>(limit))),
                 counts.sum([&](const ListenerShare& share) { return share.h2_limits[limit].get(); }));
    });
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
};

}  // namespace

std::span<const MetricEntry> traffic_metrics() {
  return kTrafficEntries;
}

}  // namespace weir::admin
