// What is read, value by value; files that can't be; size and speed.
#include "proxy/config/read.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"
#include "tests/unit/config/files.h"

using namespace std::chrono_literals;
using namespace weir::config;
using weir::base::LogLevel;
using weir::base::LogStyle;

namespace {

constexpr const char* kPools = "pools:\n  app:\n    nodes: [127.0.0.1:9001]\n";

Config good(const std::string& text) {
  Loaded loaded = read_text(text, "f.yaml");
  for (const auto& diagnostic : loaded.diagnostics) UNSCOPED_INFO(diagnostic.text());
  REQUIRE(loaded.config);
  return *loaded.config;
}

// A folder that is removed with what is in it.
struct Folder {
  Folder() {
    char name[] = "/tmp/weir-config-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("four lines are a working configuration with every default") {
  const Config config = good(kPools);
  CHECK(config.workers == 0);
  CHECK(config.access_log == AccessLog{});
  CHECK(config.timeouts == Timeouts{});
  CHECK(config.limits == Limits{});
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].address.text() == "127.0.0.1:8080");
  CHECK(config.listeners[0].name == "127.0.0.1:8080");
  REQUIRE(config.trusted_proxies.size() == 2);
  CHECK(config.trusted_proxies[0].contains(*weir::io::Ip::parse("127.8.8.8")));
  CHECK(config.trusted_proxies[1].contains(*weir::io::Ip::parse("::1")));
  REQUIRE(config.pools.size() == 1);
  Pool pool;
  pool.name = "app";
  pool.nodes = {{*weir::io::Address::parse("127.0.0.1:9001"), 1}};
  CHECK(config.pools[0] == pool);
  CHECK_FALSE(pool.health);
  REQUIRE(config.routes.size() == 1);
  CHECK(config.routes[0].name == "default");
  CHECK(config.routes[0].pool == "app");
  CHECK(config.routes[0].match == Match{});
}

TEST_CASE("durations and sizes are exact") {
  const Config config = good(fmt::format(
      "timeouts: {{ header: 150ms, idle: 1.5h, body: 0.001s, connect: 1m, request: 8760h, attempt: off }}\n"
      "limits: {{ header: 1.5KiB, request_line: 100, body: 3GiB }}\n"
      "drain_timeout: 0s\n{}",
      kPools));
  CHECK(config.timeouts.header == 150ms);
  CHECK(config.timeouts.idle == 90min);
  CHECK(config.timeouts.body == 1ms);
  CHECK(config.timeouts.connect == 1min);
  CHECK(config.timeouts.request == 8760h);
  CHECK(config.timeouts.attempt == kOff);
  CHECK(config.drain_timeout == 0s);
  CHECK(config.limits.header == 1536);
  CHECK(config.limits.request_line == 100);
  CHECK(config.limits.body == 3ull * 1024 * 1024 * 1024);
}

TEST_CASE("where spans go, and of how many requests") {
  const auto read = [](const std::string& text) {
    return good("tracing: { endpoint: " + text + " }\n" + kPools).tracing;
  };
  CHECK_FALSE(good(std::string(kPools)).tracing);
  const auto whole = read("\"http://[::1]:4318/a?b=c\", sample: 1/7, service: edge");
  REQUIRE(whole);
  CHECK(whole->collector.text() == "[::1]:4318");
  CHECK(whole->path == "/a?b=c");
  CHECK(whole->one_in == 7);
  CHECK(whole->service == "edge");
  const auto least = read("http://Collector.Internal:80");
  REQUIRE(least);
  CHECK(least->collector.text() == "collector.internal:80");
  CHECK(least->path == "/v1/traces");
  CHECK(least->one_in == 100);
  CHECK(least->service == "weir");
  CHECK(read("http://127.0.0.1:1/, sample: 1/1000000")->one_in == 1'000'000);
  CHECK(read("http://127.0.0.1:1/")->path == "/");
}

TEST_CASE("pools, nodes and routes are read as written") {
  const Config config = good(R"(
workers: 7
access_log: { path: /x/y.log, format: combined }
trusted_proxies: [10.0.0.0/8]
limits: { body: unlimited }
pools:
  b:
    strategy: consistent-hash
    hash: { key: "cookie:sid" }
    nodes: ["[fd00:0::1]:80", { address: unix:/a/b, weight: 9 }, App.Internal:81]
    retry: { attempts: 1 }
    keepalive: { max_idle: 0, idle_timeout: 5s, max_lifetime: off }
    resolve_interval: 1s
    timeouts: { response: off, tunnel: 3s }
  a: { strategy: least-connections, nodes: [] }
routes:
  - { match: { host: "*.Example.COM", path: /v1/ }, pool: b, host: "x:80", timeouts: { connect: 9s } }
  - { match: { path: /v1/ }, pool: b }
  - { match: { host: a.b }, pool: b }
  - { name: "/v1/", match: { host: c.d, path: /v1/ }, pool: a }
)");
  CHECK(config.workers == 7);
  CHECK(config.access_log == AccessLog{"/x/y.log", LogFormat::combined});
  CHECK(config.trusted_proxies.size() == 1);
  CHECK(config.limits.body == kUnlimited);
  REQUIRE(config.pools.size() == 2);
  const Pool& pool = config.pools[0];
  CHECK(pool.name == "b");
  CHECK(pool.strategy == "consistent-hash");
  CHECK(pool.hash == HashKey{HashSource::cookie, "sid"});
  REQUIRE(pool.nodes.size() == 3);
  CHECK(pool.nodes[0].address.text() == "[fd00::1]:80");
  CHECK(pool.nodes[1].address.text() == "unix:/a/b");
  CHECK(pool.nodes[1].weight == 9);
  CHECK(pool.nodes[2].address.text() == "app.internal:81");
  CHECK(pool.retry.attempts == 1);
  CHECK(pool.keepalive == Keepalive{0, 5s, kOff});
  CHECK(pool.resolve_interval == 1s);
  CHECK(pool.timeouts.response == kOff);
  CHECK(pool.timeouts.tunnel == 3s);
  CHECK_FALSE(pool.timeouts.connect);
  REQUIRE(config.routes.size() == 4);
  CHECK(config.routes[0].name == "*.example.com /v1/");
  CHECK(config.routes[0].match == Match{"*.example.com", "/v1/"});
  CHECK(config.routes[0].host == "x:80");
  CHECK(config.routes[0].timeouts.connect == 9s);
  CHECK(config.routes[1].name == "/v1/ #2");  // the fourth has taken the plain name
  CHECK(config.routes[2].name == "a.b");
  CHECK_FALSE(config.routes[2].host);
}

TEST_CASE("ejection, the panic floor and slow start") {
  const auto pool = [](const std::string& text) {
    return good("pools: { app: { nodes: [10.0.0.1:80], " + text + " } }").pools[0];
  };
  const Pool usual = pool("retry: {}");
  REQUIRE(usual.ejection);
  CHECK(*usual.ejection == Ejection{2, 5, true, true, 10s, 5min, 50});
  CHECK(usual.panic == 30);
  CHECK(usual.slow_start == kOff);
  CHECK(pool("ejection: {}") == usual);
  CHECK_FALSE(pool("ejection: off").ejection);
  CHECK(
      *pool(
           "ejection: { connect_failures: off, gateway_errors: 9, success_rate: off, latency: off, time: 1s, "
           "max_time: 2s, max_ejected: 10% }")
           .ejection == Ejection{0, 9, false, false, 1s, 2s, 10});
  CHECK(pool("ejection: { time: 1h }").ejection->max_time == 1h);
  CHECK(pool("panic: 0%").panic == 0);
  CHECK(pool("slow_start: 30s").slow_start == 30s);
}

TEST_CASE("retries, hedges and deadlines are read as written") {
  const Config config = good(R"(
deadline_header: X-Patience
timeouts: { min_rate: 1.5KiB }
pools:
  a: { nodes: [], retry: { statuses: [429, 500], budget: 7%, backoff: 1s }, hedge: { after: p99 } }
  b: { nodes: [], retry: { statuses: [], budget: off, backoff: off }, timeouts: { min_rate: off } }
routes:
  - { match: { path: /1 }, pool: a, retry: { attempts: 9, statuses: [] }, hedge: off }
  - { match: { path: /2 }, pool: a, retry: { budget: off, backoff: off }, hedge: { after: 1.5s } }
  - { pool: b }
)");
  CHECK(config.deadline_header == "X-Patience");
  CHECK(config.timeouts.min_rate == 1536);
  CHECK(config.pools[0].retry == Retry{3, {429, 500}, 7, 1s});
  CHECK(config.pools[0].hedge == Hedge{kOff, 99});
  CHECK(config.pools[1].retry == Retry{3, {}, kNoBudget, 0s});
  CHECK_FALSE(config.pools[1].hedge.on());
  CHECK(config.pools[1].timeouts.min_rate == 0);
  CHECK(config.routes[0].retry == RetryOverrides{9, {{}}, {}, {}});
  CHECK(config.routes[0].hedge == Hedge{});
  CHECK(config.routes[1].retry == RetryOverrides{{}, {}, kNoBudget, 0s});
  CHECK(config.routes[1].hedge == Hedge{1500ms, 0});
  CHECK(config.routes[2].retry == RetryOverrides{});
  CHECK_FALSE(config.routes[2].hedge);
  CHECK(good(std::string("deadline_header: off\n") + std::string(kPools)).deadline_header.empty());
}

TEST_CASE("the admin port") {
  const auto admin = [](const std::string& text) { return good("admin: " + text + "\n" + kPools).admin; };
  const Admin usual = good(kPools).admin;
  CHECK(usual.address == weir::io::Address::parse("127.0.0.1:9901"));
  CHECK(usual.source == Admin::Source::built_in);
  CHECK(usual.hosts.empty());
  CHECK(admin("{ hosts: [A.b] }").source == Admin::Source::built_in);
  CHECK(admin("{ address: 127.0.0.1:9901 }").source == Admin::Source::file);
  CHECK(admin("{ address: 127.0.0.1:9901 }") == usual);
  CHECK(admin("{ address: 127.0.0.1:0 }") != usual);
  CHECK(admin("{ address: unix:/run/a }").address->text() == "unix:/run/a");
  CHECK(admin("{ hosts: [Weir.Internal, 10.0.0.1, \"[FD00:0::7]\"] }").hosts ==
        std::vector<std::string>{"weir.internal", "10.0.0.1", "[fd00::7]"});
  CHECK_FALSE(admin("off").address);
  CHECK(admin("off") != usual);
  CHECK_FALSE(good(std::string("listeners: [{ address: 127.0.0.1:9901 }]\n") + kPools).admin.address);
}

TEST_CASE("the admin port's token comes from a file, the environment, or the text itself") {
  const Folder folder;
  const std::string path = folder.path / "token", token = "0123456789abcdef";
  const auto read = [&](const std::string& wanted) {
    return read_text("admin: { token: " + wanted + " }\n" + kPools, "f.yaml");
  };
  for (const char* end : {"", "\n", "\r\n"}) {
    std::ofstream(path) << token << end;
    ::chmod(path.c_str(), 0640);
    const Loaded loaded = read("file:" + path);
    CHECK(messages(loaded).empty());
    CHECK(loaded.config->admin.token == token);
  }
  ::chmod(path.c_str(), 0644);
  CHECK(messages(read("file:" + path)) ==
        "f.yaml:1:17: warning: admin.token: everybody on this machine may read \"" + path +
            "\"; chmod 640 it, or 600\n");
  std::ofstream(path) << token << "\n\n";
  CHECK(messages(read("file:" + path)).find("is no bearer token") != std::string::npos);
  CHECK(messages(read("file:" + path)).find(token) == std::string::npos);

  setenv("WEIR_TEST_TOKEN", token.c_str(), 1);
  CHECK(messages(read("\"${WEIR_TEST_TOKEN}\"")).empty());
  CHECK(read("\"${WEIR_TEST_TOKEN}\"").config->admin.token == token);
  CHECK(messages(read(token)).find("stands in this file") != std::string::npos);
  CHECK(read(token).config->admin.token == token);
  CHECK(read("off").config->admin == good(kPools).admin);
}

TEST_CASE("listeners without a name are told apart") {
  const Config config =
      good(std::string("listeners: [{ address: 127.0.0.1:0 }, { address: 127.0.0.1:0 }, "
                       "{ address: \"[::1]:0\" }, { address: unix:/a, name: \"[::1]:0\" }]\n") +
           kPools);
  std::vector<std::string> names;
  for (const Listener& listener : config.listeners) names.push_back(listener.name);
  CHECK(names == std::vector<std::string>{"127.0.0.1:0", "127.0.0.1:0 #2", "[::1]:0 #2", "[::1]:0"});
}

TEST_CASE("a name that is made of a long host and path is as long as a name may be, and told apart") {
  const std::string path = "/" + std::string(200, 'a');
  const Config config = good(std::string(kPools) + "routes:\n  - { match: { path: " + path +
                             "1 }, pool: app }\n  - { match: { path: " + path + "2 }, pool: app }\n");
  CHECK(config.routes[0].name == path.substr(0, 116) + "...");
  CHECK(config.routes[1].name == path.substr(0, 116) + "... #2");
  for (const Route& route : config.routes) CHECK(route.name.size() <= 128);
}

TEST_CASE("the logs are read as written") {
  const auto read = [](const std::string& text) { return good(text + "\n" + std::string(kPools)); };
  CHECK(read("log: {}").log == Log{LogLevel::info, LogStyle::text});
  CHECK(read("log: { level: warning, format: json }").log == Log{LogLevel::warning, LogStyle::json});
  CHECK(read("access_log: { sample: 1/1000000 }").access_log.sample == 1'000'000);
  CHECK(read("access_log: { path: 'syslog:/dev/log' }").access_log.path == "syslog:/dev/log");
  const AccessLog log = read("access_log: { format: '{{{status}}}: {user_agent}{path}' }").access_log;
  CHECK(log.format == LogFormat::custom);
  CHECK(log.custom.text == "{{{status}}}: {user_agent}{path}");
  using Piece = LogTemplate::Piece;
  CHECK(log.custom.pieces ==
        std::vector<Piece>{{"{", LogField::status}, {"}: ", LogField::user_agent}, {"", LogField::path}});
  CHECK(log.custom.after.empty());
}

TEST_CASE("environment variables become values, never YAML") {
  setenv("WEIR_TEST_NODE", "10.0.0.1:80", 1);
  setenv("WEIR_TEST_PATH", "x, format: combined", 1);
  const Config config = good(
      "access_log: { path: \"${WEIR_TEST_PATH}$${A}$\" }\n"
      "pools:\n  app:\n    nodes:\n      - ${WEIR_TEST_NODE}\n");
  CHECK(config.pools[0].nodes[0].address.text() == "10.0.0.1:80");
  CHECK(config.access_log == AccessLog{"x, format: combined${A}$", LogFormat::json});
}

TEST_CASE("files that are none are refused with a reason") {
  const Folder folder;
  const auto refused = [&](const std::string& path) {
    const Loaded loaded = read_file(path);
    CHECK_FALSE(loaded.config);
    const std::string text = messages(loaded);
    REQUIRE(text.starts_with(path + ":"));
    return text.substr(path.size() + 1);
  };
  CHECK(read_file(folder.write("good.yaml", kPools)).config);
  CHECK(refused(folder.path / "missing.yaml") == " can't be read: No such file or directory\n");
  CHECK(refused(folder.path) == " is a directory; a file is wanted\n");
  CHECK(refused(folder.write("empty.yaml", "")) == "1:1: the file is empty; pools is required\n");
  CHECK(refused(folder.write("latin1.yaml", "# gr\xfc\xdf\npools: {}\n")) == "1:5: is not UTF-8 text\n");
  CHECK(refused(folder.write("utf16.yaml", std::string_view("\xff\xfep\0", 4))) ==
        "1:1: is not UTF-8 text\n");
  CHECK(refused(folder.write("surrogate.yaml", "#\n# \xed\xa0\x80\n")) == "2:3: is not UTF-8 text\n");
  CHECK(refused(folder.write("overlong.yaml", "# \xc0\xaf\n")) == "1:3: is not UTF-8 text\n");
  CHECK(refused(folder.write("nul.yaml", std::string_view("a\0b", 3))) == "1:2: holds a control character\n");
  CHECK(refused(folder.write("big.yaml", std::string(kMaxFileBytes + 1, '#'))) == " is larger than 16 MiB\n");
  CHECK(refused("/dev/zero") == " is larger than 16 MiB\n");
  const std::string secret = folder.write("secret.yaml", kPools);
  chmod(secret.c_str(), 0);
  if (geteuid() != 0) CHECK(refused(secret) == " can't be read: Permission denied\n");
}

TEST_CASE("deep nesting is refused, and a flood of mistakes is cut off") {
  CHECK_FALSE(read_text(std::string(100'000, '['), "f").config);
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK_FALSE(read_text(deep, "f").config);
  std::string flood;
  for (int i = 0; i < 5000; ++i) flood += fmt::format("key{}: 1\n", i);
  const Loaded loaded = read_text(flood, "f");
  CHECK(loaded.diagnostics.size() == 1001);
  CHECK(loaded.diagnostics.back().text() == "f: too many messages; the rest is left out");
}

TEST_CASE("a health check is read key by key, over its defaults") {
  const auto health = [](const std::string& keys) {
    return *good("pools: { app: { nodes: [], health: { " + keys + " } } }").pools[0].health;
  };
  Health expected;
  CHECK(health("tcp: true") == expected);
  expected.http.emplace().target = "/healthz";
  CHECK(health("http: /healthz") == expected);
  expected.interval = 10s;
  expected.fast_interval = 2s;
  CHECK(health("http: /healthz, interval: 10s") == expected);
  expected.interval = 20ms;
  expected.fast_interval = 10ms;
  expected.timeout = 15ms;
  CHECK(health("http: /healthz, interval: 20ms, timeout: 15ms") == expected);
  expected = {};
  expected.http = HttpCheck{.target = "/a?b",
                            .method = "POST",
                            .host = "a.test",
                            .headers = {{"X-A", "b"}},
                            .expect = {{204, 204}, {300, 399}},
                            .body = "ok",
                            .agent = false};
  expected.port = 81;
  expected.jitter = 0;
  expected.fall = 1;
  expected.rise = 4;
  CHECK(health("http: \"/a?b\", method: POST, host: a.test, headers: { X-A: b }, expect: [204, 300-399], "
               "body: ok, agent: off, "
               "port: 81, jitter: 0%, fall: 1, rise: 4") == expected);
}

TEST_CASE("10,000 nodes and 10,000 routes are read in good time") {
  std::string text = "pools:\n";
  for (int pool = 0; pool < 100; ++pool) {
    text += fmt::format("  pool-{}:\n    nodes:\n", pool);
    for (int node = 0; node < 100; ++node)
      text += fmt::format("      - {{ address: 10.{}.{}.1:8000, weight: {} }}\n", pool, node, node + 1);
  }
  text += "routes:\n";
  for (int route = 0; route < 10'000; ++route)
    text += fmt::format("  - match: {{ host: h{}.example.com, path: /api/v{}/things }}\n    pool: pool-{}\n",
                        route / 3, route % 3, route % 100);
  const auto before = std::chrono::steady_clock::now();
  const Config config = good(text);
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(config.routes.size() == 10'000);
  CHECK(config.pools.size() == 100);
  // A bound that only a quadratic reader misses, whatever the machine and its sanitizers.
  CHECK(took < 20s);
  WARN("read in " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
}

TEST_CASE("paths of certificates begin in the file's folder") {
  const std::string text =
      "pools: { app: { nodes: [a:80], tls: { ca: ../tls/./c.pem } } }\n"
      "listeners: [{ address: 127.0.0.1:1, tls: { certificates: [{ cert: ../tls/c-both.pem }] } }]\n";
  const Loaded loaded = read_text(text, WEIR_SOURCE_DIR "/tests/config/any.yaml");
  REQUIRE(loaded.config);
  CHECK(loaded.config->listeners[0].tls->certificates[0].cert == WEIR_SOURCE_DIR "/tests/tls/c-both.pem");
  CHECK(loaded.config->pools[0].tls->ca == WEIR_SOURCE_DIR "/tests/tls/c.pem");
  CHECK_FALSE(read_text(text, "/any.yaml").config);
}
