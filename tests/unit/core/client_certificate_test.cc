// Clients that show certificates: who is believed, who is not and why, what nodes hear of it, and what
// becomes of sessions.
#include <openssl/ssl.h>

#include "proxy/tls/tls_transport.h"
#include "tests/unit/catch.h"
#include "tests/unit/core/tls_bench.h"

namespace weir::core {

namespace {

using tls::ClientAuth;
using tls::Failure;

const std::string kClients = WEIR_SOURCE_DIR "/tests/tls/clients/";
const std::string kAliceSubject = R"(CN=alice,OU=\C3\9Cnit,O=Weir\, Inc)";

tls::ServerOptions asking(ClientAuth auth, const std::string& crl = "", const std::string& ca = "ca.pem") {
  tls::ServerOptions options = options_with({"a-ecdsa", "b"});
  options.client_auth = auth;
  options.client_trust = {kClients + ca, crl.empty() ? "" : kClients + crl};
  return options;
}

struct Showing {
  Showing(TlsBench& to, std::deque<PlayedTransport>& by) : bench(to), sockets(by) {}

  // How it went: "stands", or why not. `name` is that of the certificate, "" none.
  std::string_view outcome(const std::string& name, int version = TLS1_3_VERSION) {
    const auto before = failures();
    PlayedTransport& socket = sockets.emplace_back();
    TlsClient client("a.test", version);
    if (!name.empty()) client.show(kClients + name + ".pem", kClients + name + ".key");
    bench.arrive(socket);
    bench.talk(socket, client);
    for (std::size_t i = 0; i < before.size(); ++i)
      if (failures()[i] != before[i]) return tls::kFailures[i];
    return client.stands() ? "stands" : "nothing";
  }
  std::array<std::uint64_t, tls::kFailures.size()> failures() const {
    std::array<std::uint64_t, tls::kFailures.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = bench.listener.handshakes.get(static_cast<Failure>(i));
    return all;
  }

  TlsBench& bench;
  std::deque<PlayedTransport>& sockets;  // that outlive it
};

}  // namespace

TEST_CASE("who shows a certificate is believed by its authority, its time and what was revoked") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::deque<PlayedTransport> sockets;
    TlsBench bench(asking(ClientAuth::required, "crl.pem"));
    Showing showing(bench, sockets);
    CHECK(showing.outcome("alice", version) == "stands");
    CHECK(showing.outcome("bob", version) == "stands");  // by an intermediate authority
    CHECK(showing.outcome("", version) == "client_certificate_missing");
    CHECK(showing.outcome("stranger", version) == "client_certificate_bad");
    CHECK(showing.outcome("server-only", version) == "client_certificate_bad");
    CHECK(showing.outcome("expired", version) == "client_certificate_expired");
    CHECK(showing.outcome("revoked", version) == "client_certificate_revoked");
  }
}

TEST_CASE("the whole chain may be revoked, and a list whose time is over tells nothing") {
  std::deque<PlayedTransport> sockets;
  TlsBench bench(asking(ClientAuth::required, "crl-intermediate.pem"));
  Showing showing(bench, sockets);
  CHECK(showing.outcome("bob") == "client_certificate_revoked");
  CHECK(showing.outcome("alice") == "stands");
  bench.settings = TlsBench::load(asking(ClientAuth::required, "crl-expired.pem"));
  CHECK(showing.outcome("alice") == "client_crl");
}

TEST_CASE("where certificates are optional, a bad one is still bad") {
  std::deque<PlayedTransport> sockets;
  TlsBench bench(asking(ClientAuth::optional));
  Showing showing(bench, sockets);
  CHECK(showing.outcome("") == "stands");
  CHECK(showing.outcome("alice") == "stands");
  CHECK(showing.outcome("stranger") == "client_certificate_bad");
  bench.settings = TlsBench::load(asking(ClientAuth::none));
  CHECK(showing.outcome("stranger") == "stands");  // nobody asked
}

TEST_CASE("nodes hear who the client is, and from nobody else") {
  const std::string forged =
      "GET / HTTP/1.1\r\nHost: a.test\r\nX-Client-Cert-Subject: CN=root\r\nx_client_cert_fingerprint: 00\r\n"
      "X.Client.Cert.Subject: CN=root\r\n\r\n";
  for (const bool shows : {false, true}) {
    PlayedTransport socket, node;
    TlsBench bench(asking(ClientAuth::optional));
    TlsClient client;
    if (shows) client.show(kClients + "alice.pem", kClients + "alice.key");
    bench.shake(socket, client);
    bench.runtime.next = {&node};
    client.say(forged);
    bench.talk(socket, client);
    bench.runtime.connected();
    CHECK(node.written.find("CN=root") == std::string::npos);
    CHECK(node.written.find("x_client") == std::string::npos);
    const bool told =
        node.written.find("X-Client-Cert-Subject: " + kAliceSubject + "\r\n") != std::string::npos;
    CHECK(told == shows);
    CHECK((node.written.find("X-Client-Cert-Fingerprint: ") != std::string::npos) == shows);
  }
}

TEST_CASE("a session goes on as who it began as, while the same are believed") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::deque<PlayedTransport> sockets;
    TlsBench bench(asking(ClientAuth::optional, "crl-empty.pem"));
    TlsClient client("a.test", version);
    client.show(kClients + "alice.pem", kClients + "alice.key");
    bench.shake(sockets.emplace_back(), client);
    client.take("");
    SSL_SESSION* session = SSL_get1_session(client.get());
    REQUIRE(SSL_SESSION_is_resumable(session) == 1);
    const auto resumes = [&](const tls::ServerOptions& options) {
      bench.settings = TlsBench::load(options);
      SSL_SESSION* copy = SSL_SESSION_dup(session);  // one that a failed handshake spoils
      TlsClient again("a.test", version, copy);
      SSL_SESSION_free(copy);
      again.show(kClients + "alice.pem", kClients + "alice.key");
      PlayedTransport& socket = sockets.emplace_back();
      bench.arrive(socket);
      bench.talk(socket, again);
      return again.stands() && SSL_session_reused(again.get()) == 1;
    };
    CHECK(resumes(asking(ClientAuth::optional, "crl-empty.pem")));
    CHECK_FALSE(resumes(asking(ClientAuth::optional, "crl.pem")));
    CHECK_FALSE(resumes(asking(ClientAuth::optional)));
    CHECK_FALSE(resumes(asking(ClientAuth::required, "crl-empty.pem")));
    CHECK_FALSE(resumes(asking(ClientAuth::none, "crl-empty.pem")));
    CHECK_FALSE(resumes(asking(ClientAuth::optional, "", "other-ca.pem")));
    CHECK_FALSE(resumes(options_with({"a-ecdsa", "b"})));

    PlayedTransport node;
    bench.settings = TlsBench::load(asking(ClientAuth::optional, "crl-empty.pem"));
    TlsClient again("a.test", version, session);
    PlayedTransport& socket = sockets.emplace_back();
    bench.shake(socket, again);
    REQUIRE(SSL_session_reused(again.get()) == 1);
    bench.runtime.next = {&node};
    again.say(kGet);
    bench.talk(socket, again);
    bench.runtime.connected();
    CHECK(node.written.find("X-Client-Cert-Subject: " + kAliceSubject + "\r\n") != std::string::npos);
    SSL_SESSION_free(session);
  }
}

TEST_CASE("a connection is asked for the hosts of its certificate alone, as far as others have their own") {
  std::deque<PlayedTransport> sockets;
  const auto answer = [&](TlsBench& bench, const std::string& named, const std::string& host) {
    PlayedTransport& socket = sockets.emplace_back();
    PlayedTransport& node = sockets.emplace_back();
    TlsClient client(named);
    bench.shake(socket, client);
    bench.runtime.next = {&node};
    client.say("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    bench.talk(socket, client);
    if (client.heard.empty()) return std::string("a node's");
    return client.heard.substr(9, 3);
  };
  TlsBench bench(options_with({"a-ecdsa", "b"}));
  CHECK(answer(bench, "a.test", "a.test") == "a node's");
  CHECK(answer(bench, "a.test", "A.Test.:443") == "a node's");
  CHECK(answer(bench, "a.test", "x.w.test") == "a node's");  // its certificate is for that, too
  CHECK(answer(bench, "a.test", "b.test") == "421");
  CHECK(answer(bench, "a.test", "B.TEST.:8443") == "421");
  CHECK(answer(bench, "b.test", "a.test") == "421");
  CHECK(answer(bench, "b.test", "x.w.test") == "421");
  CHECK(answer(bench, "b.test", "x.y.w.test") == "a node's");  // nobody's
  CHECK(answer(bench, "other.test", "a.test") == "a node's");  // served with the first
  CHECK(answer(bench, "other.test", "b.test") == "421");
  CHECK(answer(bench, "", "b.test") == "a node's");  // it has named none
}

TEST_CASE("of two certificates for a host, the one that the client was served with counts") {
  std::deque<PlayedTransport> sockets;
  TlsBench bench(options_with({"a-ecdsa", "a-rsa"}));  // the second is not for *.w.test
  for (const auto& [ciphers, wanted] :
       {std::pair("ECDHE-ECDSA-AES128-GCM-SHA256", ""), {"ECDHE-RSA-AES128-GCM-SHA256", "HTTP/1.1 421"}}) {
    PlayedTransport& socket = sockets.emplace_back();
    bench.runtime.next = {&sockets.emplace_back()};
    TlsClient client("a.test", TLS1_2_VERSION);
    SSL_set_cipher_list(client.get(), ciphers);
    bench.shake(socket, client);
    client.say("GET / HTTP/1.1\r\nHost: x.w.test\r\n\r\n");
    bench.talk(socket, client);
    CHECK(client.heard.substr(0, 12) == wanted);
  }
}

TEST_CASE("each request of a connection is judged") {
  PlayedTransport socket, node;
  TlsBench bench(options_with({"a-ecdsa", "b"}));
  TlsClient client("a.test");
  bench.shake(socket, client);
  bench.runtime.next = {&node};
  client.say(kGet);
  bench.talk(socket, client);
  bench.runtime.connected();
  bench.runtime.read(node, kAnswer);
  bench.talk(socket, client);
  CHECK(client.heard.starts_with("HTTP/1.1 200"));
  client.heard.clear();
  client.say("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
  bench.talk(socket, client);
  CHECK(client.heard.starts_with("HTTP/1.1 421 Misdirected Request\r\n"));
  CHECK(bench.listener.refused.get(base::Reason::bad_request) == 1);
}

}  // namespace weir::core
