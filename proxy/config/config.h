// The whole configuration as plain structs; every default stands beside its field, and config.example.yaml
// documents each. A Config that read() returned without errors is valid; it is never changed afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balancer/node.h"
#include "proxy/base/log.h"
#include "proxy/base/time.h"
#include "proxy/config/log_template.h"
#include "proxy/io/address.h"
#include "proxy/tls/client_settings.h"
#include "proxy/tls/server_settings.h"

namespace weir::config {

using base::Duration;
using namespace std::chrono_literals;

inline constexpr Duration kOff = Duration::max();  // a timeout that never comes
inline constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

struct Timeouts {
  Duration header = 10s;
  Duration idle = 75s;
  Duration body = 30s;
  Duration connect = 2s;
  Duration response = 60s;
  Duration attempt = kOff;
  Duration request = kOff;
  Duration stream_idle = 5min;
  Duration tunnel = 1h;
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

// What a pool or a route says of its own; an empty one is taken from the level above (route, pool, top).
struct TimeoutOverrides {
  std::optional<Duration> body, connect, response, attempt, request, stream_idle, tunnel;
  friend bool operator==(const TimeoutOverrides&, const TimeoutOverrides&) = default;
};

struct Limits {
  std::uint64_t header = 64 * 1024;   // bytes of a request or response head, start line included
  std::uint64_t header_fields = 100;  // fields in one head
  std::uint64_t request_line = 8 * 1024;
  std::uint64_t body = kUnlimited;    // bytes of a request body
  std::uint64_t connections = 10000;  // client connections, over all workers
  friend bool operator==(const Limits&, const Limits&) = default;
};

// Made of the rest of the configuration, and of what files held when it was read: no other configuration for
// it.
template <class T>
struct Derived {
  std::shared_ptr<const T> value;
  friend bool operator==(const Derived&, const Derived&) { return true; }
};

// Which versions of HTTP a listener speaks. any: HTTP/2 to who asks for it, by ALPN or by beginning with its
// preface.
enum class Protocol : std::uint8_t { any, h1, h2 };

struct Listener {
  io::Address address;
  std::string name;  // default: the address as text
  Protocol protocol = Protocol::any;
  std::optional<tls::ServerOptions> tls{};  // none: it is clear
  Derived<tls::ServerSettings> settings{};  // of tls
  friend bool operator==(const Listener&, const Listener&) = default;
};

// Where metrics, the API and the dashboard are served.
struct Admin {
  std::optional<io::Address> address;  // no host name; none: off. Default 127.0.0.1:9901, put in by read()
  // Whether the file names the address: a built-in one that is taken already is no reason not to run.
  enum class Source : std::uint8_t { built_in, file } source = Source::built_in;
  std::vector<std::string>
      hosts;          // what a Host may be besides; lower case, no port, [V6] as Ip::text() has it
  std::string token;  // that requests must bear, and that is shown nowhere; "": none
  // Where an address comes from makes no other configuration.
  friend bool operator==(const Admin& a, const Admin& b) {
    return a.address == b.address && a.hosts == b.hosts && a.token == b.token;
  }
};

// Weir's own log, to stderr.
struct Log {
  base::LogLevel level = base::LogLevel::info;
  base::LogStyle format = base::LogStyle::text;
  friend bool operator==(const Log&, const Log&) = default;
};

// Begins the path of an access log that goes to syslog; a unix socket's path follows.
inline constexpr std::string_view kSyslog = "syslog:";

enum class LogFormat : std::uint8_t { json, combined, custom };
struct AccessLog {
  std::string path = "stdout";  // "stdout" | "stderr" | "off" | a file | "syslog:" SOCKET
  LogFormat format = LogFormat::json;
  LogTemplate custom{};      // of LogFormat::custom
  std::uint32_t sample = 1;  // of the exchanges that went well, one in so many gets a line; 1..1000000
  friend bool operator==(const AccessLog&, const AccessLog&) = default;
};

struct Node {
  io::Address address;
  std::uint32_t weight = 1;  // 1..1000
  balancer::Operator state = balancer::Operator::active;
  friend bool operator==(const Node&, const Node&) = default;
};

enum class HashSource : std::uint8_t { client_ip, path, header, cookie, query };
struct HashKey {
  HashSource source = HashSource::client_ip;
  std::string name;  // header, cookie, query
  friend bool operator==(const HashKey&, const HashKey&) = default;
};

struct Retry {
  std::uint32_t attempts = 3;  // tries in all; 1: no retry
  friend bool operator==(const Retry&, const Retry&) = default;
};

struct Keepalive {
  std::uint64_t max_idle = 256;  // idle connections to a node, over all workers; 0: none are kept
  Duration idle_timeout = 60s;
  Duration max_lifetime = 1h;
  friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

struct StatusRange {
  std::uint16_t first = 200;
  std::uint16_t last = 299;
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

// What an HTTP check asks, and what it expects.
struct HttpCheck {
  std::string target;  // begins with /
  std::string method = "GET";
  std::optional<std::string> host;  // default: the node, as it is configured
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<StatusRange> expect = {{200, 299}};
  std::string body;  // the text that the answer must contain; "": any
  friend bool operator==(const HttpCheck&, const HttpCheck&) = default;
};

struct Health {
  std::optional<HttpCheck> http;  // none: a TCP connect is all
  std::uint16_t port = 0;         // 0: the node's own
  Duration interval = 2s;
  Duration fast_interval = 400ms;  // default: a fifth of the interval, 10ms at least; put in by read()
  std::uint32_t jitter = 10;       // percent
  Duration timeout = 1s;
  std::uint32_t fall = 3;  // failures in a row
  std::uint32_t rise = 2;  // passes in a row
  friend bool operator==(const Health&, const Health&) = default;
};

struct Pool {
  std::string name;
  std::string strategy = "round-robin";
  HashKey hash;
  std::vector<Node> nodes;
  Retry retry;
  Keepalive keepalive;
  std::optional<Health> health;  // none: no active check
  TimeoutOverrides timeouts;
  std::optional<tls::ClientOptions> tls;  // none: nodes are spoken to in clear
  Derived<tls::ClientSettings> settings;  // of tls
  Duration resolve_interval = 30s;        // how often host names are looked up again; 1s..5m
  friend bool operator==(const Pool&, const Pool&) = default;
};

struct Match {
  std::string host;  // "" any; "api.example.com"; "*.example.com"; lower case, no port
  std::string path;  // "" any; a prefix that begins with /, in normal form
  friend bool operator==(const Match&, const Match&) = default;
};

struct Route {
  std::string name;  // default: "host path" of its match, "default" for the implied one
  Match match;
  std::string pool;
  std::optional<std::string> host;  // what the node gets as Host; default: what the client sent
  TimeoutOverrides timeouts;
  friend bool operator==(const Route&, const Route&) = default;
};

// How a configuration that comes into force is watched. It is taken back when, in that time, a pool has a
// smaller share of its nodes than this to serve with, or far more errors than before.
struct Reload {
  Duration guard = 10s;            // 0: it is not watched
  std::uint32_t min_healthy = 50;  // percent of the nodes that are to take requests
  friend bool operator==(const Reload&, const Reload&) = default;
};

// Where spans go, and of how many requests.
struct Tracing {
  io::Address collector;  // an IP address or a host name
  std::string path = "/v1/traces";
  std::uint32_t one_in = 100;  // requests that bring no decision with them: one in so many is sampled
  std::string service = "weir";
  friend bool operator==(const Tracing&, const Tracing&) = default;
};

struct Config {
  std::uint32_t workers = 0;  // 0: auto, one a core
  Admin admin;
  Log log;
  AccessLog access_log;
  std::optional<Tracing> tracing;  // default: off
  Duration shutdown_timeout = 30s;
  Duration shutdown_grace = 1s;
  Duration drain_timeout = 30s;
  Reload reload;
  std::vector<io::IpPrefix> trusted_proxies;  // default 127.0.0.0/8 and ::1, put in by read()
  Timeouts timeouts;
  Limits limits;
  std::vector<Listener> listeners;  // default 127.0.0.1:8080, put in by read()
  std::vector<Pool> pools;
  std::vector<Route> routes;  // in order; one implied route if none is given and there is one pool
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace weir::config
