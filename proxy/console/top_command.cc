#include <poll.h>
#include <unistd.h>

#include <string_view>

#include <fmt/format.h>

#include "proxy/console/commands.h"
#include "proxy/console/feed.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/key_reader.h"
#include "proxy/console/problem.h"
#include "proxy/console/top_view.h"

namespace weir::console {
namespace {

constexpr int kEscapeWait = 50;  // ms; the rest of an escape sequence comes at once
const std::vector<std::string> kPaths = {"/api/pools", "/api/connections"};

std::optional<Problem> show(TopView& view, const Fetched& fetched, const AdminPlace& admin) {
  if (auto problem = problem_of(fetched, admin.address)) return problem;
  auto pools = read_pools(fetched.answers[0].body);
  if (!pools) return unreadable(pools.error(), admin.address);
  const auto connections = read_connections(fetched.answers[1].body);
  if (!connections) return unreadable(connections.error(), admin.address);
  view.show({std::move(*pools), *connections});
  return std::nullopt;
}

class Top {
 public:
  Top(const AdminPlace& admin, TopView& view, TerminalSignals& signals)
      : admin_(admin), view_(view), signals_(signals), feed_(admin, kPaths) {}

  void run();

 private:
  using After = TopView::After;

  After turn();
  After hear();
  After read_keys();
  After press(const std::vector<Key>& keys);
  void take();
  void draw();

  const AdminPlace& admin_;
  TopView& view_;
  TerminalSignals& signals_;
  KeyReader keys_;
  FullScreen screen_{STDIN_FILENO, STDOUT_FILENO};
  Feed feed_;
};

void Top::run() {
  for (After after = After::go_on; after != After::quit; after = turn()) {
    if (after == After::suspend) screen_.suspend();
    draw();
  }
}

TopView::After Top::turn() {
  pollfd all[] = {{signals_.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {feed_.fd(), POLLIN, 0}};
  const int ready = ::poll(all, 3, keys_.waiting() ? kEscapeWait : -1);
  if (ready == 0) return press(keys_.settle());
  if (all[2].revents != 0) take();
  if (all[0].revents != 0)
    if (const After after = hear(); after != After::go_on) return after;
  return all[1].revents != 0 ? read_keys() : After::go_on;
}

TopView::After Top::hear() {
  switch (signals_.take()) {
    case TerminalSignals::Kind::end:
      return After::quit;
    case TerminalSignals::Kind::suspend:
      return After::suspend;
    default:
      return After::go_on;
  }
}

// A terminal that is gone ends it.
TopView::After Top::read_keys() {
  char bytes[256];
  const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
  if (got <= 0) return After::quit;
  return press(keys_.read({bytes, static_cast<std::size_t>(got)}));
}

TopView::After Top::press(const std::vector<Key>& keys) {
  for (const Key& key : keys)
    if (const After after = view_.on_key(key); after != After::go_on) return after;
  return After::go_on;
}

void Top::take() {
  const auto fetched = feed_.take();
  if (!fetched) return;
  if (const auto problem = show(view_, *fetched, admin_)) view_.show_problem(problem->text);
}

void Top::draw() {
  view_.resize(terminal_size(STDOUT_FILENO));
  write_all(STDOUT_FILENO, frame(view_.lines(colours_for(STDOUT_FILENO))));
}

}  // namespace

int show_top(const AdminPlace& admin) {
  if (!is_terminal(STDIN_FILENO) || !is_terminal(STDOUT_FILENO))
    return refuse("top", {kRefused, "needs a terminal; weir nodes prints the same for a pipe or a file"});
  TopView view(admin.address.text());
  if (const auto problem = show(view, fetch(AdminClient(admin), kPaths), admin))
    return refuse("top", *problem);
  TerminalSignals signals;
  Top(admin, view, signals).run();
  return kDone;
}

}  // namespace weir::console
