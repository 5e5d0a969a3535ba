// H2Server: what is no request, is too large a one, or may not be asked for.
#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_server_rig.h"

using namespace weir::codec;

namespace {

// With a request behind it that is good, and shows that compression and connection go on.
struct Refusal {
  explicit Refusal(std::string_view bytes, HeadLimits limits = {})
      : rig(H2ServerRig::Answers::at_end, limits) {
    rig.read(client_hello());
    rig.take_wire();
    rig.read(std::string(bytes) + head_frame(99, get_fields()));
  }
  std::string frames() {
    std::string text;
    for (const std::string& line : told_frames(rig.wire))
      if (line.starts_with("RST") || line.starts_with("GOAWAY") || line.starts_with("HEADERS"))
        text += line + "|";
    return text;
  }
  H2ServerRig rig;
};

void reset_before_anybody_hears(const H2List& fields, std::uint8_t flags = kEndHeaders | kEndStream) {
  Refusal refusal(head_frame(1, fields, flags));
  INFO(fields.back().first << ": " << fields.back().second);
  CHECK(refusal.frames() == "RST_STREAM 1 PROTOCOL_ERROR|HEADERS 99|");
  CHECK(refusal.rig.told() == "0: GET /a at a.test 2 length=none scheme=http []\nend\n");
  CHECK(refusal.rig.codec.counters().malformed == 1);
  CHECK(refusal.rig.codec.idle());
}

H2List without(std::string_view name) {
  H2List fields = get_fields();
  std::erase_if(fields, [name](const auto& field) { return field.first == name; });
  return fields;
}

H2List with_pseudo(std::string_view name, std::string_view value) {
  H2List fields = get_fields();
  for (auto& field : fields)
    if (field.first == name) field.second = value;
  return fields;
}

std::string answered(const H2List& fields, HeadLimits limits = {},
                     std::uint8_t flags = kEndHeaders | kEndStream) {
  Refusal refusal(head_frame(1, fields, flags), limits);
  CHECK(refusal.rig.codec.idle());
  std::string text = refusal.rig.refusals.text();
  CHECK(refusal.rig.all.size() == (text.empty() ? 2 : 1));  // the good one behind it
  return text.empty() ? text : text.substr(0, text.size() - 1);
}

}  // namespace

TEST_CASE("fields that could smuggle reset the stream before anybody hears of it") {
  for (const auto& [name, value] : H2List{{"x-a", "1\r\nx-b: 2"},
                                          {"x-a", "1\rx"},
                                          {"x-a", "1\nx"},
                                          {"x-a", std::string("1\0x", 3)},
                                          {"x-a", "\x7f"},
                                          {"x-a", " 1"},
                                          {"x-a", "1 "},
                                          {"x-a", "\t1"},
                                          {"X-A", "1"},
                                          {"x a", "1"},
                                          {"x:a", "1"},
                                          {"x\r\na", "1"},
                                          {std::string("x\0", 2), "1"},
                                          {"\xc3\xa4", "1"},
                                          {"", "1"},
                                          {"connection", "close"},
                                          {"keep-alive", "timeout=1"},
                                          {"proxy-connection", "close"},
                                          {"transfer-encoding", "chunked"},
                                          {"upgrade", "h2c"},
                                          {"te", "gzip"},
                                          {"te", "trailers, gzip"},
                                          {":status", "200"},
                                          {":other", "1"},
                                          {"host", "b.test"},
                                          {"host", "a.test:81"},
                                          {"host", "user@a.test"},
                                          {"host", ""},
                                          {"content-length", "x"},
                                          {"content-length", "-1"},
                                          {"content-length", "+0"},
                                          {"content-length", ""},
                                          {"content-length", "0, 0"},
                                          {"content-length", "99999999999999999999"},
                                          {"content-length", "1"}})  // and the stream ends
    reset_before_anybody_hears(get_fields({{name, value}}));
  reset_before_anybody_hears(get_fields({{"content-length", "1"}, {"content-length", "2"}}), kEndHeaders);
  reset_before_anybody_hears(get_fields({{"host", "a.test"}, {"host", "a.test"}}));
  reset_before_anybody_hears(get_fields({{"host", "a.test"}, {"host", "b.test"}}));
}

TEST_CASE("pseudo-header fields stand once, first, and whole") {
  for (std::string_view name : {":method", ":scheme", ":path", ":authority"}) {
    reset_before_anybody_hears(without(name));
    H2List twice = get_fields();
    for (const auto& field : get_fields())
      if (field.first == name) twice.push_back(field);
    reset_before_anybody_hears(twice);
    H2List late = without(name);
    late.emplace_back("x-a", "1");
    for (const auto& field : get_fields())
      if (field.first == name) late.push_back(field);
    reset_before_anybody_hears(late);
    reset_before_anybody_hears(with_pseudo(name, ""));
    reset_before_anybody_hears(with_pseudo(name, "a b"));
    reset_before_anybody_hears(with_pseudo(name, "a\r\nb"));
  }
  reset_before_anybody_hears(get_fields({{":protocol", "websocket"}}));
}

TEST_CASE("paths and authorities are what HTTP/1.1 would take") {
  for (std::string_view path : {"a", "http://b.test/", "//b.test/ x", "/a#b", "/a\\b", "/a%", "/a%zz",
                                "/a%00", "/\xc3\xa4", "*", "/a\x7f"})
    reset_before_anybody_hears(with_pseudo(":path", path));
  for (std::string_view authority : {"user@a.test", "user:secret@a.test", "a.test:x", "a.test:99999", "[::1",
                                     "a/b", "a.test, b.test", "a?b"})
    reset_before_anybody_hears(with_pseudo(":authority", authority));
}

TEST_CASE("trailers keep to the same rules") {
  for (const H2List& trailers :
       {H2List{{"X-T", "1"}}, H2List{{":path", "/"}}, H2List{{"connection", "x"}}, H2List{{"x-t", "a\nb"}}}) {
    Refusal refusal(head_frame(1, post_fields(), kEndHeaders) + data_frame(1, "abc") +
                    frame(1, kEndHeaders | kEndStream, 1, hpack(trailers)));
    CHECK(refusal.frames() == "RST_STREAM 1 PROTOCOL_ERROR|HEADERS 99|");
    CHECK(refusal.rig.heard(0).log.has("body abc\nreset bad_request"));
    CHECK_FALSE(refusal.rig.heard(0).log.has("end"));
  }
  Refusal endless(head_frame(1, post_fields(), kEndHeaders) +
                  frame(1, kEndHeaders, 1, hpack({{"x-t", "1"}})));
  CHECK(endless.frames() == "RST_STREAM 1 PROTOCOL_ERROR|HEADERS 99|");
  CHECK(endless.rig.heard(0).log.has("reset bad_request"));
}

TEST_CASE("trailers over the limits are no reason to break off the connection") {
  HeadLimits limits;
  limits.fields = 3;
  H2List many = {{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}};
  Refusal refusal(
      head_frame(1, post_fields(), kEndHeaders) + frame(1, kEndHeaders | kEndStream, 1, hpack(many)), limits);
  CHECK(refusal.rig.heard(0).log.has("receive failed 431"));
  CHECK(refusal.frames() == "HEADERS 99|");
  refusal.rig.answer(0, 431, "no");
  refusal.rig.flush();
  CHECK(refusal.rig.codec.idle());
}

TEST_CASE("a body that is not as long as was said") {
  const H2List five = post_fields({{"content-length", "5"}});
  Refusal short_one(head_frame(1, five, kEndHeaders) + data_frame(1, "abc", kEndStream));
  CHECK(short_one.frames() == "RST_STREAM 1 PROTOCOL_ERROR|HEADERS 99|");
  CHECK(short_one.rig.heard(0).log.has("body abc\nreset bad_request"));
  Refusal long_one(head_frame(1, five, kEndHeaders) + data_frame(1, "abc") + data_frame(1, "def"));
  CHECK(long_one.frames() == "RST_STREAM 1 PROTOCOL_ERROR|HEADERS 99|");
  CHECK(long_one.rig.heard(0).log.has("body abc\nreset bad_request"));
  CHECK_FALSE(long_one.rig.heard(0).log.has("end"));
  Refusal cut(head_frame(1, five, kEndHeaders) + data_frame(1, "abc") +
              frame(1, kEndHeaders | kEndStream, 1, hpack({{"x-t", "1"}})));
  CHECK(cut.frames() == "RST_STREAM 1 PROTOCOL_ERROR|HEADERS 99|");
  CHECK_FALSE(cut.rig.heard(0).log.has("end"));
}

TEST_CASE("what may not be asked for is answered") {
  CHECK(answered(get_fields()).empty() == true);
  CHECK(answered({{":method", "CONNECT"}, {":authority", "a.test:80"}}) == "refused 405 CONNECT");
  CHECK(answered(get_fields({{"expect", "200-maybe"}})) == "refused 417 GET");
  CHECK(answered(with_pseudo(":scheme", "ftp")) == "refused 400 GET");
  CHECK(answered(with_pseudo(":method", std::string(65, 'M'))) == "refused 400 " + std::string(65, 'M'));
}

TEST_CASE("a CONNECT without a port is malformed") {
  reset_before_anybody_hears({{":method", "CONNECT"}, {":authority", "a.test"}});
  reset_before_anybody_hears({{":method", "CONNECT"}, {":authority", "a.test:80"}, {":path", "/"}});
}

TEST_CASE("heads over the limits are answered, and no longer kept") {
  HeadLimits limits;
  limits.head = 2000;
  limits.fields = 5;
  limits.start_line = 100;
  CHECK(answered(get_fields({{"a", std::string(1850, 'x')}}), limits).empty());
  CHECK(answered(get_fields({{"a", std::string(2000, 'x')}}), limits) == "refused 431 GET");
  CHECK(answered(get_fields({{std::string(1025, 'a'), "x"}}), limits) == "refused 431 GET");
  CHECK(answered(get_fields({{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}, {"e", "1"}}), limits).empty());
  CHECK(answered(get_fields({{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}, {"e", "1"}, {"f", "1"}}),
                 limits) == "refused 431 GET");
  CHECK(answered(with_pseudo(":path", "/" + std::string(85, 'p')), limits).empty());
  CHECK(answered(with_pseudo(":path", "/" + std::string(86, 'p')), limits) == "refused 414 GET");
  CHECK(answered(with_pseudo(":path", "/" + std::string(1000, 'p')), limits) == "refused 414 GET");
}

TEST_CASE("crumbs of a cookie are one field, but count by their size") {
  HeadLimits limits;
  limits.fields = 2;
  limits.head = 2000;
  H2List crumbs = get_fields();
  for (int i = 0; i < 50; ++i) crumbs.emplace_back("cookie", "a=1");
  CHECK(answered(crumbs, limits).empty());
  for (int i = 0; i < 100; ++i) crumbs.emplace_back("cookie", "a=1");
  CHECK(answered(crumbs, limits) == "refused 431 GET");
}

TEST_CASE("a refused request with a body is answered, and its rest is not read") {
  HeadLimits limits;
  limits.fields = 1;
  H2ServerRig rig(H2ServerRig::Answers::at_end, limits);
  rig.read(client_hello() + head_frame(1, post_fields({{"a", "1"}, {"b", "2"}}), kEndHeaders));
  CHECK(rig.refusals.text() == "refused 431 POST\n");
  CHECK(frames_of(rig.wire, "DATA") == "DATA 1 3 end");
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 1 NO_ERROR");
  rig.read(data_frame(1, "rest") + head_frame(3, get_fields()));
  CHECK(rig.heard(0).log.has("end"));
  CHECK(rig.codec.idle());
}

TEST_CASE("refusals of one turn do not get into each other's way") {
  H2ServerRig rig;
  H2Peer peer(H2Peer::Side::client);
  const auto one = peer.ask(get_fields({{"expect", "x"}}));
  const auto two = peer.ask(get_fields({{"expect", "y"}}));
  rig.talk(peer);
  CHECK(peer.of(one).body == "aaa");
  CHECK(peer.of(two).body == "bbb");
}

TEST_CASE("a refused HEAD has no body") {
  H2List head = get_fields({{"expect", "x"}});
  head[0].second = "HEAD";
  Refusal refusal(head_frame(1, head));
  CHECK(refusal.frames() == "HEADERS 1 end|HEADERS 99|");
}

TEST_CASE("streams over their number are refused, and nobody hears of them") {
  H2Limits limits;
  limits.streams = 3;
  H2ServerRig rig(H2ServerRig::Answers::by_hand, {}, limits);
  rig.read(client_hello());  // our settings are not acknowledged yet
  rig.take_wire();
  std::string heads;
  for (std::uint32_t id = 1; id < 10; id += 2) heads += head_frame(id, get_fields());
  rig.read(heads);
  CHECK(rig.all.size() == 3);
  CHECK(frames_of(rig.wire, "RST") == "RST_STREAM 7 REFUSED_STREAM|RST_STREAM 9 REFUSED_STREAM");
  rig.answer(1, 200, "ok");
  rig.flush();
  rig.read(head_frame(11, get_fields()));
  CHECK(rig.all.size() == 4);
}

TEST_CASE("streams that were reset count until the turn ends") {
  H2Limits limits;
  limits.streams = 3;
  H2ServerRig rig(H2ServerRig::Answers::by_hand, {}, limits);
  rig.read(client_hello() + settings_ack());
  std::string bytes;
  for (std::uint32_t id = 1; id < 101; id += 2) bytes += head_frame(id, get_fields()) + reset_frame(id, 8);
  rig.read(bytes);
  CHECK(rig.all.size() == 3);
  CHECK(rig.codec.counters().refused == 47);
  rig.read(head_frame(101, get_fields()));
  CHECK(rig.all.size() == 4);
}
