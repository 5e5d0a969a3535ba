// The peers' own reader: what it takes, and that it takes nothing else, wherever it is split.
#include "tests/sim/message_reader.h"

#include "tests/unit/catch.h"

namespace weir::sim {
namespace {

using Side = MessageReader::Side;

struct Notes final : MessageHandler {
  void on_head(const MessageHead& head) override {
    text += std::string(head.first) + " " + std::string(head.second);
    for (const auto& [name, value] : head.fields) text.append(" ").append(name).append("=").append(value);
    text += "|";
  }
  void on_body(std::string_view bytes) override { body.append(bytes); }
  void on_trailers(const MessageHead& trailers) override {
    text += "trailer " + std::string(trailers.fields[0].second) + "|";
  }
  void on_message_end() override { text += "end " + std::exchange(body, {}) + "|"; }

  std::string text, body;
};

// In pieces of every size; the same each time.
std::string read(Side side, std::string_view bytes,
                 MessageReader::Answers answers = MessageReader::Answers::other) {
  std::string first;
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    Notes notes;
    MessageReader reader(side, notes);
    reader.expect(answers);
    bool good = true;
    for (std::size_t at = 0; good && at < bytes.size(); at += piece)
      good = reader.read(bytes.substr(at, piece));
    std::string text = notes.text;
    if (!notes.body.empty()) text += "so far " + notes.body + "|";
    if (!good)
      text = std::string("bad: ").append(reader.problem());
    else if (!reader.end())
      text += "cut";
    else
      text = notes.text;
    if (piece == 1) first = text;
    INFO("pieces of " << piece);
    CHECK(text == first);
  }
  return first;
}

}  // namespace

TEST_CASE("requests") {
  CHECK(read(Side::requests, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") == "GET / Host=a|end |");
  CHECK(read(Side::requests,
             "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.0\r\n\r\n") ==
        "PUT / Host=a Content-Length=3|end abc|GET /b|end |");
  CHECK(read(Side::requests,
             "PUT / HTTP/1.1\r\nHost: \r\nTransfer-Encoding: "
             "chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: "
             "1\r\n\r\n") == "PUT / Host= Transfer-Encoding=chunked|trailer 1|end abc0123456789|");
}

TEST_CASE("responses") {
  using Answers = MessageReader::Answers;
  CHECK(read(Side::responses, "HTTP/1.1 103 Hint\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") ==
        "HTTP/1.1 103|HTTP/1.1 200 Content-Length=2|end ok|");
  CHECK(read(Side::responses, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Answers::head) ==
        "HTTP/1.1 200 Content-Length=2|end |");
  CHECK(read(Side::responses, "HTTP/1.1 304 Not\r\nContent-Length: 2\r\n\r\n") ==
        "HTTP/1.1 304 Content-Length=2|end |");
  CHECK(read(Side::responses, "HTTP/1.1 200 OK\r\n\r\nto the end") == "HTTP/1.1 200|end to the end|");
  CHECK(read(Side::responses, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok").ends_with("cut"));
  CHECK(read(Side::responses, "HTTP/1.1 20").ends_with("cut"));
}

TEST_CASE("what is not quite HTTP is bad") {
  const auto bad = [](std::string_view bytes) { return read(Side::responses, bytes).starts_with("bad: "); };
  CHECK(bad("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"));
  CHECK(bad("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok"));
  CHECK(bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"));
  CHECK(bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\na\r\n0\r\n\r\n"));
  CHECK(bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"));
  CHECK(bad("HTTP/1.1 200 OK\r\nA b: 1\r\n\r\n"));
  CHECK(bad("HTTP/1.1 200 OK\r\nA: 1\n\r\n\r\n"));
  CHECK(bad("HTTP/2 200\r\n\r\n"));
  CHECK(bad("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
}

TEST_CASE("a length that two could read in two ways is bad") {
  const auto problem = [](std::string_view start_and_fields, Side side = Side::responses) {
    return read(side, std::string(start_and_fields) + "\r\n\r\n");
  };
  const std::string two = "bad: its length is ambiguous", unknown = "bad: an unknown transfer coding";
  CHECK(problem("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked") == two);
  CHECK(problem("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding:") == two);
  CHECK(problem("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2") == two);
  CHECK(problem("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked") == two);
  CHECK(problem("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:") == two);
  CHECK(problem("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked") == unknown);
  CHECK(problem("HTTP/1.1 200 OK\r\nTransfer-Encoding:") == unknown);

  const std::string old = "bad: a coding under HTTP/1.0";
  CHECK(problem("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked") == old);
  CHECK(problem("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked", Side::requests) == old);

  const std::string no_body = "bad: a length where there is no body";
  for (const std::string status : {"100 Continue", "103 Hint", "101 Switch", "204 No"}) {
    CHECK(problem("HTTP/1.1 " + status + "\r\nContent-Length: 0") == no_body);
    CHECK(problem("HTTP/1.1 " + status + "\r\nTransfer-Encoding: chunked") == no_body);
  }
}

TEST_CASE("a request that two could read in two ways is bad") {
  const auto problem = [](std::string_view start_line, std::string_view fields = "Host: a\r\n") {
    return read(Side::requests, std::string(start_line).append("\r\n").append(fields).append("\r\n"));
  };
  CHECK(problem("GET / HTTP/1.1 x") == "bad: a malformed head");
  CHECK(problem("G(T / HTTP/1.1") == "bad: a bad method");
  CHECK(problem(" / HTTP/1.1") == "bad: a bad method");
  CHECK(problem("GET  HTTP/1.1") == "bad: a bad target");
  CHECK(problem("GET /a\tb HTTP/1.1") == "bad: a bad target");
  CHECK(problem("GET /\x80 HTTP/1.1") == "bad: a bad target");
  CHECK(problem("GET / HTTP/1.1", "") == "bad: no Host");
  CHECK(problem("GET / HTTP/1.1", "Host: a\r\nhost: a\r\n") == "bad: more than one Host");
  CHECK(problem("GET / HTTP/1.1", "Host: a\r\nHost:\r\n") == "bad: more than one Host");
  CHECK(problem("GET / HTTP/1.0", "Host: a\r\nHost: a\r\n") == "bad: more than one Host");
  CHECK(problem("GET / HTTP/1.0", "") == "GET /|end |");
}

}  // namespace weir::sim
