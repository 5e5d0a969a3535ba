// What an answer of the API says, for commands that print it: its JSON, text made fit for a terminal, and
// times as a clock on the wall shows them. Pure, but for the time zone.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "proxy/console/admin_client.h"
#include "proxy/console/problem.h"

namespace weir::console {

using Json = nlohmann::json;

// The member's text, printable; "" if there is none.
std::string text_of(const Json& object, const char* key);
// "2026-11-25 13:00:00" of the API's "2026-11-25T12:00:00.123Z"; what is no time stays as it is.
std::string local_time(const std::string& utc);
// The same without the day, where that is today.
std::string clock_time(const std::string& utc);
// "+ PATH: TO", "- PATH", "~ PATH: FROM -> TO", printable.
std::string change_text(const Json& change);

// The JSON object of an answer, or why there is none. An error answer that has a "result" is one.
struct Read {
  Json json;
  std::optional<Problem> problem;
};
Read read_answer(const base::Result<AdminAnswer, std::string>& answer, const AdminPlace& admin);

// The problem's line on stderr, as of "weir COMMAND"; its exit code.
int refuse(std::string_view command, const Problem& problem);

}  // namespace weir::console
