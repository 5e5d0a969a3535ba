// Nodes over TLS, played byte by byte: which sessions go on.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <deque>
#include <memory>
#include <string>

#include "proxy/tls/tls_transport.h"
#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

std::string sim_file(const std::string& name) {
  return WEIR_SOURCE_DIR "/tests/tls/sim/" + name;
}

std::shared_ptr<const tls::ClientSettings> settings_for(const std::string& name) {
  tls::ClientOptions options;
  options.ca = sim_file("ca.pem");
  options.sni = name;
  return tls::ClientSettings::load(options).value();
}

// A node that says when its tickets come.
class PlayedNode {
 public:
  PlayedNode() : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    SSL_CTX_use_certificate_chain_file(context_.get(), sim_file("node.pem").c_str());
    SSL_CTX_use_PrivateKey_file(context_.get(), sim_file("node.key").c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_set_num_tickets(context_.get(), 0);
  }
  SSL_CTX* context() { return context_.get(); }

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
};

// One connection to it, and its handler.
struct PlayedVisit final : io::TransportHandler {
  PlayedVisit(StillRuntime& loop, PlayedNode& node, std::shared_ptr<const tls::ClientSettings> settings,
              tls::SessionSlot& slot, tls::Scratch& scratch)
      : runtime(loop), ssl(SSL_new(node.context()), SSL_free) {
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl.get());
    runtime.next = {&socket};
    const tls::Dial dial{.settings = std::move(settings), .scratch = &scratch, .session = &slot};
    transport = dial.connect(runtime, io::Address::parse("127.0.0.1:1").value(), *this);
    runtime.connected();
    talk();
  }
  // Until neither side has more to say.
  void talk() {
    for (;;) {
      const std::string in = socket.take_written();
      BIO_write(SSL_get_rbio(ssl.get()), in.data(), static_cast<int>(in.size()));
      if (!SSL_is_init_finished(ssl.get())) SSL_do_handshake(ssl.get());
      char* bytes = nullptr;
      const long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &bytes);
      const std::string out(bytes, static_cast<std::size_t>(size));
      (void)BIO_reset(SSL_get_wbio(ssl.get()));
      ERR_clear_error();
      if (in.empty() && out.empty()) return;
      if (!out.empty()) runtime.read(socket, out);
    }
  }
  void send_ticket() {
    SSL_new_session_ticket(ssl.get());
    SSL_do_handshake(ssl.get());
    talk();
  }
  bool resumed() const { return SSL_session_reused(ssl.get()) == 1; }

  void on_connected() override { stands = true; }
  void on_read(std::string_view) override {}
  void on_read_end() override {}
  void on_read_error(const base::Error&) override {}
  void on_sent(std::size_t) override {}
  void on_write_error(const base::Error&) override {}

  StillRuntime& runtime;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl;
  PlayedTransport socket;
  io::TransportPtr transport;
  bool stands = false;
};

}  // namespace

TEST_CASE("a ticket that comes late is kept under the terms of its own connection, and under no others") {
  StillRuntime runtime;
  PlayedNode node;
  tls::SessionSlot slot;
  tls::Scratch scratch;
  const auto before = settings_for("node.test"), after = settings_for("other.test");
  std::deque<PlayedVisit> visits;
  const auto visit = [&](const auto& settings) -> PlayedVisit& {
    PlayedVisit& made = visits.emplace_back(runtime, node, settings, slot, scratch);
    REQUIRE(made.stands);
    return made;
  };
  PlayedVisit& old = visit(before);
  CHECK_FALSE(old.resumed());
  old.send_ticket();
  CHECK(visit(before).resumed());
  PlayedVisit& changed = visit(after);  // the terms are others from now on
  CHECK_FALSE(changed.resumed());
  changed.send_ticket();
  CHECK(visit(after).resumed());
  old.send_ticket();
  CHECK_FALSE(visit(after).resumed());
  CHECK(visit(before).resumed());
  const auto alike = settings_for("node.test");  // read anew, perhaps with another authority
  CHECK_FALSE(visit(alike).resumed());
}

}  // namespace weir::core
