#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "proxy/console/admin_client.h"
#include "proxy/console/commands.h"
#include "proxy/console/problem.h"
#include "proxy/console/status.h"

namespace weir::console {
namespace {

using Json = nlohmann::json;

int refuse(const Problem& problem) {
  fmt::print(stderr, "weir reload: {}\n", problem.text);
  return problem.exit_code;
}

std::string text_of(const Json& change) {
  const std::string kind = change.at("kind"), path = change.at("path");
  if (kind == "added") return fmt::format("+ {}: {}", path, change.at("to").dump());
  if (kind == "removed") return fmt::format("- {}", path);
  return fmt::format("~ {}: {} -> {}", path, change.at("from").dump(), change.at("to").dump());
}

int tell(const Json& report) {
  const std::string result = report.at("result");
  for (const char* kind : {"warnings", "errors"})
    for (const Json& line : report.at(kind)) fmt::print(stderr, "{}\n", printable(line.get<std::string>()));
  if (result == "published") {
    fmt::print("reloaded:\n");
    for (const Json& change : report.at("changes")) fmt::print("{}\n", printable(text_of(change)));
    return kDone;
  }
  if (result == "unchanged") {
    fmt::print("unchanged: the file says what is in force already\n");
    return kDone;
  }
  fmt::print(stderr, "weir reload: the configuration is {}; all goes on as before\n", printable(result));
  return kRefused;
}

}  // namespace

int reload(const io::Address& admin) {
  const auto answer = AdminClient(admin).post("/api/reload", "{}");
  if (!answer) return refuse(unreadable(answer.error(), admin));
  const Json report = Json::parse(answer->body, nullptr, false);
  try {
    if (report.is_object() && report.contains("result")) return tell(report);
  } catch (const Json::exception& error) {
    return refuse(unreadable(error.what(), admin));
  }
  if (const auto problem = problem_of({{*answer}, ""}, admin)) return refuse(*problem);
  return refuse(unreadable("its answer is no report of a reload", admin));
}

}  // namespace weir::console
