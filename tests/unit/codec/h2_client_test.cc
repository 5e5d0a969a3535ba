// H2Client: requests out, answers in, many at a time.
#include <algorithm>

#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_client_rig.h"

using namespace weir::codec;
using weir::base::Fault;
using weir::base::Reason;
using weir::base::Retry;
using PeerEnds = H2Peer::Ends;

namespace {

constexpr weir::http::BodyLength sized(std::uint64_t bytes) {
  return {weir::http::BodyLength::Kind::bytes, bytes};
}

// A node that has introduced itself, and heard what was asked.
struct Asking {
  explicit Asking(int requests = 0, std::vector<nghttp2_settings_entry> settings = {})
      : node(H2Peer::Side::server) {
    node.settings(settings);
    rig.talk(node);
    for (int i = 0; i < requests; ++i) rig.ask("GET", "/" + std::to_string(i));
    rig.talk(node);
  }
  void answer(std::size_t index, std::string_view body, const H2List& more = {}) {
    H2List fields = {{":status", "200"}};
    fields.insert(fields.end(), more.begin(), more.end());
    const auto id = static_cast<std::int32_t>(2 * index + 1);
    node.answer(id, fields);
    node.say(id, body);
    node.say_end(id);
    rig.talk(node);
  }
  H2ClientRig rig;
  H2Peer node;
};

const std::string kAnswerHead = head_frame(1, {{":status", "200"}}, kEndHeaders);

// By hand: a node's settings, then a request, then what it says to that.
struct Raw {
  explicit Raw(std::string_view answer = "", HeadLimits limits = {}) : rig(limits) {
    rig.read(settings_frame());
    rig.ask();
    rig.flush();
    rig.take_wire();
    if (!answer.empty()) rig.read(answer);
  }
  H2ClientRig rig;
};

}  // namespace

TEST_CASE("a request goes to a node over HTTP/2, and its answer comes") {
  Asking a;
  CHECK(a.rig.codec.idle());
  CHECK(a.rig.codec.reusable());
  weir::http::Request head;
  head.method_text = "GET";
  head.target = "/a?b";
  head.authority = "a.test:80";
  head.accepts_trailers = true;
  head.fields.add("X-Case", "1");
  head.fields.add("Cookie", "a=1; b=2");
  head.fields.add("Connection", "x");
  a.rig.ask_head(std::move(head));
  a.rig.send_end(0);
  a.rig.talk(a.node);
  CHECK(a.node.of(1).heads ==
        std::vector<std::string>{":method=GET|:scheme=http|:authority=a.test:80|:path=/a?b|x-case=1|"
                                 "cookie=a=1; b=2|te=trailers"});
  CHECK(a.node.of(1).ended);
  CHECK(a.node.error == 0);
  CHECK_FALSE(a.rig.codec.idle());
  CHECK(a.rig.codec.unanswered());
  a.answer(0, "hello", {{"content-length", "5"}, {"x-b", "1"}});
  CHECK(a.rig.told() == "0: 200  2 length=5 [x-b=1]\nbody hello\nend\n");
  CHECK(a.rig.idles == 1);
  CHECK(a.rig.reusable_when_idle);
  CHECK(a.rig.codec.idle());
  CHECK(a.rig.codec.streams() == 0);
  CHECK(a.node.of(1).closed);
  CHECK_FALSE(a.node.of(1).was_reset);
}

TEST_CASE("a client of nodes says what it takes") {
  H2ClientRig rig;
  rig.flush();
  CHECK(rig.wire.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  CHECK(told_frames(rig.wire) == std::vector<std::string>{"SETTINGS", "WINDOW_UPDATE 0 16711681"});
  H2Peer node(H2Peer::Side::server);
  rig.talk(node);
  CHECK(nghttp2_session_get_remote_settings(node.session(), NGHTTP2_SETTINGS_ENABLE_PUSH) == 0);
  CHECK(nghttp2_session_get_remote_settings(node.session(), NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) ==
        kOwedBound);
}

TEST_CASE("as many requests are open as the node allows") {
  H2ClientRig rig;
  CHECK(rig.codec.more_streams() == 100);  // nobody knows yet
  rig.read(settings_frame({{3, 3}}));
  CHECK(rig.codec.more_streams() == 3);
  for (int i = 0; i < 3; ++i) rig.ask();
  CHECK(rig.codec.more_streams() == 0);
  rig.flush();
  CHECK(rig.codec.more_streams() == 0);
  CHECK(frames_of(rig.wire, "HEADERS") == "HEADERS 1 end|HEADERS 3 end|HEADERS 5 end");
  rig.read(head_frame(3, {{":status", "204"}}));
  CHECK(rig.codec.more_streams() == 1);
  CHECK(rig.idles == 0);
  rig.reset(0);
  CHECK(rig.codec.more_streams() == 1);  // the node does not know yet
  rig.flush();
  CHECK(rig.codec.more_streams() == 2);
  rig.read(settings_frame({{3, 1}}));
  CHECK(rig.codec.more_streams() == 0);
}

TEST_CASE("answers come in any order, each to its request") {
  Asking a(20);
  CHECK(a.rig.codec.streams() == 20);
  for (std::size_t i = 20; i-- > 0;) a.answer(i, "answer " + std::to_string(i));
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(a.node.of(static_cast<std::int32_t>(2 * i + 1)).heads[0].ends_with(":path=/" + std::to_string(i)));
    CHECK(a.rig.asked(i).log.has("body answer " + std::to_string(i) + "\nend\n"));
  }
  CHECK(a.rig.idles == 1);
}

TEST_CASE("request bodies and trailers go to a node") {
  Asking a;
  a.rig.ask_post(sized(5));
  a.rig.send_body(0, "hello");
  a.rig.send_end(0);
  a.rig.ask_post();
  a.rig.send_body(1, "hel");
  a.rig.flush();
  a.rig.send_body(1, "lo");
  a.rig.send_trailers(1, {{"X-T", "1"}});
  a.rig.send_end(1);
  a.rig.ask_post(sized(0));
  a.rig.send_end(2);
  a.rig.talk(a.node);
  CHECK(a.node.of(1).heads[0].ends_with("content-length=5"));
  CHECK(a.node.of(1).body == "hello");
  CHECK(a.node.of(3).heads[0].find("content-length") == std::string::npos);
  CHECK(a.node.of(3).body == "hello");
  CHECK(a.node.of(3).trailers == "x-t=1");
  CHECK(a.node.of(5).heads[0].ends_with("content-length=0"));
  for (const int id : {1, 3, 5}) CHECK(a.node.of(id).ended);
  CHECK(a.rig.asked(0).sent == 5);
  CHECK(a.rig.asked(1).sent == 5);
}

TEST_CASE("an expectation goes to the node, and its answer comes back") {
  Asking a;
  weir::http::Request head;
  head.method_text = "POST";
  head.target = "/";
  head.length = sized(2);
  head.expects_continue = true;
  a.rig.ask_head(std::move(head));
  a.rig.talk(a.node);
  CHECK(a.node.of(1).heads[0].ends_with("content-length=2|expect=100-continue"));
  a.node.interim(1, {{":status", "100"}});
  a.node.interim(1, {{":status", "103"}, {"link", "x"}});
  a.rig.talk(a.node);
  CHECK(a.rig.told() == "0: 100  2 length=none []\n103  2 length=none [link=x]\n");
  CHECK_FALSE(a.rig.codec.unanswered());
  a.rig.send_body(0, "hi");
  a.rig.send_end(0);
  a.rig.talk(a.node);
  a.answer(0, "ok");
  CHECK(a.rig.asked(0).log.has("200  2 length=unknown []\nbody ok\nend\n"));
}

TEST_CASE("what a node's answer says of its length") {
  Asking a;
  a.rig.ask("HEAD");
  a.rig.ask("HEAD");
  for (int i = 0; i < 3; ++i) a.rig.ask();
  a.rig.talk(a.node);
  a.node.answer(1, {{":status", "200"}, {"content-length", "5"}}, PeerEnds::here);
  a.node.answer(3, {{":status", "200"}}, PeerEnds::here);
  a.node.answer(5, {{":status", "304"}, {"content-length", "7"}}, PeerEnds::here);
  a.node.answer(7, {{":status", "204"}}, PeerEnds::here);
  a.node.answer(9, {{":status", "200"}}, PeerEnds::here);
  a.rig.talk(a.node);
  CHECK(a.rig.told() ==
        "0: 200  2 length=5 []\nend\n"
        "1: 200  2 length=none []\nend\n"
        "2: 304  2 length=7 []\nend\n"
        "3: 204  2 length=none []\nend\n"
        "4: 200  2 length=0 []\nend\n");
}

TEST_CASE("a node's trailers come, without what none may be") {
  Asking a(1);
  a.node.answer(1, {{":status", "200"}});
  a.node.say(1, "hello");
  a.node.say_trailers(1, {{"grpc-status", "0"}, {"set-cookie", "no"}});
  a.rig.talk(a.node);
  CHECK(a.rig.told() == "0: 200  2 length=unknown []\nbody hello\ntrailers grpc-status=0\nend\n");
}

TEST_CASE("an answer that comes before its request's end ends both") {
  Asking a;
  a.rig.ask_post();
  a.rig.send_body(0, std::string(100'000, 'x'));  // more than the window
  a.rig.talk(a.node);
  a.node.answer(1, {{":status", "413"}}, PeerEnds::here);
  a.rig.talk(a.node);
  CHECK(a.rig.told() == "0: 413  2 length=0 []\nend\n");
  CHECK(a.node.of(1).was_reset);
  CHECK(a.node.of(1).code == 0);
  CHECK(a.rig.codec.reusable());
  CHECK(a.rig.idles == 1);
  CHECK(a.rig.codec.streams() == 0);
}

TEST_CASE("our reset of a request is heard by the node, and no callback follows") {
  Asking a(2);
  a.node.answer(1, {{":status", "200"}});
  a.node.say(1, "half");
  a.rig.talk(a.node);
  a.rig.reset(0);
  a.rig.reset(1);
  CHECK(a.rig.idles == 1);
  a.rig.talk(a.node);
  CHECK(a.node.of(1).code == NGHTTP2_CANCEL);
  CHECK(a.node.of(3).code == NGHTTP2_CANCEL);
  CHECK(a.rig.told() == "0: 200  2 length=unknown []\nbody half\n1: ");
  CHECK(a.rig.codec.reusable());
  a.rig.ask();
  a.rig.talk(a.node);
  a.answer(2, "ok");
  CHECK(a.rig.asked(2).log.has("body ok\nend\n"));
}

TEST_CASE("a request that is reset before it went out is never sent") {
  H2ClientRig rig;
  rig.read(settings_frame());
  rig.ask();
  rig.reset(0);
  rig.flush();
  CHECK(frames_of(rig.wire, "HEADERS").empty());
  CHECK(frames_of(rig.wire, "RST").empty());
  CHECK(rig.codec.more_streams() > 50);
  // One whose head is with nghttp2 already, and had no room.
  rig.room = 0;
  rig.ask();
  rig.flush();
  rig.reset(1);
  rig.flush();
  rig.room = 1 << 20;
  rig.flush();
  CHECK(frames_of(rig.wire, "HEADERS").empty());
  CHECK(frames_of(rig.wire, "RST").empty());
  rig.ask();
  rig.flush();
  CHECK(frames_of(rig.wire, "HEADERS") == "HEADERS 3 end");
  CHECK(rig.codec.streams() == 1);
}

TEST_CASE("a node's answer is granted by what is taken") {
  Asking a(1);
  a.rig.grants = false;
  a.node.answer(1, {{":status", "200"}});
  a.node.say(1, std::string(200'000, 'x'));
  a.rig.talk(a.node);
  CHECK(a.rig.asked(0).owed == kOwedBound);
  a.rig.grant(0, kOwedBound);
  a.rig.talk(a.node);
  CHECK(a.rig.asked(0).owed == kOwedBound);
  a.rig.reset(0);
  a.rig.talk(a.node);
  for (std::size_t i = 1; i < 40; ++i) {  // what was owed then is no debt of the connection's
    a.rig.ask();
    a.rig.talk(a.node);
    a.answer(i, std::string(60'000, 'y'));
    CHECK(a.rig.asked(i).log.has("y\nend\n"));
  }
  CHECK(nghttp2_session_get_remote_window_size(a.node.session()) >
        static_cast<int>(H2Client::kClientWindow / 2));
}

TEST_CASE("answers that nobody takes hold up no other one") {
  Asking a(60);
  a.rig.grants = false;
  for (std::size_t i = 0; i < 60; ++i) {
    a.node.answer(static_cast<std::int32_t>(2 * i + 1), {{":status", "200"}});
    a.node.say(static_cast<std::int32_t>(2 * i + 1), std::string(100'000, 'x'));
  }
  a.rig.talk(a.node);
  for (std::size_t i = 0; i < 60; ++i) CHECK(a.rig.asked(i).owed == kOwedBound);
}

TEST_CASE("request bodies wait for the node's windows, and are told as sent by frames") {
  Asking a;
  a.rig.takes = 0;
  a.rig.ask_post();
  a.rig.flush();
  a.rig.kernel_takes(a.rig.take_wire().size());
  a.rig.send_body(0, std::string(100'000, 'x'));
  a.rig.flush();
  const std::size_t framed = a.rig.wire.size();
  CHECK(framed == 65535 + 4 * 9);
  a.rig.kernel_takes(9 + 16383);
  CHECK(a.rig.asked(0).sent == 0);
  a.rig.kernel_takes(1);
  CHECK(a.rig.asked(0).sent == 16384);
  a.rig.kernel_takes(framed - 9 - 16384);
  CHECK(a.rig.asked(0).sent == 65535);
  a.rig.takes = SIZE_MAX;
  a.rig.read(window_frame(0, 50'000) + window_frame(1, 50'000));
  CHECK(a.rig.asked(0).sent == 100'000);
}

TEST_CASE("a node that goes away ends what it did not take, and no more") {
  Asking a(3);
  a.rig.read(frame(7, 0, 0, number32(3) + number32(0)));
  CHECK(a.rig.asked(2).log.text() == "reset upstream_closed\n");
  CHECK(a.rig.asked(2).error.retry == Retry::declined);
  CHECK_FALSE(a.rig.codec.reusable());
  CHECK(a.rig.codec.more_streams() == 0);
  CHECK(a.rig.codec.next() == Next::keep);
  a.answer(0, "one");
  a.answer(1, "two");
  CHECK(a.rig.asked(0).log.has("body one\nend\n"));
  CHECK(a.rig.asked(1).log.has("body two\nend\n"));
  CHECK(a.rig.idles == 1);
  CHECK_FALSE(a.rig.reusable_when_idle);
  CHECK(a.rig.codec.next() == Next::linger);
}

TEST_CASE("a node that goes away while nothing was asked ends the connection") {
  H2ClientRig rig;
  rig.read(settings_frame() + frame(7, 0, 0, number32(0) + number32(0)));
  CHECK(rig.codec.next() == Next::linger);
  CHECK_FALSE(rig.codec.reusable());
}

TEST_CASE("a request that had not gone out when the node went away was not processed") {
  H2ClientRig rig;
  rig.read(settings_frame());
  rig.room = 0;
  rig.ask();
  rig.flush();
  rig.ask();
  rig.room = 1 << 20;
  rig.read(frame(7, 0, 0, number32(0) + number32(0)));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(rig.asked(i).log.text() == "reset upstream_closed\n");
    CHECK(rig.asked(i).error.retry == Retry::declined);
  }
  CHECK(frames_of(rig.wire, "HEADERS").empty());
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("what a node's reset means") {
  struct Case {
    std::string before;
    std::uint32_t code;
    Reason reason;
    Retry retry;
  };
  const Case cases[] = {
      {"", 7, Reason::upstream_reset, Retry::declined},
      {"", 2, Reason::upstream_reset, Retry::other_node},
      {"", 0, Reason::upstream_reset, Retry::other_node},
      {"", 8, Reason::upstream_reset, Retry::other_node},
      {head_frame(1, {{":status", "103"}}, kEndHeaders), 2, Reason::upstream_reset, Retry::other_node},
      {kAnswerHead, 2, Reason::upstream_truncated, Retry::never},
      {kAnswerHead, 7, Reason::upstream_truncated, Retry::never},
      {kAnswerHead + data_frame(1, "half"), 0, Reason::upstream_truncated, Retry::never},
  };
  for (const Case& each : cases) {
    Raw raw(each.before + reset_frame(1, each.code));
    INFO(each.code << " after " << each.before.size());
    CHECK(word(raw.rig.asked(0).error.reason) == word(each.reason));
    CHECK(raw.rig.asked(0).error.retry == each.retry);
    CHECK(raw.rig.asked(0).error.fault == Fault::upstream);
    CHECK(raw.rig.asked(0).error.status == 502);
    CHECK(raw.rig.idles == 1);
    CHECK(raw.rig.codec.reusable());
    CHECK(raw.rig.codec.streams() == 0);
  }
}

TEST_CASE("a reset behind a whole answer changes nothing") {
  Raw raw(kAnswerHead + data_frame(1, "ok", kEndStream) + reset_frame(1, 0));
  CHECK(raw.rig.told() == "0: 200  2 length=unknown []\nbody ok\nend\n");
  CHECK(raw.rig.idles == 1);
}

TEST_CASE("a reset without an error ends a body of a known length once all of it has come") {
  const auto head = [](std::string length) {
    return head_frame(1, {{":status", "200"}, {"content-length", std::move(length)}}, kEndHeaders);
  };
  Raw raw(head("2") + data_frame(1, "ok") + reset_frame(1, 0));
  CHECK(raw.rig.told() == "0: 200  2 length=2 []\nbody ok\nend\n");
  CHECK(raw.rig.idles == 1);
  CHECK(raw.rig.codec.reusable());
  CHECK(raw.rig.codec.streams() == 0);

  Raw empty(head("0") + reset_frame(1, 0));
  CHECK(empty.rig.told() == "0: 200  2 length=0 []\nend\n");
  for (const std::string& cut : {head("3") + data_frame(1, "ok") + reset_frame(1, 0),
                                 head("2") + data_frame(1, "ok") + reset_frame(1, 2)}) {
    Raw short_of(cut);
    CHECK(word(short_of.rig.asked(0).error.reason) == word(Reason::upstream_truncated));
  }
}

TEST_CASE("a connection's end ends its requests") {
  struct Case {
    std::string before;
    Reason at_end, at_error;
    Retry retry;
  };
  const Case cases[] = {
      {"", Reason::upstream_closed, Reason::upstream_reset, Retry::reused_connection},
      {head_frame(1, {{":status", "103"}}, kEndHeaders), Reason::upstream_closed, Reason::upstream_reset,
       Retry::other_node},
      {kAnswerHead + data_frame(1, "half"), Reason::upstream_truncated, Reason::upstream_truncated,
       Retry::never},
  };
  for (const Case& each : cases)
    for (const bool error : {false, true}) {
      Raw raw(each.before);
      raw.rig.ask();
      error ? raw.rig.read_error() : raw.rig.read_end();
      CHECK(word(raw.rig.asked(0).error.reason) == word(error ? each.at_error : each.at_end));
      CHECK(raw.rig.asked(0).error.retry == each.retry);
      CHECK(raw.rig.asked(1).error.retry == Retry::reused_connection);
      CHECK(raw.rig.idles == 1);
      CHECK_FALSE(raw.rig.reusable_when_idle);
      CHECK(raw.rig.codec.next() == Next::close);
      CHECK(raw.rig.codec.idle());
    }
  H2ClientRig idle;
  idle.read_end();
  CHECK(idle.codec.next() == Next::close);
  CHECK(idle.idles == 0);
}

TEST_CASE("a node that takes no more may still answer") {
  Raw raw;
  raw.rig.codec.send_failed();
  CHECK(raw.rig.asked(0).log.text() == "send failed upstream_reset\n");
  CHECK_FALSE(raw.rig.codec.reusable());
  raw.rig.send_body(0, "ignored");
  raw.rig.read(kAnswerHead + data_frame(1, "early", kEndStream));
  CHECK(raw.rig.asked(0).log.has("body early\nend\n"));
  CHECK(raw.rig.idles == 1);
  CHECK(raw.rig.codec.next() != Next::keep);
  H2ClientRig idle;
  idle.codec.send_failed();
  CHECK(idle.codec.next() == Next::close);
}

TEST_CASE("an owner may end all of a connection's requests") {
  Raw raw;
  raw.rig.ask();
  raw.rig.codec.fail({Reason::drained, Fault::ourselves, Retry::never, 503, ""});
  CHECK(raw.rig.told() == "0: reset drained\n1: reset drained\n");
  CHECK(raw.rig.idles == 1);
  CHECK(raw.rig.codec.next() == Next::close);
}

TEST_CASE("pings tell whether a node is there") {
  Asking a;
  CHECK_FALSE(a.rig.codec.awaits_ping());
  a.rig.codec.ping();
  CHECK(a.rig.codec.awaits_ping());
  a.rig.read(ping_frame(kAck));  // an answer to nothing
  CHECK(a.rig.codec.awaits_ping());
  a.rig.talk(a.node);
  CHECK_FALSE(a.rig.codec.awaits_ping());
  a.rig.codec.ping();
  CHECK(a.rig.codec.awaits_ping());
}

TEST_CASE("answers that break the rules are the node's fault, and theirs alone") {
  const std::string more = frame(1, kEndHeaders, 1, hpack({{"x-t", "1"}}));
  std::vector<std::string> cases = {
      head_frame(1, {{":status", "200"}, {"X-Upper", "1"}}),
      head_frame(1, {{":status", "200"}, {"x-a", "a\r\nb"}}),
      head_frame(1, {{":status", "200"}, {"x a", "1"}}),
      head_frame(1, {{":status", "200"}, {"connection", "close"}}),
      head_frame(1, {{":status", "200"}, {"transfer-encoding", "chunked"}}),
      head_frame(1, {{":status", "200"}, {"content-length", "x"}}),
      head_frame(1, {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}}, kEndHeaders),
      head_frame(1, {{":status", "200"}, {"content-length", "5"}}),
      head_frame(1, {{":status", "99"}}),
      head_frame(1, {{":status", "099"}}),
      head_frame(1, {{":status", "2000"}}),
      head_frame(1, {{":status", "+20"}}),
      head_frame(1, {{":status", "101"}}, kEndHeaders),
      head_frame(1, {{":status", "103"}}),
      head_frame(1, {{":status", "103"}, {"content-length", "3"}}, kEndHeaders),
      head_frame(1, {{"x-a", "1"}}),
      head_frame(1, {{":method", "GET"}, {":path", "/"}}),
      kAnswerHead + more,
      kAnswerHead + head_frame(1, {{"X-T", "1"}}),
      kAnswerHead + head_frame(1, {{":status", "200"}}),
      head_frame(1, {{":status", "200"}, {"content-length", "5"}}, kEndHeaders) +
          data_frame(1, "abc", kEndStream),
      head_frame(1, {{":status", "200"}, {"content-length", "2"}}, kEndHeaders) + data_frame(1, "abc"),
      head_frame(1, {{":status", "204"}}, kEndHeaders) + data_frame(1, "abc"),
      head_frame(1, {{":status", "103"}}, kEndHeaders) + data_frame(1, "abc"),
  };
  for (const std::string& answer : cases) {
    Raw raw;
    raw.rig.ask();
    raw.rig.flush();
    raw.rig.read(answer);
    INFO(told_frames(answer).back() << " " << answer.substr(9));
    CHECK(word(raw.rig.asked(0).error.reason) == "upstream_bad");
    CHECK(raw.rig.asked(0).error.fault == Fault::upstream);
    CHECK(raw.rig.asked(0).error.status == 502);
    CHECK_FALSE(raw.rig.asked(0).log.has("end\n"));
    CHECK(frames_of(raw.rig.wire, "RST") == "RST_STREAM 1 PROTOCOL_ERROR");
    CHECK(raw.rig.codec.next() == Next::keep);
    raw.rig.read(head_frame(3, {{":status", "200"}}, kEndHeaders) + data_frame(3, "ok", kEndStream));
    CHECK(raw.rig.asked(1).log.has("body ok\nend\n"));
    CHECK(raw.rig.codec.streams() == 0);
  }
}

TEST_CASE("a node that breaks HTTP/2 ends the connection") {
  const std::pair<std::string, std::string_view> cases[] = {
      {frame(0, 0, 0, "x"), "PROTOCOL_ERROR"},
      {frame(1, kEndHeaders, 1, "\x80"), "COMPRESSION_ERROR"},
      {settings_ack() + frame(5, kEndHeaders, 1, number32(2) + hpack(get_fields())), "PROTOCOL_ERROR"},
      {head_frame(2, {{":status", "200"}}), "PROTOCOL_ERROR"},
      {frame(6, 0, 0, "x"), "FRAME_SIZE_ERROR"},
      {data_frame(1, "x"), "PROTOCOL_ERROR"},
  };
  for (const auto& [bytes, code] : cases) {
    Raw raw;
    raw.rig.read(bytes);
    INFO(told_frames(bytes)[0] << " " << code);
    CHECK(word(raw.rig.asked(0).error.reason) == "upstream_bad");
    if (frames_of(raw.rig.wire, "RST").empty()) {
      CHECK(frames_of(raw.rig.wire, "GOAWAY") == "GOAWAY 0 " + std::string(code));
      CHECK(raw.rig.codec.next() == Next::linger);
      CHECK_FALSE(raw.rig.codec.reusable());
      CHECK(raw.rig.idles == 1);
    } else {
      CHECK(bytes[3] == 0);  // DATA before a head is the stream's error
      CHECK(raw.rig.codec.next() == Next::keep);
    }
  }
  H2ClientRig other;
  other.ask();
  other.flush();
  other.read("HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK(word(other.asked(0).error.reason) == "upstream_bad");
  CHECK(other.codec.next() == Next::linger);
}

TEST_CASE("a push that crosses our settings is refused, and nothing else") {
  Raw raw(frame(5, kEndHeaders, 1, number32(2) + hpack(get_fields())) +
          head_frame(2, {{":status", "200"}}, kEndHeaders) + data_frame(2, "pushed", kEndStream) +
          kAnswerHead + data_frame(1, "ok", kEndStream));
  CHECK(frames_of(raw.rig.wire, "RST") == "RST_STREAM 2 CANCEL");
  CHECK(raw.rig.told() == "0: 200  2 length=unknown []\nbody ok\nend\n");
  CHECK(raw.rig.codec.reusable());
}

TEST_CASE("a node's heads are bounded") {
  HeadLimits limits;
  limits.head = 1000;
  limits.fields = 5;
  Raw large(head_frame(1, {{":status", "200"}, {"a", std::string(1000, 'x')}}), limits);
  CHECK(word(large.rig.asked(0).error.reason) == "upstream_bad");
  CHECK(large.rig.codec.reusable());
  H2List many = {{":status", "200"}};
  for (int i = 0; i < 6; ++i) many.emplace_back("a", "1");
  Raw fields(head_frame(1, many), limits);
  CHECK(word(fields.rig.asked(0).error.reason) == "upstream_bad");
  CHECK(fields.rig.codec.reusable());
  std::string interims;
  for (int i = 0; i < 100; ++i) interims += head_frame(1, {{":status", "102"}}, kEndHeaders);
  Raw endless(interims, limits);
  CHECK(word(endless.rig.asked(0).error.reason) == "upstream_bad");
  CHECK(endless.rig.asked(0).log.has("102"));
  CHECK(endless.rig.codec.reusable());
  Raw bomb(head_frame(1, {{":status", "200"}, {"a", std::string(5000, 'x')}}), limits);
  CHECK(word(bomb.rig.asked(0).error.reason) == "upstream_bad");
  CHECK(word(bomb.rig.codec.limit_hit()) == "header");
  CHECK(bomb.rig.codec.next() == Next::linger);
}

TEST_CASE(
    "a head that cannot be sent fails its request alone, and what is asked then goes with the next flush") {
  HeadLimits limits;
  limits.head = 1000;
  H2ClientRig rig(limits);
  rig.read(settings_frame());
  weir::http::Request head;
  head.method_text = "GET";
  head.target = "/";
  head.fields.add("x-large", std::string(70'000, 'x'));
  rig.ask_head(std::move(head));
  rig.when_idle = [&rig] { rig.ask("GET", "/again"); };
  const std::uint64_t before = rig.changes;
  rig.flush();
  CHECK(rig.changes > before);
  CHECK(rig.asked(0).log.text() == "reset internal\n");
  REQUIRE(rig.all.size() == 2);
  rig.flush();
  CHECK(frames_of(rig.wire, "HEADERS") == "HEADERS 3 end");
  CHECK(frames_of(rig.wire, "RST").empty());
  CHECK(rig.codec.streams() == 1);
}

TEST_CASE("a flush calls for another only where something has come up meanwhile") {
  H2ClientRig rig;
  rig.read(settings_frame());
  rig.ask();
  rig.ask_post();
  rig.send_body(1, std::string(200'000, 'x'));
  const std::uint64_t before = rig.changes;
  rig.flush();
  CHECK(rig.changes == before);
  rig.flush();
  CHECK(rig.changes == before);
}

TEST_CASE("answers over HTTP/2 are the same in any pieces") {
  const std::string bytes =
      settings_frame({{3, 10}}) + head_frame(1, {{":status", "103"}, {"link", "x"}}, kEndHeaders) +
      head_frame(1, {{":status", "200"}, {"content-length", "5"}}, kEndHeaders) + data_frame(1, "hel") +
      head_frame(3, {{":status", "204"}}) + padded_data_frame(1, "lo", 9, kEndStream) + ping_frame() +
      head_frame(5, {{":status", "200"}}, kEndHeaders) + data_frame(5, "abc") +
      head_frame(5, {{"x-t", "1"}}) + reset_frame(7, 7) + frame(7, 0, 0, number32(7) + number32(0));
  const auto heard = [&bytes](std::size_t first, std::size_t piece) {
    H2ClientRig rig;
    for (int i = 0; i < 5; ++i) rig.ask();
    rig.flush();
    rig.read(std::string_view(bytes).substr(0, first));
    rig.read_in_pieces(std::string_view(bytes).substr(first), piece);
    rig.read_end();
    return rig.told() + std::to_string(rig.idles);
  };
  const std::string whole = heard(0, bytes.size());
  CHECK(whole.find("trailers x-t=1\nend\n3: reset upstream_reset\n4: reset upstream_closed\n1") !=
        whole.npos);
  for (std::size_t at = 1; at < bytes.size(); ++at) REQUIRE(heard(at, bytes.size()) == whole);
  for (std::size_t piece = 1; piece < 10; ++piece) REQUIRE(heard(0, piece) == whole);
}
