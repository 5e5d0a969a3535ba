#include "proxy/console/json_answer.h"

#include <cstdio>
#include <ctime>

#include <fmt/format.h>

#include "proxy/console/commands.h"
#include "proxy/console/status.h"

namespace weir::console {
namespace {

struct Local {
  std::string day, clock;
};

Local local(std::time_t second) {
  std::tm parts{};
  localtime_r(&second, &parts);
  char day[20], clock[20];
  return {{day, std::strftime(day, sizeof day, "%Y-%m-%d", &parts)},
          {clock, std::strftime(clock, sizeof clock, "%H:%M:%S", &parts)}};
}

std::optional<Local> local(const std::string& utc) {
  const auto time = time_point(utc);
  if (!time) return std::nullopt;
  return local(static_cast<std::time_t>(std::chrono::duration_cast<std::chrono::seconds>(*time).count()));
}

std::string value_text(const Json& change, const char* key) {
  return change.at(key).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? printable(found->get_ref<const std::string&>())
                                                     : std::string();
}

std::string local_time(const std::string& utc) {
  const auto time = local(utc);
  return time ? time->day + " " + time->clock : utc;
}

std::string clock_time(const std::string& utc) {
  const auto time = local(utc);
  if (!time) return utc;
  return time->day == local(std::time(nullptr)).day ? time->clock : time->day + " " + time->clock;
}

std::string change_text(const Json& change) {
  const std::string kind = change.at("kind"), path = change.at("path");
  if (kind == "added") return printable(fmt::format("+ {}: {}", path, value_text(change, "to")));
  if (kind == "removed") return printable(fmt::format("- {}", path));
  return printable(fmt::format("~ {}: {} -> {}", path, value_text(change, "from"), value_text(change, "to")));
}

Read read_answer(const base::Result<AdminAnswer, std::string>& answer, const AdminPlace& admin) {
  if (!answer) return {{}, unreadable(answer.error(), admin.address)};
  Json json = Json::parse(answer->body, nullptr, false);
  if (json.is_object() && (answer->status == 200 || json.contains("result"))) return {std::move(json), {}};
  if (auto problem = problem_of({{*answer}, ""}, admin.address)) return {{}, std::move(problem)};
  return {{}, unreadable("what answers there is no admin port of Weir", admin.address)};
}

int refuse(std::string_view command, const Problem& problem) {
  fmt::print(stderr, "weir {}: {}\n", command, problem.text);
  return problem.exit_code;
}

}  // namespace weir::console
