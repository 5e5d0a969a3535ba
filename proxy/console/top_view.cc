#include "proxy/console/top_view.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/ascii.h"

namespace weir::console {
namespace {

constexpr std::size_t kHeaderLines = 4;  // the table's titles among them; limits may have one more

constexpr std::string_view kHelp[] = {
    "r e l i n s   sort by rate, errors, p99, in-flight, name, state",
    "              (again: the other way round)",
    "up down       scroll; PgUp PgDn Home End too",
    "/             show what holds a text; Esc ends it",
    "w             the whole of why, instead of figures; again: back",
    "p             pause, and go on",
    "h ?           this help",
    "q             quit",
    "",
    "+ may get new work, - may not; rates and latencies are of the",
    "last 10 s.      Any key goes back.",
};

int compare(double a, double b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

}  // namespace

struct TopView::SortKey {
  char key;
  SortBy by;
  std::string_view name;
  std::string_view column;  // that shows it
  int (*compare)(const NodeStatus& a, const NodeStatus& b);
};

constinit const TopView::SortKey TopView::kSortKeys[] = {
    {'r', SortBy::rate, "rate", "REQ/S",
     [](const NodeStatus& a, const NodeStatus& b) { return compare(b.traffic.rate, a.traffic.rate); }},
    {'e', SortBy::errors, "errors", "ERR/S",
     [](const NodeStatus& a, const NodeStatus& b) { return compare(b.traffic.errors, a.traffic.errors); }},
    {'l', SortBy::latency, "p99", "P99",
     [](const NodeStatus& a, const NodeStatus& b) {
       return compare(b.traffic.p99_ms.value_or(-1), a.traffic.p99_ms.value_or(-1));
     }},
    {'i', SortBy::in_flight, "in-flight", "IN-FLIGHT",
     [](const NodeStatus& a, const NodeStatus& b) {
       return compare(static_cast<double>(b.traffic.in_flight), static_cast<double>(a.traffic.in_flight));
     }},
    {'n', SortBy::name, "name", "NODE",
     [](const NodeStatus& a, const NodeStatus& b) {
       const int pool = a.pool.compare(b.pool);
       return pool != 0 ? pool : a.address.compare(b.address);
     }},
    {'s', SortBy::state, "state", "STATE",
     [](const NodeStatus& a, const NodeStatus& b) {
       const int first = severity(a) - severity(b);
       return first != 0 ? first : state_text(a).compare(state_text(b));
     }},
};

void TopView::show(TopData data) {
  problem_.clear();
  if (refresh_ == Refresh::paused) return;
  data_ = std::move(data);
  arrange();
}

void TopView::show_problem(std::string text) {
  problem_ = std::move(text);
}

void TopView::resize(Size size) {
  size_ = {std::max<std::size_t>(size.columns, 2), std::max<std::size_t>(size.rows, 1)};
  scroll({});
}

TopView::After TopView::on_key(const Key& key) {
  if (key.kind == Key::Kind::interrupt) return After::quit;
  if (key.kind == Key::Kind::suspend) return After::suspend;
  switch (mode_) {
    case Mode::help:
      mode_ = Mode::browsing;
      break;
    case Mode::filtering:
      on_filter_key(key);
      break;
    case Mode::browsing:
      if (key.kind == Key::Kind::character) return on_browsing_key(key.character);
      if (key.kind == Key::Kind::escape) filter_.clear(), arrange();
      scroll(key);
      break;
  }
  return After::go_on;
}

TopView::After TopView::on_browsing_key(char character) {
  switch (character) {
    case 'q':
      return After::quit;
    case 'h':
    case '?':
      mode_ = Mode::help;
      break;
    case '/':
      mode_ = Mode::filtering;
      break;
    case 'w':
      columns_ = columns_ == Columns::figures ? Columns::reasons : Columns::figures;
      break;
    case 'p':
      refresh_ = refresh_ == Refresh::live ? Refresh::paused : Refresh::live;
      break;
    default:
      for (const SortKey& key : kSortKeys)
        if (key.key == character) sort_by(key.by);
  }
  return After::go_on;
}

void TopView::on_filter_key(const Key& key) {
  switch (key.kind) {
    case Key::Kind::character:
      if (filter_.size() < 64) filter_ += key.character;
      break;
    case Key::Kind::backspace:
      if (!filter_.empty()) filter_.pop_back();
      break;
    case Key::Kind::escape:
      filter_.clear();
      [[fallthrough]];
    case Key::Kind::enter:
      mode_ = Mode::browsing;
      break;
    default:
      return scroll(key);
  }
  arrange();
}

void TopView::scroll(const Key& key) {
  const std::size_t page = std::max<std::size_t>(visible(), 1);
  const auto back = [&](std::size_t lines) { first_ -= std::min(lines, first_); };
  switch (key.kind) {
    case Key::Kind::up:
      back(1);
      break;
    case Key::Kind::down:
      ++first_;
      break;
    case Key::Kind::page_up:
      back(page);
      break;
    case Key::Kind::page_down:
      first_ += page;
      break;
    case Key::Kind::home:
      first_ = 0;
      break;
    case Key::Kind::end:
      first_ = shown_.size();
      break;
    default:
      break;
  }
  first_ = std::min(first_, shown_.size() - std::min(shown_.size(), page));
}

void TopView::sort_by(SortBy by) {
  order_ = by == sort_by_ && order_ == Order::natural ? Order::reversed : Order::natural;
  sort_by_ = by;
  first_ = 0;
  arrange();
}

void TopView::arrange() {
  shown_.clear();
  for (const PoolStatus& pool : data_.pools)
    for (const NodeStatus& node : pool.nodes)
      if (matches(node)) shown_.push_back(&node);
  std::stable_sort(shown_.begin(), shown_.end(), [&](const NodeStatus* a, const NodeStatus* b) {
    if (order_ == Order::reversed) std::swap(a, b);
    return sort_key().compare(*a, *b) < 0;
  });
  scroll({});
}

bool TopView::matches(const NodeStatus& node) const {
  const std::string wanted = base::lowered(filter_);
  const auto holds = [&](const std::string& text) {
    return base::lowered(text).find(wanted) != std::string::npos;
  };
  return holds(node.pool) || holds(node.address) || holds(state_text(node)) || holds(node.why());
}

std::size_t TopView::visible() const {
  return size_.rows - std::min(size_.rows, kHeaderLines + (limits().empty() ? 0 : 1));
}

std::vector<std::string> TopView::lines(Colours colours) const {
  std::vector<std::string> made = header(colours);
  if (mode_ == Mode::help) {
    for (std::string_view line : kHelp) made.push_back(cut(line, width()));
  } else {
    const auto rows =
        node_table(shown_, columns_, sort_key().column).lines(width(), colours, first_, visible());
    made.insert(made.end(), rows.begin(), rows.end());
  }
  if (made.size() > size_.rows) made.resize(size_.rows);
  return made;
}

std::vector<std::string> TopView::header(Colours colours) const {
  const Connections& open = data_.connections;
  const std::string clients =
      fmt::format("{}{} client connections: {} idle, {} reading, {} active, {} tunnel, {} closing",
                  open.overload > 0 ? fmt::format("overload level {} of 3, ", open.overload) : "", open.open,
                  open.idle, open.reading, open.active, open.tunnel, open.closing);
  const Tone pressed = open.overload > 0 ? Tone::bad : Tone::plain;
  std::vector<std::string> made = {painted(cut(totals(), width()), Tone::title, colours),
                                   painted(cut(clients, width()), pressed, colours)};
  if (const std::string text = limits(); !text.empty()) made.push_back(cut(text, width()));
  made.push_back(painted(cut(status(), width()), problem_.empty() ? Tone::faint : Tone::bad, colours));
  return made;
}

const TopView::SortKey& TopView::sort_key() const {
  return *std::find_if(std::begin(kSortKeys), std::end(kSortKeys),
                       [&](const SortKey& each) { return each.by == sort_by_; });
}

std::string TopView::totals() const {
  Traffic sum;
  std::uint64_t size = 0, eligible = 0;
  for (const PoolStatus& pool : data_.pools) {
    size += pool.size;
    eligible += pool.eligible;
    sum.rate += pool.traffic.rate;
    sum.errors += pool.traffic.errors;
    if (pool.traffic.p99_ms) sum.p99_ms = std::max(sum.p99_ms.value_or(0), *pool.traffic.p99_ms);
  }
  return fmt::format("{} req/s  {} err/s  p99 {}  {} of {} nodes eligible  {}", rate_text(sum.rate),
                     rate_text(sum.errors), latency_text(sum.p99_ms), eligible, size, address_);
}

// Where the most wait first.
std::string TopView::limits() const {
  std::vector<const PoolStatus*> bounded;
  for (const PoolStatus& pool : data_.pools)
    if (pool.is_bounded()) bounded.push_back(&pool);
  std::stable_sort(bounded.begin(), bounded.end(),
                   [](const PoolStatus* a, const PoolStatus* b) { return a->queued > b->queued; });
  std::string text;
  for (const PoolStatus* pool : bounded)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", pool->name, load_text(*pool));
  return text;
}

std::string TopView::status() const {
  if (!problem_.empty()) return problem_;
  if (mode_ == Mode::filtering) return "/" + filter_ + "_";
  std::string text = refresh_ == Refresh::paused ? "PAUSED  " : "";
  text += fmt::format("by {}{}", sort_key().name, order_ == Order::reversed ? " reversed" : "");
  if (!filter_.empty()) text += fmt::format(", with \"{}\"", filter_);
  const std::size_t last = std::min(shown_.size(), first_ + visible());
  return text + fmt::format(", {}-{} of {}  (h: help, q: quit)", shown_.empty() ? 0 : first_ + 1, last,
                            shown_.size());
}

}  // namespace weir::console
