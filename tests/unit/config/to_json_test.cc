// What to_json() writes is a configuration file, and says all that the one it was made from does.
#include "proxy/config/to_json.h"

#include <chrono>

#include <fmt/format.h>

#include "tests/unit/catch.h"
#include "tests/unit/config/files.h"

using namespace weir::config;
using namespace std::chrono_literals;

namespace {

Config config_of(const std::string& text) {
  Loaded loaded = read_text(text, "f");
  for (const auto& diagnostic : loaded.diagnostics) UNSCOPED_INFO(diagnostic.text());
  REQUIRE(loaded.config);
  return *loaded.config;
}

// Whatever the text gives, its JSON gives as well.
void check(const std::string& text) {
  const Config config = config_of(text);
  const std::string json = to_json(config);
  INFO(json);
  CHECK(config_of(json) == config);
  CHECK(to_json(config_of(json)) == json);
  const std::set<std::string> shown = keys_of(json);
  for (const std::string& key : keys_of(text)) {
    INFO(key);
    CHECK(shown.contains(key));
  }
}

std::string with_pools(const std::string& text) {
  return text + "\npools: { app: { nodes: [127.0.0.1:9001], health: { http: /healthz } } }\n";
}

}  // namespace

TEST_CASE("every good configuration reads back from its JSON") {
  for (const auto& path : yaml_files("good")) {
    INFO(path.filename().string());
    const Loaded loaded = load(path);
    REQUIRE(loaded.config);
    const std::string json = to_json(*loaded.config, Secrets::shown);
    CHECK(config_of(json) == *loaded.config);
    if (loaded.config->admin.token.empty()) check(json);
  }
}

TEST_CASE("the example reads back from its JSON, and no key is missing there") {
  check(first_part());
  check(with_defaults_live());
  check(second_part());
}

TEST_CASE("a token is shown to none but those who ask for it") {
  const std::string secret = "0123456789abcdef";
  const Config config = config_of(with_pools("admin: { token: " + secret + " }"));
  CHECK(config.admin.token == secret);
  CHECK(to_json(config).find(secret) == std::string::npos);
  CHECK(to_json(config).find(R"("token": "***")") != std::string::npos);
  CHECK(config_of(to_json(config, Secrets::shown)) == config);
  CHECK_FALSE(read_text(to_json(config), "f").config);
}

TEST_CASE("defaults are filled in, all of them") {
  const std::string json = to_json(config_of(with_pools("")));
  const std::set<std::string> shown = keys_of(json);
  for (const std::string& key : keys_of(with_defaults_live())) {
    INFO(key);
    CHECK(shown.contains(key));
  }
  CHECK(json == to_json(config_of(with_pools("routes: [{ pool: app }]"))));
}

TEST_CASE("values stand as a person would write them") {
  const std::string json = to_json(config_of(
      with_pools("timeouts: { header: 90s, idle: 120s, body: 1500ms, connect: 0.0015s, request: off }\n"
                 "limits: { header: 65536, request_line: 1000, body: 3GiB }\n"
                 "shutdown_grace: 0s\n"
                 "admin: off")));
  INFO(json);
  for (const char* part :
       {R"("header": "90s")", R"("idle": "2m")", R"("body": "1500ms")", R"("connect": "1.5ms")",
        R"("request": "off")", R"("tunnel": "1h")", R"("header": "64KiB")", R"("request_line": "1000B")",
        R"("body": "3GiB")", R"("shutdown_grace": "0ms")", R"("admin": "off")", R"("workers": "auto")"})
    CHECK(json.find(part) != json.npos);
  check(json);
}

TEST_CASE("text comes back byte for byte") {
  for (const char* value :
       {"a/${b}", "$${", "$$${x", "\"quoted\\\"", "tab\there", "line\nbreak", "\x01\x1f\x7f",
        "\xc2\x85\xe2\x80\xa8", "\xf0\x9f\x98\x80", " # no comment", ": - {}", "'", "~", "null"}) {
    setenv("WEIR_TEST_TEXT", value, 1);
    const Config config = config_of(with_pools("access_log: { path: \"${WEIR_TEST_TEXT}\" }"));
    INFO(value);
    CHECK(config.access_log.path == value);
    CHECK(config_of(to_json(config)) == config);
  }
}

TEST_CASE("durations come back to the nanosecond") {
  for (const char* value : {"1ms", "1.000001ms", "999.999999ms", "0.1s", "1.000001s", "1.5h", "8760h",
                            "1234567.123456ms", "0.333333m"}) {
    INFO(value);
    const Config config = config_of(with_pools(fmt::format("timeouts: {{ request: {} }}", value)));
    CHECK(config_of(to_json(config)) == config);
  }
}

TEST_CASE("10,000 nodes in 1,000 pools are written in good time") {
  std::string text = "pools:\n";
  for (int pool = 0; pool < 1000; ++pool) {
    text += fmt::format("  pool-{}:\n    nodes:\n", pool);
    for (int node = 0; node < 10; ++node)
      text += fmt::format("      - 10.{}.{}.{}:80\n", pool / 250, pool % 250, node);
  }
  text += "routes:\n";
  for (int pool = 0; pool < 1000; ++pool)
    text += fmt::format("  - {{ match: {{ path: /{} }}, pool: pool-{} }}\n", pool, pool);
  const Config config = config_of(text);
  const auto before = std::chrono::steady_clock::now();
  const std::string json = to_json(config);
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(config_of(json) == config);
  // As for reading.
  CHECK(took < 20s);
  WARN("written in " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
}
