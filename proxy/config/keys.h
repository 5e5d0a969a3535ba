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
    "workers",          "admin",          "log",           "access_log", "tracing",
    "shutdown_timeout", "shutdown_grace", "drain_timeout", "reload",     "trusted_proxies",
    "timeouts",         "limits",         "listeners",     "pools",      "routes"};
inline constexpr std::string_view kAdminKeys[] = {"address", "hosts", "token"};
inline constexpr std::string_view kLogKeys[] = {"level", "format"};
inline constexpr std::string_view kAccessLogKeys[] = {"path", "format", "sample"};
inline constexpr std::string_view kTracingKeys[] = {"endpoint", "sample", "service"};
inline constexpr std::string_view kReloadKeys[] = {"guard", "min_healthy"};
inline constexpr std::string_view kTimeoutsKeys[] = {
    "header", "idle", "body", "connect", "response", "attempt", "request", "stream_idle", "tunnel"};
inline constexpr std::string_view kOverridesKeys[] = {"body",    "connect",     "response", "attempt",
                                                      "request", "stream_idle", "tunnel"};
inline constexpr std::string_view kLimitsKeys[] = {"header", "header_fields", "request_line", "body",
                                                   "connections"};
inline constexpr std::string_view kListenerKeys[] = {"address", "name", "protocol", "tls"};
inline constexpr std::string_view kListenerTlsKeys[] = {"certificates", "certificates_dir", "min_version",
                                                        "ciphers"};
inline constexpr std::string_view kCertificateKeys[] = {"cert", "key"};
inline constexpr std::string_view kPoolKeys[] = {
    "strategy", "hash", "nodes", "tls", "health", "retry", "keepalive", "timeouts", "resolve_interval"};
inline constexpr std::string_view kPoolTlsKeys[] = {"ca", "verify", "sni", "cert", "key"};
inline constexpr std::string_view kHashKeys[] = {"key"};
inline constexpr std::string_view kNodeKeys[] = {"address", "weight", "state"};
inline constexpr std::string_view kHealthKeys[] = {"http",   "tcp",     "method", "host",     "headers",
                                                   "port",   "expect",  "body",   "interval", "fast_interval",
                                                   "jitter", "timeout", "fall",   "rise"};
inline constexpr std::string_view kRetryKeys[] = {"attempts"};
inline constexpr std::string_view kKeepaliveKeys[] = {"max_idle", "idle_timeout", "max_lifetime"};
inline constexpr std::string_view kRouteKeys[] = {"name", "match", "pool", "host", "timeouts"};
inline constexpr std::string_view kMatchKeys[] = {"host", "path"};

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
inline constexpr KeyTable kCertificate{"listeners[].tls.certificates[]", kCertificateKeys};
inline constexpr KeyTable kPool{"pools.*", kPoolKeys};
inline constexpr KeyTable kPoolTls{"pools.*.tls", kPoolTlsKeys};
inline constexpr KeyTable kHash{"pools.*.hash", kHashKeys};
inline constexpr KeyTable kNode{"pools.*.nodes[]", kNodeKeys};
inline constexpr KeyTable kHealth{"pools.*.health", kHealthKeys};
inline constexpr KeyTable kRetry{"pools.*.retry", kRetryKeys};
inline constexpr KeyTable kKeepalive{"pools.*.keepalive", kKeepaliveKeys};
inline constexpr KeyTable kPoolTimeouts{"pools.*.timeouts", kOverridesKeys};
inline constexpr KeyTable kRoute{"routes[]", kRouteKeys};
inline constexpr KeyTable kMatch{"routes[].match", kMatchKeys};
inline constexpr KeyTable kRouteTimeouts{"routes[].timeouts", kOverridesKeys};

inline constexpr const KeyTable* kAll[] = {
    &kFile,         &kAdmin,  &kLog,      &kAccessLog,    &kTracing, &kReload,
    &kTimeouts,     &kLimits, &kListener, &kPool,         &kPoolTls, &kListenerTls,
    &kCertificate,  &kHash,   &kNode,     &kHealth,       &kRetry,   &kKeepalive,
    &kPoolTimeouts, &kRoute,  &kMatch,    &kRouteTimeouts};

}  // namespace keys

}  // namespace weir::config
