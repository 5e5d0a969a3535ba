// Request and response heads: each rule of RFC 9112 and RFC 9110 that a peer can break, with the status it
// gets, and what a good head becomes. Targets and Host are tested with uri.h.
#include "proxy/codec/h1_parser.h"

#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/codec/transcript.h"

using namespace weir::codec;
using weir::http::Request;
using weir::http::Response;

namespace {

const HeadLimits kLimits;

// The head behind "GET / HTTP/1.1" and Host, as one line; or the status it is refused with.
std::string request(std::string_view fields, std::string_view line = "GET / HTTP/1.1") {
  const std::string text = std::string(line) + "\r\nHost: a.test\r\n" + std::string(fields) + "\r\n";
  Request out;
  const auto options = parse_request(text, kLimits, out);
  if (!options) {
    CHECK(options.error().fault == weir::base::Fault::downstream);
    CHECK_FALSE(options.error().detail.empty());
    return std::to_string(options.error().status);
  }
  return told(out) + (options->close ? " close" : "") + (options->keep_alive ? " keep-alive" : "") +
         (options->chunked ? " chunked" : "");
}

std::string response(std::string_view text) {
  Response out;
  const auto options = parse_response(std::string(text) + "\r\n", kLimits, out);
  if (!options) {
    CHECK(options.error().fault == weir::base::Fault::upstream);
    CHECK(options.error().reason == weir::base::Reason::upstream_bad);
    return std::to_string(options.error().status);
  }
  std::string said =
      options->keep_alive_timeout_s > 0 ? " timeout=" + std::to_string(options->keep_alive_timeout_s) : "";
  return told(out) + (options->close ? " close" : "") + (options->keep_alive ? " keep-alive" : "") + said;
}

std::string trailers(std::string_view text) {
  weir::http::Fields out;
  const auto read = parse_trailers(text, kLimits, weir::base::Fault::downstream, out);
  return read ? told(out) : std::to_string(read.error().status);
}

std::string lines(std::string_view line, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += line;
  return all;
}

const std::string kPlain = "GET / at a.test 1.1 length=none";

}  // namespace

TEST_CASE("request lines") {
  CHECK(request("") == kPlain + " []");
  CHECK(request("", "get / HTTP/1.1") == "get / at a.test 1.1 length=none []");
  CHECK(request("", "GET / HTTP/1.9") == kPlain + " []");
  CHECK(request("", "GET / HTTP/1.0") == "GET / at a.test 1.0 length=none []");
  CHECK(request("", "GET http://a.test/x HTTP/1.1") == "GET /x at a.test 1.1 length=none scheme=http []");
  for (std::string_view bad : {"",
                               " ",
                               "GET",
                               "GET /",
                               "GET  / HTTP/1.1",
                               "GET /  HTTP/1.1",
                               " GET / HTTP/1.1",
                               "GET / HTTP/1.1 ",
                               "GET\t/\tHTTP/1.1",
                               "G(T / HTTP/1.1",
                               "G\x80T / HTTP/1.1",
                               "GET / http/1.1",
                               "GET / HTTP/1.1x",
                               "GET / HTTP/11",
                               "GET / HTTP/1,1",
                               "GET / HTTP/1.",
                               "GET / HTTP/x.1",
                               "GET / HTTP/+1.1",
                               "GET / XTTP/1.1",
                               "GET HTTP/1.1",
                               "/ HTTP/1.1",
                               "GET / x HTTP/1.1",
                               "GET /\r HTTP/1.1"})
    CHECK(request("", bad) == "400");
  for (std::string_view other : {"GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/3.0", "GET / HTTP/9.9"})
    CHECK(request("", other) == "505");
  CHECK(request("", std::string(64, 'A') + " / HTTP/1.1").starts_with("AAAA"));
  CHECK(request("", std::string(65, 'A') + " / HTTP/1.1") == "400");
  CHECK(request("", "CONNECT a.test:80 HTTP/1.1") == "405");
}

TEST_CASE("field lines") {
  CHECK(request("X-A: 1\r\nx-a:2\r\nX-B:\t 3 \t\r\nX-C:\r\n") == kPlain + " [X-A=1|x-a=2|X-B=3|X-C=]");
  CHECK(request("X-A: : \r\nX-B: \xe9\"(\r\n") == kPlain + " [X-A=:|X-B=\xe9\"(]");
  for (std::string_view bad :
       {"X-A\r\n", ": 1\r\n", "X-A : 1\r\n", "X A: 1\r\n", " X-A: 1\r\n", "\tX-A: 1\r\n", "X-A: 1\r\n 2\r\n",
        "X-A: 1\r\n\t\r\n", "X(A: 1\r\n", "X\xe9: 1\r\n", "X-A: \x01\r\n", "X-A: \x7f\r\n", "X-A: a\rb\r\n",
        "X-A: 1\r\r\n", "\rX-A: 1\r\n", "X-A\r: 1\r\n", "\"X\": 1\r\n"})
    CHECK(request(bad) == "400");
  CHECK(request(std::string("X-A: a\0b\r\n", 10)) == "400");
  CHECK(request(std::string(1024, 'n') + ": 1\r\n").starts_with(kPlain));
  CHECK(request(std::string(1025, 'n') + ": 1\r\n") == "431");
  CHECK(request(lines("X: 1\r\n", 99)).starts_with(kPlain));
  CHECK(request(lines("X: 1\r\n", 100)) == "431");
}

TEST_CASE("every byte that is no token character is refused in a field name") {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    if (byte == '\n' || byte == ':') continue;
    const bool good = std::isalnum(static_cast<unsigned char>(byte)) ||
                      (c && std::string_view("!#$%&'*+-.^_`|~").find(byte) != std::string_view::npos);
    INFO(c);
    CHECK((request(std::string("X") + byte + "A: 1\r\n") == "400") == !good);
    // A name that Weir knows is compared in another way.
    CHECK((request(std::string("Accep") + byte + ": 1\r\n") == "400") == !good);
  }
}

TEST_CASE("the body's length") {
  CHECK(request("Content-Length: 5\r\n") == "GET / at a.test 1.1 length=5 []");
  CHECK(request("Content-Length: 0\r\n") == "GET / at a.test 1.1 length=0 []");
  CHECK(request("Transfer-Encoding: Chunked\r\n") == "GET / at a.test 1.1 length=unknown [] chunked");
  for (std::string_view bad : {"Content-Length: 5\r\nContent-Length: 5\r\n",
                               "Content-Length: 5, 5\r\n",
                               "Content-Length:\r\n",
                               "Content-Length: +5\r\n",
                               "Content-Length: -5\r\n",
                               "Content-Length: 5 5\r\n",
                               "Content-Length: 0x5\r\n",
                               "Content-Length: 5.0\r\n",
                               "Content-Length: 99999999999999999999\r\n",
                               "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                               "Content-Length: 0\r\nTransfer-Encoding: gzip\r\n",
                               "Transfer-Encoding:\r\n",
                               "Transfer-Encoding: identity\r\n",
                               "Transfer-Encoding: chunked, chunked\r\n",
                               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                               "Transfer-Encoding: chunked, gzip\r\n",
                               "Transfer-Encoding: gzip\r\n",
                               "Transfer-Encoding: ,chunked\r\n",
                               "Transfer-Encoding: chunked,\r\n",
                               "Transfer-Encoding: chunked;q=1\r\n",
                               "Transfer-Encoding: \"chunked\"\r\n",
                               "Transfer-Encoding: xchunked\r\n",
                               "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"})
    CHECK(request(bad) == "400");
  CHECK(request("Transfer-Encoding: gzip, chunked\r\n") == "501");
  CHECK(request("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n") == "501");
  CHECK(request("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0") == "400");
}

TEST_CASE("Connection and what it names go no further") {
  CHECK(request("Connection: close\r\n") == kPlain + " [] close");
  CHECK(request("Connection: x-own, Keep-Alive\r\nX-Own: 1\r\nX-own: 2\r\nX-Kept: 3\r\nKeep-Alive: 5\r\n") ==
        kPlain + " [X-Kept=3] keep-alive");
  CHECK(request("Connection:\r\nConnection: , close ,\r\n") == kPlain + " [] close");
  CHECK(request("Proxy-Connection: keep-alive\r\nHTTP2-Settings: AA\r\nUpgrade: x\r\nTE: gzip\r\n") ==
        kPlain + " []");
  for (std::string_view name :
       {"Host", "Content-Length", "Cookie", "Authorization", "X-Forwarded-For", "Date", "Cache-Control",
        "Via", "If-Match", "content-range", "Link", "Trailer", "Access-Control-Request-Method"})
    CHECK(request("Connection: " + std::string(name) + "\r\n") == "400");
  for (std::string_view bad : {"Connection: a b\r\n", "Connection: \"close\"\r\n", "Connection: close;q\r\n",
                               "Connection: \xe9\r\n"})
    CHECK(request(bad) == "400");
  CHECK(request("Connection: " + lines("x,", 32) + "\r\n") == kPlain + " []");
  CHECK(request("Connection: " + lines("x,", 33) + "\r\n") == "400");
}

TEST_CASE("Upgrade is taken up where Connection names it, and never to HTTP/2") {
  const auto upgraded = [](std::string_view to) {
    return "GET / at a.test 1.1 length=none upgrade=" + std::string(to) + " []";
  };
  CHECK(request("Connection: Upgrade\r\nUpgrade: websocket\r\n") == upgraded("websocket"));
  CHECK(request("Connection: upgrade\r\nUpgrade: a/1, h2c\r\nUpgrade: H2, b\r\n") == upgraded("a/1, b"));
  for (std::string_view bad :
       {"h2c;q=1", "\"h2c\"", "HTTP/2.0", "http", "H2C/1", "h2/x", "/h2c", "a/", "a/b/c", "a b"})
    CHECK(request("Connection: Upgrade\r\nUpgrade: a/1, " + std::string(bad) + ", b\r\n") ==
          upgraded("a/1, b"));
  CHECK(request("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n") ==
        kPlain + " []");
  CHECK(request("Upgrade: websocket\r\n") == kPlain + " []");
  CHECK(request("Connection: Upgrade\r\n") == kPlain + " []");
  CHECK(request("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n") ==
        "GET / at a.test 1.1 length=1 []");
  CHECK(request("Connection: Upgrade\r\nUpgrade: websocket\r\n", "GET / HTTP/1.0") ==
        "GET / at a.test 1.0 length=none []");
}

TEST_CASE("a Host that leaves out the scheme's own port is not at odds with the target") {
  CHECK(request("", "GET http://a.test:80/ HTTP/1.1") == "GET / at a.test:80 1.1 length=none scheme=http []");
  CHECK(request("", "GET https://a.test:443/ HTTP/1.1") ==
        "GET / at a.test:443 1.1 length=none scheme=https []");
  CHECK(request("", "GET http://a.test:81/ HTTP/1.1") == "400");
  CHECK(request("", "GET https://a.test:80/ HTTP/1.1") == "400");
}

TEST_CASE("what Connection names is told from the head as it came") {
  CHECK(named_fields("GET / HTTP/1.1\r\nHost: a\r\nconnection:a , b\r\nX: c\r\nConnection: d\r\n\r\n") ==
        "a , b, d,");
  CHECK(named_fields("HTTP/1.1 200\r\n\r\n").empty());
}

TEST_CASE("Expect and TE") {
  CHECK(request("Expect: 100-Continue\r\nContent-Length: 1\r\n") ==
        "GET / at a.test 1.1 length=1 expects []");
  CHECK(request("Expect: 100-continue\r\n") == kPlain + " []");
  CHECK(request("Expect: x\r\n") == "417");
  CHECK(request("Expect:\r\n") == "417");
  CHECK(request("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n") == "417");
  CHECK(request("Expect: x\r\n", "POST / HTTP/1.0") == "POST / at a.test 1.0 length=none []");
  CHECK(request("TE: gzip, Trailers\r\n") == kPlain + " trailers []");
  CHECK(request("TE: gzip\r\nConnection: TE\r\n") == kPlain + " []");
}

TEST_CASE("whom a request is for") {
  const auto bare = [](std::string_view line, std::string_view fields) {
    Request out;
    const auto options =
        parse_request(std::string(line) + "\r\n" + std::string(fields) + "\r\n", kLimits, out);
    return options ? out.authority : std::to_string(options.error().status);
  };
  CHECK(bare("GET / HTTP/1.1", "host:a.test:80\r\n") == "a.test:80");
  CHECK(bare("GET / HTTP/1.1", "") == "400");
  CHECK(bare("GET / HTTP/1.1", "Host: a\r\nHost: a\r\n") == "400");
  CHECK(bare("GET / HTTP/1.0", "Host: a\r\nhost: b\r\n") == "400");
  CHECK(bare("GET / HTTP/1.0", "") == "");
  CHECK(bare("GET / HTTP/1.1", "Host: a b\r\n") == "400");
  CHECK(bare("GET http://a/ HTTP/1.1", "Host: A\r\n") == "a");
  CHECK(bare("GET http://a/ HTTP/1.1", "Host: b\r\n") == "400");
  CHECK(bare("GET http://a/ HTTP/1.1", "") == "400");
  CHECK(bare("GET http://a/ HTTP/1.0", "") == "a");
}

TEST_CASE("status lines") {
  CHECK(response("HTTP/1.1 200 OK\r\n") == "200 OK 1.1 length=none []");
  CHECK(response("HTTP/1.0 404 Not  here\xe9\r\n") == "404 Not  here\xe9 1.0 length=none []");
  CHECK(response("HTTP/1.1 200 \r\n") == "200  1.1 length=none []");
  CHECK(response("HTTP/1.1 200\r\n") == "200  1.1 length=none []");
  CHECK(response("HTTP/1.1 999 x\r\n") == "999 x 1.1 length=none []");
  for (std::string_view bad : {"",
                               "HTTP/1.1",
                               "HTTP/1.1 ",
                               "HTTP/1.1 20\r\n",
                               "HTTP/1.1 099 x\r\n",
                               "HTTP/1.1 2000 x\r\n",
                               "HTTP/1.1  200 x\r\n",
                               "HTTP/1.1 2x0 x\r\n",
                               "HTTP/1.1 +20 x\r\n",
                               "HTTP/1.1\t200 x\r\n",
                               "HTTP/1.1 200\tx\r\n",
                               "HTTP/2.0 200 x\r\n",
                               "HTTP/1.2 200 x\r\n",
                               "HTTP/0.9 200 x\r\n",
                               "http/1.1 200 x\r\n",
                               "HTTP/11 200 x\r\n",
                               "ICY 200 OK\r\n",
                               " HTTP/1.1 200 x\r\n",
                               "HTTP/1.1 200 a\x01\r\n",
                               "HTTP/1.1 200 a\rb\r\n"})
    CHECK(response(std::string(bad) + (bad.ends_with('\n') ? "" : "\r\n")) == "502");
}

TEST_CASE("responses: fields, framing and what the node says of its connection") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  CHECK(response(ok + "Content-Length: 5\r\nX-A: 1\r\n") == "200 OK 1.1 length=5 [X-A=1]");
  CHECK(response(ok + "Transfer-Encoding: chunked\r\n") == "200 OK 1.1 length=unknown []");
  CHECK(response(ok + "Connection: close, X-Own\r\nX-Own: 1\r\n") == "200 OK 1.1 length=none [] close");
  CHECK(response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: max=3, Timeout=5\r\n") ==
        "200 OK 1.0 length=none [] keep-alive timeout=5");
  CHECK(response(ok + "Keep-Alive: timeout=0\r\n") == "200 OK 1.1 length=none [] close");
  CHECK(response("HTTP/1.1 426 x\r\nConnection: Upgrade\r\nUpgrade: a/1, b\r\n") ==
        "426 x 1.1 length=none upgrade=a/1, b []");
  CHECK(
      response(
          "HTTP/1.1 426 x\r\nConnection: Upgrade\r\nUpgrade: h2c, a, HTTP/2.0\r\nUpgrade: H2C, b/1, (\r\n") ==
      "426 x 1.1 length=none upgrade=a, b/1 []");
  CHECK(response("HTTP/1.1 426 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n") == "426 x 1.1 length=none []");
  CHECK(response(ok + "Keep-Alive: timeout=x\r\n") == "200 OK 1.1 length=none []");
  CHECK(response(ok + "Keep-Alive: timeout=99999999999\r\n") == "200 OK 1.1 length=none []");
  CHECK(response("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n") ==
        "101 Switching 1.1 length=none upgrade=websocket []");
  CHECK(response(ok + "Upgrade: h2c\r\nTE: x\r\nProxy-Connection: x\r\n") == "200 OK 1.1 length=none []");
  for (std::string_view bad : {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: x\r\n",
                               "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                               "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: gzip\r\n",
                               "X A: 1\r\n", "X-A : 1\r\n", " folded\r\n", "X-A: 1\r\n 2\r\n", "nothing\r\n"})
    CHECK(response(ok + std::string(bad)) == "502");
  CHECK(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n") == "502");
  CHECK(response(ok + lines("X: 1\r\n", 100)).starts_with("200"));
  CHECK(response(ok + lines("X: 1\r\n", 101)) == "502");
}

TEST_CASE("known fields that a response's Connection names go no further") {
  CHECK(response("HTTP/1.1 200 OK\r\nConnection: Server, Set-Cookie\r\nServer: x\r\nSet-Cookie: a=b\r\n") ==
        "200 OK 1.1 length=none []");
  CHECK(response("HTTP/1.1 200 OK\r\nConnection: Link\r\nLink: x\r\nVary: x\r\n") ==
        "200 OK 1.1 length=none [Vary=x]");
}

TEST_CASE("trailers: what may not be sent as one is left out") {
  CHECK(trailers("X-T: 1\r\nX-U:2\r\n\r\n") == "X-T=1|X-U=2");
  CHECK(trailers("\r\n").empty());
  for (std::string_view name : {"Authorization",
                                "Cache-Control",
                                "Connection",
                                "Content-Encoding",
                                "Content-Length",
                                "Content-Type",
                                "Cookie",
                                "Expect",
                                "Forwarded",
                                "Host",
                                "HTTP2-Settings",
                                "Keep-Alive",
                                "Location",
                                "Proxy-Authenticate",
                                "Proxy-Authorization",
                                "Proxy-Connection",
                                "Range",
                                "Set-Cookie",
                                "TE",
                                "Trailer",
                                "Transfer-Encoding",
                                "Upgrade",
                                "Via",
                                "X-Forwarded-For",
                                "X_Forwarded_For",
                                "X-Forwarded-Host",
                                "X-Forwarded-Port",
                                "X-Forwarded-Proto",
                                "X-Real-IP",
                                "X-Request-Id"})
    CHECK(trailers(std::string(name) + ": 1\r\nX-T: 1\r\n" + std::string(name) + ": 2\r\n\r\n") == "X-T=1");
  for (std::string_view bad : {"nothing\r\n\r\n", "X-T : 1\r\n\r\n", " X-T: 1\r\n\r\n", ": 1\r\n\r\n",
                               "X-T: a\rb\r\n\r\n", "X-T: 1\r\n 2\r\n\r\n"})
    CHECK(trailers(bad) == "400");
  CHECK(trailers(lines("X: 1\r\n", 101) + "\r\n") == "431");
}
