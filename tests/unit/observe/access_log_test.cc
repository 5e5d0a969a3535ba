// Access log lines, to the letter, with hostile text in them; and the writer behind them.
#include "proxy/observe/access_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::observe;
using namespace std::chrono_literals;
using config::LogFormat;

namespace {

// A file of its own, gone at the end.
class TemporaryFile {
 public:
  TemporaryFile() { ::close(::mkstemp(name_)); }
  ~TemporaryFile() { ::unlink(name_); }
  std::string name() const { return name_; }
  std::string content() const {
    std::ostringstream text;
    text << std::ifstream(name_).rdbuf();
    return text.str();
  }

 private:
  char name_[32] = "/tmp/weir-log-XXXXXX";
};

ExchangeRecord record() {
  ExchangeRecord made;
  made.client = *io::Ip::parse("1.2.3.4");
  made.method = "GET";
  made.host = "a.test";
  made.target = "/a?b";
  made.protocol = "HTTP/1.1";
  made.status = 200;
  made.request_bytes = 1;
  made.response_bytes = 18446744073709551615u;
  made.total = 12'034'567ns;
  made.upstream = 7us;
  made.route = "r";
  made.pool = "p";
  made.node = "n:1";
  made.attempts = 2;
  made.request_id = "id";
  return made;
}

constexpr std::int64_t kWall = 784887151'042;  // Tue, 15 Nov 1994 08:12:31.042

std::string line(LogFormat format, const ExchangeRecord& made, std::int64_t wall = kWall) {
  TemporaryFile file;
  {
    auto writer = base::LogWriter::open(file.name());
    REQUIRE(writer);
    AccessLog log(**writer, format);
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

TEST_CASE("an exchange of which little is known") {
  const std::string text = line(LogFormat::json, ExchangeRecord{}, 5);
  CHECK(text.starts_with(R"({"time":"1970-01-01T00:00:00.005Z","client":"unix:","method":"")"));
  CHECK(text.find(R"("status":0,)") != text.npos);
  CHECK(text.find(R"("total_ms":0.000,)") != text.npos);
}

TEST_CASE("no byte from outside breaks a line, a string or a terminal") {
  std::string hostile;
  for (int c = 0; c < 256; ++c) hostile += static_cast<char>(c);
  for (LogFormat format : {LogFormat::json, LogFormat::combined}) {
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
    auto writer = base::LogWriter::open(file.name());
    REQUIRE(writer);
    AccessLog log(**writer, LogFormat::json);
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
    auto writer = base::LogWriter::open(file.name());
    REQUIRE(writer);
    {
      AccessLog log(**writer, LogFormat::combined);
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

TEST_CASE("a log file is appended to") {
  TemporaryFile file;
  std::ofstream(file.name()) << "before\n";
  {
    (*base::LogWriter::open(file.name()))->submit("after\n", 1);
  }
  CHECK(file.content() == "before\nafter\n");
}

TEST_CASE("a log file that cannot be opened says why") {
  const auto writer = base::LogWriter::open("/nowhere/at/all");
  REQUIRE_FALSE(writer);
  CHECK(writer.error() == "cannot open the access log /nowhere/at/all: No such file or directory");
}

TEST_CASE("a reader that stalls costs lines, which are counted, and never holds anybody up") {
  std::signal(SIGPIPE, SIG_IGN);  // as the process does
  TemporaryFile file;
  ::unlink(file.name().c_str());
  REQUIRE(::mkfifo(file.name().c_str(), 0600) == 0);
  const int reader = ::open(file.name().c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  {
    auto writer = base::LogWriter::open(file.name());
    REQUIRE(writer);
    for (int i = 0; i < 200; ++i) (*writer)->submit(std::string(100'000, 'x'), 10);
    // 64 buffers may wait, and as many again may be in the writing thread's hands.
    CHECK((*writer)->dropped_lines() >= 10 * (200 - 2 * 64));
    CHECK((*writer)->dropped_lines() < 2000);
  }  // ends although nobody reads
  ::close(reader);
}

TEST_CASE("buffers come back empty") {
  TemporaryFile file;
  auto writer = base::LogWriter::open(file.name());
  REQUIRE(writer);
  std::string buffer;
  for (int i = 0; i < 100; ++i) {
    buffer = (*writer)->submit("line\n", 1);
    CHECK(buffer.empty());
  }
}
