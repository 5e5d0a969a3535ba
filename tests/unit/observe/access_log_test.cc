// Access log lines, to the letter, with hostile text in them.
#include "proxy/observe/access_log.h"

#include <memory>
#include <sstream>

#include "proxy/observe/access_log_destination.h"
#include "tests/unit/catch.h"
#include "tests/unit/observe/fixture.h"

using namespace weir;
using namespace weir::observe;
using base::Reason;
using config::LogFormat;

namespace {

config::AccessLog of(LogFormat format) {
  config::AccessLog config;
  config.format = format;
  return config;
}

config::AccessLog of(std::string_view text) {
  config::AccessLog config = of(LogFormat::custom);
  auto parsed = config::LogTemplate::parse(text);
  REQUIRE(parsed);
  config.custom = *parsed;
  return config;
}

config::AccessLog of(const config::AccessLog& config) {
  return config;
}

template <class Format>
std::string line(Format format, const ExchangeRecord& made, std::int64_t wall = kWall) {
  TemporaryFile file;
  {
    auto writer = open_access_log(file.name());
    REQUIRE(writer);
    AccessLog log(**writer, of(format), 1);
    CHECK(log.empty());
    log.write(made, wall);
    CHECK_FALSE(log.empty());
  }
  return file.content();
}

}  // namespace

TEST_CASE("a line in JSON") {
  CHECK(
      line(LogFormat::json, record()) ==
      R"({"time":"1994-11-15T08:12:31.042Z","client":"1.2.3.4","method":"GET","host":"a.test","path":"/a?b","protocol":"HTTP/1.1",)"
      R"("status":200,"bytes_in":1,"bytes_out":18446744073709551615,"total_ms":12.034,"upstream_ms":0.007,"route":"r","pool":"p",)"
      R"("node":"n:1","attempts":2,"request_id":"id","reason":"-"})"
      "\n");
}

TEST_CASE("a line in the combined format") {
  ExchangeRecord made = record();
  made.response_bytes = 5;
  CHECK(line(LogFormat::combined, made) ==
        "1.2.3.4 - - [15/Nov/1994:08:12:31 +0000] \"GET /a?b HTTP/1.1\" 200 5 \"-\" \"-\"\n");
  made.client = {};
  made.referer = "http://r/";
  made.user_agent = "curl \"x\"";
  CHECK(line(LogFormat::combined, made) ==
        "unix: - - [15/Nov/1994:08:12:31 +0000] \"GET /a?b HTTP/1.1\" 200 5 \"http://r/\" \"curl "
        "\\\"x\\\"\"\n");
}

TEST_CASE("the combined line of a request that could not be read") {
  ExchangeRecord made = record();
  made.method = made.target = {};
  made.protocol = "-";
  CHECK(line(LogFormat::combined, made).find("] \"-\" 200 ") != std::string::npos);
  made.method = "GET";
  CHECK(line(LogFormat::combined, made).find("] \"GET - -\" 200 ") != std::string::npos);
}

TEST_CASE("an exchange of which little is known") {
  const std::string text = line(LogFormat::json, ExchangeRecord{}, 5);
  CHECK(text.starts_with(R"({"time":"1970-01-01T00:00:00.005Z","client":"unix:","method":"")"));
  CHECK(text.find(R"("status":0,)") != text.npos);
  CHECK(text.find(R"("total_ms":0.000,)") != text.npos);
}

TEST_CASE("no byte from outside breaks a line, a string or a terminal") {
  std::string hostile;
  for (int c = 0; c < 256; ++c) hostile += static_cast<char>(c);
  const config::AccessLog custom =
      of("{method} {host} {path} {protocol} {route} {pool} {node} {request_id} {user_agent} {referer}");
  for (const config::AccessLog& format : {of(LogFormat::json), of(LogFormat::combined), custom}) {
    ExchangeRecord made = record();
    made.method = made.host = made.target = made.user_agent = made.referer = made.request_id = made.node =
        hostile;
    const std::string text = line(format, made);
    CHECK(text.find('\n') == text.size() - 1);
    for (char c : text.substr(0, text.size() - 1)) REQUIRE((c >= 0x20 && c < 0x7f));
    CHECK(text.find("\\u0000\\u0001") != text.npos);
    CHECK(text.find(" !\\\"#") != text.npos);
    CHECK(text.find("[\\\\]") != text.npos);
    CHECK(text.find("~\\u007f\\u0080") != text.npos);
    CHECK(text.find("\\u00ff") != text.npos);
  }
}

TEST_CASE("the time moves on from line to line") {
  TemporaryFile file;
  {
    auto writer = open_access_log(file.name());
    REQUIRE(writer);
    AccessLog log(**writer, of(LogFormat::json), 1);
    for (std::int64_t wall : {kWall, kWall + 1, kWall + 1000, kWall}) log.write(record(), wall);
  }
  const std::string text = file.content();
  std::string times;
  for (std::size_t at = 0; (at = text.find("T08:12:", at)) != text.npos; ++at)
    times += text.substr(at + 7, 6) + " ";
  CHECK(times == "31.042 31.043 32.042 31.042 ");
}

TEST_CASE("a full buffer is handed over by itself, and no line is lost or torn") {
  TemporaryFile file;
  constexpr int kLines = 5000;
  {
    auto writer = open_access_log(file.name());
    REQUIRE(writer);
    {
      AccessLog log(**writer, of(LogFormat::combined), 1);
      for (int i = 0; i < kLines; ++i) {
        const std::string target = "/" + std::to_string(i);
        ExchangeRecord made = record();
        made.target = target;
        log.write(made, kWall);
      }
    }
    CHECK((*writer)->dropped_lines() == 0);
  }
  std::istringstream lines(file.content());
  int count = 0;
  for (std::string text; std::getline(lines, text); ++count)
    REQUIRE(text.find("\"GET /" + std::to_string(count) + " HTTP") != text.npos);
  CHECK(count == kLines);
}

TEST_CASE("a template's fields are those of JSON, and two more") {
  ExchangeRecord made = record();
  made.user_agent = "curl/8";
  made.referer = "http://r/";
  made.client_subject = "CN=a";
  made.status = 502;
  made.reason = base::Reason::connect_refused;
  made.response_bytes = 5;
  made.queued = std::chrono::microseconds(1500);
  const std::pair<std::string_view, std::string_view> fields[] = {{"time", "1994-11-15T08:12:31.042Z"},
                                                                  {"client", "1.2.3.4"},
                                                                  {"method", "GET"},
                                                                  {"host", "a.test"},
                                                                  {"path", "/a?b"},
                                                                  {"protocol", "HTTP/1.1"},
                                                                  {"status", "502"},
                                                                  {"bytes_in", "1"},
                                                                  {"bytes_out", "5"},
                                                                  {"total_ms", "12.034"},
                                                                  {"upstream_ms", "0.007"},
                                                                  {"route", "r"},
                                                                  {"pool", "p"},
                                                                  {"node", "n:1"},
                                                                  {"attempts", "2"},
                                                                  {"request_id", "id"},
                                                                  {"reason", "connect_refused"},
                                                                  {"user_agent", "curl/8"},
                                                                  {"referer", "http://r/"},
                                                                  {"client_subject", "CN=a"},
                                                                  {"queued_ms", "1.500"}};
  CHECK(std::size(fields) == config::log_field_names().size());
  for (const auto& [name, value] : fields)
    CHECK(line("{" + std::string(name) + "}", made) == std::string(value) + "\n");
}

TEST_CASE("JSON names the client's certificate where it has shown one") {
  ExchangeRecord made = record();
  CHECK(line(LogFormat::json, made).find("client_subject") == std::string::npos);
  made.client_subject = "CN=\"a\"";
  CHECK(line(LogFormat::json, made)
            .ends_with(R"(,"client_subject":"CN=\"a\""})"
                       "\n"));
}

TEST_CASE("a template's text stands around its fields") {
  CHECK(line(R"({time} {client} "{method} {path}" {status})", record()) ==
        "1994-11-15T08:12:31.042Z 1.2.3.4 \"GET /a?b\" 200\n");
  CHECK(line("{{{status}}}{{}} {{status}} \t{pool}{node}\u00e9 %s", record()) ==
        "{200}{} {status} \tpn:1\u00e9 %s\n");
}

TEST_CASE("what is empty is a dash in a template") {
  CHECK(line("{method}|{host}|{path}|{protocol}|{route}|{pool}|{node}|{request_id}|{reason}|{user_agent}|{"
             "referer}|{client_subject}",
             ExchangeRecord{}) == "-|-|-|-|-|-|-|-|-|-|-|-\n");
  CHECK(line("{client} {status} {bytes_in} {bytes_out} {total_ms} {upstream_ms} {attempts}",
             ExchangeRecord{}) == "unix: 0 0 0 0.000 0.000 0\n");
}

TEST_CASE("a sample has one line in so many, and every failure") {
  TemporaryFile file;
  auto writer = open_access_log(file.name());
  REQUIRE(writer);
  config::AccessLog config;
  config.sample = 100;
  AccessLog log(**writer, config, 1), other(**writer, config, 2);
  int admitted = 0, of_missing = 0, alike = 0;
  for (int i = 0; i < 100'000; ++i) {
    const bool one = log.admits(Reason::none, 200);
    admitted += one;
    alike += one == other.admits(Reason::none, 200);
    of_missing += log.admits(Reason::none, 404);
    REQUIRE(log.admits(Reason::none, 500));
    REQUIRE(log.admits(Reason::client_gone, 0));
  }
  CHECK(std::abs(admitted - 1000) < 150);  // nearly five standard deviations
  CHECK(std::abs(of_missing - 1000) < 150);
  CHECK(alike < 99'000);  // workers do not draw alike
}

TEST_CASE("without a sample everything has a line") {
  TemporaryFile file;
  auto writer = open_access_log(file.name());
  REQUIRE(writer);
  AccessLog log(**writer, {}, 1);
  for (int i = 0; i < 1000; ++i) REQUIRE(log.admits(Reason::none, 200));
}
