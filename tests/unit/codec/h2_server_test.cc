// H2Server: requests in, answers out, many at a time; heads, bodies, trailers, resets.
#include <algorithm>

#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_server_rig.h"

using namespace weir::codec;
using H2Answers = H2ServerRig::Answers;
using Ends = H2Peer::Ends;
using weir::base::Fault;
using weir::base::Reason;

namespace {

constexpr weir::http::BodyLength h2_counted(std::uint64_t bytes) {
  return {weir::http::BodyLength::Kind::bytes, bytes};
}

const std::string kGetTold = "GET /a at a.test 2 length=none scheme=http []\nend\n";

}  // namespace

TEST_CASE("a request over HTTP/2 comes as head and end, and is answered") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  CHECK(rig.codec.idle());
  const auto id = peer.ask(get_fields());
  rig.talk(peer);
  REQUIRE(rig.all.size() == 1);
  CHECK(rig.heard(0).log.text() == kGetTold);
  CHECK(rig.codec.in_stream());
  CHECK_FALSE(rig.codec.idle());
  rig.answer(0, 200, "ok");
  rig.talk(peer);
  CHECK(peer.of(id).heads == std::vector<std::string>{":status=200|content-length=2"});
  CHECK(peer.of(id).body == "ok");
  CHECK(peer.of(id).ended);
  CHECK(peer.of(id).closed);
  CHECK(peer.of(id).code == 0);
  CHECK_FALSE(peer.of(id).was_reset);
  CHECK(rig.codec.idle());
  CHECK(rig.codec.next() == Next::keep);
  CHECK(peer.error == 0);
}

TEST_CASE("our settings come first, and say what is kept to") {
  H2ServerRig rig;
  rig.flush();
  const std::string wire = rig.take_wire();
  CHECK(told_frames(wire) == std::vector<std::string>{"SETTINGS", "WINDOW_UPDATE 0 983041"});
  H2Peer peer(H2Peer::Side::client);
  peer.take_in(wire);
  rig.talk(peer);
  const auto say = [&](nghttp2_settings_id id) {
    return nghttp2_session_get_remote_settings(peer.session(), id);
  };
  CHECK(say(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 128);
  CHECK(say(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == kOwedBound);
  CHECK(say(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE) == 64 * 1024);
  CHECK(say(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1);
  CHECK(say(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES) == 1);
  CHECK(nghttp2_session_get_remote_window_size(peer.session()) == H2Server::kServerWindow);
}

TEST_CASE("many requests at a time are answered in any order") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(peer.ask(get_fields({{"n", std::to_string(i)}})));
  rig.talk(peer);
  REQUIRE(rig.all.size() == 100);
  CHECK(rig.codec.streams() == 100);
  for (int i = 99; i >= 0; --i) rig.answer(static_cast<std::size_t>(i), 200, "body " + std::to_string(i));
  rig.talk(peer);
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(rig.heard(i).log.has("n=" + std::to_string(i) + "]"));
    CHECK(peer.of(ids[i]).body == "body " + std::to_string(i));
    CHECK(peer.of(ids[i]).ended);
  }
  CHECK(rig.codec.idle());
}

TEST_CASE("bodies over HTTP/2 arrive, counted or not, and with trailers") {
  H2ServerRig rig(H2Answers::at_end);
  H2Peer peer(H2Peer::Side::client);
  const auto counted = peer.ask(post_fields({{"content-length", "5"}}), Ends::later);
  peer.say(counted, "hello");
  peer.say_end(counted);
  const auto open = peer.ask(post_fields(), Ends::later);
  peer.say(open, "hel");
  rig.talk(peer);
  peer.say(open, "lo");
  peer.say_trailers(open, {{"x-t", "1"}, {"content-type", "no"}, {"x-forwarded-for", "no"}});
  const auto none = peer.ask(post_fields());
  rig.talk(peer);
  CHECK(rig.told() ==
        "0: POST /a at a.test 2 length=5 scheme=http []\nbody hello\nend\n"
        "1: POST /a at a.test 2 length=unknown scheme=http []\nbody hello\ntrailers x-t=1\nend\n"
        "2: POST /a at a.test 2 length=0 scheme=http []\nend\n");
  for (const auto id : {counted, open, none}) CHECK(peer.of(id).body == "ok");
}

TEST_CASE("a head's fields become the request's") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  peer.ask({{":method", "PUT"},
            {":scheme", "https"},
            {":authority", "A.test:443"},
            {":path", "/b/%7ec/../d?q=%2f"},
            {"cookie", "a=1"},
            {"x-a", "1"},
            {"cookie", "b=2"},
            {"te", "trailers"},
            {"host", "a.test"},
            {"http2-settings", "AAAA"},
            {"expect", "100-continue"},
            {"cookie", "c=3"}},
           Ends::later);
  peer.ask({{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "*"}});
  peer.ask({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b.test"}});
  rig.talk(peer);
  CHECK(rig.told() ==
        "0: PUT /b/d?q=%2f at A.test:443 2 length=unknown expects trailers scheme=https "
        "[x-a=1|Cookie=a=1; b=2; c=3]\n"
        "1: OPTIONS * at a.test 2 length=none scheme=http []\nend\n"
        "2: GET / at b.test 2 length=none scheme=http []\nend\n");
}

TEST_CASE("an answer's head is sent in lower case, without what is of a connection") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(get_fields());
  rig.talk(peer);
  weir::http::Response head;
  head.status = 426;
  head.reason_phrase = "Never Sent";
  head.upgrade = "TLS/1.0";
  for (const char* name :
       {"X-Case", "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"})
    head.fields.add(name, "v");
  head.fields.add("Set-Cookie", "a=1");
  head.fields.add("Set-Cookie", "b=2");
  head.length = kUnknown;
  rig.send_head(0, head);
  rig.send_end(0);
  rig.talk(peer);
  CHECK(peer.of(id).heads == std::vector<std::string>{":status=426|x-case=v|set-cookie=a=1|set-cookie=b=2"});
  CHECK(peer.of(id).ended);
  CHECK(peer.error == 0);
}

TEST_CASE("interim heads go before the final one") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(post_fields({{"expect", "100-continue"}, {"content-length", "2"}}), Ends::later);
  rig.talk(peer);
  rig.send_head(0, 100);
  rig.talk(peer);
  CHECK(peer.of(id).heads == std::vector<std::string>{":status=100"});
  peer.say(id, "hi");
  peer.say_end(id);
  weir::http::Response hints;
  hints.status = 103;
  hints.fields.add("Link", "</a>");
  rig.send_head(0, hints);
  rig.answer(0, 200, "ok");
  rig.talk(peer);
  CHECK(peer.of(id).heads ==
        std::vector<std::string>{":status=100", ":status=103|link=</a>", ":status=200|content-length=2"});
  CHECK(peer.of(id).body == "ok");
}

TEST_CASE("answers without a body end with their head") {
  H2ServerRig rig;
  rig.read(client_hello());
  rig.take_wire();
  H2List head = get_fields();
  head[0].second = "HEAD";
  rig.read(head_frame(1, head) + head_frame(3, get_fields()) + head_frame(5, get_fields()) +
           head_frame(7, get_fields()));
  rig.send_head(0, 200, h2_counted(5));
  rig.send_head(1, 204, kUnknown);
  rig.send_head(2, 304, h2_counted(7));
  rig.flush();
  CHECK(told_frames(rig.wire) == std::vector<std::string>{"HEADERS 1 end", "HEADERS 3 end", "HEADERS 5 end"});
  for (std::size_t i = 0; i < 3; ++i) {
    rig.send_body(i, "never sent");
    rig.send_trailers(i, {{"x", "y"}});
    rig.send_end(i);
  }
  rig.answer(3, 200, "");
  rig.flush();
  CHECK(frames_of(rig.wire, "HEADERS") == "HEADERS 1 end|HEADERS 3 end|HEADERS 5 end|HEADERS 7 end");
  CHECK(frames_of(rig.wire, "DATA").empty());
  CHECK(frames_of(rig.wire, "RST").empty());
  CHECK(rig.codec.idle());
}

TEST_CASE("what a bodiless answer says of its length") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  H2List head = get_fields();
  head[0].second = "HEAD";
  const auto asked = peer.ask(head);
  const auto unchanged = peer.ask(get_fields());
  const auto nothing = peer.ask(get_fields());
  const auto empty = peer.ask(get_fields());
  rig.talk(peer);
  rig.send_head(0, 200, h2_counted(5));
  rig.send_head(1, 304, h2_counted(7));
  rig.send_head(2, 204, h2_counted(0));
  rig.send_head(3, 200, {});
  for (std::size_t i = 0; i < 4; ++i) rig.send_end(i);
  rig.talk(peer);
  CHECK(peer.of(asked).heads[0] == ":status=200|content-length=5");
  CHECK(peer.of(unchanged).heads[0] == ":status=304|content-length=7");
  CHECK(peer.of(nothing).heads[0] == ":status=204");
  CHECK(peer.of(empty).heads[0] == ":status=200|content-length=0");
  for (const auto id : {asked, unchanged, nothing, empty}) CHECK(peer.of(id).ended);
}

TEST_CASE("an answer's trailers end it") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto with_body = peer.ask(get_fields());
  const auto late = peer.ask(get_fields());
  const auto alone = peer.ask(get_fields());
  rig.talk(peer);
  rig.send_head(0, 200);
  rig.send_body(0, "hello");
  rig.send_trailers(0, {{"Grpc-Status", "0"}, {"Connection", "x"}});
  rig.send_end(0);
  rig.send_head(1, 200);
  rig.send_body(1, "hello");
  rig.talk(peer);
  CHECK(peer.of(late).body == "hello");
  CHECK_FALSE(peer.of(late).ended);
  rig.send_trailers(1, {{"grpc-status", "1"}});
  rig.send_end(1);
  rig.send_head(2, 200);
  rig.send_trailers(2, {{"grpc-status", "2"}});
  rig.send_end(2);
  rig.talk(peer);
  CHECK(peer.of(with_body).body == "hello");
  CHECK(peer.of(with_body).trailers == "grpc-status=0");
  CHECK(peer.of(late).trailers == "grpc-status=1");
  CHECK(peer.of(alone).trailers == "grpc-status=2");
  for (const auto id : {with_body, late, alone}) {
    CHECK(peer.of(id).ended);
    CHECK(peer.of(id).closed);
  }
  CHECK(peer.error == 0);
}

TEST_CASE("an answer that is complete before its request ends the stream without an error") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(post_fields(), Ends::later);
  peer.say(id, "hello");
  rig.talk(peer);
  rig.answer(0, 413, "no");
  rig.flush();
  CHECK(frames_of(rig.wire, "DATA") == "DATA 1 2 end");
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 1 NO_ERROR");
  CHECK(rig.wire.find("no") < rig.wire.size() - 13);  // the answer is first
  rig.talk(peer);
  CHECK(peer.of(id).ended);
  CHECK(peer.of(id).was_reset);
  CHECK(rig.codec.idle());
  CHECK_FALSE(rig.heard(0).log.has("reset"));
}

TEST_CASE("a client's reset ends the stream, and no other") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto gone = peer.ask(get_fields());
  const auto stays = peer.ask(get_fields());
  rig.talk(peer);
  peer.reset(gone, NGHTTP2_CANCEL);
  rig.talk(peer);
  CHECK(rig.heard(0).log.has("reset client_gone"));
  CHECK(rig.heard(0).error.fault == Fault::downstream);
  CHECK_FALSE(rig.heard(1).log.has("reset"));
  CHECK(rig.codec.streams() == 1);
  CHECK(rig.codec.counters().client_resets == 1);
  rig.answer(1, 200, "ok");
  rig.talk(peer);
  CHECK(peer.of(stays).body == "ok");
}

TEST_CASE("a client's reset in mid-answer drops what was to be sent") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(get_fields());
  rig.talk(peer);
  rig.send_head(0, 200);
  rig.send_body(0, std::string(200'000, 'x'));  // more than its window
  rig.turn();
  CHECK(rig.heard(0).sent == 65535);
  peer.reset(id, NGHTTP2_CANCEL);
  rig.read(peer.take_out());
  CHECK(rig.heard(0).log.has("reset client_gone"));
  CHECK(rig.codec.idle());
}

TEST_CASE("our resets say why") {
  struct Case {
    weir::base::Error error;
    std::string_view code;
    bool answered;
  };
  using weir::base::Retry;
  const Case cases[] = {
      {{Reason::upstream_truncated, Fault::upstream, Retry::never, 502, ""}, "INTERNAL_ERROR", true},
      {{Reason::internal, Fault::ourselves, Retry::never, 0, ""}, "INTERNAL_ERROR", true},
      {{Reason::bad_request, Fault::downstream, Retry::never, 400, ""}, "PROTOCOL_ERROR", true},
      {{Reason::client_timeout, Fault::downstream, Retry::never, 408, ""}, "CANCEL", true},
      {{Reason::drained, Fault::ourselves, Retry::never, 503, ""}, "REFUSED_STREAM", false},
      {{Reason::drained, Fault::ourselves, Retry::never, 503, ""}, "INTERNAL_ERROR", true},
      {{Reason::upstream_closed, Fault::upstream, Retry::not_processed, 503, ""}, "REFUSED_STREAM", false},
  };
  for (const Case& each : cases) {
    H2ServerRig rig;
    rig.read(client_hello() + head_frame(1, get_fields()));
    if (each.answered) rig.send_head(0, 200);
    rig.flush();
    rig.reset(0, each.error);
    rig.flush();
    INFO(word(each.error.reason));
    CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 1 " + std::string(each.code));
    CHECK(rig.heard(0).log.text() == kGetTold);  // no callback
    CHECK(rig.codec.idle());
  }
}

TEST_CASE("a cut body never looks whole") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(get_fields());
  rig.talk(peer);
  rig.send_head(0, 200);
  rig.send_body(0, "half");
  rig.talk(peer);
  rig.reset(0, {Reason::upstream_truncated, Fault::upstream, weir::base::Retry::never, 502, ""});
  rig.talk(peer);
  CHECK(peer.of(id).body == "half");
  CHECK_FALSE(peer.of(id).ended);
  CHECK(peer.of(id).code == NGHTTP2_INTERNAL_ERROR);
}

TEST_CASE("an answer's head that cannot be sent resets its stream alone") {
  HeadLimits limits;
  limits.head = 1000;
  H2ServerRig rig(H2Answers::by_hand, limits);
  rig.read(client_hello() + head_frame(1, get_fields()) + head_frame(3, get_fields()));
  weir::http::Response head;
  head.status = 200;
  head.fields.add("x-large", std::string(70'000, 'x'));
  rig.send_head(0, head);
  rig.answer(1, 200, "ok");
  rig.flush();
  CHECK(rig.heard(0).log.has("reset internal"));
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 1 INTERNAL_ERROR");
  CHECK(frames_of(rig.wire, "DATA") == "DATA 3 2 end");
  CHECK(rig.codec.idle());
}

TEST_CASE("a handler that answers at the head hears no more") {
  H2ServerRig rig(H2Answers::at_head);
  H2Peer peer(H2Peer::Side::client);
  const auto get = peer.ask(get_fields());
  const auto post = peer.ask(post_fields(), Ends::later);
  peer.say(post, "hello");
  peer.say_end(post);
  rig.talk(peer);
  CHECK(rig.told() ==
        "0: GET /a at a.test 2 length=none scheme=http []\n"
        "1: POST /a at a.test 2 length=unknown scheme=http []\n");
  CHECK(peer.of(get).body == "ok");
  CHECK(peer.of(post).body == "ok");
  CHECK(rig.codec.idle());
}

TEST_CASE("the preface of HTTP/2 is told from requests of HTTP/1.1") {
  using Preface = H2Server::Preface;
  CHECK(H2Server::recognise("") == Preface::maybe);
  for (std::size_t size = 1; size < kH2Preface.size(); ++size)
    CHECK(H2Server::recognise(kH2Preface.substr(0, size)) == Preface::maybe);
  CHECK(H2Server::recognise(kH2Preface) == Preface::yes);
  CHECK(H2Server::recognise(std::string(kH2Preface) + "more") == Preface::yes);
  for (std::string_view other : {"G", "PU", "PRI * HTTP/1.1\r\n", "PRI  ", "\r\n", "\x16\x03"})
    CHECK(H2Server::recognise(other) == Preface::no);
}

namespace {

// What was heard, and the frames that went out, in an order of their own: how requests are cut decides only
// what is sent first, and what is sent at all before a connection's end.
std::string h2_served(std::string_view bytes, std::size_t first, std::size_t piece) {
  H2ServerRig rig(H2Answers::at_end);
  rig.read(bytes.substr(0, first));
  rig.read_in_pieces(bytes.substr(first), piece);
  std::vector<std::string> lines = told_frames(rig.wire);
  const bool ended = rig.codec.next() != Next::keep;
  std::erase_if(lines, [ended](const std::string& line) {
    return line.starts_with("WINDOW_UPDATE") || (ended && !line.starts_with("GOAWAY"));
  });
  std::sort(lines.begin(), lines.end());
  std::string text = rig.told();
  for (const std::string& line : lines) text += line + "\n";
  return text + (ended ? "end" : "keep");
}

void h2_served_alike(const std::string& bytes) {
  const std::string whole = h2_served(bytes, 0, bytes.size());
  INFO(whole);
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    INFO("split at " << at);
    REQUIRE(h2_served(bytes, at, bytes.size()) == whole);
  }
  for (std::size_t piece = 1; piece < 10; ++piece) {
    INFO("in pieces of " << piece);
    REQUIRE(h2_served(bytes, 0, piece) == whole);
  }
}

}  // namespace

TEST_CASE("requests over HTTP/2 are the same in any pieces") {
  const std::string trailers = frame(1, kEndHeaders | kEndStream, 5, hpack({{"x-t", "1"}}));
  const std::string fields = hpack(get_fields({{"x-a", "1"}, {"cookie", "a=1"}, {"cookie", "b=2"}}));
  h2_served_alike(client_hello() + head_frame(1, get_fields()) + settings_ack() +
                  head_frame(3, post_fields({{"content-length", "5"}}), kEndHeaders) + data_frame(3, "hel") +
                  head_frame(5, post_fields(), kEndHeaders) + padded_data_frame(5, "abc", 7) +
                  data_frame(3, "lo", kEndStream) + trailers + frame(1, kEndStream, 7, fields.substr(0, 9)) +
                  frame(9, 0, 7, fields.substr(9, 20)) + frame(9, kEndHeaders, 7, fields.substr(29)) +
                  ping_frame());
}

TEST_CASE("broken requests over HTTP/2 are broken in any pieces") {
  const std::string hello = client_hello() + head_frame(1, get_fields());
  h2_served_alike(hello + head_frame(3, get_fields({{"X-Upper", "1"}})) + head_frame(5, get_fields()));
  h2_served_alike(hello + head_frame(3, post_fields({{"content-length", "5"}}), kEndHeaders) +
                  data_frame(3, "abc", kEndStream) + head_frame(5, get_fields()));
  h2_served_alike(hello + head_frame(3, post_fields(), kEndHeaders) + reset_frame(3, 8) +
                  head_frame(5, get_fields()));
  h2_served_alike(hello + frame(0, 0, 0, "data on no stream") + head_frame(3, get_fields()));
  h2_served_alike("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r" + settings_frame());
  h2_served_alike("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + ping_frame());
  std::string flood = hello;
  for (int i = 0; i < 101; ++i) flood += frame(0x55, 0, 0, "");
  h2_served_alike(flood + head_frame(3, get_fields()));
}
