// HeadScan: the end of a head is found at the same place however its bytes arrive, and limits hold to the
// byte.
#include <string>

#include "proxy/codec/h1_parser.h"
#include "tests/unit/catch.h"

using namespace weir::codec;
using Kind = HeadScan::Kind;

namespace {

// The size of the head, 0 for more to come, or minus the status.
int scan(HeadScan& scan, std::string_view bytes, const HeadLimits& limits, Kind kind) {
  const auto size = scan.find_end(bytes, limits, kind);
  return size ? static_cast<int>(*size) : -static_cast<int>(size.error().status);
}

int whole(std::string_view bytes, const HeadLimits& limits = {}, Kind kind = Kind::request) {
  HeadScan fresh;
  return scan(fresh, bytes, limits, kind);
}

int step_by_step(std::string_view bytes, std::size_t step, const HeadLimits& limits = {},
                 Kind kind = Kind::request) {
  HeadScan state;
  for (std::size_t size = step; size < bytes.size(); size += step)
    if (int found = scan(state, bytes.substr(0, size), limits, kind); found != 0) return found;
  return scan(state, bytes, limits, kind);
}

const std::string kRequestHead =
    "GET /path?query HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nX-Empty:\r\n\r\n";

}  // namespace

TEST_CASE("the end is found at every split point") {
  const std::string bytes = kRequestHead + "body\r\n\r\n";
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    HeadScan state;
    const int first = scan(state, std::string_view(bytes).substr(0, at), {}, Kind::request);
    INFO("split at " << at);
    CHECK(first == (at < kRequestHead.size() ? 0 : static_cast<int>(kRequestHead.size())));
    if (first == 0) CHECK(scan(state, bytes, {}, Kind::request) == static_cast<int>(kRequestHead.size()));
  }
  for (std::size_t step = 1; step < 9; ++step)
    CHECK(step_by_step(bytes, step) == static_cast<int>(kRequestHead.size()));
}

TEST_CASE("a line ends with CR LF and nothing else, wherever it is split") {
  for (std::string_view bad :
       {"GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET / HTTP/1.1\r\n\n\r\n", "\nGET / HTTP/1.1\r\n\r\n"}) {
    CHECK(whole(bad) == -400);
    for (std::size_t step : {1, 2, 3}) CHECK(step_by_step(bad, step) == -400);
  }
}

TEST_CASE("a bare CR is refused while the head is under way, too") {
  for (std::string_view bad :
       {"GET / HTTP/1.1\rHost", "GET / HTTP/1.1\r\nHost: a\rb", "GET / HTTP/1.1\r\nA: b\r\r"})
    for (std::size_t step : {1, 2, 3, 100}) CHECK(step_by_step(bad, step) == -400);
}

TEST_CASE("what is not HTTP/1 is refused at its first line, without waiting for more") {
  CHECK(whole("GET / HTTP/2.0\r\n") == -505);
  CHECK(whole("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == -505);
  CHECK(whole("GET /\r\n") == -400);
  CHECK(whole("SSH-2.0-OpenSSH\r\n") == -400);
  CHECK(whole("\x16\x03\x01") == -400);
  CHECK(whole(std::string(1, '\0')) == -400);
  CHECK(whole("\r\n\r\n") == -400);
  CHECK(whole("\r") == 0);
  CHECK(whole("") == 0);
}

TEST_CASE("what begins like no response is refused at its first wrong byte, however it ends") {
  for (const std::string_view bad : {"SSH-2.0-OpenSSH\r\n", "\x15\x03\x03", "<", "HTTX", "h", "\r\n"})
    for (const std::size_t step : {1, 2, 3, 100}) CHECK(step_by_step(bad, step, {}, Kind::response) == -400);
  for (const std::string_view good : {"", "H", "HTTP", "HTTP/", "HTTP/1.1 200 OK\r\nA"})
    CHECK(whole(std::string(good), {}, Kind::response) == 0);
}

TEST_CASE("a response's and trailers' lines are not judged by the scan") {
  CHECK(whole("HTTP/nonsense\r\n\r\n", {}, Kind::response) == 17);
  CHECK(whole("X-T: 1\r\n\r\n", {}, Kind::trailers) == 10);
  CHECK(whole("\r\n", {}, Kind::trailers) == 2);
  CHECK(whole("\r\n", {}, Kind::response) == -400);
}

TEST_CASE("limits hold to the byte and to the field") {
  const int size = static_cast<int>(kRequestHead.size());
  for (std::size_t step : {std::size_t{1}, std::size_t{7}, kRequestHead.size()}) {
    HeadLimits limits;
    limits.head = kRequestHead.size();
    CHECK(step_by_step(kRequestHead, step, limits) == size);
    limits.head = kRequestHead.size() - 1;
    CHECK(step_by_step(kRequestHead, step, limits) == -431);
    limits = {};
    limits.start_line = 24;  // "GET /path?query HTTP/1.1"
    CHECK(step_by_step(kRequestHead, step, limits) == size);
    limits.start_line = 23;
    CHECK(step_by_step(kRequestHead, step, limits) == -414);
    limits = {};
    limits.fields = 3;
    CHECK(step_by_step(kRequestHead, step, limits) == size);
    limits.fields = 1;
    CHECK(step_by_step(kRequestHead, step, limits) == -431);
  }
}

TEST_CASE("a status line is bounded by the head's limit alone") {
  const HeadLimits limits{.head = 200, .fields = 100, .start_line = 20};
  const std::string line = "HTTP/1.1 200 " + std::string(150, 'x');
  for (std::size_t step : {1, 7, 200})
    CHECK(step_by_step(line + "\r\n\r\n", step, limits, Kind::response) == static_cast<int>(line.size() + 4));
  CHECK(whole(line + std::string(50, 'x') + "\r\n\r\n", limits, Kind::response) == -431);
}

TEST_CASE("a head without an end is refused at its limit, not later") {
  const HeadLimits limits{.head = 200, .fields = 100, .start_line = 100};
  const std::string line = "GET / HTTP/1.1\r\nX: ";
  HeadScan state;
  CHECK(scan(state, line + std::string(199 - line.size(), 'x'), limits, Kind::request) == 0);
  CHECK(scan(state, line + std::string(200 - line.size(), 'x'), limits, Kind::request) == -431);
  HeadScan first;
  CHECK(scan(first, std::string(101, 'G'), limits, Kind::request) == 0);  // its CR may be the last of them
  CHECK(scan(first, std::string(102, 'G'), limits, Kind::request) == -414);
}
