// The whole configuration as plain structs; every default stands beside its field, and config.example.yaml
// documents each. A Config that read() returned without errors is valid; it is never changed afterwards.
#pragma once

#include <algorithm>
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
#include "proxy/io/protocol.h"
#include "proxy/tls/client_settings.h"
#include "proxy/tls/server_settings.h"

namespace weir::config {

using base::Duration;
using namespace std::chrono_literals;

inline constexpr Duration kOff = Duration::max();  // a timeout that never comes
inline constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::uint64_t kAdaptive = kUnlimited - 1;  // a limit that is learned
inline constexpr std::uint64_t kAutoMemory = 0;  // nine tenths of what the control group allows, if it does

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
  std::uint64_t min_rate = 100;  // bytes a second, of bodies that clients send or take; 0: any
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

// What a pool or a route says of its own; an empty one is taken from the level above (route, pool, top).
struct TimeoutOverrides {
  std::optional<Duration> body, connect, response, attempt, request, stream_idle, tunnel;
  std::optional<std::uint64_t> min_rate{};
  friend bool operator==(const TimeoutOverrides&, const TimeoutOverrides&) = default;
};

struct Limits {
  std::uint64_t header = 64 * 1024;   // bytes of a request or response head, start line included
  std::uint64_t header_fields = 100;  // fields in one head
  std::uint64_t request_line = 8 * 1024;
  std::uint64_t body = kUnlimited;                    // bytes of a request body
  std::uint64_t connections = 10000;                  // client connections, over all workers
  std::uint64_t connections_per_client = kUnlimited;  // of these, from one IPv4 address or IPv6 /64
  friend bool operator==(const Limits&, const Limits&) = default;
};

// Made of the rest of the configuration, and of what files held when it was read: no other configuration for
// it.
template <class T>
struct Derived {
  std::shared_ptr<const T> value;
  friend bool operator==(const Derived&, const Derived&) { return true; }
};

using Protocol = io::Protocol;

// Which listeners in clear send their clients to this one.
struct Redirect {
  std::vector<std::string> from;  // by name; empty: all
  friend bool operator==(const Redirect&, const Redirect&) = default;
};

// Browsers are told to come by TLS alone (RFC 6797).
struct Hsts {
  Duration max_age = 365 * 24h;  // for so long
  bool include_subdomains = false;
  bool preload = false;
  friend bool operator==(const Hsts&, const Hsts&) = default;
};

enum class HashSource : std::uint8_t { client_ip, path, header, cookie, query };
struct HashKey {
  HashSource source = HashSource::client_ip;
  std::string name;  // header, cookie, query
  friend bool operator==(const HashKey&, const HashKey&) = default;
};

// Which clients may come in: none of `deny`, and those of `allow` alone if there are any.
struct Access {
  std::vector<io::IpPrefix> allow, deny;
  friend bool operator==(const Access&, const Access&) = default;
};

// How many requests of one key may come: so many each `per`, and `burst` at once.
struct RateLimit {
  std::uint64_t requests = 1;
  Duration per = 1s;
  std::uint64_t burst = 1;         // default: requests, put in by read()
  HashKey key;                     // client_ip, header or cookie
  std::uint32_t ipv4_prefix = 32;  // of client_ip: addresses that begin with the same bits are one key
  std::uint32_t ipv6_prefix = 64;
  enum class DryRun : std::uint8_t {
    off,
    on
  } dry_run = DryRun::off;  // on: what is too much is counted alone
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

// http: requests are balanced. tcp: whole connections are, as raw bytes.
enum class Mode : std::uint8_t { http, tcp };

// The header of the PROXY protocol: which of its versions is expected, or sent. any: expected, either.
enum class ProxyProtocol : std::uint8_t { off, v1, v2, any };

struct Listener {
  io::Address address;
  std::string name;  // default: the address as text
  Mode mode = Mode::http;
  Protocol protocol = Protocol::any;                  // of Mode::http
  Duration max_connection_age = kOff;                 // then its client is asked to make another one
  ProxyProtocol proxy_protocol = ProxyProtocol::off;  // from peers in trusted_proxies
  std::optional<tls::ServerOptions> tls{};            // none: it is clear
  Derived<tls::ServerSettings> settings{};            // of tls
  std::optional<Redirect> redirect{};                 // with tls
  std::optional<Hsts> hsts{};                         // likewise
  Access access{};                                    // whose connections are taken
  std::optional<RateLimit> rate_limit{};              // of Mode::http
  std::optional<std::size_t>
      redirects_to{};  // in clear: its requests are for that listener; put in by read()
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
  std::uint64_t max_in_flight = kUnlimited;    // requests at it at a time, over all workers; kAdaptive
  std::uint64_t max_connections = kUnlimited;  // to it at a time, over all workers; health checks are none
  std::uint32_t priority = 0;  // 0..15; those of the lowest number take the work while enough of them can
  bool backup = false;         // takes work only while no node that is no backup can; has no priority then
  friend bool operator==(const Node&, const Node&) = default;
};

struct Retry {
  std::uint32_t attempts = 3;                             // tries in all; 1: no retry
  std::vector<std::uint16_t> statuses = {502, 503, 504};  // answers that are dropped for another try
  std::uint32_t budget = 20;                              // percent of the pool's requests
  Duration backoff = 25ms;                                // 0: none
  friend bool operator==(const Retry&, const Retry&) = default;
};
inline constexpr std::uint32_t kNoBudget =
    std::numeric_limits<std::uint32_t>::max();  // any number of retries

// What a route says of its own; an empty one is taken from its pool.
struct RetryOverrides {
  std::optional<std::uint32_t> attempts;
  std::optional<std::vector<std::uint16_t>> statuses;
  std::optional<std::uint32_t> budget;
  std::optional<Duration> backoff;
  friend bool operator==(const RetryOverrides&, const RetryOverrides&) = default;
};

// When a second try begins while the first has no answer yet.
struct Hedge {
  Duration after = kOff;  // of waiting
  std::uint32_t percentile =
      0;  // or after the time under which this share of the route's answers come; 0: not so
  bool on() const { return after != kOff || percentile > 0; }
  friend bool operator==(const Hedge&, const Hedge&) = default;
};

struct Keepalive {
  std::uint64_t max_idle = 256;  // idle connections to a node, over all workers; 0: none are kept
  Duration idle_timeout = 60s;
  Duration max_lifetime = 1h;
  friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

// Where requests wait for which a pool's limits leave no room.
struct Queue {
  std::uint64_t size = 1000;  // 0: none waits
  Duration timeout = 5s;      // for one request
  friend bool operator==(const Queue&, const Queue&) = default;
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
  std::string body;   // the text that the answer must contain; "": any
  bool agent = true;  // what the node says of itself in it counts
  friend bool operator==(const HttpCheck&, const HttpCheck&) = default;
};

// What a gRPC check asks after.
struct GrpcCheck {
  std::string service;              // "": the server as a whole
  std::optional<std::string> host;  // default: the node, as it is configured
  friend bool operator==(const GrpcCheck&, const GrpcCheck&) = default;
};

struct Health {
  std::optional<HttpCheck> http;  // neither this
  std::optional<GrpcCheck> grpc;  // nor this: a TCP connect is all
  std::uint16_t port = 0;         // 0: the node's own
  Duration interval = 2s;
  Duration fast_interval = 400ms;  // default: a fifth of the interval, 10ms at least; put in by read()
  std::uint32_t jitter = 10;       // percent
  Duration timeout = 1s;
  std::uint32_t fall = 3;  // failures in a row
  std::uint32_t rise = 2;  // passes in a row
  friend bool operator==(const Health&, const Health&) = default;
};

// When requests themselves show that a node fails, and for how long it is left out then.
struct Ejection {
  std::uint32_t connect_failures = 2;  // in a row; 0: off
  std::uint32_t gateway_errors = 5;    // in a row; 0: off
  bool success_rate = true;            // worse than the rest of the pool
  bool latency = true;                 // likewise
  Duration time = 10s;                 // doubles with each ejection
  Duration max_time = 5min;
  std::uint32_t max_ejected = 50;  // percent of the pool's nodes at a time; one of two at least, never all
  friend bool operator==(const Ejection&, const Ejection&) = default;
};

// Clients that come back are kept at the node that served them, by a cookie.
struct Sticky {
  std::string cookie = "weir";  // its name
  Duration ttl = kOff;          // so long clients keep it; off: as long as the browser runs
  std::string secret;           // that it is made with; "": one that is drawn
  friend bool operator==(const Sticky&, const Sticky&) = default;
};

struct Pool {
  std::string name;
  std::string strategy = "round-robin";
  HashKey hash;
  std::vector<Node> nodes;
  Retry retry;
  Hedge hedge;  // default: off
  Keepalive keepalive;
  // Requests at its nodes at a time, over all workers; kAdaptive: each node that says nothing learns its own.
  std::uint64_t max_in_flight = kUnlimited;
  std::uint64_t max_connections = kUnlimited;  // to its nodes at a time, over all workers
  Queue queue;
  std::optional<Health> health;                   // none: no active check
  std::optional<Ejection> ejection = Ejection{};  // none: off
  std::uint32_t panic = 30;  // percent of the nodes; soft verdicts leave no fewer. 0: they may
  Duration slow_start = kOff;
  std::optional<Sticky> sticky;  // none: off
  TimeoutOverrides timeouts;
  Protocol protocol = Protocol::h1;
  std::optional<tls::ClientOptions> tls;              // none: nodes are spoken to in clear
  Derived<tls::ClientSettings> settings;              // of tls
  ProxyProtocol proxy_protocol = ProxyProtocol::off;  // what nodes are sent; not any
  std::uint64_t request_buffer =
      64 * 1024;                    // bodies up to so many bytes are collected before a node is chosen
  Duration resolve_interval = 30s;  // how often host names are looked up again; 1s..5m
  // Of what is in flight here, or of connections.
  bool has_limits() const {
    return max_in_flight != kUnlimited || max_connections != kUnlimited ||
           std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
             return node.max_in_flight != kUnlimited || node.max_connections != kUnlimited;
           });
  }
  friend bool operator==(const Pool&, const Pool&) = default;
};

struct Match {
  std::string host;        // "" any; "api.example.com"; "*.example.com"; lower case, no port
  std::string path;        // "" any; a prefix that begins with /, in normal form
  std::string sni{};       // "" any; of raw connections alone: as host, but never an address
  std::string listener{};  // "" any; the name of one
  bool takes_requests() const { return sni.empty(); }
  bool takes_connections() const { return host.empty() && path.empty(); }  // raw ones
  friend bool operator==(const Match&, const Match&) = default;
};

// Whose requests are answered 503 first while Weir itself is overloaded: those of a lower priority than its
// level says.
enum class Priority : std::uint8_t { low, normal, high };

struct Route {
  std::string name;  // default: its match in words, "default" for one that has none
  Match match;
  std::string pool;
  std::optional<std::string> host;  // what the node gets as Host; default: what the client sent
  TimeoutOverrides timeouts;
  Access access{};
  std::optional<RateLimit> rate_limit{};
  RetryOverrides retry{};
  std::optional<Hedge> hedge{};  // default: the pool's
  Priority priority = Priority::normal;
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
  std::uint32_t workers = 0;                 // 0: auto, one a core
  std::uint64_t memory_limit = kAutoMemory;  // bytes, from which on Weir is overloaded; kUnlimited: off
  Admin admin;
  Log log;
  AccessLog access_log;
  std::optional<Tracing> tracing;  // default: off
  Duration shutdown_timeout = 30s;
  Duration shutdown_grace = 1s;
  Duration drain_timeout = 30s;
  Reload reload;
  std::string deadline_header;                // in which clients say how long they wait; "": none
  std::vector<io::IpPrefix> trusted_proxies;  // default 127.0.0.0/8 and ::1, put in by read()
  Timeouts timeouts;
  Limits limits;
  std::vector<Listener> listeners;  // default 127.0.0.1:8080, put in by read()
  std::vector<Pool> pools;
  std::vector<Route> routes;  // in order; one implied route if none is given and there is one pool
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace weir::config
