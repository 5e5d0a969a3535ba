// H2Server: windows both ways, what is told as sent, what is framed when.
#include <algorithm>

#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_server_rig.h"

using namespace weir::codec;
using weir::base::Fault;
using weir::base::Reason;

namespace {

std::size_t count_of(std::string_view wire, std::string_view line) {
  const auto lines = told_frames(wire);
  return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
}

// A rig with requests open, whose answers have begun.
struct Answering {
  explicit Answering(int requests, const std::string& hello = client_hello()) {
    std::string heads = hello;
    for (int i = 0; i < requests; ++i)
      heads += head_frame(static_cast<std::uint32_t>(2 * i + 1), get_fields());
    rig.read(heads);
    for (int i = 0; i < requests; ++i) rig.send_head(static_cast<std::size_t>(i), 200);
    rig.flush();
    rig.take_wire();
  }
  H2ServerRig rig;
};

const std::string kWideHello =  // of a client that takes a lot at once
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings_frame({{4, 0x7fffffff}}) +
    window_frame(0, 0x7fff0000 - 65535);

}  // namespace

TEST_CASE("payload is told as sent with the last byte of its frame") {
  Answering a(1);
  a.rig.takes = 0;
  a.rig.send_body(0, "hello");
  a.rig.flush();
  a.rig.send_body(0, "you");
  a.rig.flush();
  CHECK(told_frames(a.rig.wire) == std::vector<std::string>{"DATA 1 5", "DATA 1 3"});
  a.rig.kernel_takes(9 + 4);
  CHECK(a.rig.heard(0).sent == 0);
  a.rig.kernel_takes(1);
  CHECK(a.rig.heard(0).sent == 5);
  a.rig.kernel_takes(11);
  CHECK(a.rig.heard(0).sent == 5);
  a.rig.kernel_takes(1);
  CHECK(a.rig.heard(0).sent == 8);
}

TEST_CASE("what was sent is told to the stream that it is of") {
  Answering a(3);
  a.rig.takes = 0;
  a.rig.send_body(0, "a");
  a.rig.send_body(1, "bb");
  a.rig.send_body(2, "ccc");
  a.rig.flush();
  const auto frames = told_frames(a.rig.wire);
  REQUIRE(frames == std::vector<std::string>{"DATA 1 1", "DATA 3 2", "DATA 5 3"});
  a.rig.reset(1, {Reason::internal, Fault::ourselves, weir::base::Retry::never, 0, ""});
  a.rig.flush();
  CHECK(a.rig.codec.streams() == 2);
  a.rig.kernel_takes(10 + 11);
  CHECK(a.rig.heard(0).sent == 1);
  CHECK(a.rig.heard(1).sent == 0);
  a.rig.kernel_takes(12 + 13);
  CHECK(a.rig.heard(1).sent == 0);
  CHECK(a.rig.heard(2).sent == 3);
}

TEST_CASE("every byte of a long answer is told as sent, however the kernel takes it") {
  for (std::size_t step : {1000u, 16384u, 16393u, 50000u}) {
    Answering a(2, kWideHello);
    a.rig.takes = 0;
    a.rig.send_body(0, std::string(100'000, 'a'));
    a.rig.send_body(1, std::string(70'000, 'b'));
    a.rig.flush();
    std::size_t left = a.rig.wire.size();
    REQUIRE(left ==
            170'000 + 9 * (count_of(a.rig.wire, "DATA 1 16384") + count_of(a.rig.wire, "DATA 3 16384") + 2));
    std::uint64_t before = 0;
    while (left > 0) {
      const std::size_t taken = std::min(step, left);
      a.rig.kernel_takes(taken);
      left -= taken;
      const std::uint64_t sent = a.rig.heard(0).sent + a.rig.heard(1).sent;
      CHECK(sent >= before);
      CHECK(sent + left <= 170'000 + 9 * 20);
      before = sent;
    }
    CHECK(a.rig.heard(0).sent == 100'000);
    CHECK(a.rig.heard(1).sent == 70'000);
  }
}

TEST_CASE("what is lent is framed without a copy") {
  Answering a(1);
  const std::string body(5000, 'x');
  a.rig.heard(0).stream.send(weir::http::Body{body});
  a.rig.codec.produce(1 << 20);
  const auto& pieces = a.rig.codec.queue().gather();
  CHECK(std::any_of(pieces.begin(), pieces.end(), [&](std::string_view piece) {
    return piece.data() == body.data() && piece.size() == body.size();
  }));
  a.rig.codec.queue().taken();
  a.rig.codec.sent(5009);
  CHECK(a.rig.heard(0).sent == 5000);
}

TEST_CASE("what finds no window waits, and goes when there is one") {
  Answering a(1);
  std::string body;
  for (int i = 0; i < 200'000; ++i) body += static_cast<char>('a' + i % 23);
  a.rig.send_body(0, body.substr(0, 50'000));
  a.rig.send_body(0, body.substr(50'000, 100'000));
  a.rig.flush();
  a.rig.send_body(0, body.substr(150'000));
  a.rig.send_end(0);
  a.rig.flush();
  CHECK(a.rig.heard(0).sent == 65535);
  CHECK(a.rig.codec.has_orphans());
  for (int i = 0; i < 5; ++i) a.rig.read(window_frame(1, 30'000) + window_frame(0, 30'000));
  std::string said;
  for (std::string_view wire = a.rig.wire; wire.size() >= 9;) {
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(wire[1])) << 8 |
                      static_cast<unsigned char>(wire[2]);
    if (wire[3] == 0) said += wire.substr(9, size);
    wire.remove_prefix(9 + size);
  }
  CHECK(said.size() == body.size());
  CHECK((said == body));
  CHECK(a.rig.codec.idle());
}

TEST_CASE("trailers and end wait behind what finds no window") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client, H2Peer::Windows::by_hand);
  const auto id = peer.ask(get_fields());
  rig.talk(peer);
  rig.send_head(0, 200);
  rig.send_body(0, std::string(70'000, 'x'));
  rig.send_trailers(0, {{"x-t", "1"}});
  rig.send_end(0);
  rig.talk(peer);
  CHECK(peer.of(id).body.size() == 65535);
  CHECK_FALSE(peer.of(id).ended);
  peer.consume(id, 65535);
  rig.talk(peer);
  CHECK(peer.of(id).body.size() == 70'000);
  CHECK(peer.of(id).trailers == "x-t=1");
  CHECK(peer.of(id).ended);
}

TEST_CASE("a client may send as much as is granted, to a stream") {
  H2ServerRig rig;
  rig.grants = false;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(post_fields(), H2Peer::Ends::later);
  peer.say(id, std::string(300'000, 'x'));
  rig.talk(peer);
  CHECK(rig.heard(0).owed == kOwedBound);
  rig.grant(0, kOwedBound / 2 - 100);  // less than is worth telling
  rig.talk(peer);
  CHECK(rig.heard(0).owed == kOwedBound / 2 + 100);
  rig.grant(0, 100);
  rig.talk(peer);
  CHECK(rig.heard(0).owed == kOwedBound);
  rig.grants = true;
  rig.grant(0, kOwedBound);
  peer.say_end(id);
  rig.talk(peer);
  CHECK(rig.heard(0).log.has("end"));
  CHECK(rig.codec.ended_with() == H2Code::no_error);
}

TEST_CASE("all streams together owe no more than the connection's window") {
  H2ServerRig rig;
  rig.grants = false;
  H2Peer peer(H2Peer::Side::client);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(peer.ask(post_fields(), H2Peer::Ends::later));
  rig.talk(peer);
  for (const auto id : ids) peer.say(id, std::string(100'000, 'x'));
  rig.talk(peer);
  std::uint64_t owed = 0;
  for (std::size_t i = 0; i < 20; ++i) owed += rig.heard(i).owed;
  CHECK(owed == H2Server::kServerWindow);
}

TEST_CASE("bytes of streams that are over never make the connection stall") {
  H2ServerRig rig;
  rig.grants = false;
  H2Peer peer(H2Peer::Side::client);
  for (std::size_t i = 0; i < 100; ++i) {  // 6 MB in all
    const auto id = peer.ask(post_fields(), H2Peer::Ends::later);
    peer.say(id, std::string(100'000, 'x'));
    rig.talk(peer);
    REQUIRE(rig.all.size() == i + 1);
    REQUIRE(rig.heard(i).owed == kOwedBound);
    switch (i % 3) {
      case 0:  // by us
        rig.reset(i, {Reason::internal, Fault::ourselves, weir::base::Retry::never, 0, ""});
        break;
      case 1:  // by the client
        peer.reset(id, NGHTTP2_CANCEL);
        break;
      case 2:  // answered before its end
        rig.answer(i, 413, "no");
        break;
    }
    rig.talk(peer);
    REQUIRE(rig.codec.idle());
  }
  CHECK(nghttp2_session_get_remote_window_size(peer.session()) >
        static_cast<int>(H2Server::kServerWindow / 2));
}

TEST_CASE("bytes that nobody wants any more never make the connection stall") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client, H2Peer::Windows::by_hand);
  for (std::size_t i = 0; i < 40; ++i) {  // 2.4 MB in all
    const auto id = peer.ask(post_fields(), H2Peer::Ends::later);
    rig.talk(peer);
    rig.answer(i, 200, std::string(100'000, 'y'));  // not taken, so that the stream stays
    rig.talk(peer);
    REQUIRE(rig.codec.has_orphans());
    peer.say(id, std::string(60'000, 'x'));
    rig.talk(peer);
    REQUIRE_FALSE(rig.heard(i).log.has("x"));
    peer.reset(id, NGHTTP2_CANCEL);
    rig.talk(peer);
    peer.consume(id, peer.of(id).body.size());
    REQUIRE(rig.codec.idle());
  }
  CHECK(nghttp2_session_get_remote_window_size(peer.session()) >
        static_cast<int>(H2Server::kServerWindow / 2));
}

TEST_CASE("padding is given back at once, and owed by nobody") {
  H2ServerRig rig;
  rig.grants = false;
  rig.read(client_hello() + head_frame(1, post_fields(), kEndHeaders));
  rig.take_wire();
  for (int i = 0; i < 300; ++i) rig.read(padded_data_frame(1, "abcd", 250));
  CHECK(rig.heard(0).owed == 1200);
  CHECK(rig.codec.ended_with() == H2Code::no_error);
  // 300 frames of 255 bytes are more than the window: without updates they would have broken it.
  CHECK(frames_of(rig.wire, "WINDOW_UPDATE 1").starts_with("WINDOW_UPDATE 1 "));
  CHECK(frames_of(rig.wire, "GOAWAY").empty());
}

TEST_CASE("more than a window is an error of its stream, or of the connection") {
  H2ServerRig rig;
  rig.grants = false;
  rig.read(client_hello() + settings_ack());
  const std::string much(16'000, 'x');
  for (std::uint32_t id = 1; id < 41; id += 2) rig.read(head_frame(id, post_fields(), kEndHeaders));
  for (int i = 0; i < 5; ++i) rig.read(data_frame(1, much));
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 1 FLOW_CONTROL_ERROR");
  CHECK(rig.heard(0).log.has("reset bad_request"));
  CHECK(rig.codec.next() == Next::keep);
  for (std::uint32_t id = 3; id < 41; id += 2)
    for (int i = 0; i < 4; ++i) rig.read(data_frame(id, much));
  CHECK(frames_of(rig.wire, "GOAWAY").ends_with("FLOW_CONTROL_ERROR"));
  CHECK(rig.heard(1).log.has("reset bad_request"));
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("no more is framed than there is room for") {
  Answering a(2, kWideHello);
  a.rig.room = 20'000;
  a.rig.most_framed = 0;
  a.rig.send_body(0, std::string(100'000, 'a'));
  a.rig.send_body(1, std::string(100'000, 'b'));
  a.rig.flush();
  CHECK(a.rig.wire.size() >= 19'000);
  CHECK(a.rig.most_framed <= 21'100);
  CHECK(a.rig.codec.wants_room());
  a.rig.room = 0;
  a.rig.take_wire();
  a.rig.flush();
  CHECK(a.rig.wire.empty());
  a.rig.room = 20'000;
  for (int i = 0; i < 11; ++i) a.rig.flush();
  CHECK(a.rig.most_framed <= 21'100);
  CHECK(a.rig.heard(0).sent == 100'000);
  CHECK(a.rig.heard(1).sent == 100'000);
  CHECK_FALSE(a.rig.codec.wants_room());
}

TEST_CASE("a long head of ours stays in one piece whatever the room") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto id = peer.ask(get_fields());
  rig.talk(peer);
  weir::http::Response head;
  head.status = 200;
  for (int i = 0; i < 40; ++i)
    head.fields.add("X-" + std::to_string(i), std::string(1500, static_cast<char>('!' + i)));
  rig.room = 1;
  rig.send_head(0, head);
  rig.flush();
  const auto lines = told_frames(rig.wire);
  CHECK(lines.size() > 1);
  CHECK(std::count(lines.begin(), lines.end(), "CONTINUATION 1") == static_cast<long>(lines.size()) - 1);
  rig.room = 1 << 20;
  rig.send_end(0);
  rig.talk(peer);
  CHECK(peer.of(id).ended);
  CHECK(peer.error == 0);
}

TEST_CASE("a flush that frames answers calls for no other one") {
  H2ServerRig rig;
  rig.read(client_hello() + head_frame(1, get_fields()) + head_frame(3, get_fields()));
  rig.answer(0, 200, "ok");
  rig.send_head(1, 200);
  const std::uint64_t before = rig.changes;
  rig.flush();
  CHECK(frames_of(rig.wire, "HEADERS") == "HEADERS 1|HEADERS 3");
  CHECK(rig.changes == before);
}

TEST_CASE("the urgent goes first") {
  const std::string low = head_frame(1, get_fields({{"priority", "u=7"}}));
  const std::string high = head_frame(3, get_fields({{"priority", "u=0"}}));
  H2ServerRig rig;
  rig.read(kWideHello + low + high);
  rig.send_head(0, 200);
  rig.send_head(1, 200);
  rig.flush();
  rig.take_wire();
  rig.room = 16'000;
  rig.send_body(0, std::string(30'000, 'a'));
  rig.send_body(1, std::string(30'000, 'b'));
  rig.flush();
  CHECK(frames_of(rig.wire, "DATA 1").empty());
  CHECK_FALSE(frames_of(rig.wire, "DATA 3").empty());
  rig.flush();
  rig.flush();
  CHECK(rig.heard(1).sent == 30'000);
  CHECK(rig.heard(0).sent < 30'000);
  rig.flush();
  CHECK(rig.heard(0).sent == 30'000);
}

TEST_CASE("a client may change what is urgent") {
  H2ServerRig rig;
  rig.read(kWideHello + head_frame(1, get_fields({{"priority", "u=1"}})) +
           head_frame(3, get_fields({{"priority", "u=2"}})));
  rig.send_head(0, 200);
  rig.send_head(1, 200);
  rig.flush();
  rig.take_wire();
  rig.room = 10'000;
  rig.send_body(0, std::string(30'000, 'a'));
  rig.send_body(1, std::string(30'000, 'b'));
  rig.flush();
  CHECK(rig.heard(0).sent > 0);
  CHECK(rig.heard(1).sent == 0);
  rig.read(frame(16, 0, 0, number32(1) + "u=6"));
  const auto before = rig.heard(0).sent;
  rig.flush();
  CHECK(rig.heard(0).sent == before);
  CHECK(rig.heard(1).sent > 10'000);
}

TEST_CASE("what is incremental shares, what is not goes one after the other") {
  for (const bool incremental : {true, false}) {
    H2ServerRig rig;
    const H2List fields = get_fields({{"priority", incremental ? "u=3, i" : "u=3"}});
    rig.read(kWideHello + head_frame(1, fields) + head_frame(3, fields));
    rig.send_head(0, 200);
    rig.send_head(1, 200);
    rig.flush();
    rig.take_wire();
    rig.send_body(0, std::string(40'000, 'a'));
    rig.send_body(1, std::string(40'000, 'b'));
    rig.flush();
    CHECK(frames_of(rig.wire, "DATA") ==
          (incremental ? "DATA 1 16384|DATA 3 16384|DATA 1 16384|DATA 3 16384|DATA 1 7232|DATA 3 7232"
                       : "DATA 1 16384|DATA 1 16384|DATA 1 7232|DATA 3 16384|DATA 3 16384|DATA 3 7232"));
  }
}
