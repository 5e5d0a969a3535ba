// Lines of the access log leave the data path a second later at the latest, however few there are.
#include <algorithm>
#include <chrono>
#include <future>
#include <string>

#include "proxy/base/log_writer.h"
#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

struct HeardLines final : base::LogSink {
  explicit HeardLines(std::promise<std::string>& first) : heard(first) {}
  Taken take(std::string_view lines) override {
    if (!std::exchange(told, true)) heard.set_value(std::string(lines));
    return {lines.size(), 0, {}};
  }
  base::Result<void, std::string> reopen() override { return {}; }
  std::promise<std::string>& heard;
  bool told = false;
};

const std::string kOne = "GET /one HTTP/1.1\r\nHost: a.test\r\nUser-Agent: tea\r\nReferer: pot\r\n\r\n";

// One request's lines, a second after it; `written`: what its client read.
std::string lines_of(config::Config config, std::string_view request, std::string* written = nullptr) {
  std::promise<std::string> heard;
  std::future<std::string> first = heard.get_future();
  base::LogWriter writer(std::make_unique<HeardLines>(heard),
                         {[](base::LogWriter&, const auto&) { return true; }, [](const auto&) {}});
  PlayedTransport client, node;
  StillRuntime runtime;
  SharedCounts counts;
  NodeTable nodes{1};
  const auto listener = std::make_shared<observe::ListenerCounts>(1);
  DataPath path{runtime, counts, 0, 1, &writer};
  path.publish(std::make_shared<const Snapshot>(std::move(config), nodes, ResolvedNames{}));
  path.reserve();
  path.accept(io::TransportPtr(&client), listener, std::make_shared<Reception>());
  runtime.next = {&node};
  runtime.read(client, request);
  if (runtime.connecting) {
    runtime.connected();
    runtime.pass(20ms);  // the node takes its time
    runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }
  if (written) *written = client.written;
  runtime.pass(900ms);
  CHECK(first.wait_for(0s) == std::future_status::timeout);
  runtime.pass(200ms);
  REQUIRE(first.wait_for(10s) == std::future_status::ready);
  return first.get();
}

}  // namespace

TEST_CASE("a line waits a second for others, and no longer") {
  const std::string lines = lines_of(one_pool({"127.0.0.1:1"}), kOne);
  CHECK(lines.find("\"path\":\"/one\"") != std::string::npos);
  CHECK(lines.find("\"upstream_ms\":20.000,") != std::string::npos);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 1);
}

TEST_CASE("a line says who asked, and from where") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.access_log.format = config::LogFormat::combined;
  CHECK(lines_of(std::move(config), kOne).ends_with(" \"pot\" \"tea\"\n"));
}

TEST_CASE("a request that no node was asked has its line all the same") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.limits.body = 1;
  const std::string lines =
      lines_of(std::move(config), "POST /much HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
  CHECK(lines.find("\"path\":\"/much\"") != std::string::npos);
  CHECK(lines.find("\"status\":413,") != std::string::npos);
  CHECK(lines.find("\"reason\":\"too_large\"") != std::string::npos);
}

TEST_CASE("a refused request's line has the id that its client was told") {
  std::string written;
  const std::string lines = lines_of(one_pool({"127.0.0.1:1"}), "nonsense\r\n\r\n", &written);
  const std::size_t at = lines.find("\"request_id\":\"");
  REQUIRE(at != std::string::npos);
  const std::string id = lines.substr(at + 14, 32);
  CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(written.find(id) != std::string::npos);
}

}  // namespace weir::core
