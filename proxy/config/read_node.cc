#include "proxy/config/read_node.h"

#include <fmt/format.h>

#include <unordered_map>

#include "balancer/node_set.h"

#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

constexpr std::string_view kNodeAddress = "HOST:PORT, [IPV6]:PORT or unix:/PATH, such as 10.0.0.1:8000";

constexpr std::string_view kNodeStates[] = {"active", "drain", "down"};  // as balancer::Operator has them

using SeenNodes = std::unordered_map<std::string, int>;  // addresses, and on which line first

void read_node_address(const Field& field, io::Address& out, SeenNodes& seen) {
  if (!field.must_be(Value::Kind::scalar, kNodeAddress)) return;
  const auto address = io::Address::parse(field.value.text);
  if (!address) return field.refuse(kNodeAddress);
  if (address->kind != io::Address::Kind::unix_path && address->port == 0)
    return field.fail("a node has no port 0; allowed: 1 to 65535");
  out = *address;
  const auto [first, fresh] = seen.emplace(address->text(), field.value.at.line);
  if (!fresh)
    field.fail(fmt::format("the pool has this node already, on line {}; use weight for a larger share",
                           first->second));
}

void read_node(const Field& field, Node& out, SeenNodes& seen) {
  if (field.is(Value::Kind::scalar)) return read_node_address(field, out.address, seen);
  if (!field.is(Value::Kind::map))
    return field.refuse("an address, or a map with " + joined(keys::kNodeKeys));
  const Section section(field, keys::kNode);
  section.require("address", read_node_address, out.address, seen);
  section.read("weight", read_count32, out.weight, CountRange{1, 1000});
  section.read("max_in_flight", read_max_in_flight, out.max_in_flight);
  section.read("max_connections", read_max_connections, out.max_connections);
  section.read("state", read_word<balancer::Operator>, out.state, std::span(kNodeStates));
  section.read("priority", read_count32, out.priority, CountRange{0, balancer::kLastPriority});
  section.read("backup", read_word<bool>, out.backup, std::span(kFalseTrue));
  if (out.backup && out.priority > 0)
    field.fail("a backup comes after all other nodes, whatever its priority; leave priority out");
}

}  // namespace

void read_nodes(const Field& field, std::vector<Node>& out) {
  if (!field.must_be(Value::Kind::list, "a list of nodes; [] for none yet")) return;
  SeenNodes seen;
  out.assign(field.value.items.size(), {});
  for (std::size_t i = 0; i < out.size(); ++i) read_node(field.item(i), out[i], seen);
}

}  // namespace weir::config
