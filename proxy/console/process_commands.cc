#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "proxy/console/commands.h"
#include "proxy/console/json_answer.h"

namespace weir::console {
namespace {

constexpr std::chrono::seconds kUpgradeTime{60};

int tell(const base::Result<AdminAnswer, std::string>& answer, const AdminPlace& admin,
         std::string_view command, std::string_view done) {
  const Read read = read_answer(answer, admin);
  if (read.problem) return refuse(command, *read.problem);
  if (text_of(read.json, "result") != "done") return refuse(command, {kRefused, text_of(read.json, "error")});
  const std::string until = text_of(read.json, "until");
  fmt::print("{}{}{}\n", done, until.empty() ? "" : " until ", until.empty() ? "" : clock_time(until));
  return kDone;
}

}  // namespace

int drain_self(const AdminPlace& admin, const std::string& time) {
  Json body = Json::object();
  if (!time.empty()) body["for"] = time;
  return tell(AdminClient(admin).change("POST", "/api/drain-self", body.dump()), admin, "drain-self",
              "/ready says 503, and clients are asked to come back on other connections,");
}

int upgrade(const AdminPlace& admin) {
  return tell(AdminClient(admin).change("POST", "/api/upgrade", "{}", kUpgradeTime), admin, "upgrade",
              "another process has taken over");
}

}  // namespace weir::console
