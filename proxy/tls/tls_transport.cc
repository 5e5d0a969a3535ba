#include "proxy/tls/tls_transport.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/check.h"
#include "proxy/io/greeting.h"
#include "proxy/tls/client_certificate.h"
#include "proxy/tls/openssl.h"

namespace weir::tls {

namespace {

constexpr std::size_t kMostPlain = 16 * 1024;  // of one record (RFC 8446 5.1)
constexpr std::size_t kReadRoom = 64 * 1024;
constexpr std::size_t kMostUnasked = 64 * 1024;  // bytes that TLS itself sends, and the peer does not take

base::Error broken_by(std::string_view what) {
  return {.reason = base::Reason::internal, .detail = what};
}

Failure failure_of(const SSL* ssl, unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return Failure::protocol;
  const int reason = ERR_GET_REASON(error);
  if (reason >= SSL_AD_REASON_OFFSET) return Failure::alert;
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
      return Failure::version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return Failure::cipher;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return Failure::client_certificate_missing;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return failure_of_certificate(SSL_get_verify_result(ssl));
    default:
      return Failure::protocol;
  }
}

// Why a node's certificate is not believed, as a text that stays.
std::string_view disbelief(long verdict) {
  constexpr long kVerdicts = 128;
  static const auto texts_of_verdicts = [] {
    std::array<std::string, kVerdicts> texts;
    for (long i = 0; i < kVerdicts; ++i)
      texts[static_cast<std::size_t>(i)] =
          std::string("the node's certificate is not believed: ") + X509_verify_cert_error_string(i);
    return texts;
  }();
  return texts_of_verdicts[static_cast<std::size_t>(
      verdict < 0 || verdict >= kVerdicts ? X509_V_ERR_UNSPECIFIED : verdict)];
}

}  // namespace

// The library's way to the transport's bytes: it reads what has arrived, and writes for send_down().
struct TlsTransport::Bio {
  static int read(BIO* bio, char* out, std::size_t most, std::size_t* got) {
    std::string_view& arrived = static_cast<TlsTransport*>(BIO_get_data(bio))->arrived_;
    BIO_clear_retry_flags(bio);
    *got = arrived.copy(out, most);
    arrived.remove_prefix(*got);
    if (*got == 0) BIO_set_retry_read(bio);
    return *got > 0 ? 1 : 0;
  }
  static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* taken) {
    static_cast<TlsTransport*>(BIO_get_data(bio))->scratch_.wire.append(bytes, size);
    *taken = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static Owned<BIO_METHOD> make_method() {
    Owned<BIO_METHOD> made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport"));
    if (!made) throw std::bad_alloc();
    BIO_meth_set_read_ex(made.get(), read);
    BIO_meth_set_write_ex(made.get(), write);
    BIO_meth_set_ctrl(made.get(), control);
    return made;
  }
  static BIO* make(TlsTransport& transport) {
    static const Owned<BIO_METHOD> method = make_method();
    BIO* bio = BIO_new(method.get());
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, &transport);
    BIO_set_init(bio, 1);
    return bio;
  }
};

io::TransportPtr Dial::connect(io::Runtime& runtime, const io::Address& address,
                               io::TransportHandler& handler) const {
  if (settings) return TlsTransport::connect(runtime, *this, address, handler);
  if (!greeting.empty()) return io::GreetingTransport::connect(runtime, address, handler, greeting);
  return runtime.connect(address, handler);
}

TlsTransport* TlsTransport::accept(io::Runtime& runtime, Scratch& scratch, io::TransportPtr inner,
                                   std::shared_ptr<const ServerSettings> settings) {
  ssl_st* ssl = settings->begin();
  auto* transport = new TlsTransport(runtime, scratch, Role::server, ssl, std::move(settings));
  transport->peer_ = inner->peer();
  transport->peer_port_ = inner->peer_port();
  transport->inner_ = std::move(inner);
  return transport;
}

io::TransportPtr TlsTransport::connect(io::Runtime& runtime, const Dial& dial, const io::Address& address,
                                       io::TransportHandler& handler) {
  ssl_st* ssl = dial.settings->begin(dial.host);
  auto* transport = new TlsTransport(runtime, *dial.scratch, Role::client, ssl, dial.settings);
  io::TransportPtr owned(transport);
  transport->phase_ = Phase::connecting;
  transport->peer_ = address.ip;
  transport->peer_port_ = address.port;
  transport->handler_ = &handler;
  transport->session_ = dial.session;
  if (dial.session != nullptr)
    if (ssl_session_st* session = dial.session->get(dial.settings)) SSL_set_session(ssl, session);
  if (dial.offer == Offer::nothing) SSL_set_alpn_protos(ssl, nullptr, 0);
  SSL_set_app_data(ssl, transport);
  transport->inner_ = dial.greeting.empty()
                          ? runtime.connect(address, *transport)
                          : io::GreetingTransport::connect(runtime, address, *transport, dial.greeting);
  return owned;
}

TlsTransport::TlsTransport(io::Runtime& runtime, Scratch& scratch, Role role, ssl_st* ssl,
                           std::shared_ptr<const void> settings)
    : runtime_(runtime), scratch_(scratch), settings_(std::move(settings)), ssl_(ssl), role_(role) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  BIO* bio = Bio::make(*this);
  SSL_set_bio(ssl_, bio, bio);
}

int TlsTransport::keep_session(ssl_st* ssl, ssl_session_st* session) {
  auto* transport = static_cast<TlsTransport*>(SSL_get_app_data(ssl));
  if (transport == nullptr || transport->session_ == nullptr || transport->phase_ == Phase::closed) return 0;
  transport->session_->keep(session, transport->settings_);
  return 1;  // it is ours now
}

TlsTransport::~TlsTransport() {
  SSL_free(ssl_);
}

Version TlsTransport::version() const {
  return SSL_version(ssl_) == TLS1_3_VERSION ? Version::tls13 : Version::tls12;
}

bool TlsTransport::resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

std::string_view TlsTransport::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string_view TlsTransport::server_name() const {
  const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? std::string_view(name) : std::string_view();
}

std::optional<io::Identity> TlsTransport::identity() const {
  return identity_of(*ssl_);
}

bool TlsTransport::serves(std::string_view host) const {
  return ServerSettings::serves(*ssl_, host);
}

void TlsTransport::set_handler(io::TransportHandler& handler) {
  if (phase_ == Phase::closed) return;
  handler_ = &handler;
  inner_->set_handler(*this);
}

void TlsTransport::on_connected() {
  phase_ = Phase::shaking;
  shake();
}

void TlsTransport::on_connect_failed(const base::Error& error) {
  phase_ = Phase::failed;
  handler_->on_connect_failed(error);
}

// --- what arrives

void TlsTransport::on_read(std::string_view bytes) {
  if (read_over_) return;
  arrived_ = bytes;
  if (phase_ == Phase::shaking) shake();
  if (phase_ == Phase::open) read();
  arrived_ = {};
}

// A handshake's record begins so (RFC 8446 5.1).
bool TlsTransport::is_other_protocol(std::string_view first) {
  constexpr char kHandshake = 22;
  if (role_ == Role::client || std::exchange(begun_, true) || first.front() == kHandshake) return false;
  const bool is_word = first.front() >= 'A' && first.front() <= 'Z';
  fail(is_word ? Failure::http_request : Failure::not_tls);
  return true;
}

void TlsTransport::shake() {
  if (is_other_protocol(arrived_)) return;
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_);
  note_record(0);
  if (outcome == 1) {
    phase_ = Phase::open;
    send_down();
    return handler_->on_connected();
  }
  if (SSL_get_error(ssl_, outcome) == SSL_ERROR_WANT_READ) {
    send_down();
    return;
  }
  const Failure failure = failure_of(ssl_, ERR_peek_error());
  ERR_clear_error();
  send_down();  // the alert
  fail(failure);
}

void TlsTransport::fail(Failure failure) {
  phase_ = Phase::failed;
  failure_ = failure;
  handler_->on_connect_failed(error_of_failure());
}

base::Error TlsTransport::error_of_failure() const {
  if (role_ == Role::server)
    return {.reason = base::Reason::bad_request,
            .fault = base::Fault::downstream,
            .detail = "the TLS handshake failed"};
  const long verdict = SSL_get_verify_result(ssl_);
  return {.reason = base::Reason::upstream_bad,
          .fault = base::Fault::upstream,
          .retry = base::Retry::not_processed,
          .detail = verdict != X509_V_OK          ? disbelief(verdict)
                    : failure_ == Failure::closed ? "the node ended the TLS handshake"
                    : failure_ == Failure::alert  ? "the node refused the TLS handshake"
                                                  : "the TLS handshake with the node failed"};
}

void TlsTransport::read() {
  std::string& plain = scratch_.plain;
  std::size_t used = 0;
  int outcome = 1;
  ERR_clear_error();
  while (outcome == 1) {
    if (plain.size() - used < kMostPlain) plain.resize(std::max(kReadRoom, used + 2 * kMostPlain));
    std::size_t got = 0;
    outcome = SSL_read_ex(ssl_, plain.data() + used, plain.size() - used, &got);
    used += got;
  }
  const int why = SSL_get_error(ssl_, outcome);
  ERR_clear_error();
  note_record(0);  // an answer to the peer's change of keys, or an alert
  send_down();
  // A peer that changes its keys without end, and reads none of the answers to that, is not served.
  const bool flooded = pending() == 0 && inner_->pending() > kMostUnasked;
  if (flooded || why != SSL_ERROR_WANT_READ) end_reading(flooded || why != SSL_ERROR_ZERO_RETURN);
  if (used > 0) handler_->on_read({plain.data(), used});
}

// What came before the end is told first, and a flush lies between.
void TlsTransport::end_reading(bool broken) {
  read_over_ = true;
  broken_ = broken;
  end_is_untold_ = true;
  runtime_.defer(*this);
}

void TlsTransport::run_deferred() {
  if (std::exchange(failure_is_untold_, false)) {
    handler_->on_write_error(broken_by("TLS cannot go on"));
    if (phase_ != Phase::open) return;
  }
  if (!std::exchange(end_is_untold_, false)) return;
  if (broken_) return handler_->on_read_error(broken_by("the peer broke TLS"));
  handler_->on_read_end();
}

// A client that goes without a goodbye is as usual, for requests do not end by that. An answer may, and then
// anybody on the way could cut it.
void TlsTransport::on_read_end() {
  if (phase_ == Phase::shaking) return fail(Failure::closed);
  if (phase_ != Phase::open || std::exchange(read_over_, true)) return;
  if (role_ == Role::client)
    return handler_->on_read_error({.reason = base::Reason::upstream_truncated,
                                    .fault = base::Fault::upstream,
                                    .detail = "the node ended TLS without a goodbye"});
  handler_->on_read_end();
}

void TlsTransport::on_read_error(const base::Error& error) {
  if (phase_ == Phase::shaking) return fail(Failure::closed);
  if (phase_ != Phase::open || std::exchange(read_over_, true)) return;
  handler_->on_read_error(error);
}

void TlsTransport::pause() {
  if (phase_ == Phase::open) inner_->pause();
}

void TlsTransport::resume() {
  if (phase_ == Phase::open) inner_->resume();
}

// --- what is sent

std::size_t TlsTransport::write(std::span<const std::string_view> pieces) {
  if (phase_ != Phase::open || write_ended_ || write_failed_) return 0;
  std::string& gathered = scratch_.gathered;
  gathered.clear();
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (gathered.empty() && piece.size() >= kMostPlain) {
        seal(piece.substr(0, kMostPlain));
        piece.remove_prefix(kMostPlain);
        continue;
      }
      const std::string_view part = piece.substr(0, kMostPlain - gathered.size());
      gathered += part;
      piece.remove_prefix(part.size());
      if (gathered.size() < kMostPlain) continue;
      seal(gathered);
      gathered.clear();
    }
  }
  if (!gathered.empty()) seal(gathered);
  return send_down();
}

void TlsTransport::seal(std::string_view bytes) {
  if (write_failed_) return;
  std::size_t taken = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &taken) == 1 && taken == bytes.size())
    return note_record(bytes.size());
  ERR_clear_error();
  write_failed_ = failure_is_untold_ = true;
  runtime_.defer(*this);
}

// All that was encrypted since the record before.
void TlsTransport::note_record(std::size_t plain) {
  std::size_t known = 0;
  for (const Scratch::Record& record : scratch_.records) known += record.wire;
  if (scratch_.wire.size() > known) scratch_.records.push_back({scratch_.wire.size() - known, plain});
}

// Returns how many bytes of what they carry have left.
std::size_t TlsTransport::send_down() {
  std::size_t plain = 0;
  if (!scratch_.wire.empty()) {
    const std::string_view wire = scratch_.wire;
    std::size_t sent = inner_->write(std::span(&wire, 1));
    for (Scratch::Record& record : scratch_.records) {
      const std::size_t part = std::min(sent, record.wire);
      sent -= part;
      record.wire -= part;
      if (record.wire == 0) {
        plain += record.plain;
        continue;
      }
      if (!waiting_) waiting_ = std::make_unique<Waiting>();
      waiting_->records.push_back(record);
      waiting_->plain += record.plain;
    }
  }
  scratch_.wire.clear();
  scratch_.records.clear();
  return plain;
}

void TlsTransport::on_sent(std::size_t bytes) {
  if (!waiting_) return;
  std::size_t plain = 0;
  auto& records = waiting_->records;
  while (bytes > 0 && !records.empty()) {
    const std::size_t part = std::min(bytes, records.front().wire);
    bytes -= part;
    records.front().wire -= part;
    if (records.front().wire > 0) break;
    plain += records.front().plain;
    records.pop_front();
  }
  waiting_->plain -= plain;
  if (records.empty()) waiting_.reset();
  if (plain > 0 && phase_ == Phase::open) handler_->on_sent(plain);
}

void TlsTransport::on_write_error(const base::Error& error) {
  waiting_.reset();
  if (phase_ != Phase::open || std::exchange(write_failed_, true)) return;
  handler_->on_write_error(error);
}

// --- its end

void TlsTransport::say_goodbye() {
  if (std::exchange(write_ended_, true) || write_failed_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
  note_record(0);
  send_down();
}

void TlsTransport::shutdown_write() {
  if (phase_ != Phase::open) return;
  say_goodbye();
  inner_->shutdown_write();
}

void TlsTransport::reset() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  Deferred::unlink();
  if (inner_) inner_->reset();
}

void TlsTransport::release() {
  if (phase_ == Phase::open && !waiting_) say_goodbye();
  phase_ = Phase::closed;
  Deferred::unlink();
  inner_.reset();
  runtime_.graveyard().retire(std::unique_ptr<TlsTransport>(this));
}

}  // namespace weir::tls
