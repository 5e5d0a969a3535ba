// Every key that a configuration may hold, section by section. A reader can read only keys of its table, and
// a test walks the tables to prove that config.example.yaml leaves none out.
#pragma once

#include <span>
#include <string_view>

namespace weir::config {

struct KeyTable {
  std::string_view section;  // path; * stands for any name, [] for any item; "" is the whole file
  std::span<const std::string_view> keys;
};

namespace keys {

inline constexpr std::string_view kFileKeys[] = {
    "workers",          "memory_limit",   "admin",         "log",    "access_log",      "tracing",
    "shutdown_timeout", "shutdown_grace", "drain_timeout", "reload", "deadline_header", "trusted_proxies",
    "timeouts",         "limits",         "listeners",     "pools",  "routes"};
inline constexpr std::string_view kAdminKeys[] = {"address", "hosts", "token"};
inline constexpr std::string_view kLogKeys[] = {"level", "format"};
inline constexpr std::string_view kAccessLogKeys[] = {"path", "format", "sample"};
inline constexpr std::string_view kTracingKeys[] = {"endpoint", "sample", "service"};
inline constexpr std::string_view kReloadKeys[] = {"guard", "min_healthy"};
inline constexpr std::string_view kTimeoutsKeys[] = {"header",   "idle",    "body",    "connect",
                                                     "response", "attempt", "request", "stream_idle",
                                                     "tunnel",   "min_rate"};
inline constexpr std::string_view kOverridesKeys[] = {"body",    "connect",     "response", "attempt",
                                                      "request", "stream_idle", "tunnel",   "min_rate"};
inline constexpr std::string_view kLimitsKeys[] = {"header", "header_fields", "request_line",
                                                   "body",   "connections",   "connections_per_client"};
inline constexpr std::string_view kListenerKeys[] = {
    "address",        "name", "mode",  "protocol", "max_connection_age",
    "proxy_protocol", "tls",  "allow", "deny",     "rate_limit"};
inline constexpr std::string_view kListenerTlsKeys[] = {
    "certificates", "certificates_dir", "min_version", "ciphers", "client_ca",
    "client_auth",  "client_crl",       "redirect",    "hsts",    "ticket_keys"};
inline constexpr std::string_view kHstsKeys[] = {"max_age", "include_subdomains", "preload"};
inline constexpr std::string_view kCertificateKeys[] = {"cert", "key", "ocsp"};
inline constexpr std::string_view kPoolKeys[] = {"strategy",
                                                 "hash",
                                                 "nodes",
                                                 "protocol",
                                                 "tls",
                                                 "health",
                                                 "ejection",
                                                 "panic",
                                                 "slow_start",
                                                 "retry",
                                                 "hedge",
                                                 "keepalive",
                                                 "timeouts",
                                                 "sticky",
                                                 "request_buffer",
                                                 "resolve_interval",
                                                 "proxy_protocol",
                                                 "max_in_flight",
                                                 "max_connections",
                                                 "queue"};
inline constexpr std::string_view kPoolTlsKeys[] = {"ca", "verify", "sni", "cert", "key"};
inline constexpr std::string_view kHashKeys[] = {"key"};
inline constexpr std::string_view kNodeKeys[] = {"address", "weight",        "state",          "priority",
                                                 "backup",  "max_in_flight", "max_connections"};
inline constexpr std::string_view kHealthKeys[] = {
    "http", "tcp",      "grpc",          "method", "host",    "headers", "port", "expect",
    "body", "interval", "fast_interval", "jitter", "timeout", "fall",    "rise", "agent"};
inline constexpr std::string_view kEjectionKeys[] = {
    "connect_failures", "gateway_errors", "success_rate", "latency", "time", "max_time", "max_ejected"};
inline constexpr std::string_view kStickyKeys[] = {"cookie", "ttl", "secret"};
inline constexpr std::string_view kRetryKeys[] = {"attempts", "statuses", "budget", "backoff"};
inline constexpr std::string_view kHedgeKeys[] = {"after"};
inline constexpr std::string_view kKeepaliveKeys[] = {"max_idle", "idle_timeout", "max_lifetime"};
inline constexpr std::string_view kQueueKeys[] = {"size", "timeout"};
inline constexpr std::string_view kRouteKeys[] = {"name",  "match", "pool", "host",       "timeouts", "retry",
                                                  "hedge", "allow", "deny", "rate_limit", "priority"};
inline constexpr std::string_view kRateLimitKeys[] = {"rate",        "burst",       "key",
                                                      "ipv4_prefix", "ipv6_prefix", "dry_run"};
inline constexpr std::string_view kMatchKeys[] = {"host", "path", "sni", "listener"};

inline constexpr KeyTable kFile{"", kFileKeys};
inline constexpr KeyTable kAdmin{"admin", kAdminKeys};
inline constexpr KeyTable kLog{"log", kLogKeys};
inline constexpr KeyTable kAccessLog{"access_log", kAccessLogKeys};
inline constexpr KeyTable kTracing{"tracing", kTracingKeys};
inline constexpr KeyTable kReload{"reload", kReloadKeys};
inline constexpr KeyTable kTimeouts{"timeouts", kTimeoutsKeys};
inline constexpr KeyTable kLimits{"limits", kLimitsKeys};
inline constexpr KeyTable kListener{"listeners[]", kListenerKeys};
inline constexpr KeyTable kListenerTls{"listeners[].tls", kListenerTlsKeys};
inline constexpr KeyTable kHsts{"listeners[].tls.hsts", kHstsKeys};
inline constexpr KeyTable kCertificate{"listeners[].tls.certificates[]", kCertificateKeys};
inline constexpr KeyTable kPool{"pools.*", kPoolKeys};
inline constexpr KeyTable kPoolTls{"pools.*.tls", kPoolTlsKeys};
inline constexpr KeyTable kHash{"pools.*.hash", kHashKeys};
inline constexpr KeyTable kNode{"pools.*.nodes[]", kNodeKeys};
inline constexpr KeyTable kHealth{"pools.*.health", kHealthKeys};
inline constexpr KeyTable kEjection{"pools.*.ejection", kEjectionKeys};
inline constexpr KeyTable kSticky{"pools.*.sticky", kStickyKeys};
inline constexpr KeyTable kRetry{"pools.*.retry", kRetryKeys};
inline constexpr KeyTable kKeepalive{"pools.*.keepalive", kKeepaliveKeys};
inline constexpr KeyTable kQueue{"pools.*.queue", kQueueKeys};
inline constexpr KeyTable kPoolTimeouts{"pools.*.timeouts", kOverridesKeys};
inline constexpr KeyTable kRoute{"routes[]", kRouteKeys};
inline constexpr KeyTable kListenerRateLimit{"listeners[].rate_limit", kRateLimitKeys};
inline constexpr KeyTable kRouteRateLimit{"routes[].rate_limit", kRateLimitKeys};
inline constexpr KeyTable kMatch{"routes[].match", kMatchKeys};
inline constexpr KeyTable kRouteTimeouts{"routes[].timeouts", kOverridesKeys};
inline constexpr KeyTable kRouteRetry{"routes[].retry", kRetryKeys};
inline constexpr KeyTable kHedge{"pools.*.hedge", kHedgeKeys};
inline constexpr KeyTable kRouteHedge{"routes[].hedge", kHedgeKeys};

inline constexpr const KeyTable* kAll[] = {
    &kFile,           &kAdmin,       &kLog,      &kAccessLog,     &kTracing,
    &kReload,         &kTimeouts,    &kLimits,   &kListener,      &kPool,
    &kPoolTls,        &kListenerTls, &kHsts,     &kCertificate,   &kHash,
    &kNode,           &kHealth,      &kEjection, &kRetry,         &kKeepalive,
    &kPoolTimeouts,   &kRoute,       &kMatch,    &kRouteTimeouts, &kListenerRateLimit,
    &kRouteRateLimit, &kRouteRetry,  &kHedge,    &kRouteHedge,    &kSticky,
    &kQueue};

}  // namespace keys

}  // namespace weir::config
