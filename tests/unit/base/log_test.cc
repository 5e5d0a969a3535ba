// The lines of Weir's own log, and which of them are written.
#include "proxy/base/log.h"

#include <spdlog/details/log_msg.h>
#include <nlohmann/json.hpp>

#include <chrono>

#include "proxy/base/log_formatter.h"
#include "tests/unit/catch.h"

using namespace weir::base;
using namespace std::chrono_literals;

namespace {

std::string line(LogStyle style, std::string_view text,
                 spdlog::level::level_enum level = spdlog::level::warn) {
  const spdlog::log_clock::time_point at{1795694400s + 42ms};  // 2026-11-26T12:00:00.042Z
  const spdlog::details::log_msg message(at, {}, "weir", level, {text.data(), text.size()});
  spdlog::memory_buf_t out;
  make_log_formatter(style)->format(message, out);
  return {out.data(), out.size()};
}

std::string message_of(std::string_view text) {
  return nlohmann::json::parse(line(LogStyle::json, text)).at("message");
}

}  // namespace

TEST_CASE("a line of the own log in JSON") {
  CHECK(line(LogStyle::json, "cannot \"reach\" it") ==
        R"({"time":"2026-11-26T12:00:00.042Z","level":"warning","message":"cannot \"reach\" it"})"
        "\n");
  using namespace spdlog::level;
  const std::pair<level_enum, std::string> levels[] = {
      {debug, "debug"}, {info, "info"}, {warn, "warning"}, {err, "error"}};
  for (const auto& [level, name] : levels)
    CHECK(nlohmann::json::parse(line(LogStyle::json, "x", level)).at("level") == name);
}

TEST_CASE("any text comes back from JSON as it was, and is plain ASCII on its way") {
  CHECK(message_of("a\\b\n\t\x1b[31m\x7f\"") == "a\\b\n\t\x1b[31m\x7f\"");
  CHECK(message_of("caf\u00e9 \u2603 \U0001f600 \u0085") == "caf\u00e9 \u2603 \U0001f600 \u0085");
  CHECK(message_of("no \xff UTF-8 \xc3") == "no \ufffd UTF-8 \ufffd");
  CHECK(message_of(std::string_view("\0", 1)) == std::string(1, '\0'));
  const std::string text = line(LogStyle::json, "\u00e9\u0085\x1b\x7f\n");
  for (char c : std::string_view(text).substr(0, text.size() - 1)) REQUIRE((c >= 0x20 && c < 0x7f));
}

TEST_CASE("a line of the own log as text") {
  const std::string text = line(LogStyle::text, "what happened");
  CHECK(text.size() == std::string("2026-11-26T12:00:00.042+00:00 warning what happened\n").size());
  CHECK(text.starts_with("2026-11-2"));
  CHECK(text.find(":00.042") != text.npos);
  CHECK(text.ends_with(" warning what happened\n"));
}

TEST_CASE("lines below the level are not made") {
  struct Restore {
    ~Restore() { set_log(LogLevel::info, LogStyle::text); }
  } restore;
  CHECK_FALSE(logs(LogLevel::debug));
  CHECK(logs(LogLevel::info));
  set_log(LogLevel::error, LogStyle::text);
  CHECK_FALSE(logs(LogLevel::warning));
  CHECK(logs(LogLevel::error));
  set_log(LogLevel::debug, LogStyle::text);
  CHECK(logs(LogLevel::debug));
}
