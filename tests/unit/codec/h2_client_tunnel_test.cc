// H2Client: upgrades, which are extended CONNECTs to the node and 101s to all above.
#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_client_rig.h"

using namespace weir::codec;
using weir::base::Retry;

namespace {

const H2List kHandshake = {{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                           {"Sec-WebSocket-Version", "13"}};
const std::string kTakesConnect = settings_frame({{8, 1}});

struct Upgrading {
  explicit Upgrading(std::string_view answer = "") {
    rig.read(kTakesConnect);
    rig.ask_upgrade("websocket", kHandshake);
    rig.flush();
    rig.take_wire();
    if (!answer.empty()) rig.read(answer);
  }
  H2ClientRig rig;
};

const std::string kSwitched =
    head_frame(1, {{":status", "200"}, {"sec-websocket-protocol", "chat"}}, kEndHeaders);

}  // namespace

TEST_CASE("an upgrade goes to a node as an extended CONNECT") {
  H2ClientRig rig;
  H2Peer node(H2Peer::Side::server);
  node.settings({{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}});
  rig.ask_upgrade("websocket, other", kHandshake);
  CHECK_FALSE(rig.codec.settled());
  rig.talk(node);
  CHECK(rig.codec.settled());
  CHECK(rig.codec.takes_upgrades());
  CHECK(node.of(1).heads ==
        std::vector<std::string>{":method=CONNECT|:scheme=http|:authority=a.test|:path=/chat|"
                                 ":protocol=websocket|sec-websocket-version=13"});
  CHECK_FALSE(node.of(1).ended);
  node.answer(1, {{":status", "200"}});
  node.say(1, "hello");
  rig.talk(node);
  CHECK(rig.told() ==
        "0: 101  2 length=none upgrade=websocket "
        "[Sec-WebSocket-Accept=accept-of-dGhlIHNhbXBsZSBub25jZQ==]\nbody hello\n");
  rig.send_body(0, "you");
  rig.talk(node);
  CHECK(node.of(1).body == "you");
  CHECK(rig.asked(0).sent == 3);
  rig.send_end(0);
  rig.talk(node);
  CHECK(node.of(1).ended);
  CHECK(rig.idles == 0);
  node.say(1, "more");
  node.say_end(1);
  rig.talk(node);
  CHECK(rig.asked(0).log.has("body hello\nbody more\nend\n"));
  CHECK(rig.idles == 1);
  CHECK(node.of(1).closed);
  CHECK_FALSE(node.of(1).was_reset);
  CHECK(rig.codec.reusable());
}

TEST_CASE("a tunnel that its node ends first takes what comes behind") {
  Upgrading u(kSwitched + data_frame(1, "bye", kEndStream));
  CHECK(u.rig.asked(0).log.has("body bye\nend\n"));
  CHECK(u.rig.idles == 0);
  u.rig.send_body(0, "still");
  u.rig.flush();
  CHECK(frames_of(u.rig.wire, "DATA") == "DATA 1 5");
  u.rig.send_end(0);
  u.rig.flush();
  CHECK(frames_of(u.rig.wire, "DATA") == "DATA 1 5|DATA 1 0 end");
  CHECK(u.rig.idles == 1);
  CHECK(u.rig.codec.streams() == 0);
  CHECK(frames_of(u.rig.wire, "RST").empty());
}

TEST_CASE("an upgrade without a key has no accept, one of another protocol neither") {
  H2ClientRig rig;
  rig.read(kTakesConnect);
  rig.ask_upgrade("connect-udp", {{"Capsule-Protocol", "?1"}});
  rig.flush();
  rig.read(head_frame(1, {{":status", "200"}, {"capsule-protocol", "?1"}}, kEndHeaders));
  CHECK(rig.told() == "0: 101  2 length=none upgrade=connect-udp [capsule-protocol=?1]\n");
}

TEST_CASE("an upgrade waits for the node's settings, and others do not") {
  H2ClientRig rig;
  rig.ask_upgrade("websocket", kHandshake);
  rig.ask();
  rig.flush();
  CHECK(frames_of(rig.wire, "HEADERS") == "HEADERS 1 end");
  CHECK(rig.codec.more_streams() == 98);
  rig.read(kTakesConnect);
  CHECK(frames_of(rig.wire, "HEADERS") == "HEADERS 1 end|HEADERS 3");
  rig.read(head_frame(3, {{":status", "200"}}, kEndHeaders));
  CHECK(rig.asked(0).log.has("101"));
}

TEST_CASE("an upgrade that waits may be reset, or lose its connection") {
  H2ClientRig rig;
  rig.ask_upgrade("websocket", kHandshake);
  rig.flush();
  rig.reset(0);
  rig.flush();
  CHECK(rig.idles == 1);
  rig.ask_upgrade("websocket", kHandshake);
  rig.flush();
  rig.read_end();
  CHECK(rig.asked(1).log.text() == "reset upstream_closed\n");
  CHECK(frames_of(rig.wire, "HEADERS").empty());
}

TEST_CASE("a node that takes no upgrades gets none") {
  H2ClientRig rig;
  rig.read(settings_frame());
  CHECK_FALSE(rig.codec.takes_upgrades());
  rig.ask_upgrade("websocket", kHandshake);
  CHECK(rig.told() == "0: ");  // nobody hears of it inside send()
  rig.flush();
  CHECK(rig.told() == "0: reset upstream_bad\n");
  CHECK(rig.asked(0).error.retry == Retry::never);
  CHECK(frames_of(rig.wire, "HEADERS").empty());
  CHECK(rig.idles == 1);
  CHECK(rig.codec.reusable());
}

TEST_CASE("a node that refuses an upgrade answers as to a request") {
  Upgrading u(head_frame(1, {{":status", "403"}, {"content-length", "2"}}, kEndHeaders) +
              data_frame(1, "no", kEndStream));
  CHECK(u.rig.told() == "0: 403  2 length=2 []\nbody no\nend\n");
  CHECK(frames_of(u.rig.wire, "RST") == "RST_STREAM 1 NO_ERROR");  // our half was open
  CHECK(u.rig.idles == 1);
  CHECK(u.rig.codec.streams() == 0);
}

TEST_CASE("a cut tunnel to a node is seen as cut") {
  Upgrading by_reset(kSwitched + data_frame(1, "x") + reset_frame(1, 8));
  CHECK(by_reset.rig.asked(0).log.has("body x\nreset upstream_truncated"));
  Upgrading by_end(kSwitched);
  by_end.rig.read_end();
  CHECK(by_end.rig.asked(0).log.has("reset upstream_truncated"));
  CHECK_FALSE(by_end.rig.asked(0).log.has("end\n"));
  Upgrading by_us(kSwitched);
  by_us.rig.reset(0);
  by_us.rig.flush();
  CHECK(frames_of(by_us.rig.wire, "RST") == "RST_STREAM 1 CANCEL");
  CHECK(by_us.rig.codec.reusable());
}

TEST_CASE("a handshake without a good key is the client's fault, and no node hears of it") {
  for (const std::string key : {"", "short", "dGhlIHNhbXBsZSBub25jZQ==="}) {
    H2ClientRig rig;
    rig.read(kTakesConnect);
    rig.flush();
    rig.take_wire();
    rig.ask_upgrade("websocket", {{"Sec-WebSocket-Key", key}, {"Sec-WebSocket-Version", "13"}});
    rig.flush();
    CHECK(frames_of(rig.wire, "HEADERS").empty());
    CHECK(rig.asked(0).log.has("reset bad_request"));
  }
}
