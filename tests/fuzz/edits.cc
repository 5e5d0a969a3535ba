// Edits of nodes in whatever an operator may have written. An edit that is taken reads as the configuration
// with just that edit, and no comment goes by a change or an addition.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "proxy/config/node_edit.h"
#include "proxy/config/read.h"
#include "tests/fuzz/target.h"

namespace weir::fuzz {
namespace {

using Kind = config::NodeEdit::Kind;

// Of a node that is there, if there is one; the same bytes are the same edit.
config::NodeEdit drawn_edit(std::string_view& bytes, const config::Config& config) {
  constexpr const char* kAddresses[] = {"192.0.2.1:80", "[2001:db8::1]:80", "unix:/new/it's {\"\\, x",
                                        "new.test:80"};
  config::NodeEdit edit;
  const unsigned kind = take_byte(bytes), place = take_byte(bytes), values = take_byte(bytes);
  const config::Pool& pool = config.pools[place / 16 % config.pools.size()];
  edit.pool = pool.name;
  edit.kind = pool.nodes.empty() ? Kind::add : static_cast<Kind>(kind % 3);
  edit.address = edit.kind == Kind::add ? *io::Address::parse(kAddresses[kind / 3 % 4])
                                        : pool.nodes[place % 16 % pool.nodes.size()].address;
  if (values % 2 != 0) edit.weight = values / 2 % 4 == 0 ? 1 : values;
  if (values / 8 % 2 != 0) edit.state = static_cast<balancer::Operator>(values / 16 % 3);
  return edit;
}

config::Config expected(config::Config config, const config::NodeEdit& edit) {
  const auto pool = std::find_if(config.pools.begin(), config.pools.end(),
                                 [&](const config::Pool& each) { return each.name == edit.pool; });
  auto& nodes = pool->nodes;
  if (edit.kind == Kind::add) nodes.emplace_back().address = edit.address;
  const auto node = std::find_if(nodes.begin(), nodes.end(),
                                 [&](const config::Node& each) { return each.address == edit.address; });
  if (edit.weight) node->weight = *edit.weight;
  if (edit.state) node->state = *edit.state;
  if (edit.kind == Kind::remove) nodes.erase(node);
  return config;
}

auto hashes(std::string_view text) {
  return std::count(text.begin(), text.end(), '#');
}

void node_edit(std::string_view bytes) {
  std::string_view text = bytes.substr(std::min<std::size_t>(bytes.size(), 3));
  const config::Loaded before = config::read_text(text, "fuzzed");
  if (!before.config) {
    const auto refused =
        config::edit_node(text, "fuzzed", {Kind::add, "app", *io::Address::parse("a:1"), {}, {}});
    return must(!refused && refused.error().kind == config::EditRefusal::Kind::invalid,
                "an edit of what is no configuration");
  }
  const config::NodeEdit edit = drawn_edit(bytes, *before.config);
  const auto edited = config::edit_node(text, "fuzzed", edit);
  if (!edited) return must(!edited.error().reason.empty(), "an edit that is refused without a reason");
  const config::Loaded after = config::read_text(edited->text, "edited");
  must(after.config.has_value(), "an edit that leaves no configuration");
  must(*after.config == edited->config, "an edit that reads otherwise than it says");
  must(*after.config == expected(*before.config, edit), "an edit that reads otherwise than it should");
  if (edit.kind != Kind::remove)
    must(hashes(edited->text) == hashes(text), "an edit that takes a comment with it");
  if (*after.config == *before.config) must(edited->text == text, "a text that changes without a reason");
}

const Target kNodeEdit("node_edit", node_edit);

}  // namespace
}  // namespace weir::fuzz
