#include "tests/sim/trial_credentials.h"

#include <string>

#include "proxy/base/check.h"
#include "proxy/tls/ticket_keys.h"
#include "tests/sim/model_tls.h"
#include "tests/sim/trial_chance.h"

namespace weir::sim {
namespace {

std::string file(const std::string& name) {
  return WEIR_SOURCE_DIR "/tests/tls/sim/" + name;
}

tls::Owned<SSL_CTX> make_peer(const SSL_METHOD* method) {
  tls::Owned<SSL_CTX> made(SSL_CTX_new(method));
  WEIR_CHECK(made && SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION) == 1);
  WEIR_CHECK(SSL_CTX_set1_groups_list(made.get(), "X25519") == 1);  // the cheapest
  SSL_CTX_set_mode(made.get(), SSL_MODE_RELEASE_BUFFERS);
  return made;
}

tls::Owned<SSL_CTX> make_node(const std::string& name) {
  tls::Owned<SSL_CTX> made = make_peer(TLS_server_method());
  WEIR_CHECK(SSL_CTX_use_certificate_chain_file(made.get(), file(name + ".pem").c_str()) == 1);
  WEIR_CHECK(SSL_CTX_use_PrivateKey_file(made.get(), file(name + ".key").c_str(), SSL_FILETYPE_PEM) == 1);
  SSL_CTX_set_session_cache_mode(made.get(), SSL_SESS_CACHE_OFF);  // there are tickets
  ModelTls::prepare_node(*made);
  return made;
}

tls::Owned<SSL_CTX> make_client() {
  tls::Owned<SSL_CTX> made = make_peer(TLS_client_method());
  SSL_CTX_set_session_cache_mode(made.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  ModelTls::prepare_client(*made);
  return made;
}

// The process's keys are the same in each process, and nothing of them is drawn within a trial.
void fix_ticket_keys() {
  tls::TicketKey key;
  key.name.fill('n');
  key.mac.fill('m');
  key.cipher.fill('c');
  tls::TicketKeys::of_process().begin_with({{key}, {}});
}

}  // namespace

const TrialCredentials& TrialCredentials::get() {
  static const TrialCredentials made;
  return made;
}

TrialCredentials::TrialCredentials() {
  const TrialChance chance(1);
  fix_ticket_keys();
  for (std::size_t terms = 0; terms < kTerms; ++terms) {
    tls::ServerOptions listener;
    listener.certificates.push_back({file("weir.pem"), file("weir.key")});
    if (terms > 0) listener.ciphers += ":@STRENGTH";
    auto received = tls::ServerSettings::load(listener);
    WEIR_CHECK(received);
    listener_[terms] = std::move(*received);
    for (std::size_t protocol = 0; protocol < kProtocols; ++protocol) {
      tls::ClientOptions pool;
      pool.ca = file("ca.pem");
      pool.sni = terms > 0 ? "other.test" : "node.test";
      pool.protocol = static_cast<io::Protocol>(protocol);
      auto sent = tls::ClientSettings::load(pool);
      WEIR_CHECK(sent);
      pool_[terms][protocol] = std::move(*sent);
    }
  }
  client_ = make_client();
  node_ = make_node("node");
  stranger_ = make_node("stranger");
}

}  // namespace weir::sim
