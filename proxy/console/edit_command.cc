#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "proxy/base/ascii.h"
#include "proxy/base/counted.h"
#include "proxy/console/commands.h"
#include "proxy/console/idle_wait.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/status.h"
#include "proxy/http/percent.h"

namespace weir::console {
namespace {

using Kind = NodeEdit::Kind;

constexpr std::string_view kNothingToSet =
    "nothing is to change; give one or more of --weight, --priority, --backup, --no-backup, --max-in-flight, "
    "--max-connections";

constexpr std::array<std::string_view, 8> kCommands = {"drain", "undrain", "weight", "set",
                                                       "add",   "remove",  "down",   "up"};

Json limit_json(const std::string& limit) {
  return base::is_digit(limit.front()) ? Json(std::stoull(limit)) : Json(limit);
}

// What it says of the node beside its state.
Json figures_of(const NodeEdit& edit) {
  Json made = Json::object();
  if (edit.weight) made["weight"] = *edit.weight;
  if (edit.priority) made["priority"] = *edit.priority;
  if (edit.backup) made["backup"] = *edit.backup;
  if (!edit.max_in_flight.empty()) made["max_in_flight"] = limit_json(edit.max_in_flight);
  if (!edit.max_connections.empty()) made["max_connections"] = limit_json(edit.max_connections);
  return made;
}

// "weight 3, backup true"
std::string told(const Json& figures) {
  std::string text;
  for (const auto& [key, value] : figures.items())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key,
                        value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

class Edit {
 public:
  Edit(const AdminPlace& admin, const NodeEdit& edit)
      : admin_(admin),
        client_(admin),
        edit_(edit),
        called_(printable(edit.pool + " " + edit.node)),
        nodes_path_(fmt::format("/api/pools/{}/nodes", http::percent_encoded(edit.pool))),
        path_(fmt::format("{}/{}", nodes_path_, http::percent_encoded(edit.node))) {}

  int run() {
    const bool waits = edit_.wait == NodeEdit::Wait::until_idle;
    if (edit_.kind == Kind::remove && waits) return remove_idle();
    const int code = order();
    return code == kDone && edit_.kind == Kind::drain && waits ? wait() : code;
  }

 private:
  // One that cannot be removed is not left draining.
  int remove_idle() {
    const Json drain = {{"state", "drain"}, {"temporary", true}};
    if (const int code = order("PATCH", path_, drain.dump(), "drains", NodeEdit::Lasting::temporary);
        code != kDone)
      return code;
    const bool was_active = was_active_;
    if (const int code = wait(); code != kDone) return code;
    const int code = order();
    if (code == kRefused && was_active) activate();
    return code;
  }

  int activate() {
    return order("PATCH", path_, Json{{"state", "active"}}.dump(), "is active", NodeEdit::Lasting::written);
  }

  std::string_view command() const { return kCommands[static_cast<std::size_t>(edit_.kind)]; }

  int order() {
    const Json figures = figures_of(edit_);
    Json body = figures;
    const auto state = [&](const char* word) { body["state"] = word; };
    if (!edit_.time.empty()) body["for"] = edit_.time;
    if (edit_.lasting == NodeEdit::Lasting::temporary) body["temporary"] = true;
    switch (edit_.kind) {
      case Kind::drain:
        return state("drain"), order("PATCH", path_, body.dump(), "drains", edit_.lasting);
      case Kind::down:
        return state("down"), order("PATCH", path_, body.dump(), "is down", edit_.lasting);
      case Kind::undrain:
      case Kind::up:
        return activate();
      case Kind::set:
        if (figures.empty()) return refuse(command(), {kRefused, std::string(kNothingToSet)});
        [[fallthrough]];
      case Kind::weight:
        return order("PATCH", path_, body.dump(), "has " + told(figures), edit_.lasting);
      case Kind::add:
        body["address"] = edit_.node;
        return order("POST", nodes_path_, body.dump(), "is a node", edit_.lasting);
      case Kind::remove:
        break;
    }
    return order("DELETE", path_, "", "is removed", edit_.lasting);
  }

  // `then`: what is so once it is done.
  int order(std::string_view method, const std::string& path, const std::string& json, std::string_view then,
            NodeEdit::Lasting wanted) {
    const Read read = read_answer(client_.change(method, path, json), admin_);
    if (read.problem) return refuse(command(), *read.problem);
    const std::string result = text_of(read.json, "result"), error = text_of(read.json, "error");
    if (result == "done" || result == "unchanged") {
      was_active_ = was_active(read.json);
      fmt::print("{} {}{}\n", called_, then,
                 result == "done" ? lasting(read.json, wanted) : unchanged(read.json));
      std::fflush(stdout);
      return kDone;
    }
    const bool unknown = result == "not_found";
    return refuse(command(), {kRefused, fmt::format("{}{}", error.empty() ? printable(result) : error,
                                                    unknown ? "; weir nodes shows all of them" : "")});
  }

  static bool was_active(const Json& answer) {
    const auto changes = answer.find("changes");
    return changes != answer.end() && std::any_of(changes->begin(), changes->end(), [](const Json& change) {
             return text_of(change, "from") == "active";
           });
  }
  static std::string until(const Json& answer) {
    const std::string time = text_of(answer, "until");
    return time.empty() ? "" : " until " + clock_time(time);
  }
  static std::string lasting(const Json& answer, NodeEdit::Lasting wanted) {
    if (const std::string file = text_of(answer, "written"); !file.empty())
      return fmt::format(": written to {}", file);
    if (const std::string end = until(answer); !end.empty()) return end + ", not written";
    return wanted == NodeEdit::Lasting::temporary ? " until another order comes, not written"
                                                  : ": nothing was to be written";
  }
  static std::string unchanged(const Json& answer) {
    return fmt::format("{}: so it was already", until(answer));
  }

  int wait() {
    const Waited waited = wait_until_idle(admin_, edit_.pool, edit_.node, called_, edit_.timeout);
    const char* why = "is stopped";
    switch (waited.outcome) {
      case Waited::Outcome::idle:
        fmt::print("{} has nothing in flight\n", called_);
        std::fflush(stdout);
        return kDone;
      case Waited::Outcome::gone:
        if (edit_.kind == Kind::remove)
          return refuse(command(), {kRefused, called_ + " is no node any more: it was removed meanwhile"});
        fmt::print("{} is no node any more\n", called_);
        return kDone;
      case Waited::Outcome::failed:
        return refuse(command(), *waited.problem);
      case Waited::Outcome::timed_out:
        why = "takes too long";
        break;
      case Waited::Outcome::interrupted:
        break;
    }
    const std::string left = fmt::format("the wait {}: {} in flight still, and it goes on draining", why,
                                         base::counted(waited.in_flight, "request"));
    return refuse(command(), {kRefused, left + (edit_.kind == Kind::remove ? "; it is not removed" : "")});
  }

  const AdminPlace& admin_;
  const AdminClient client_;
  const NodeEdit& edit_;
  const std::string called_;
  const std::string nodes_path_;
  const std::string path_;
  bool was_active_ = false;  // the node, before the last order
};

}  // namespace

int edit_node(const AdminPlace& admin, const NodeEdit& edit) {
  return Edit(admin, edit).run();
}

}  // namespace weir::console
