#include "proxy/admin/audit.h"

#include <fmt/format.h>

#include "proxy/admin/api_path.h"
#include "proxy/base/ascii.h"
#include "proxy/base/log.h"

namespace weir::admin {
namespace {

constexpr std::size_t kMostShown = 200;
constexpr std::size_t kMostOutcome = 1000;

std::string shown(std::string_view text, std::size_t most) {
  std::string made(text.substr(0, most));
  for (char& c : made)
    if (c < 0x20 || c > 0x7e) c = '?';
  if (text.size() > most) made += "...";
  return made;
}

// Weir's own commands call themselves "weir/VERSION COMMAND".
std::string_view command_of(std::string_view agent) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz-";
  const std::size_t space = agent.find(' ');
  if (!agent.starts_with("weir/") || space == agent.npos) return {};
  const std::string_view command = agent.substr(space + 1);
  const bool plain =
      !command.empty() && command.size() <= 20 && command.find_first_not_of(kLetters) == command.npos;
  return plain ? command : std::string_view();
}

std::string author_of(const Request& request) {
  const std::string_view command = command_of(request.user_agent);
  return fmt::format("{} from {}", command.empty() ? "the API" : fmt::format("weir {}", command),
                     request.client);
}

}  // namespace

Audit::Audit(const Request& request)
    : author_(author_of(request)),
      asked_(fmt::format("{} {}", name_of(request.method), shown(request.path, kMostShown))) {
  if (!request.body.empty()) asked_ += " " + shown(request.body, kMostShown);
}

std::string Audit::line(std::string_view outcome) const {
  return fmt::format("{}: {}: {}", author_, asked_, shown(outcome, kMostOutcome));
}

void Audit::tell(std::string_view outcome) const {
  base::log_info("{}", line(outcome));
}

}  // namespace weir::admin
