// H2Server: how connections end, and who is told to calm down.
#include <chrono>
#include <functional>

#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_server_rig.h"

using namespace weir::codec;
using namespace std::chrono_literals;
using weir::base::Fault;
using weir::base::Reason;

namespace {

constexpr weir::base::Error kCut{Reason::drained, Fault::ourselves, weir::base::Retry::never, 0, "test"};

// As many times; what the connection says of it in the end.
struct Flood {
  Flood(const std::string& hello, H2Limits limits = {}) : rig(H2ServerRig::Answers::by_hand, {}, limits) {
    rig.read(client_hello() + settings_ack() + hello);
    rig.take_wire();
  }
  // How many turns the connection stood.
  int stands(int most, const std::string& bytes) {
    int turns = 0;
    for (; turns < most && rig.codec.next() == Next::keep; ++turns) rig.read(bytes);
    return rig.codec.next() == Next::keep ? turns : turns - 1;
  }
  void calmed(H2Limit limit) {
    INFO(word(limit));
    CHECK(word(rig.codec.limit_hit()) == word(limit));
    CHECK(rig.codec.ended_with() == H2Code::enhance_your_calm);
    CHECK(frames_of(rig.wire, "GOAWAY").ends_with("ENHANCE_YOUR_CALM"));
    CHECK(rig.codec.next() == Next::linger);
    CHECK_FALSE(rig.codec.wants_read());
  }
  H2ServerRig rig;
};

}  // namespace

TEST_CASE("a drained connection takes no new streams, and ends with its last") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto first = peer.ask(get_fields());
  rig.talk(peer);
  rig.codec.drain();
  rig.flush();
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 2147483647 NO_ERROR");
  CHECK(frames_of(rig.wire, "PING") == "PING");
  CHECK(rig.codec.draining());
  CHECK(rig.codec.next() == Next::keep);
  // On its way while the notice was: it is served.
  const std::string on_its_way = head_frame(3, get_fields());
  rig.read(on_its_way);
  REQUIRE(rig.all.size() == 2);
  peer.take_in(rig.take_wire());
  rig.read(peer.take_out());  // the ping's answer
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 3 NO_ERROR");
  rig.read(head_frame(5, get_fields()));
  CHECK(rig.all.size() == 2);
  CHECK(rig.codec.next() == Next::keep);
  rig.answer(0, 200, "one");
  rig.flush();
  CHECK(rig.codec.next() == Next::keep);
  rig.answer(1, 200, "two");
  rig.flush();
  CHECK(frames_of(rig.wire, "DATA") == "DATA 1 3 end|DATA 3 3 end");
  CHECK(rig.codec.next() == Next::linger);
  CHECK(peer.received[first].code == 0);
}

TEST_CASE("an idle connection is drained as soon as the client has heard of it") {
  H2ServerRig rig;
  rig.read(client_hello());
  rig.take_wire();
  rig.codec.drain();
  rig.codec.drain();  // once is enough
  rig.flush();
  CHECK(told_frames(rig.wire) == std::vector<std::string>{"PING", "GOAWAY 2147483647 NO_ERROR"});
  CHECK(rig.codec.next() == Next::keep);
  rig.read(frame(6, kAck, 0, rig.wire.substr(9, 8)));
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 2147483647 NO_ERROR|GOAWAY 0 NO_ERROR");
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("a client that answers no pings is drained by the owner's clock") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, get_fields()));
  rig.codec.drain();
  rig.flush();
  rig.take_wire();
  rig.read(ping_frame(kAck));  // the answer to another ping
  CHECK(rig.wire.empty());
  rig.codec.finish_drain();
  rig.codec.finish_drain();
  rig.flush();
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 1 NO_ERROR");
  rig.answer(0, 200, "ok");
  rig.flush();
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("streams that come between the last GOAWAY's saying and sending are refused") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, get_fields()));
  rig.room = 0;  // nothing goes out
  rig.codec.drain();
  rig.codec.finish_drain();
  rig.read(head_frame(3, get_fields()));
  CHECK(rig.all.size() == 1);
  rig.room = 1 << 20;
  rig.flush();
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 3 REFUSED_STREAM");
}

TEST_CASE("no GOAWAY behind the last one takes more requests than that") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, get_fields()));
  rig.codec.finish_drain();
  rig.flush();
  rig.read(head_frame(3, get_fields()) + data_frame(0, "of no stream"));
  rig.flush();
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 1 NO_ERROR|GOAWAY 1 PROTOCOL_ERROR");
}

TEST_CASE("nor does one of an error that was made before the last one was framed") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, get_fields()));
  rig.room = 0;  // nothing goes out
  rig.codec.finish_drain();
  rig.read(head_frame(3, get_fields()) + data_frame(0, "of no stream"));
  rig.room = 1 << 20;
  rig.flush();
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 1 NO_ERROR|GOAWAY 1 PROTOCOL_ERROR");
}

TEST_CASE("a client that goes away is served to its end") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(get_fields());
  rig.talk(peer);
  peer.go_away(0, NGHTTP2_NO_ERROR);
  rig.talk(peer);
  CHECK(rig.codec.next() == Next::keep);
  rig.answer(0, 200, "ok");
  rig.talk(peer);
  CHECK(peer.of(id).body == "ok");
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("FIN lets whole requests be answered, and ends the others") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, get_fields()) + head_frame(3, post_fields(), kEndHeaders));
  rig.read_end();
  CHECK_FALSE(rig.heard(0).log.has("reset"));
  CHECK(rig.heard(1).log.has("reset client_gone"));
  CHECK(rig.codec.next() == Next::keep);
  rig.answer(0, 200, "ok");
  rig.flush();
  CHECK(frames_of(rig.wire, "DATA") == "DATA 1 2 end");
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 3 CANCEL");
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("FIN on an idle connection ends it") {
  H2ServerRig rig;
  rig.read(client_hello());
  rig.read_end();
  CHECK(rig.codec.next() == Next::linger);
  H2ServerRig fresh;
  fresh.read_end();
  CHECK(fresh.codec.next() == Next::linger);
}

TEST_CASE("a lost connection ends all streams") {
  for (int how = 0; how < 3; ++how) {
    H2ServerRig rig;
    rig.read(client_hello() + head_frame(1, get_fields()) + head_frame(3, post_fields(), kEndHeaders));
    if (how == 0) rig.codec.receive_error();
    if (how == 1) rig.codec.send_failed();
    if (how == 2) rig.codec.abandon(kCut);
    const std::string_view reason = how == 2 ? "reset drained" : "reset client_gone";
    for (std::size_t i = 0; i < 2; ++i) CHECK(rig.heard(i).log.has(reason));
    CHECK(rig.codec.next() == Next::close);
    rig.flush();
    CHECK_FALSE(rig.codec.in_stream());
    rig.read(head_frame(5, get_fields()));
    CHECK(rig.all.size() == 2);
  }
}

TEST_CASE("broken framing ends the connection, and says how") {
  struct Case {
    std::string bytes;
    std::string_view code;
  };
  const Case cases[] = {
      {frame(0, 0, 0, "x"), "PROTOCOL_ERROR"},
      {frame(0, 0, 5, "x"), "PROTOCOL_ERROR"},  // idle
      {frame(1, kEndHeaders, 2, hpack(get_fields())), "PROTOCOL_ERROR"},
      {frame(1, kEndHeaders, 5, "\x80"), "COMPRESSION_ERROR"},
      {frame(1, 0, 5, "") + ping_frame(), "PROTOCOL_ERROR"},
      {frame(1, kEndStream, 5, "") + data_frame(5, "x"), "PROTOCOL_ERROR"},
      {frame(1, kEndStream, 5, "") + frame(1, kPadded, 5, ""), "PROTOCOL_ERROR"},
      {frame(4, 0, 1, ""), "PROTOCOL_ERROR"},
      {frame(4, 0, 0, "x"), "FRAME_SIZE_ERROR"},
      {frame(6, 0, 0, "x"), "FRAME_SIZE_ERROR"},
      {frame(5, kEndHeaders, 1, number32(2)), "PROTOCOL_ERROR"},
      {frame(8, 0, 0, number32(0)), "PROTOCOL_ERROR"},
      {frame(8, 0, 0, number32(0x7fffffff)), "FLOW_CONTROL_ERROR"},
      {frame(9, kEndHeaders, 1, ""), "PROTOCOL_ERROR"},
      {frame(0, 0, 3, std::string(16385, 'x')), "FRAME_SIZE_ERROR"},
      {frame(0, kPadded, 1, ""), "FRAME_SIZE_ERROR"},
      {frame(1, kPadded | kEndHeaders, 3, ""), "FRAME_SIZE_ERROR"},
      {settings_frame({{4, 0x80000000}}), "FLOW_CONTROL_ERROR"},
      {data_frame(1, "x"), "STREAM_CLOSED"},
      {head_frame(1, get_fields()), "STREAM_CLOSED"},
      {frame(2, 0, 0, number32(1) + "x"), "PROTOCOL_ERROR"},
      {frame(2, 0, 3, number32(3) + "x"), "PROTOCOL_ERROR"},           // it depends on itself
      {frame(2, 0, 3, number32(0x80000003) + "x"), "PROTOCOL_ERROR"},  // alone
      {frame(1, kEndHeaders | kEndStream | 0x20, 3, number32(3) + "x" + hpack(get_fields())),
       "PROTOCOL_ERROR"},
      {frame(16, 0, 0, number32(0) + "u=1"), "PROTOCOL_ERROR"},
  };
  for (const Case& each : cases) {
    H2ServerRig rig;
    rig.read(client_hello() + head_frame(1, get_fields()));
    rig.take_wire();
    rig.read(each.bytes + head_frame(7, get_fields()));
    INFO(told_frames(each.bytes)[0] << " " << each.code);
    const std::string last = frames_of(rig.wire, "GOAWAY");
    CHECK(last.substr(last.rfind(' ') + 1) == each.code);
    CHECK(rig.all.size() == 1);
    CHECK(rig.heard(0).log.has("reset bad_request"));
    CHECK(rig.heard(0).error.fault == Fault::downstream);
    CHECK(rig.codec.next() == Next::linger);
    CHECK_FALSE(rig.codec.in_stream());
    CHECK(code_name(static_cast<std::uint32_t>(rig.codec.ended_with())) == each.code);
    CHECK(rig.codec.limit_hit() == H2Limit::none);
  }
}

TEST_CASE("what is no HTTP/2 at all is told so, in HTTP/2") {
  H2ServerRig rig;
  rig.read("GET / HTTP/1.1\r\n\r\n");
  CHECK(told_frames(rig.wire) == std::vector<std::string>{"SETTINGS", "GOAWAY 0 PROTOCOL_ERROR"});
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("a head that takes too long ends the connection") {
  H2ServerRig rig;
  const std::string head = head_frame(3, get_fields());
  rig.read(client_hello() + head_frame(1, get_fields()) + head.substr(0, head.size() - 1));
  CHECK(rig.codec.in_head());
  CHECK_FALSE(rig.codec.has_orphans());
  CHECK_FALSE(rig.codec.idle());
  rig.codec.refuse_head({Reason::client_timeout, Fault::downstream, weir::base::Retry::never, 408, ""});
  rig.flush();
  CHECK(rig.heard(0).log.has("reset client_timeout"));
  CHECK(rig.codec.next() == Next::linger);
  CHECK(frames_of(rig.wire, "GOAWAY").starts_with("GOAWAY"));
}

TEST_CASE("trailers whose stream ends while they arrive are waited for no longer") {
  const std::string trailers = frame(1, kEndHeaders | kEndStream, 1, hpack({{"x-t", "1"}}));
  for (const bool answered : {true, false}) {
    INFO(answered);
    H2ServerRig rig;
    rig.read(client_hello() + settings_ack() + head_frame(1, post_fields(), kEndHeaders) +
             trailers.substr(0, trailers.size() - 1));
    CHECK(rig.codec.in_head());
    if (answered)
      rig.answer(0, 503, "no");
    else
      rig.reset(0, {Reason::internal, Fault::ourselves, weir::base::Retry::never, 0, ""});
    rig.flush();
    CHECK_FALSE(rig.codec.in_stream());
    rig.read(trailers.substr(trailers.size() - 1));
    CHECK_FALSE(rig.codec.in_head());
    rig.read(head_frame(3, get_fields()));
    CHECK(rig.all.size() == 2);
    CHECK(rig.codec.limit_hit() == H2Limit::none);
  }
}

TEST_CASE("who floods is told to calm down") {
  const std::string streams = head_frame(1, post_fields(), kEndHeaders);
  struct Case {
    H2Limit limit;
    std::string bytes;
    int stands;  // turns
  };
  const H2Limits limits;
  const Case cases[] = {
      {H2Limit::pings, ping_frame(), 100},
      {H2Limit::pings, ping_frame(kAck), 100},
      {H2Limit::settings, settings_frame(), 18},  // two came with the hello
      {H2Limit::empty_frames, data_frame(1, ""), 100},
      {H2Limit::empty_frames, padded_data_frame(1, "", 7), 100},
      {H2Limit::window_updates, window_frame(0, 1), 1000},
      {H2Limit::window_updates, window_frame(1, 1), 1000},
      {H2Limit::priorities, frame(16, 0, 0, number32(1) + "u=1"), 500},
      {H2Limit::priorities, frame(2, 0, 1, std::string(5, '\0')), 500},
      {H2Limit::other_frames, frame(0x55, 0, 0, "x"), 100},
      {H2Limit::client_resets, reset_frame(1, 8), 500},
  };
  for (const Case& each : cases) {
    Flood flood(streams);
    INFO(word(each.limit));
    CHECK(flood.stands(2000, each.bytes) == each.stands);
    flood.calmed(each.limit);
    if (each.limit != H2Limit::client_resets) CHECK(flood.rig.heard(0).log.has("reset rate_limited"));
  }
}

TEST_CASE("streams begin in order: what was left out is closed") {
  for (const std::uint32_t left_out : {3, 7, 9}) {
    H2ServerRig rig;
    rig.read(client_hello() + head_frame(1, get_fields()) + head_frame(5, get_fields()));
    rig.read(frame(2, 0, 13, number32(1) + "x"));  // says nothing of those before it
    rig.read(head_frame(11, get_fields()));
    CHECK(rig.all.size() == 3);
    rig.read(head_frame(left_out, get_fields()));
    CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 11 PROTOCOL_ERROR");
    CHECK(rig.all.size() == 3);
  }
}

TEST_CASE("on a stream that it has ended a client says nothing more") {
  const bool by_reset = GENERATE(true, false);
  const bool head = GENERATE(true, false);
  INFO(by_reset << " " << head);
  H2ServerRig rig;
  rig.read(client_hello() + settings_ack());
  for (std::uint32_t id = 1; id < 40; id += 2) {
    if (by_reset) {
      rig.read(head_frame(id, post_fields(), kEndHeaders) + reset_frame(id, 8));
    } else {
      rig.read(head_frame(id, get_fields()));
      rig.answer(rig.all.size() - 1, 204, "");
      rig.flush();
    }
  }
  REQUIRE(frames_of(rig.wire, "GOAWAY").empty());
  rig.read(head ? head_frame(21, get_fields()) : data_frame(21, "x"));
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 39 STREAM_CLOSED");
}

TEST_CASE("what was on its way to a stream that we have reset is passed over") {
  H2ServerRig rig;
  rig.read(client_hello() + settings_ack() + head_frame(1, post_fields(), kEndHeaders));
  rig.reset(0, {Reason::internal, Fault::ourselves, weir::base::Retry::never, 0, ""});
  rig.flush();
  rig.read(data_frame(1, "x") + data_frame(1, "y", kEndStream) + head_frame(3, get_fields()));
  CHECK(frames_of(rig.wire, "GOAWAY").empty());
  CHECK(rig.all.size() == 2);
}

TEST_CASE("settings that make a window too large end the connection") {
  const std::string settings = settings_frame({{4, 65'536}});
  for (std::size_t cut = 0; cut < settings.size(); ++cut) {
    INFO(cut);
    H2ServerRig rig;
    rig.read(client_hello() + settings_ack() + head_frame(1, get_fields()) + head_frame(3, get_fields()) +
             window_frame(3, 0x7fffffff - 65'535) + settings.substr(0, cut));
    rig.answer(0, 200, "ok");
    rig.flush();
    REQUIRE(frames_of(rig.wire, "GOAWAY").empty());
    rig.read(settings.substr(cut) + head_frame(5, get_fields()));
    CHECK(frames_of(rig.wire, "GOAWAY").ends_with("FLOW_CONTROL_ERROR"));
    CHECK(rig.codec.next() == Next::linger);
  }
  H2ServerRig rig;
  rig.read(client_hello() + settings_ack() + head_frame(1, get_fields()) +
           window_frame(1, 0x7fffffff - 65'535));
  rig.read(settings_frame({{4, 65'535}}) + window_frame(0, 1) + settings_frame({{4, 1}}));
  CHECK(frames_of(rig.wire, "GOAWAY").empty());
}

TEST_CASE("a client may measure the way as often as data comes") {
  Flood flood("");
  flood.rig.read(head_frame(1, get_fields()));
  flood.rig.read(window_frame(0, 1 << 20) + window_frame(1, 1 << 20));
  flood.rig.send_head(0, 200);
  for (int i = 0; i < 1000; ++i) {
    flood.rig.send_body(0, "x");
    flood.rig.flush();
    flood.rig.read(ping_frame());
  }
  CHECK(flood.rig.codec.next() == Next::keep);
  CHECK(flood.stands(200, ping_frame()) == 99);
}

TEST_CASE("what a client makes us say is bounded though it takes nothing") {
  H2ServerRig rig;
  rig.read(client_hello());
  rig.room = 0;  // nothing goes out
  std::uint32_t id = 1;
  for (; id < 40'000 && rig.codec.next() == Next::keep; id += 2)
    rig.read(head_frame(id, get_fields({{"te", "x"}})));
  CHECK(id < 2100);
  CHECK(rig.codec.limit_hit() == H2Limit::provoked_resets);
}

TEST_CASE("the heads of open streams are bounded together, as long as they are open") {
  H2ServerRig rig;
  rig.read(client_hello());
  std::string head = head_frame(1, get_fields({{"x-long", std::string(16'000, 'x')}}));
  const auto ask = [&](std::uint32_t id) {
    const std::string number = number32(id);
    std::copy(number.begin(), number.end(), head.begin() + 5);
    const std::size_t before = rig.all.size();
    rig.read(head);
    return rig.all.size() - before;
  };
  std::uint32_t id = 1;
  while (id < 255 && ask(id) == 1) id += 2;
  CHECK(rig.all.size() == 66);  // 1 MiB
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 133 REFUSED_STREAM");
  rig.answer(0, 200, "ok");
  rig.flush();
  CHECK(ask(id + 2) == 1);
}

TEST_CASE("time makes good for what was asked before") {
  Flood flood("");
  CHECK(flood.stands(100, ping_frame()) == 100);
  flood.rig.now += 1s;  // ten more
  CHECK(flood.stands(10, ping_frame()) == 10);
  CHECK(flood.rig.codec.next() == Next::keep);
  flood.rig.now += 1h;
  CHECK(flood.stands(100, ping_frame()) == 100);
  CHECK(flood.rig.codec.next() == Next::keep);
  CHECK(flood.stands(1, ping_frame()) == 0);
  flood.calmed(H2Limit::pings);
}

TEST_CASE("rapid resets end the connection, and never more work than streams is begun in a turn") {
  Flood flood("");
  std::uint32_t id = 1;
  int turns = 0;
  for (; flood.rig.codec.next() == Next::keep && turns < 100; ++turns) {
    std::string bytes;
    for (int i = 0; i < 200; ++i, id += 2) bytes += head_frame(id, get_fields()) + reset_frame(id, 8);
    const std::size_t before = flood.rig.all.size();
    flood.rig.read(bytes);
    CHECK(flood.rig.all.size() - before <= 128);
  }
  CHECK(turns == 2);  // those refused count as provoked
  CHECK(flood.rig.codec.next() == Next::linger);
  CHECK(flood.rig.codec.ended_with() == H2Code::enhance_your_calm);
}

TEST_CASE("resets at a steady pace end the connection by their own limit") {
  Flood flood("");
  std::uint32_t id = 1;
  int turns = 0;
  for (; flood.rig.codec.next() == Next::keep && turns < 1000; ++turns, id += 2)
    flood.rig.read(head_frame(id, get_fields()) + reset_frame(id, 8));
  CHECK(turns == 501);
  flood.calmed(H2Limit::client_resets);
}

TEST_CASE("resets that a client makes us send end the connection") {
  const auto provoke = [](const std::function<std::string(std::uint32_t)>& bytes) {
    Flood flood("");
    std::uint32_t id = 1;
    int turns = 0;
    for (; flood.rig.codec.next() == Next::keep && turns < 1000; ++turns, id += 2) flood.rig.read(bytes(id));
    CHECK(turns == 101);
    flood.calmed(H2Limit::provoked_resets);
    for (const auto& heard : flood.rig.all) CHECK(heard->over);
  };
  provoke([](std::uint32_t id) { return head_frame(id, get_fields({{"te", "x"}})); });
  provoke([](std::uint32_t id) { return head_frame(id, get_fields()) + window_frame(id, 0x7fffffff); });
  provoke([](std::uint32_t id) {
    return head_frame(id, post_fields({{"content-length", "1"}}), kEndHeaders) + data_frame(id, "xx");
  });
  provoke([](std::uint32_t id) {
    return head_frame(id, post_fields({{"content-length", "2"}}), kEndHeaders) +
           data_frame(id, "x", kEndStream);
  });
}

TEST_CASE("window updates that answers give reason to are no flood") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, get_fields()));
  rig.send_head(0, 200);
  for (int i = 0; i < 3000; ++i) {
    rig.send_body(0, std::string(1000, 'x'));
    rig.flush();
    rig.read(window_frame(1, 500) + window_frame(0, 500) + window_frame(1, 500) + window_frame(0, 500));
    REQUIRE(rig.codec.next() == Next::keep);
  }
  CHECK(rig.heard(0).sent == 3'000'000);
}

TEST_CASE("a head far beyond the limit ends the connection, one a little beyond is answered") {
  HeadLimits limits;
  limits.head = 1000;
  H2ServerRig rig(H2ServerRig::Answers::at_end, limits);
  rig.read(client_hello() + head_frame(1, get_fields({{"a", std::string(3500, 'x')}})));
  CHECK(rig.refusals.text() == "refused 431 GET\n");
  CHECK(rig.codec.next() == Next::keep);
  // One field in the table, named again and again: few bytes that mean many.
  std::string bomb = hpack(get_fields());
  bomb.append(1, '\x40').append(hpack({{"a", std::string(100, 'x')}}).substr(1));
  bomb.append(100, '\xbe');
  rig.read(frame(1, kEndHeaders | kEndStream, 3, bomb));
  CHECK(word(rig.codec.limit_hit()) == "header");
  CHECK(frames_of(rig.wire, "GOAWAY") == "GOAWAY 3 ENHANCE_YOUR_CALM");
  CHECK(rig.all.empty());
}

TEST_CASE("a head in too many frames ends the connection, whatever is in them") {
  const std::string head = hpack(get_fields());
  for (const std::size_t each : {0u, 1u})
    for (const int frames : {8, 9}) {
      Flood flood("");
      std::string bytes = frame(1, kEndStream, 1, head.substr(0, head.size() - 10 * each));
      for (int i = 1; i < frames; ++i)
        bytes += frame(9, 0, 1, head.substr(head.size() - (11 - static_cast<std::size_t>(i)) * each, each));
      flood.rig.read_in_pieces(bytes, 5);
      flood.rig.read(frame(9, kEndHeaders, 1,
                           head.substr(head.size() - (11 - static_cast<std::size_t>(frames)) * each)));
      if (frames == 9) {
        flood.calmed(H2Limit::continuations);
        CHECK(flood.rig.all.empty());
      } else {
        CHECK(flood.rig.codec.limit_hit() == H2Limit::none);
        CHECK(flood.rig.all.size() == 1);
      }
    }
}

TEST_CASE("acknowledgements that a client does not read are bounded") {
  H2Limits limits;
  limits.pings = {100'000, 1};
  Flood flood("", limits);
  flood.rig.room = 0;
  CHECK(flood.stands(1000, ping_frame()) == 200);
  CHECK(word(flood.rig.codec.limit_hit()) == "acks");
  CHECK(frames_of(flood.rig.wire, "GOAWAY") == "GOAWAY 0 ENHANCE_YOUR_CALM");
}

TEST_CASE("settings with too many entries end the connection") {
  Flood flood("");
  std::string payload;
  for (int i = 0; i < 33; ++i) payload += number16(0x99) + number32(1);
  flood.rig.read(frame(4, 0, 0, payload));
  CHECK(frames_of(flood.rig.wire, "GOAWAY") == "GOAWAY 0 ENHANCE_YOUR_CALM");
  CHECK(flood.rig.codec.next() == Next::linger);
}
