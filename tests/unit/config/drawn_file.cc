#include "tests/unit/config/drawn_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace weir::config {

namespace {

class Drawer {
 public:
  explicit Drawer(std::uint64_t seed) : random_(seed) {}

  DrawnFile draw();

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  std::string one_of(std::initializer_list<const char*> words) {
    return words.begin()[below(static_cast<int>(words.size()))];
  }
  std::string spaces(int n) { return std::string(static_cast<std::size_t>(n), ' '); }

  void put(const std::string& text) { file_.text += text; }
  int line() const { return static_cast<int>(std::count(file_.text.begin(), file_.text.end(), '\n')); }
  std::string comment() {
    return fmt::format("# c{}{}", ++comments_, one_of({"", " ü - x: [", "\t'\"", " - a:1", " }, ]"}));
  }
  void end_line(std::initializer_list<const char*> gaps = {" ", "  ", "\t", " \t"});
  void lines_between(int indentation);

  std::string address();
  std::string scalar(const std::string& text, bool between_brackets);
  std::string key(const std::string& name);
  std::string anchor() { return chance(10) ? fmt::format("&a{} ", ++anchors_) : ""; }
  std::vector<std::string> members(DrawnNode& node, bool between_brackets);
  std::string braces(DrawnNode& node);

  void block_pool(DrawnPool& pool);
  void flow_pool(DrawnPool& pool);
  void block_nodes(DrawnPool& pool, int key_column);
  void block_node(DrawnNode& node, int column);
  void flow_nodes(DrawnPool& pool, int column);
  void empty_nodes(bool over_lines);
  void nodes_on_one_line(DrawnPool& pool);
  void nodes_on_lines(DrawnPool& pool, int column);

  std::mt19937_64 random_;
  DrawnFile file_;
  int comments_ = 0, anchors_ = 0, addresses_ = 0;
  int indentation_ = 2;
  bool json_ = false;
};

void Drawer::end_line(std::initializer_list<const char*> gaps) {
  if (!json_ && chance(25)) put(one_of(gaps) + comment());
  put("\n");
}

void Drawer::lines_between(int indentation) {
  while (chance(20))
    put(chance(30) || json_ ? "\n" : spaces(chance(70) ? indentation : below(9)) + comment() + "\n");
}

std::string Drawer::address() {
  const int number = ++addresses_;
  switch (below(6)) {
    case 0:
      return fmt::format("[fd00::{:x}]:80", number);
    case 1:
      return fmt::format("unix:/run/{}/{}", number,
                         one_of({"a", "ü", "a b", "a#b", "it's", "{x},[y]", "\"q\"\\"}));
    case 2:
      return fmt::format("node-{}.test:8000", number);
    default:
      return fmt::format("10.0.0.{}:{}", number, 80 + below(3));
  }
}

std::string Drawer::scalar(const std::string& text, bool between_brackets) {
  const bool hard = text[0] == '[' || (between_brackets && text.find_first_of(",[]{}\"'") != text.npos);
  int way = json_ ? 1 : below(hard ? 2 : 4);
  if (way >= 2) return text;
  std::string out;
  for (const char c : text) {
    if (way == 1 && (c == '"' || c == '\\')) out += '\\';
    if (way == 0 && c == '\'') out += '\'';
    out += c;
  }
  return way == 1 ? '"' + out + '"' : '\'' + out + '\'';
}

std::string Drawer::key(const std::string& name) {
  return scalar(name, true) + (json_ && chance(50) ? " : " : ": ");
}

std::vector<std::string> Drawer::members(DrawnNode& node, bool between_brackets) {
  std::vector<std::string> all{key("address") + anchor() + scalar(node.address, between_brackets)};
  node.has_weight = chance(50), node.has_state = chance(40);
  const std::string weight = std::to_string(1 + below(chance(30) ? 1 : 1000));
  if (node.has_weight)
    all.push_back(key("weight") + anchor() + (json_ ? weight : scalar(weight, between_brackets)));
  if (node.has_state)
    all.push_back(key("state") + scalar(one_of({"active", "drain", "down"}), between_brackets));
  std::shuffle(all.begin(), all.end(), random_);
  return all;
}

std::string Drawer::braces(DrawnNode& node) {
  const auto all = members(node, true);
  const std::string pad = one_of({" ", "", " "}), comma = one_of({", ", ",", " , "});
  return "{" + pad + fmt::format("{}", fmt::join(all, comma)) + (!json_ && chance(15) ? "," : "") + pad + "}";
}

void Drawer::block_node(DrawnNode& node, int column) {
  node.first = line();
  node.own_lines = true;
  std::string gap = spaces(1 + (chance(20) ? below(3) : 0)), indentation = spaces(column + 1) + gap;
  put(spaces(column) + "-");
  if (chance(15)) {
    end_line({" ", "  "});  // a tab behind a dash would seem to indent
    put(indentation);
    gap = "";
  }
  put(gap);
  const int way = below(3);
  if (way == 0) put(anchor() + scalar(node.address, false));
  if (way == 1) put(anchor() + braces(node));
  if (way == 2) {
    const auto all = members(node, false);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i > 0) put(indentation);
      put(all[i]);
      if (i + 1 == all.size()) break;
      end_line();
      lines_between(static_cast<int>(indentation.size()));
    }
  }
  node.last = node.comma = line();
  end_line();
}

void Drawer::block_nodes(DrawnPool& pool, int key_column) {
  put(key("nodes").substr(0) + (chance(10) ? "&n" + pool.name : ""));
  while (file_.text.back() == ' ') file_.text.pop_back();
  end_line();
  const int column = key_column + (chance(30) ? 0 : 1 + below(4));
  for (DrawnNode& node : pool.nodes) {
    lines_between(column);
    block_node(node, column);
  }
}

void Drawer::empty_nodes(bool over_lines) {
  put(over_lines ? "[" : one_of({"[]", "[ ]"}));
  if (!over_lines) return;
  end_line();
  lines_between(4);
  put(spaces(indentation_ * 3) + "]");
}

void Drawer::nodes_on_one_line(DrawnPool& pool) {
  const std::string pad = one_of({"", " "}), comma = one_of({", ", ",", " ,  "});
  put("[" + pad);
  for (DrawnNode& node : pool.nodes) {
    if (&node != &pool.nodes.front()) put(comma);
    node.first = node.last = node.comma = line();
    put(anchor() + (chance(50) ? braces(node) : scalar(node.address, true)));
  }
  put((!json_ && chance(20) ? "," : "") + pad + "]");
}

void Drawer::nodes_on_lines(DrawnPool& pool, int column) {
  const bool commas_first = chance(20), comma_at_end = !json_ && chance(30);
  put("[");
  end_line();
  for (DrawnNode& node : pool.nodes) {
    const bool first = &node == &pool.nodes.front(), last = &node == &pool.nodes.back();
    lines_between(column);
    node.first = line();
    if (commas_first && !first) (&node - 1)->comma = node.first;
    node.own_lines = true;
    put(spaces(column) + (commas_first ? (first ? "  " : ", ") : ""));
    put(anchor() + (chance(50) ? braces(node) : scalar(node.address, true)));
    if (commas_first ? last && comma_at_end : !last || comma_at_end) put(one_of({",", ",", " ,"}));
    node.last = node.comma = line();
    end_line();
  }
  lines_between(column);
  put(spaces(std::max(column - 2, 1)) + "]");
}

void Drawer::flow_nodes(DrawnPool& pool, int column) {
  put(key("nodes"));
  if (pool.nodes.empty()) return empty_nodes(chance(30));
  if (chance(50)) return nodes_on_one_line(pool);
  nodes_on_lines(pool, column);
}

void Drawer::block_pool(DrawnPool& pool) {
  const int column = indentation_ * 2;
  lines_between(indentation_);
  put(spaces(indentation_) + key(pool.name));
  while (file_.text.back() == ' ') file_.text.pop_back();
  end_line();
  const bool retry_first = chance(30);
  if (retry_first) put(spaces(column) + "retry: { attempts: 2 }"), end_line();
  lines_between(column);
  pool.line = line();
  put(spaces(column));
  if (pool.nodes.empty() || chance(40)) {
    flow_nodes(pool, column + 2);
    end_line();
  } else {
    block_nodes(pool, column);
  }
  lines_between(column);
  if (!retry_first && chance(50)) put(spaces(column) + "strategy: least-connections"), end_line();
}

void Drawer::flow_pool(DrawnPool& pool) {
  put(key(pool.name) + "{ ");
  if (chance(30)) put(key("retry") + "{ " + key("attempts") + "2 }, ");
  if (chance(50)) end_line(), put(spaces(indentation_));
  pool.line = line();
  flow_nodes(pool, indentation_ * 2);
  if (chance(30)) end_line(), put(" ");
  put(" }");
}

DrawnFile Drawer::draw() {
  const int way = below(10);
  const bool flow = way >= 7;
  json_ = way == 9;
  indentation_ = 1 + below(4);
  file_.pools.resize(static_cast<std::size_t>(1 + below(3)));
  std::string routes;
  for (std::size_t i = 0; i < file_.pools.size(); ++i) {
    file_.pools[i].name = fmt::format("p{}", i);
    file_.pools[i].nodes.resize(static_cast<std::size_t>(below(5)));
    for (DrawnNode& node : file_.pools[i].nodes) node.address = address();
    routes += (i > 0 ? ", {" : "{") + key("pool") + scalar(file_.pools[i].name, true) + "}";
  }
  if (!json_) lines_between(0);
  if (flow) put("{ ");
  const bool routes_first = chance(50);
  if (routes_first) put(key("routes") + "[" + routes + "]" + (flow ? "," : "")), end_line();
  if (flow) {
    put(key("pools") + "{ ");
    for (DrawnPool& pool : file_.pools) {
      if (&pool != &file_.pools.front()) put(", ");
      flow_pool(pool);
    }
    put(" }");
    if (!routes_first) put(", " + key("routes") + "[" + routes + "]");
    put(" }");
    end_line();
  } else {
    lines_between(0);
    put("pools:");
    end_line();
    for (DrawnPool& pool : file_.pools) block_pool(pool);
    lines_between(0);
    if (!routes_first) put(key("routes") + "[" + routes + "]"), end_line();
  }
  if (chance(20)) file_.text.pop_back();
  if (chance(30)) {
    std::string text;
    for (const char c : file_.text) text += c == '\n' ? "\r\n" : std::string(1, c);
    file_.text = text;
  }
  if (chance(15)) file_.text = "\xef\xbb\xbf" + file_.text;
  return file_;
}

}  // namespace

DrawnFile draw_file(std::uint64_t seed) {
  return Drawer(seed).draw();
}

}  // namespace weir::config
