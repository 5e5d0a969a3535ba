// Which certificates of clients are believed: what files say, and what becomes of sessions.
#include "proxy/tls/client_trust.h"
#include "proxy/tls/session_check.h"

#include "proxy/tls/certificate.h"
#include "proxy/tls/openssl.h"
#include "tests/unit/catch.h"

namespace weir::tls {

namespace {

const std::string kTls = WEIR_SOURCE_DIR "/tests/tls/";
const std::string kShown = kTls + "clients/";

std::string distrust(const std::string& ca, const std::string& crl = "") {
  const auto loaded = ClientTrust::load({ca, crl});
  return loaded ? "none" : loaded.error().substr(loaded.error().rfind('/') + 1);
}

// A server that believes anybody for the time being, as it did when the certificate had not expired yet.
Owned<SSL_CTX> believing_server() {
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  REQUIRE((*Certificate::load({kTls + "a-ecdsa.pem", kTls + "a-ecdsa.key"}))->add_to(*context).empty());
  REQUIRE((*ClientTrust::load({kShown + "ca.pem", ""}))->add_to(*context, ClientAuth::optional).empty());
  REQUIRE(check_sessions(*context, std::nullopt));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("x"), 1);
  return context;
}

struct Pair {
  Pair(SSL_CTX* server_context, SSL_CTX* client_context, SSL_SESSION* session)
      : server(SSL_new(server_context)), client(SSL_new(client_context)) {
    BIO *near = nullptr, *far = nullptr;
    BIO_new_bio_pair(&near, 1 << 16, &far, 1 << 16);
    SSL_set_bio(server.get(), near, near);
    SSL_set_bio(client.get(), far, far);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    if (session != nullptr) SSL_set_session(client.get(), session);
    char byte = 0;
    for (int turn = 0; turn < 10; ++turn) {  // the ticket comes behind the handshake
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
      if (SSL_is_init_finished(client.get()) != 0) SSL_read(client.get(), &byte, 1);
    }
  }

  Owned<SSL> server, client;
};

}  // namespace

TEST_CASE("files that say nothing of authorities, or of what they revoke, are refused") {
  CHECK(distrust(kShown + "none.pem") == "none.pem: can't be read: No such file or directory");
  CHECK(distrust(kShown + "alice.key") == "alice.key: holds no certificate in PEM (no start line)");
  CHECK(distrust(kShown) == ": is not a file");
  CHECK(distrust(kShown + "ca.pem", kShown + "none.pem") ==
        "none.pem: can't be read: No such file or directory");
  CHECK(distrust(kShown + "ca.pem", kShown + "ca.pem") ==
        "ca.pem: holds no list of revoked certificates in PEM (no start line)");
  CHECK(distrust(kShown + "ca.pem", kShown + "crl.pem") == "none");
}

TEST_CASE("what files hold tells them apart, and the first list that is due counts") {
  const auto plain = ClientTrust::load({kShown + "ca.pem", ""});
  const auto with_list = ClientTrust::load({kShown + "ca.pem", kShown + "crl.pem"});
  const auto with_another = ClientTrust::load({kShown + "ca.pem", kShown + "crl-expired.pem"});
  REQUIRE((plain && with_list && with_another));
  CHECK((*plain)->digest() != (*with_list)->digest());
  CHECK((*with_list)->digest() != (*with_another)->digest());
  CHECK((*plain)->digest() == (*ClientTrust::load({kShown + "ca.pem", ""}))->digest());
  CHECK_FALSE((*plain)->crl_until());
  CHECK((*with_another)->crl_until() == 1'609'459'200);  // 2021
  CHECK((*with_list)->crl_until() > 4'000'000'000);
}

TEST_CASE("a session does not outlive the certificate that it was begun with") {
  const Owned<SSL_CTX> server = believing_server();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    for (const std::string name : {"alice", "expired"}) {
      const Owned<SSL_CTX> client(SSL_CTX_new(TLS_client_method()));
      SSL_CTX_set_max_proto_version(client.get(), version);
      SSL_CTX_use_certificate_chain_file(client.get(), (kShown + name + ".pem").c_str());
      SSL_CTX_use_PrivateKey_file(client.get(), (kShown + name + ".key").c_str(), SSL_FILETYPE_PEM);
      const Pair first(server.get(), client.get(), nullptr);
      REQUIRE(SSL_is_init_finished(first.server.get()) == 1);
      SSL_SESSION* session = SSL_get1_session(first.client.get());
      REQUIRE(SSL_SESSION_is_resumable(session) == 1);
      const Pair second(server.get(), client.get(), session);
      SSL_SESSION_free(session);
      INFO(name);
      CHECK(SSL_is_init_finished(second.server.get()) == 1);
      CHECK(SSL_session_reused(second.server.get()) == (name == "alice" ? 1 : 0));
    }
}

}  // namespace weir::tls
