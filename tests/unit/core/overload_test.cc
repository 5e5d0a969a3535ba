// Weir itself is overloaded, or short of descriptors: whose requests are shed, and what ends so that others
// can go on.
#include <algorithm>
#include <chrono>
#include <iterator>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

// A route of each priority.
config::Config prioritised() {
  config::Config config = one_pool({"10.0.0.1:80"});
  config.routes.clear();
  for (const auto priority : {config::Priority::low, config::Priority::normal, config::Priority::high}) {
    config::Route& route = config.routes.emplace_back();
    route.name = std::string(1, "lnh"[static_cast<std::size_t>(priority)]);
    route.match.path = "/" + route.name;
    route.pool = "app";
    route.priority = priority;
  }
  return config;
}

std::string get_of(char route) {
  return std::string("GET /") + route + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
}

bool says_that_it_closes(const std::string& answer) {
  return answer.find("Connection: close") != answer.npos;
}

// A client, and the connections to nodes that its requests take: one each.
struct Guest {
  std::string ask(Bench& bench) {
    PlayedTransport& node = nodes.emplace_back();
    bench.ask(client, node, kGet);
    bench.runtime.read(node, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return client.take_written();
  }
  PlayedTransport client;
  std::deque<PlayedTransport> nodes;
};

}  // namespace

TEST_CASE(
    "requests are shed by priority: low ones first, those of high priority at the highest level alone") {
  PlayedTransport client, node;
  Bench bench(prioritised());
  bench.accept(client);
  std::size_t shed = 0;
  for (const policy::Overload::Level level : {0, 1, 2, 3, 2, 0}) {
    bench.counts.overload = level;
    for (const std::size_t priority : {0, 1, 2}) {
      INFO("level " << int(level) << ", priority " << priority);
      const char route = "lnh"[priority];
      bench.runtime.next = {&node};
      bench.runtime.read(client, get_of(route));
      if (level > priority) {
        ++shed;
        const std::string answer = client.take_written();
        CHECK(answer.starts_with("HTTP/1.1 503 "));
        CHECK(answer.find("\r\nRetry-After: 1\r\n") != answer.npos);
        CHECK(answer.find("503 overloaded: Weir is overloaded") != answer.npos);
        CHECK_FALSE(says_that_it_closes(answer));
      } else {
        if (bench.runtime.connects.size() == 1 && node.written.empty()) bench.runtime.connected();
        bench.runtime.read(node, kOk);
        CHECK(client.take_written().starts_with("HTTP/1.1 200 "));
      }
    }
  }
  CHECK(bench.runtime.connects.size() == 1);
  const auto count = [&](const std::string& route) {
    return bench.nodes.route_counts(route, "app")->of(0).shed.get();
  };
  CHECK(count("l") == 4);
  CHECK(count("n") == 3);
  CHECK(count("h") == 1);
  CHECK(bench.listener.refused.get(base::Reason::overloaded) == shed);
}

TEST_CASE("a request that is shed costs its rate limit nothing, and is none of the pool's") {
  PlayedTransport client;
  config::Config config = prioritised();
  config.routes[0].rate_limit.emplace();
  Bench bench(std::move(config));
  bench.accept(client);
  bench.counts.overload = 1;
  for (int i = 0; i < 3; ++i) {
    bench.runtime.read(client, get_of('l'));
    CHECK(client.take_written().starts_with("HTTP/1.1 503 "));
  }
  CHECK(bench.nodes.pool_shared("app")->counts.of(0).requests.total() == 0);
}

TEST_CASE("while Weir is overloaded idle clients are to go, with one more answer for who asks at once") {
  Guest idle, asking, fresh;
  Bench bench(one_pool({"10.0.0.1:80"}));
  for (Guest* guest : {&idle, &asking, &fresh}) bench.accept(guest->client);
  idle.ask(bench);
  asking.ask(bench);
  bench.runtime.pass(1s);
  fresh.ask(bench);
  bench.counts.overload = 1;
  bench.path.relieve(0);
  bench.runtime.end_turn();
  CHECK_FALSE(idle.client.released);
  CHECK(says_that_it_closes(asking.ask(bench)));
  bench.runtime.pass(1010ms);
  CHECK(idle.client.released);
  CHECK_FALSE(fresh.client.released);  // it had not been idle for long
}

TEST_CASE("while Weir is overloaded idle connections to nodes are closed") {
  PlayedTransport client, node;
  Bench bench(one_pool({"10.0.0.1:80"}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.counts.overload = 1;
  bench.path.relieve(0);
  CHECK_FALSE(node.released);  // at work
  bench.runtime.read(node, kOk);
  CHECK_FALSE(node.released);
  bench.path.relieve(0);
  bench.runtime.end_turn();
  CHECK(node.released);
}

TEST_CASE("a request under way is not touched while Weir is overloaded, nor its answer's connection") {
  PlayedTransport client, node;
  Bench bench(one_pool({"10.0.0.1:80"}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.pass(5s);
  bench.counts.overload = 3;
  bench.path.relieve(1'000'000);
  bench.runtime.end_turn();
  bench.runtime.read(node, kOk);
  CHECK(client.written.starts_with("HTTP/1.1 200 "));
  CHECK_FALSE(says_that_it_closes(client.written));
}

TEST_CASE("at the highest level a body that is being collected is given up, and its client told so") {
  PlayedTransport client;
  config::Config config = one_pool({"10.0.0.1:80"});
  config.pools[0].request_buffer = 100'000;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.runtime.read(
      client, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50000\r\n\r\n" + std::string(40'000, 'x'));
  bench.counts.overload = 3;
  bench.path.relieve(0);
  bench.runtime.end_turn();
  CHECK(client.written.empty());
  bench.path.relieve(1);
  bench.runtime.end_turn();
  CHECK(client.written.starts_with("HTTP/1.1 503 "));
  CHECK(bench.runtime.connects.empty());
}

TEST_CASE(
    "at the highest level bodies that wait for a place are given up, and who waits without one waits on") {
  PlayedTransport first, with_body, without, node;
  config::Config config = one_pool({"10.0.0.1:80"});
  config.pools[0].request_buffer = GENERATE(0, 65'536);
  config.pools[0].max_in_flight = 1;
  Bench bench(std::move(config));
  for (PlayedTransport* client : {&first, &with_body, &without}) bench.accept(*client);
  bench.ask(first, node, kGet);
  bench.runtime.read(with_body, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40000\r\n\r\n" +
                                    std::string(40'000, 'x'));
  bench.runtime.read(without, kGet);
  PoolGate& gate = bench.nodes.pool_shared("app")->gate;
  REQUIRE(gate.waiting() == 2);
  bench.counts.overload = 3;
  bench.path.relieve(0);
  CHECK(gate.waiting() == 2);
  bench.path.relieve(1);
  bench.runtime.end_turn();
  CHECK(with_body.written.starts_with("HTTP/1.1 503 "));
  CHECK(with_body.written.find("503 overloaded: Weir is overloaded") != std::string::npos);
  CHECK(bench.nodes.route_counts("default", "app")->of(0).shed.get() == 1);
  CHECK(gate.waiting() == 1);
  bench.runtime.read(node, kOk);
  bench.runtime.deliver_mail();
  bench.runtime.read(node, kOk);
  CHECK(without.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE(
    "of bodies that are kept those of the least priority go first, and then the largest, as far as need be") {
  PlayedTransport clients[4];
  config::Config config = one_pool({"10.0.0.1:80"});
  config.pools[0].request_buffer = 100'000;
  config.routes.push_back(config.routes[0]);
  config.routes[0].name = "pay";
  config.routes[0].match.path = "/pay";
  config.routes[0].priority = config::Priority::high;
  Bench bench(std::move(config));
  const auto send = [&](PlayedTransport& client, const std::string& path, std::size_t bytes) {
    bench.accept(client);
    bench.runtime.read(client, "POST " + path + " HTTP/1.1\r\nHost: a.test\r\nContent-Length: 90000\r\n\r\n" +
                                   std::string(bytes, 'x'));
  };
  send(clients[0], "/pay", 60'000);
  send(clients[1], "/", 10'000);
  send(clients[2], "/", 50'000);
  send(clients[3], "/pay", 5);
  const auto relieve = [&](std::uint64_t excess) {
    bench.path.relieve(excess);
    bench.runtime.end_turn();
    std::string shed;
    for (const PlayedTransport& client : clients)
      shed += client.written.starts_with("HTTP/1.1 503 ") ? 's' : '-';
    return shed;
  };
  bench.counts.overload = 2;
  CHECK(relieve(40'000) == "--s-");
  CHECK(relieve(5'000) == "-ss-");
  CHECK(relieve(5'000) == "sss-");
}

TEST_CASE("small bodies that are kept are shed as well") {
  std::deque<PlayedTransport> clients(10);
  config::Config config = one_pool({"10.0.0.1:80"});
  config.pools[0].request_buffer = 100'000;
  Bench bench(std::move(config));
  for (PlayedTransport& client : clients) {
    bench.accept(client);
    bench.runtime.read(
        client, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 90000\r\n\r\n" + std::string(1000, 'x'));
  }
  bench.counts.overload = 3;
  bench.path.relieve(3500);
  bench.runtime.end_turn();
  const auto shed = std::count_if(clients.begin(), clients.end(), [](const PlayedTransport& client) {
    return client.written.starts_with("HTTP/1.1 503 ");
  });
  CHECK(shed >= 2);  // of memory each takes some more than it has bytes
  CHECK(shed <= 4);
}

TEST_CASE("who sent a large head holds that, though its request is whole") {
  PlayedTransport large, small, nodes[2];
  Bench bench(one_pool({"10.0.0.1:80"}));
  bench.accept(large);
  bench.ask(large, nodes[0], "GET / HTTP/1.1\r\nHost: a.test\r\nX: " + std::string(50'000, 'x') + "\r\n\r\n");
  bench.accept(small);
  bench.ask(small, nodes[1], kGet);
  bench.counts.overload = 2;
  bench.path.relieve(1);
  bench.runtime.end_turn();
  CHECK(large.was_reset);
  CHECK_FALSE(small.was_reset);
}

TEST_CASE("those who hold the most are cut, until enough is let go of") {
  PlayedTransport clients[3], nodes[3];
  Bench bench(one_pool({"10.0.0.1:80"}));
  const std::size_t sizes[] = {20'000, 60'000, 40'000};
  for (std::size_t i = 0; i < 3; ++i) {
    bench.accept(clients[i]);
    bench.ask(clients[i], nodes[i], kGet);
    clients[i].takes = false;
    bench.runtime.read(nodes[i],
                       "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(sizes[i], 'x'));
  }
  const auto relieve = [&](policy::Overload::Level level, std::uint64_t excess) {
    bench.counts.overload = level;
    bench.path.relieve(excess);
    bench.runtime.end_turn();
    return std::string() + (clients[0].was_reset ? '0' : '-') + (clients[1].was_reset ? '1' : '-') +
           (clients[2].was_reset ? '2' : '-');
  };
  CHECK(relieve(3, 0) == "---");
  CHECK(relieve(2, 1) == "-1-");
  CHECK(relieve(3, 1'000'000) == "012");
  CHECK(nodes[2].released);
}

TEST_CASE("who has sent a part of a head holds that") {
  PlayedTransport slow, client, node;
  Bench bench(one_pool({"10.0.0.1:80"}));
  bench.accept(slow);
  bench.runtime.read(slow, "GET / HTTP/1.1\r\nHost: a.test\r\nX: " + std::string(30'000, 'x'));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.counts.overload = 2;
  bench.path.relieve(1);
  bench.runtime.end_turn();
  CHECK(slow.released);
  CHECK_FALSE(client.released);
}

TEST_CASE("exchanges of a burst are let go of, but for some") {
  constexpr std::size_t kMany = 400;
  std::deque<PlayedTransport> clients(kMany), nodes(kMany);
  Bench bench(one_pool({"10.0.0.1:80"}));
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < kMany; ++i) {
      if (round == 0) bench.accept(clients[i]);
      bench.runtime.next = {&nodes[i]};
      bench.runtime.read(clients[i], kGet);
      if (round == 0) bench.runtime.connected();
    }
    CHECK(bench.path.exchanges() == kMany);
    for (PlayedTransport& node : nodes)
      if (!node.take_written().empty()) bench.runtime.read(node, kOk);
    bench.runtime.end_turn();
    CHECK(std::count_if(clients.begin(), clients.end(), [](PlayedTransport& client) {
            return client.take_written().starts_with("HTTP/1.1 200 ");
          }) == kMany);
    CHECK(bench.path.exchanges() == 256);
  }
}

TEST_CASE("at the highest level a collected body that its node does not take is held by who sent it") {
  PlayedTransport client, node;
  config::Config config = one_pool({"10.0.0.1:80"});
  config.pools[0].request_buffer = 100'000;
  Bench bench(std::move(config));
  const std::string body(100'000, 'x');
  bench.accept(client);
  node.takes = false;
  bench.ask(client, node, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n" + body);
  SECTION("as long as it has taken nothing") {}
  SECTION("and when it has taken a part") {
    node.waiting -= 50'000;
    node.handler->on_sent(50'000);
  }
  bench.counts.overload = 3;
  bench.path.relieve(1);
  bench.runtime.end_turn();
  CHECK(client.was_reset);
  CHECK(node.released);
}

TEST_CASE("each worker lets go of what is its part of the excess, by what all hold") {
  PlayedTransport clients[8], nodes[8];
  Bench bench(one_pool({"10.0.0.1:80"}));
  DataPath other(bench.runtime, bench.counts, 0, 2, nullptr);
  other.publish(std::make_shared<const Snapshot>(one_pool({"10.0.0.1:80"}), bench.nodes, ResolvedNames{}));
  const auto hold = [&](std::size_t i, DataPath& path) {
    bench.counts.overload = 0;
    path.reserve();
    path.accept(io::TransportPtr(&clients[i]), bench.listener_counts, bench.reception);
    bench.ask(clients[i], nodes[i], kGet);
    clients[i].takes = false;
    bench.runtime.read(nodes[i],
                       "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(40'000, 'x'));
  };
  const auto relieve = [&](policy::Overload::Level level, std::uint64_t excess) {
    bench.counts.overload = level;
    bench.path.relieve(excess);
    other.relieve(excess);
    bench.runtime.end_turn();
    return std::count_if(std::begin(clients), std::end(clients), [](auto& each) { return each.was_reset; });
  };
  for (std::size_t i = 0; i < 3; ++i) hold(i, other);
  CHECK(relieve(3, 70'000) == 2);  // though the first holds nothing
  for (std::size_t i = 3; i < 8; ++i) hold(i, i < 5 ? other : bench.path);
  CHECK(relieve(2, 0) == 2);
  CHECK(relieve(3, 80'000) == 2 + 2);  // one of three each
}

TEST_CASE("clients that have been idle the longest make room for those that wait for a descriptor") {
  Guest idle;
  PlayedTransport client, node, comes;
  Bench bench(one_pool({"10.0.0.1:80"}));
  bench.accept(idle.client);
  idle.ask(bench);
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.pass(90ms);
  bench.path.make_room();
  bench.runtime.end_turn();
  CHECK_FALSE(idle.client.released);  // it may be about to ask
  CHECK(bench.counts.wants_room.exchange(false));
  bench.runtime.pass(20ms);
  bench.accept(comes);  // and has not asked yet
  bench.runtime.pass(20ms);
  bench.path.make_room();
  bench.runtime.end_turn();
  CHECK(idle.client.released);
  CHECK_FALSE(client.released);
  CHECK_FALSE(comes.released);
  CHECK_FALSE(bench.counts.wants_room);
  bench.path.make_room();  // a moment must have passed
  CHECK_FALSE(bench.counts.wants_room);
  bench.runtime.pass(50ms);
  bench.path.make_room();
  CHECK(bench.counts.wants_room);  // others may have some
  bench.runtime.pass(900ms);
  bench.path.make_room();
  CHECK_FALSE(comes.released);
  bench.runtime.pass(2s);
  bench.path.make_room();
  bench.runtime.end_turn();
  CHECK(comes.released);  // it has had its time
}

TEST_CASE("no more idle clients are ended at a time than could come in at once, the longest idle first") {
  std::deque<PlayedTransport> clients(100);
  Bench bench(one_pool({"10.0.0.1:80"}));
  for (PlayedTransport& client : clients) {
    bench.accept(client);
    bench.runtime.pass(1ms);
  }
  bench.runtime.pass(11s);
  bench.path.make_room();
  bench.runtime.end_turn();
  for (std::size_t i = 0; i < clients.size(); ++i) CHECK(clients[i].released == (i < 64));
}

TEST_CASE(
    "where there are as many clients as there may be some that are idle make room, and not all of them") {
  std::deque<PlayedTransport> clients(40);
  config::Config config = one_pool({"10.0.0.1:80"});
  config.limits.connections = 40;
  Bench bench(std::move(config));
  for (PlayedTransport& client : clients) {
    bench.accept(client);
    bench.runtime.pass(1ms);
  }
  bench.path.make_seats(DataPath::Needed::elsewhere);
  CHECK_FALSE(bench.counts.wants_seats);  // who is asked does not ask in turn
  bench.runtime.pass(50ms);
  bench.path.make_seats();
  bench.runtime.end_turn();
  CHECK(bench.counts.wants_seats.exchange(false));
  bench.runtime.pass(11s);
  const auto ended = [&] {
    bench.path.make_seats();
    bench.runtime.end_turn();
    return std::count_if(clients.begin(), clients.end(), [](auto& client) { return client.released; });
  };
  CHECK(ended() == 6);
  CHECK(clients[5].released);
  CHECK_FALSE(bench.counts.wants_seats);
  bench.runtime.pass(50ms);
  CHECK(ended() == 6);  // there is room
}

}  // namespace weir::core
