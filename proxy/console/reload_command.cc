#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "proxy/console/commands.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/status.h"

namespace weir::console {
namespace {

constexpr std::chrono::seconds kRollbackTime{60};

// How a command is called, and what it says where it did something.
struct Words {
  std::string_view command, published, unchanged;
};
constexpr Words kReload = {"reload", "reloaded:", "unchanged: the file says what is in force already"};
constexpr Words kRollback = {"rollback", "rolled back:", "unchanged: what was before is in force already"};

int tell(const Json& report, const Words& words) {
  const std::string result = report.at("result");
  for (const char* kind : {"warnings", "errors"})
    for (const Json& line : report.value(kind, Json::array()))
      fmt::print(stderr, "{}\n", printable(line.get<std::string>()));
  if (result == "published") {
    fmt::print("{}\n", words.published);
    for (const Json& change : report.at("changes")) fmt::print("{}\n", change_text(change));
    return kDone;
  }
  if (result == "unchanged") {
    fmt::print("{}\n", words.unchanged);
    return kDone;
  }
  const std::string error = text_of(report, "error");
  fmt::print(stderr, "weir {}: the configuration is {}{}{}; all goes on as before\n", words.command,
             printable(result), error.empty() ? "" : ": ", error);
  return kRefused;
}

int tell(const base::Result<AdminAnswer, std::string>& answer, const AdminPlace& admin, const Words& words) {
  const Read read = read_answer(answer, admin);
  if (read.problem) return refuse(words.command, *read.problem);
  try {
    return tell(read.json, words);
  } catch (const Json::exception& error) {
    return refuse(words.command, unreadable(error.what(), admin.address));
  }
}

}  // namespace

int reload(const AdminPlace& admin) {
  return tell(AdminClient(admin).change("POST", "/api/reload", "{}"), admin, kReload);
}

int rollback(const AdminPlace& admin) {
  return tell(AdminClient(admin).change("POST", "/api/rollback", "{}", kRollbackTime), admin, kRollback);
}

}  // namespace weir::console
