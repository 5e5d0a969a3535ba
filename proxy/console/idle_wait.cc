#include "proxy/console/idle_wait.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "proxy/base/counted.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/terminal.h"
#include "proxy/http/percent.h"

namespace weir::console {
namespace {

using Clock = std::chrono::steady_clock;
using Outcome = Waited::Outcome;

constexpr std::chrono::milliseconds kOneWait{250};
constexpr int kMostFailures = 20;  // in a row: a Weir that is upgraded meanwhile is soon there again

// One line that is drawn again and again, and gone at the end; nothing where nobody looks.
class Progress {
 public:
  explicit Progress(std::string called) : called_(std::move(called)), shown_(is_terminal(STDERR_FILENO)) {}
  ~Progress() {
    if (shown_) write_all(STDERR_FILENO, "\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t in_flight) const {
    if (!shown_) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begun_).count();
    write_all(STDERR_FILENO, fmt::format("\r\x1b[K{}: {} in flight, {}s", called_,
                                         base::counted(in_flight, "request"), seconds));
  }

 private:
  const std::string called_;
  const bool shown_;
  const Clock::time_point begun_ = Clock::now();
};

class IdleWait {
 public:
  IdleWait(const AdminPlace& admin, const std::string& pool, const std::string& node,
           const std::string& called)
      : admin_(admin),
        client_(admin),
        pool_path_("/api/pools/" + http::percent_encoded(pool)),
        path_(fmt::format("{}/nodes/{}", pool_path_, http::percent_encoded(node))),
        name_(node),
        progress_(called) {}

  Waited run(std::optional<base::Duration> timeout) {
    TerminalSignals signals;
    const Clock::time_point begun = Clock::now();
    for (;;) {
      if (const auto outcome = look()) return end(*outcome);
      pollfd fd{signals.fd(), POLLIN, 0};
      const auto each = std::chrono::duration_cast<std::chrono::milliseconds>(kOneWait).count();
      if (::poll(&fd, 1, static_cast<int>(each)) > 0 && signals.take() == TerminalSignals::Kind::end)
        return end(Outcome::interrupted);
      if (timeout && Clock::now() - begun >= *timeout) return end(Outcome::timed_out);
    }
  }

 private:
  // None: it is to go on.
  std::optional<Outcome> look() {
    const auto answer = client_.get(path_);
    if (answer && answer->status == 404) return look_at_all();
    Read read = read_answer(answer, admin_);
    const auto found = read.json.find("in_flight");
    if (read.problem || found == read.json.end() || !found->is_number_unsigned()) {
      waited_.problem =
          read.problem ? std::move(read.problem) : unreadable("its answer is no node", admin_.address);
      const bool final = answer && answer->status != 200 && answer->status != 503;
      return final || ++failures_ >= kMostFailures ? std::optional(Outcome::failed) : std::nullopt;
    }
    failures_ = 0;
    waited_.in_flight = found->get<std::uint64_t>();
    if (waited_.in_flight == 0) return Outcome::idle;
    progress_.show(waited_.in_flight);
    return std::nullopt;
  }
  // A host name may stand for several of the pool's nodes.
  std::optional<Outcome> look_at_all() {
    const Read read = read_answer(client_.get(pool_path_), admin_);
    std::uint64_t in_flight = 0;
    bool found = false;
    if (!read.problem && read.json.contains("nodes"))
      for (const auto& node : read.json.at("nodes"))
        if (node.value("name", nlohmann::json()) == name_) {
          found = true;
          in_flight += node.value("in_flight", std::uint64_t{0});
        }
    waited_.in_flight = in_flight;
    if (!found) return Outcome::gone;
    if (in_flight == 0) return Outcome::idle;
    progress_.show(in_flight);
    return std::nullopt;
  }
  Waited end(Outcome outcome) {
    waited_.outcome = outcome;
    return std::move(waited_);
  }

  const AdminPlace& admin_;
  const AdminClient client_;
  const std::string pool_path_, path_;
  const std::string name_;
  const Progress progress_;
  int failures_ = 0;
  Waited waited_;
};

}  // namespace

Waited wait_until_idle(const AdminPlace& admin, const std::string& pool, const std::string& node,
                       const std::string& called, std::optional<base::Duration> timeout) {
  return IdleWait(admin, pool, node, called).run(timeout);
}

}  // namespace weir::console
