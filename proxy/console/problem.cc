#include "proxy/console/problem.h"

#include <fmt/format.h>

#include "proxy/console/commands.h"
#include "proxy/console/status.h"

namespace weir::console {
namespace {

std::string_view advice(int status) {
  if (status == 401) return "; give it by --token-file FILE, --config FILE or WEIR_TOKEN";
  if (status == 403) return "; name this host under admin.hosts, or ask by the admin port's IP address";
  if (status == 404) return "; weir nodes shows all pools";
  return "";
}

}  // namespace

std::optional<Problem> problem_of(const Fetched& fetched, const io::Address& admin) {
  if (!fetched.failure.empty()) return unreadable(fetched.failure, admin);
  for (const AdminAnswer& answer : fetched.answers) {
    if (answer.status == 200) continue;
    const std::string said = read_error(answer.body);
    return Problem{kRefused, fmt::format("{} answered {}{}{}{}", admin.text(), answer.status,
                                         said.empty() ? "" : ": ", said, advice(answer.status))};
  }
  return std::nullopt;
}

Problem unreadable(const std::string& why, const io::Address& admin) {
  return {kNotReachable,
          fmt::format(
              "{} is not reachable: {}; is Weir running there? --admin ADDRESS or --config FILE say where",
              admin.text(), printable(why))};
}

}  // namespace weir::console
