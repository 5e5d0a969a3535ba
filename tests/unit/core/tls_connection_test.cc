// Clients over TLS, played byte by byte: the handshake, what passes through it, and its ends.
#include <openssl/ssl.h>

#include "proxy/tls/tls_transport.h"
#include "tests/unit/catch.h"
#include "tests/unit/core/tls_bench.h"

namespace weir::core {

namespace {

using tls::Failure;
using tls::Version;

}  // namespace

TEST_CASE("a request over TLS reaches its node, and says so") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    PlayedTransport socket, node;
    TlsBench bench;
    TlsClient client("a.test", version);
    bench.shake(socket, client);
    bench.runtime.next = {&node};
    client.say(kGet);
    bench.talk(socket, client);
    bench.runtime.connected();
    CHECK(node.written.find("X-Forwarded-Proto: https\r\n") != std::string::npos);
    bench.runtime.read(node, kAnswer);
    bench.talk(socket, client);
    CHECK(client.heard.ends_with("\r\n\r\nhello"));
    CHECK(bench.listener.handshakes.get(version == TLS1_3_VERSION ? Version::tls13 : Version::tls12, false) ==
          1);
    CHECK(bench.listener.clients_in(observe::ClientState::idle).get() == 1);
  }
}

TEST_CASE("wherever the bytes are cut, the same comes through") {
  for (std::size_t piece : {1U, 2U, 5U, 100U}) {
    PlayedTransport socket, node;
    TlsBench bench;
    TlsClient client;
    bench.arrive(socket);
    client.begin();
    bench.runtime.next = {&node};
    bool asked = false;
    for (int turns = 0; turns < 20 && client.heard.empty(); ++turns) {
      if (client.stands() && !std::exchange(asked, true)) client.say(kGet);
      const std::string out = client.give();
      for (std::size_t at = 0; at < out.size(); at += piece)
        bench.runtime.read(socket, out.substr(at, piece));
      if (bench.runtime.connects.size() == 1 && node.written.empty()) {
        bench.runtime.connected();
        bench.runtime.read(node, kAnswer);
      }
      const std::string in = socket.take_written();
      for (std::size_t at = 0; at < in.size(); at += piece) client.take(in.substr(at, piece));
    }
    INFO(piece);
    CHECK(client.heard.ends_with("\r\n\r\nhello"));
  }
}

TEST_CASE("the host that the client names chooses the certificate, and its ciphers the kind") {
  std::deque<PlayedTransport> sockets;
  TlsBench bench;
  const auto served = [&](const std::string& host, const char* ciphers = nullptr) {
    PlayedTransport& socket = sockets.emplace_back();
    TlsClient client(host, ciphers != nullptr ? TLS1_2_VERSION : TLS1_3_VERSION);
    if (ciphers != nullptr) SSL_set_cipher_list(client.get(), ciphers);
    bench.shake(socket, client);
    return client.certificate_name();
  };
  CHECK(served("a.test") == "a.test ecdsa");
  CHECK(served("A.TEST") == "a.test ecdsa");
  CHECK(served("x.w.test") == "a.test ecdsa");
  CHECK(served("b.test") == "B.test rsa");
  CHECK(served("x.y.w.test") == "a.test ecdsa");  // one label only; so the first
  CHECK(served("other.test") == "a.test ecdsa");
  CHECK(served("a.test", "ECDHE-RSA-AES128-GCM-SHA256") == "a.test rsa");
  CHECK(served("a.test", "ECDHE-ECDSA-AES128-GCM-SHA256") == "a.test ecdsa");
}

TEST_CASE("a session goes on, under the same settings only") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    PlayedTransport first, second, third;
    std::deque<PlayedTransport> more;
    TlsBench bench;
    TlsClient client("a.test", version);
    bench.shake(first, client);
    client.take("");
    SSL_SESSION* session = SSL_get1_session(client.get());
    REQUIRE(SSL_SESSION_is_resumable(session) == 1);
    TlsClient again("a.test", version, session);
    bench.settings = *tls::ServerSettings::load(options_with({"a-ecdsa", "a-rsa", "b"}));  // read anew
    bench.shake(second, again);
    CHECK(SSL_session_reused(again.get()) == 1);
    CHECK(bench.listener.handshakes.get(version == TLS1_3_VERSION ? Version::tls13 : Version::tls12, true) ==
          1);
    if (version == TLS1_3_VERSION) {  // each connection brings a ticket for the next
      SSL_SESSION_free(session);
      session = SSL_get1_session(again.get());
      PlayedTransport& fourth = more.emplace_back();
      TlsClient once_more("a.test", version, session);
      bench.shake(fourth, once_more);
      CHECK(SSL_session_reused(once_more.get()) == 1);
      CHECK(SSL_SESSION_is_resumable(SSL_get0_session(once_more.get())) == 1);
    }
    bench.settings = *tls::ServerSettings::load(options_with({"a-ecdsa"}));
    TlsClient elsewhere("a.test", version, session);
    bench.shake(third, elsewhere);
    CHECK(SSL_session_reused(elsewhere.get()) == 0);
    SSL_SESSION_free(session);
  }
}

TEST_CASE("who speaks no TLS is refused, and told so if it speaks HTTP") {
  PlayedTransport http, garbage;
  TlsBench bench;
  bench.arrive(http);
  bench.runtime.read(http, kGet);
  const std::string answer = http.take_written();
  CHECK(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(answer.find("https://") != std::string::npos);
  CHECK(http.write_ended);
  CHECK(bench.listener.handshakes.get(Failure::http_request) == 1);
  bench.arrive(garbage);
  bench.runtime.read(garbage, "\x01\x02\x03");
  CHECK(garbage.written.empty());
  CHECK(garbage.released);
  CHECK(bench.listener.handshakes.get(Failure::not_tls) == 1);
}

TEST_CASE("a handshake that fails is counted by its reason") {
  PlayedTransport old, alien, gone, silent, broken;
  tls::ServerOptions options = options_with({"a-ecdsa"});
  options.min_version = Version::tls13;
  TlsBench bench(options);
  const auto failed = [&](Failure why) { return bench.listener.handshakes.get(why); };

  TlsClient old_client("a.test", TLS1_2_VERSION);
  bench.arrive(old);
  bench.talk(old, old_client);
  CHECK(failed(Failure::version) == 1);
  CHECK(old.released);

  bench.arrive(gone);
  TlsClient gone_client;
  gone_client.begin();
  bench.runtime.read(gone, gone_client.give());
  bench.runtime.read_end(gone);
  CHECK(failed(Failure::closed) == 1);
  CHECK(gone.released);

  bench.arrive(alien);
  TlsClient alien_client;
  SSL_set_verify(alien_client.get(), SSL_VERIFY_PEER, nullptr);
  bench.talk(alien, alien_client);
  CHECK(failed(Failure::alert) == 1);

  bench.arrive(broken);
  TlsClient broken_client;
  broken_client.begin();
  std::string hello = broken_client.give();
  hello[9] = '\xff';  // its version
  hello[5] = '\x02';  // no ClientHello
  bench.runtime.read(broken, hello);
  CHECK(failed(Failure::protocol) == 1);

  bench.arrive(silent);
  TlsClient silent_client;
  silent_client.begin();
  bench.runtime.read(silent, silent_client.give());
  bench.runtime.pass(bench.path.timeouts().header - std::chrono::milliseconds(200));
  CHECK_FALSE(silent.released);
  bench.runtime.pass(std::chrono::milliseconds(400));
  CHECK(silent.released);
  CHECK(failed(Failure::timeout) == 1);
  CHECK(observe::open_connections(*bench.listener_counts) == 0);
}

TEST_CASE("what the socket does not take is owed until its record has left") {
  PlayedTransport socket, node;
  TlsBench bench;
  TlsClient client;
  bench.shake(socket, client);
  bench.runtime.next = {&node};
  client.say(kGet);
  bench.talk(socket, client);
  bench.runtime.connected();
  socket.takes = false;
  const std::string body(40'000, 'x');
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + body);
  const std::uint64_t before = bench.listener.sent_bytes.get();
  const std::size_t wire = socket.waiting;
  CHECK(wire > body.size());
  socket.handler->on_sent(10'000);  // not the whole first record
  bench.runtime.end_turn();
  CHECK(bench.listener.sent_bytes.get() == before);
  socket.handler->on_sent(7'000);
  bench.runtime.end_turn();
  CHECK(bench.listener.sent_bytes.get() == before + 16 * 1024);
  socket.handler->on_sent(wire - 17'000);
  bench.runtime.end_turn();
  CHECK(bench.listener.sent_bytes.get() > before + body.size());
  client.take(socket.take_written());
  CHECK(client.heard.ends_with(body));
}

TEST_CASE("a goodbye ends what the client says, and its answer still comes") {
  PlayedTransport socket, node;
  TlsBench bench;
  TlsClient client;
  bench.shake(socket, client);
  bench.runtime.next = {&node};
  client.say(kGet);
  client.say_goodbye();
  bench.runtime.read(socket, client.give());
  bench.runtime.connected();
  bench.runtime.read(node, kAnswer);
  client.take(socket.take_written());
  CHECK(client.heard.ends_with("\r\n\r\nhello"));
  CHECK(client.ended);
  CHECK(socket.released);
}

TEST_CASE("a client that breaks TLS is cut, and so is what it had begun") {
  PlayedTransport socket, node;
  TlsBench bench;
  TlsClient client;
  bench.shake(socket, client);
  bench.runtime.next = {&node};
  client.say("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nhello");
  bench.talk(socket, client);
  bench.runtime.connected();
  client.say("world");
  std::string record = client.give();
  record.back() = static_cast<char>(record.back() ^ 1);
  bench.runtime.read(socket, record);
  CHECK(node.written.find("world") == std::string::npos);
  CHECK(node.released);
  CHECK(socket.released);
}

TEST_CASE(
    "who changes its keys without end and takes none of the answers is cut, and little is kept for it") {
  constexpr std::size_t kMostKept = 64 * 1024 + 2'000;  // what it may be owed, and the answers of one reading
  PlayedTransport socket;
  TlsBench bench;
  TlsClient client;
  bench.shake(socket, client);
  const auto change_keys = [&](int times) {
    for (int i = 0; i < times; ++i) {
      SSL_key_update(client.get(), SSL_KEY_UPDATE_REQUESTED);
      SSL_do_handshake(client.get());
    }
    bench.runtime.read(socket, client.give());
  };
  for (int i = 0; i < 100; ++i) {  // who takes them may change as often as it likes
    change_keys(50);
    client.take(socket.take_written());
  }
  CHECK_FALSE(socket.released);
  socket.takes = false;
  for (int i = 0; i < 1'000 && !socket.released; ++i) change_keys(50);
  CHECK(socket.released);
  CHECK(socket.waiting < kMostKept);
}

TEST_CASE("renegotiation is refused") {
  PlayedTransport socket;
  TlsBench bench;
  TlsClient client("a.test", TLS1_2_VERSION);
  bench.shake(socket, client);
  SSL_renegotiate(client.get());
  SSL_do_handshake(client.get());
  for (int turns = 0; turns < 4 && !socket.released; ++turns) {
    bench.runtime.read(socket, client.give());
    client.take(socket.take_written());
  }
  CHECK_FALSE(client.stands());
}

}  // namespace weir::core
