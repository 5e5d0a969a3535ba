// What a configuration becomes: the nodes of a pool, and what each is called.
#include "proxy/core/snapshot.h"

#include "tests/unit/catch.h"

using namespace weir;

namespace {

core::Snapshot snapshot_of(std::initializer_list<std::string_view> nodes, const core::ResolvedNames& names) {
  config::Config config;
  config::Pool& pool = config.pools.emplace_back();
  pool.name = "app";
  for (std::string_view node : nodes) pool.nodes.push_back({*io::Address::parse(node), 1});
  core::NodeTable table(1);
  return {std::move(config), table, names};
}

std::vector<io::Ip> ips(std::initializer_list<std::string_view> texts) {
  std::vector<io::Ip> parsed;
  for (std::string_view text : texts) parsed.push_back(*io::Ip::parse(text));
  return parsed;
}

}  // namespace

TEST_CASE("a node is called as it is configured, wherever its name leads") {
  const auto snapshot =
      snapshot_of({"10.0.0.1:8000", "10.0.0.1:80", "[::1]:80", "unix:/run/app.sock", "app.test:8000",
                   "web.test:80", "none.test:80"},
                  {{"app.test", ips({"10.0.0.2", "::2"})}, {"web.test", ips({"10.0.0.2"})}});
  REQUIRE(snapshot.pools.size() == 1);
  CHECK(snapshot.pools[0].hosts == std::vector<std::string>{"10.0.0.1:8000", "10.0.0.1", "[::1]", "localhost",
                                                            "app.test:8000", "app.test:8000", "web.test"});
  CHECK(snapshot.pools[0].endpoints.size() == snapshot.pools[0].hosts.size());
}

TEST_CASE("two names of one address are one node, called by the first") {
  const auto snapshot = snapshot_of({"one.test:80", "two.test:80"},
                                    {{"one.test", ips({"10.0.0.1"})}, {"two.test", ips({"10.0.0.1"})}});
  CHECK(snapshot.pools[0].hosts == std::vector<std::string>{"one.test"});
}

TEST_CASE("a pool whose nodes stay the same keeps what was built for them") {
  core::NodeTable table(1);
  const auto compile = [&](std::uint32_t weight) {
    config::Config config;
    config::Pool& pool = config.pools.emplace_back();
    pool.name = "app";
    pool.strategy = "consistent-hash";
    pool.nodes.push_back({*io::Address::parse("10.0.0.1:80"), weight});
    return core::Snapshot(std::move(config), table, {});
  };
  const auto first = compile(1), same = compile(1), heavier = compile(2);
  CHECK(first.pools[0].nodes == same.pools[0].nodes);
  CHECK(first.pools[0].nodes != heavier.pools[0].nodes);
}
