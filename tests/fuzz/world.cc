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
  told_ = read_strictly(bytes);
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
  client_side_.read(for_client);
  must(answers_.size() <= requests_of_weir(), "more answers than requests");
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

std::uint64_t World::refused_by_weir() const {
  std::uint64_t sum = 0;
  for (std::size_t reason = 0; reason < observe::Reasons::kSize; ++reason)
    sum += bench_.listener.refused.get(static_cast<base::Reason>(reason));
  return sum;
}

std::size_t World::under_way() const {
  return static_cast<std::size_t>(std::count_if(visits_.begin(), visits_.end(), [](const Visit& visit) {
    return !visit.transport.released && visit.reader.inside_message();
  }));
}

void World::Visit::on_head(const sim::MessageHead& head) {
  message = world.at_nodes_.size();
  world.at_nodes_.emplace_back(head);
}

void World::Visit::on_body(std::string_view bytes) {
  world.at_nodes_[message].body.append(bytes);
}

void World::Visit::on_message_end() {
  world.at_nodes_[message].whole = true;
  owes = world.nodes_ == Nodes::answer;
}

// A head comes whole, and is looked at before the reader takes it, which has to know what it answers. All
// else goes byte by byte, since only the reader knows where it ends.
void World::Client::read(std::string_view bytes) {
  using Answers = sim::MessageReader::Answers;
  while (!bytes.empty()) {
    std::size_t size = 1;
    if (!reader.inside_message()) {
      const std::size_t end = bytes.find("\r\n\r\n");
      must(end != std::string_view::npos, "a client is sent part of a head");
      size = end + 4;
      const int status = sim::MessageHead{{}, bytes.substr(0, end).substr(9, 3), {}, {}}.status();
      if (status >= 200 || status == 101)
        reader.expect(world.next_is_to_head(status, bytes.substr(size)) ? Answers::head : Answers::other);
    }
    must(reader.read(bytes.substr(0, size)), "a client is sent what is no HTTP");
    bytes.remove_prefix(size);
  }
}

void World::Client::on_head(const sim::MessageHead& head) {
  const int status = head.status();
  if (status < 200 && status != 101) return;
  world.answers_.push_back({status, head.get("Connection").ends_with("close"), {}});
  if (status == 101) reader.begin_tunnel();
}

// Whether the next answer is to HEAD. Behind what the strict reader understands only what nodes answer is
// known to be to which method; what Weir answers there by itself is taken as it comes, with a text or
// without.
bool World::next_is_to_head(int status, std::string_view behind_head) const {
  if (answers_.size() < told_.requests.size()) return told_.requests[answers_.size()].method == "HEAD";
  const auto from_nodes =
      static_cast<std::size_t>(std::count_if(answers_.begin(), answers_.end(), [](const Answer& answer) {
        return answer.status == kStatusOfNodes;
      }));
  if (status == kStatusOfNodes && from_nodes < at_nodes_.size())
    return at_nodes_[from_nodes].method == "HEAD";
  return behind_head.empty() || behind_head.starts_with("HTTP/");
}

}  // namespace weir::fuzz
