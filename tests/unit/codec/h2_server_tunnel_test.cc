// H2Server: extended CONNECT (RFC 8441), which is an upgrade to all above.
#include <set>

#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_server_rig.h"

using namespace weir::codec;
using weir::base::Fault;
using weir::base::Reason;

namespace {

H2List connect_fields(std::string_view protocol, const H2List& more = {}) {
  H2List fields = {{":method", "CONNECT"},
                   {":protocol", std::string(protocol)},
                   {":scheme", "http"},
                   {":authority", "a.test"},
                   {":path", "/chat"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// A tunnel's beginning, as the node says it.
weir::http::Response switched() {
  weir::http::Response head;
  head.status = 101;
  head.upgrade = "websocket";
  head.fields.add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  head.fields.add("Sec-WebSocket-Protocol", "chat");
  return head;
}

struct Tunnel {
  Tunnel() : peer(H2Peer::Side::client) {
    rig.talk(peer);  // it has to know that we take it
    id = peer.ask(connect_fields("websocket"), H2Peer::Ends::later);
    rig.talk(peer);
  }
  H2ServerRig rig;
  H2Peer peer;
  std::int32_t id;
};

}  // namespace

TEST_CASE("an extended CONNECT arrives as an upgrade") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1,
                                       connect_fields("websocket", {{"sec-websocket-version", "13"},
                                                                    {"sec-websocket-key", "theirs"},
                                                                    {"content-length", "5"},
                                                                    {"expect", "100-continue"},
                                                                    {"origin", "http://a.test"}}),
                                       kEndHeaders));
  rig.read(head_frame(3, connect_fields("connect-udp", {{"capsule-protocol", "?1"}}), kEndHeaders));
  REQUIRE(rig.all.size() == 2);
  const std::string log = rig.heard(0).log.text();
  const std::string before =
      "GET /chat at a.test 2 length=none upgrade=websocket scheme=http "
      "[sec-websocket-version=13|origin=http://a.test|Sec-WebSocket-Key=";
  REQUIRE(log.starts_with(before));
  CHECK(log.substr(before.size() + 22) == "==]\nend\n");  // 16 bytes in base64
  CHECK(log.find("theirs") == log.npos);
  CHECK(rig.heard(1).log.text() ==
        "GET /chat at a.test 2 length=none upgrade=connect-udp scheme=http [capsule-protocol=?1]\nend\n");
}

TEST_CASE("each handshake has a key of its own") {
  H2ServerRig rig;
  rig.read(client_hello());
  std::set<std::string> keys;
  for (std::uint32_t id = 1; id < 41; id += 2)
    rig.read(head_frame(id, connect_fields("websocket"), kEndHeaders));
  for (std::size_t i = 0; i < 20; ++i) {
    const std::string log = rig.heard(i).log.text();
    keys.insert(log.substr(log.find("Key=") + 4, 24));
  }
  CHECK(keys.size() == 20);
}

TEST_CASE("a tunnel carries bytes both ways, and each side ends for itself") {
  Tunnel t;
  t.rig.send_head(0, switched());
  t.rig.talk(t.peer);
  CHECK(t.peer.of(t.id).heads == std::vector<std::string>{":status=200|sec-websocket-protocol=chat"});
  CHECK_FALSE(t.peer.of(t.id).ended);
  CHECK(t.rig.codec.in_tunnel());
  t.rig.heard(0).log.clear();
  t.peer.say(t.id, "ping");
  t.rig.talk(t.peer);
  CHECK(t.rig.heard(0).log.text() == "body ping\n");
  t.rig.send_body(0, "pong");
  t.rig.talk(t.peer);
  CHECK(t.peer.of(t.id).body == "pong");
  CHECK(t.rig.heard(0).sent == 4);
  t.peer.say_end(t.id);
  t.rig.talk(t.peer);
  CHECK(t.rig.heard(0).log.text() == "body ping\nend\n");
  CHECK(t.rig.codec.in_tunnel());
  t.rig.send_body(0, "more");
  t.rig.talk(t.peer);
  CHECK(t.peer.of(t.id).body == "pongmore");
  CHECK(t.rig.heard(0).sent == 8);
  t.rig.send_end(0);
  t.rig.talk(t.peer);
  CHECK(t.peer.of(t.id).ended);
  CHECK(t.peer.of(t.id).closed);
  CHECK(t.peer.of(t.id).code == 0);
  CHECK(t.rig.codec.idle());
  CHECK_FALSE(t.rig.codec.in_tunnel());
}

TEST_CASE("a tunnel whose node ends first goes on towards it") {
  Tunnel t;
  t.rig.send_head(0, switched());
  t.rig.send_end(0);
  t.rig.talk(t.peer);
  CHECK(t.peer.of(t.id).ended);
  CHECK_FALSE(t.peer.of(t.id).was_reset);
  CHECK(t.rig.codec.in_tunnel());
  t.peer.say(t.id, "still");
  t.rig.talk(t.peer);
  CHECK(t.rig.heard(0).log.has("body still\n"));
  t.peer.say_end(t.id);
  t.rig.talk(t.peer);
  CHECK(t.rig.heard(0).log.has("body still\nend\n"));
  CHECK(t.rig.codec.idle());
  CHECK_FALSE(t.peer.of(t.id).was_reset);
}

TEST_CASE("what a client says before its tunnel stands waits for it") {
  for (const bool ends : {false, true}) {
    Tunnel t;
    t.peer.say(t.id, "early");
    if (ends) t.peer.say_end(t.id);
    t.rig.talk(t.peer);
    CHECK_FALSE(t.rig.heard(0).log.has("early"));
    CHECK(t.rig.heard(0).log.has("]\nend\n"));  // of the request
    CHECK_FALSE(t.rig.codec.has_held());
    t.rig.heard(0).log.clear();
    t.rig.send_head(0, switched());
    CHECK(t.rig.codec.has_held());
    t.rig.flush();
    CHECK(t.rig.heard(0).log.text().empty());  // never inside what the handler does itself
    if (!ends) t.rig.read(data_frame(1, "-"));
    t.rig.talk(t.peer);
    CHECK(t.rig.heard(0).log.text() == (ends ? "body early\nend\n" : "body early-\n"));
    CHECK(t.rig.heard(0).owed == 0);
  }
}

TEST_CASE("a tunnel may stand among requests") {
  Tunnel t;
  t.rig.send_head(0, switched());
  const auto get = t.peer.ask(get_fields());
  t.rig.talk(t.peer);
  t.rig.answer(1, 200, "ok");
  t.rig.talk(t.peer);
  CHECK(t.peer.of(get).body == "ok");
  CHECK(t.rig.codec.in_tunnel());
  CHECK(t.rig.codec.streams() == 1);
}

TEST_CASE("a refused upgrade is an ordinary answer") {
  Tunnel t;
  t.peer.say(t.id, "early");
  t.rig.talk(t.peer);
  t.rig.answer(0, 403, "no");
  t.rig.talk(t.peer);
  CHECK(t.peer.of(t.id).heads == std::vector<std::string>{":status=403|content-length=2"});
  CHECK(t.peer.of(t.id).body == "no");
  CHECK(t.peer.of(t.id).ended);
  CHECK(t.peer.of(t.id).was_reset);  // without an error: nothing more is wanted
  CHECK(t.peer.of(t.id).code == 0);
  CHECK_FALSE(t.rig.heard(0).log.has("early"));
  CHECK(t.rig.codec.idle());
}

TEST_CASE("what was said before refused upgrades is no debt of the connection's") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  rig.talk(peer);
  for (std::size_t i = 0; i < 40; ++i) {  // 2.4 MB in all
    const auto id = peer.ask(connect_fields("websocket"), H2Peer::Ends::later);
    peer.say(id, std::string(60'000, 'x'));
    rig.talk(peer);
    rig.answer(i, 403, "no");
    rig.talk(peer);
    REQUIRE(rig.codec.idle());
  }
  CHECK(nghttp2_session_get_remote_window_size(peer.session()) >
        static_cast<int>(H2Server::kServerWindow / 2));
}

TEST_CASE("a node that answers 200 to an upgrade has begun no tunnel") {
  Tunnel t;
  t.rig.answer(0, 200, "a page");
  t.rig.talk(t.peer);
  CHECK(t.peer.of(t.id).heads == std::vector<std::string>{":status=502|content-length=6"});
  CHECK(t.peer.of(t.id).ended);
  CHECK_FALSE(t.rig.codec.in_tunnel());
}

TEST_CASE("a cut tunnel is seen as cut on both sides") {
  Tunnel by_node;
  by_node.rig.send_head(0, switched());
  by_node.rig.talk(by_node.peer);
  by_node.rig.reset(0, {Reason::upstream_closed, Fault::upstream, weir::base::Retry::never, 0, ""});
  by_node.rig.talk(by_node.peer);
  CHECK(by_node.peer.of(by_node.id).code == NGHTTP2_CANCEL);
  CHECK_FALSE(by_node.peer.of(by_node.id).ended);
  CHECK(by_node.rig.codec.idle());

  Tunnel by_client;
  by_client.rig.send_head(0, switched());
  by_client.rig.talk(by_client.peer);
  by_client.peer.reset(by_client.id, NGHTTP2_CANCEL);
  by_client.rig.talk(by_client.peer);
  CHECK(by_client.rig.heard(0).log.has("reset client_gone"));
  CHECK(by_client.rig.codec.idle());

  Tunnel by_fin;
  by_fin.rig.send_head(0, switched());
  by_fin.rig.talk(by_fin.peer);
  by_fin.rig.read_end();
  CHECK(by_fin.rig.heard(0).log.has("reset client_gone"));
}

TEST_CASE("protocols that are versions of HTTP are not passed on") {
  for (std::string_view protocol : {"h2c", "HTTP", "http/2.0", "HTTP/1.1", "h2"}) {
    H2ServerRig rig;
    rig.read(client_hello() + head_frame(1, connect_fields(protocol), kEndHeaders));
    CHECK(rig.refusals.text() == "refused 501 CONNECT\n");
    CHECK(rig.all.empty());
    CHECK(rig.codec.idle());
  }
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, connect_fields("web socket"), kEndHeaders));
  CHECK(rig.all.empty());
  CHECK(rig.codec.idle());
}

TEST_CASE("flow control holds in tunnels, also before they stand") {
  Tunnel t;
  t.rig.grants = false;
  t.peer.say(t.id, std::string(200'000, 'x'));
  t.rig.talk(t.peer);
  t.rig.send_head(0, switched());
  t.rig.talk(t.peer);
  CHECK(t.rig.heard(0).owed == kOwedBound);
  t.rig.grants = true;
  t.rig.grant(0, kOwedBound);
  t.rig.talk(t.peer);
  const std::string& log = t.rig.heard(0).log.text();
  CHECK(log.size() - log.find("body ") - 5 == 200'001);
}
