#include "tests/fuzz/world.h"

#include <algorithm>
#include <chrono>

#include "tests/fuzz/target.h"

namespace weir::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

config::Config config() {
  config::Config config = core::one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.limits.header = 8192;
  config.limits.body = 100'000;
  return config;
}

}  // namespace

World::World(Nodes nodes) : nodes_(nodes), bench_(config()) {
  bench_.accept(client_side_.transport);
  settle();
}

World::~World() = default;

void World::client_sends(std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty() && !client_side_.transport.released;
       bytes.remove_prefix(std::min(piece, bytes.size()))) {
    bench_.runtime.read(client_side_.transport, bytes.substr(0, piece));
    settle();
  }
}

void World::client_ends() {
  if (client_side_.transport.released) return;
  bench_.runtime.read_end(client_side_.transport);
  settle();
}

void World::node_sends(std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    Visit* node = latest();
    if (!node) return;
    bench_.runtime.read(node->transport, bytes.substr(0, piece));
    settle();
  }
}

void World::node_ends() {
  if (Visit* node = latest()) bench_.runtime.read_end(node->transport);
  settle();
}

void World::node_resets() {
  if (Visit* node = latest()) bench_.runtime.read_error(node->transport);
  settle();
}

void World::pass(base::Duration span) {
  bench_.runtime.pass(span);
  settle();
}

void World::end() {
  client_ends();
  for (int i = 0; i < 200 && !client_side_.transport.released; ++i) pass(60s);
  must(client_side_.transport.released, "a client's connection that nothing ends");
  must(bench_.path.drained(), "a connection that is counted when it is gone");
}

World::Visit* World::latest() {
  if (connected_ == 0) return nullptr;
  Visit& node = visits_[connected_ - 1];
  return node.transport.released ? nullptr : &node;
}

// Until nothing more happens by itself: connections are made, what Weir has written is read and answered.
void World::settle() {
  core::StillRuntime& runtime = bench_.runtime;
  for (bool moved = true; moved;) {
    moved = false;
    while (runtime.next.size() < 2) runtime.next.push_back(&visits_.emplace_back(*this).transport);
    if (connected_ < runtime.connects.size()) {
      ++connected_;
      moved = true;
      if (!visits_[connected_ - 1].transport.released) runtime.connected();
    }
    moved |= read_what_was_written();
  }
}

bool World::read_what_was_written() {
  bool moved = false;
  const std::string for_client = client_side_.transport.take_written();
  must(client_side_.reader.read(for_client), "a client is sent what is no HTTP");
  for (std::size_t i = 0; i < connected_; ++i) {
    Visit& node = visits_[i];
    const std::string written = node.transport.take_written();
    must(node.reader.read(written), "a node is sent what is no HTTP");
    moved |= !written.empty();
    if (!std::exchange(node.owes, false) || node.transport.released) continue;
    bench_.runtime.read(node.transport, kOk);
    moved = true;
  }
  return moved || !for_client.empty();
}

void World::Visit::on_head(const sim::MessageHead& head) {
  ++world.heads_;
  world.client_side_.reader.expect(head.first == "HEAD" ? sim::MessageReader::Answers::head
                                                        : sim::MessageReader::Answers::other);
}

void World::Visit::on_message_end() {
  ++world.whole_;
  owes = world.nodes_ == Nodes::answer;
}

void World::Client::on_head(const sim::MessageHead& head) {
  if (head.status() == 101) reader.begin_tunnel();
}

}  // namespace weir::fuzz
