#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "proxy/console/commands.h"
#include "proxy/console/feed.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/nodes_view.h"
#include "proxy/console/terminal.h"

namespace weir::console {
namespace {

std::string path_of(const NodesOptions& options) {
  return options.pool.empty() ? "/api/pools" : "/api/pools/" + options.pool;
}

NodesView::Medium medium() {
  return is_terminal(STDOUT_FILENO) ? NodesView::Medium::terminal : NodesView::Medium::pipe;
}

int print(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\n");
  if (write_all(STDOUT_FILENO, text)) return kDone;
  return refuse("nodes", {kRefused, fmt::format("cannot write the nodes: {}", std::strerror(errno))});
}

int show_once(const AdminPlace& admin, const NodesOptions& options) {
  NodesView view(admin.address, options.format, medium());
  if (const auto problem = view.show(fetch(AdminClient(admin), {path_of(options)})))
    return refuse("nodes", *problem);
  return print(view.lines(terminal_size(STDOUT_FILENO), colours_for(STDOUT_FILENO)));
}

// The table, anew each second, until a signal ends it. What goes wrong meanwhile is said, and it goes on.
class Watch {
 public:
  Watch(const AdminPlace& admin, const NodesOptions& options)
      : admin_(admin), path_(path_of(options)), view_(admin.address, options.format, medium()) {}

  int run();

 private:
  // Exit codes: kDone as long as it can be read.
  int draw();
  int take(Feed& feed);
  TerminalSignals::Kind hear(TerminalSignals& signals);

  const AdminPlace admin_;
  const std::string path_;
  NodesView view_;
  std::optional<HiddenCursor> cursor_;  // on a terminal
  std::string last_problem_;            // that a pipe's reader was told of
};

int Watch::run() {
  if (const auto problem = view_.show(fetch(AdminClient(admin_), {path_}))) return refuse("nodes", *problem);
  TerminalSignals signals;
  if (is_terminal(STDOUT_FILENO)) cursor_.emplace(STDOUT_FILENO);
  if (const int code = draw(); code != kDone) return code;
  Feed feed(admin_, {path_});
  for (;;) {
    pollfd both[] = {{signals.fd(), POLLIN, 0}, {feed.fd(), POLLIN, 0}};
    ::poll(both, 2, -1);
    if (both[0].revents != 0 && hear(signals) == TerminalSignals::Kind::end) return kDone;
    if (both[1].revents == 0) continue;
    if (const int code = take(feed); code != kDone) return code;
  }
}

TerminalSignals::Kind Watch::hear(TerminalSignals& signals) {
  const TerminalSignals::Kind kind = signals.take();
  if (kind == TerminalSignals::Kind::suspend && cursor_) cursor_->suspend();
  if (cursor_ && kind != TerminalSignals::Kind::end) draw();
  return kind;
}

int Watch::take(Feed& feed) {
  const auto fetched = feed.take();
  if (!fetched) return kDone;
  const auto problem = view_.show(*fetched);
  if (!cursor_ && problem && problem->text != last_problem_) refuse("nodes", *problem);
  last_problem_ = problem ? problem->text : "";
  return cursor_ || !problem ? draw() : kDone;
}

int Watch::draw() {
  if (!cursor_) return print(view_.lines({}, Colours::off));
  const Size size = terminal_size(STDOUT_FILENO);
  write_all(STDOUT_FILENO, frame(view_.screen(size, colours_for(STDOUT_FILENO))));
  return kDone;
}

}  // namespace

int show_nodes(const AdminPlace& admin, const NodesOptions& options) {
  if (options.repeat == NodesOptions::Repeat::once) return show_once(admin, options);
  return Watch(admin, options).run();
}

}  // namespace weir::console
