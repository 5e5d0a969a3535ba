// Drawn edits of drawn files: what is read afterwards is what was asked for, and nothing is touched but the
// node's own lines. WEIR_SEEDS=N draws more; a failure says its seed.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "proxy/config/node_edit.h"
#include "proxy/config/read.h"
#include "tests/unit/catch.h"
#include "tests/unit/config/drawn_file.h"

using namespace weir::config;
using weir::balancer::Operator;

namespace {

std::uint64_t seeds() {
  const char* wanted = std::getenv("WEIR_SEEDS");
  return wanted == nullptr ? (kSanitized ? 500 : 3000) : std::strtoull(wanted, nullptr, 10);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    lines.back() += c;
    if (c == '\n') lines.emplace_back();
  }
  return lines;
}

// The numbers of the comments, in their order.
std::vector<std::string> comments_of(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t at = 0; (at = text.find("# c", at)) != text.npos; at += 3)
    found.push_back(text.substr(at, text.find_first_not_of("0123456789", at + 3) - at));
  return found;
}

// What an edit of the text may touch.
struct Range {
  int first, last;
};

struct Drawn {
  NodeEdit edit;
  Range touched;
  std::set<std::string> comments_lost;  // may be
};

class Trial {
 public:
  explicit Trial(std::uint64_t seed)
      : random_(seed ^ 0x5eed), file_(draw_file(seed)), lines_(lines_of(file_.text)) {
    auto loaded = read_text(file_.text, "f.yaml");
    for (const auto& each : loaded.diagnostics) UNSCOPED_INFO(each.text());
    REQUIRE(loaded.config);
    config_ = *loaded.config;
  }

  void run() {
    const Drawn drawn = draw();
    const auto edited = edit_node(file_.text, "f.yaml", drawn.edit);
    INFO(drawn.edit.pool << " " << drawn.edit.address.text() << " kind "
                         << static_cast<int>(drawn.edit.kind));
    if (!edited) FAIL("refused: " << edited.error().reason);
    INFO("after:\n" << edited->text);
    const Config wanted = expected(drawn.edit);
    CHECK(edited->config == wanted);
    CHECK(read_text(edited->text, "f.yaml").config == wanted);
    check_lines(drawn.touched, edited->text);
    check_comments(drawn.comments_lost, edited->text);
    check_inverse(drawn.edit, edited->text);
  }
  const std::string& text() const { return file_.text; }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  Drawn draw();
  Drawn draw_addition(const DrawnPool& pool);
  void draw_values(NodeEdit& edit);
  std::size_t pool_of(const NodeEdit& edit) const { return static_cast<std::size_t>(edit.pool[1] - '0'); }
  Config expected(const NodeEdit& edit) const;
  void check_lines(const Range& touched, const std::string& after) const;
  void check_comments(const std::set<std::string>& lost, const std::string& after) const;
  void check_inverse(const NodeEdit& edit, const std::string& after) const;

  std::mt19937_64 random_;
  DrawnFile file_;
  std::vector<std::string> lines_;
  Config config_;
};

void Trial::draw_values(NodeEdit& edit) {
  if (below(3) > 0) edit.weight = below(3) == 0 ? 1 : 1 + below(1000);
  if (below(3) > 0) edit.state = static_cast<Operator>(below(3));
}

Drawn Trial::draw_addition(const DrawnPool& pool) {
  const char* const kAddresses[] = {"192.0.2.1:80", "[2001:db8::1]:80", "unix:/new/it's {\"\\",
                                    "new.test:80"};
  Drawn drawn{{NodeEdit::Kind::add, pool.name, {}, {}, {}}, {pool.line, pool.line}, {}};
  drawn.edit.address = *weir::io::Address::parse(kAddresses[below(4)]);
  draw_values(drawn.edit);
  if (!pool.nodes.empty()) drawn.touched = {pool.nodes.back().last, pool.nodes.back().last};
  return drawn;
}

Drawn Trial::draw() {
  const DrawnPool& pool = file_.pools[static_cast<std::size_t>(below(static_cast<int>(file_.pools.size())))];
  if (pool.nodes.empty() || below(4) == 0) return draw_addition(pool);
  const auto index = static_cast<std::size_t>(below(static_cast<int>(pool.nodes.size())));
  const DrawnNode& node = pool.nodes[index];
  Drawn drawn{{NodeEdit::Kind::change, pool.name, *weir::io::Address::parse(node.address), {}, {}},
              {node.first, node.last},
              {}};
  if (below(3) > 0) return draw_values(drawn.edit), drawn;
  drawn.edit.kind = NodeEdit::Kind::remove;
  drawn.touched.last = node.comma;
  drawn.touched.first = index == 0 ? pool.line : pool.nodes[index - 1].last;  // a comma, or []
  if (node.own_lines)
    for (int i = node.first; i <= node.last; ++i)
      for (const std::string& each : comments_of(lines_[static_cast<std::size_t>(i)]))
        drawn.comments_lost.insert(each);
  return drawn;
}

Config Trial::expected(const NodeEdit& edit) const {
  Config config = config_;
  auto& nodes = config.pools[pool_of(edit)].nodes;
  if (edit.kind == NodeEdit::Kind::add) nodes.push_back({edit.address, 1, Operator::active});
  const auto at =
      std::find_if(nodes.begin(), nodes.end(), [&](auto& each) { return each.address == edit.address; });
  REQUIRE(at != nodes.end());
  if (edit.weight) at->weight = *edit.weight;
  if (edit.state) at->state = *edit.state;
  if (edit.kind == NodeEdit::Kind::remove) nodes.erase(at);
  return config;
}

// Those before and those behind are the same, byte by byte.
void Trial::check_lines(const Range& touched, const std::string& after) const {
  std::string before, behind;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (static_cast<int>(i) < touched.first) before += lines_[i];
    if (static_cast<int>(i) > touched.last) behind += lines_[i];
  }
  const bool ended = file_.text.ends_with('\n');
  if (ended) CHECK(after.ends_with('\n'));
  // A last line that goes, and was not ended, takes the end of the one before with it.
  if (!ended && behind.empty() && !after.starts_with(before)) {
    before.resize(before.size() - (before.ends_with("\r\n") ? 2 : 1));
    CHECK(after == before);
  }
  CHECK(after.starts_with(before));
  CHECK(after.ends_with(behind));
  CHECK(after.size() >= before.size() + behind.size());
  CHECK((after.find('\r') == after.npos) == (file_.text.find('\r') == after.npos));
}

void Trial::check_comments(const std::set<std::string>& lost, const std::string& after) const {
  std::vector<std::string> before = comments_of(file_.text), now = comments_of(after);
  for (auto* comments : {&before, &now})
    std::erase_if(*comments, [&](const std::string& each) { return lost.contains(each); });
  CHECK(now == before);
}

void Trial::check_inverse(const NodeEdit& edit, const std::string& after) const {
  NodeEdit back = edit;
  if (edit.kind == NodeEdit::Kind::remove) return;
  if (edit.kind == NodeEdit::Kind::add) {
    back.kind = NodeEdit::Kind::remove;
  } else {
    const auto& pool = file_.pools[pool_of(edit)];
    const auto& nodes = config_.pools[pool_of(edit)].nodes;
    const auto at = static_cast<std::size_t>(
        std::find_if(nodes.begin(), nodes.end(), [&](auto& each) { return each.address == edit.address; }) -
        nodes.begin());
    if ((edit.weight && !pool.nodes[at].has_weight) || (edit.state && !pool.nodes[at].has_state)) return;
    back.weight = nodes[at].weight;
    back.state = nodes[at].state;
  }
  const auto again = edit_node(after, "f.yaml", back);
  REQUIRE(again);
  CHECK(again->text == file_.text);
}

}  // namespace

TEST_CASE("drawn edits of drawn files are what was asked for, and touch nothing else") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    Trial trial(seed);
    INFO("seed " << seed << ", before:\n" << trial.text());
    trial.run();
  }
}
