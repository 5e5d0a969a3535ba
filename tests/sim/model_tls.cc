#include "tests/sim/model_tls.h"

#include <openssl/err.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/sim/trial_credentials.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostRecord = 16 * 1024;  // RFC 8446 5.1
constexpr int kFlood = 2'800;                   // changes of keys: their answers are more than Weir keeps
constexpr std::uint32_t kMostLateTickets = 3;
constexpr base::Duration kFloodPause = 2s;     // of reading
constexpr base::Duration kMostHeldBack = 10s;  // by a client that takes an answer slowly
constexpr std::string_view kNoTls = "\x01 this is no TLS\n\n";
constexpr std::string_view kClearRequest = "GET /flood HTTP/1.1\r\nHost: sim.test\r\n\r\n";

ModelTls& filter_of(const SSL* ssl) {
  return *static_cast<ModelTls*>(SSL_get_app_data(ssl));
}

std::string_view as_text(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

// --- its beginning

ModelTls::ModelTls(SimRuntime& runtime, TlsSide side, SSL_CTX* context, const TlsManners& manners,
                   TrialBook& book)
    : runtime_(runtime),
      book_(book),
      side_(side),
      manners_(manners),
      fault_(manners.fault),
      ssl_(SSL_new(context)),
      end_(runtime.timers(), *this, &ModelTls::look_for_end),
      reading_(runtime.timers(), *this, &ModelTls::go_on_reading),
      begun_at_(runtime.now()) {
  if (fault_ == TlsFault::floods_keys && book.has_struck(name_of(side, fault_))) fault_ = TlsFault::none;
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (manners.old) SSL_set_max_proto_version(ssl_.get(), TLS1_2_VERSION);
}

ModelTls::~ModelTls() = default;

io::TransportPtr ModelTls::connect(SimRuntime& runtime, const io::Address& weir,
                                   io::TransportHandler& handler, const ClientPlan& plan, TlsMemory& memory,
                                   TrialBook& book) {
  auto* tls = new ModelTls(runtime, TlsSide::client, TrialCredentials::get().client(), *plan.tls, book);
  io::TransportPtr owned(tls);
  tls->handler_ = &handler;
  tls->memory_ = &memory;
  tls->phase_ = Phase::connecting;
  tls->wants_h2_ = plan.h2.has_value();
  if (memory.struck) tls->fault_ = TlsFault::none;
  SSL* ssl = tls->ssl_.get();
  SSL_set_connect_state(ssl);
  SSL_set_tlsext_host_name(ssl, "sim.test");
  if (memory.session && plan.tls->resumes) SSL_set_session(ssl, memory.session.get());
  const std::string_view offer = plan.h2 ? "\x02h2" : "\x08http/1.1";
  if (plan.h2 || plan.number % 2 == 0)  // to others it is understood
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offer.data()),
                        static_cast<unsigned>(offer.size()));
  tls->inner_ = runtime.connect(weir, *tls);
  return owned;
}

ModelTls* ModelTls::accept(SimRuntime& runtime, io::TransportPtr inner, const TlsManners& manners,
                           TrialBook& book) {
  const TrialCredentials& all = TrialCredentials::get();
  const bool strange = manners.fault == TlsFault::strange;
  auto* tls = new ModelTls(runtime, TlsSide::node, strange ? all.stranger() : all.node(), manners, book);
  SSL_set_accept_state(tls->ssl_.get());
  tls->wants_h2_ = !manners.h1_alone;
  tls->inner_ = std::move(inner);
  return tls;
}

void ModelTls::set_handler(io::TransportHandler& handler) {
  handler_ = &handler;
  inner_->set_handler(*this);
}

void ModelTls::on_connected() {
  phase_ = Phase::shaking;
  begun_at_ = now();
  shake();
}

void ModelTls::on_connect_failed(const base::Error& error) {
  book_.broken("nobody listens where Weir speaks TLS: {}", error.detail);
  fail("nobody listens");
}

// --- the handshake

void ModelTls::shake() {
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_.get());
  const int why = SSL_get_error(ssl_.get(), outcome);
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  flush();
  if (phase_ != Phase::shaking) return;
  if (outcome == 1) return open();
  if (why != SSL_ERROR_WANT_READ) fail(reason != nullptr ? reason : "of no reason");
}

void ModelTls::open() {
  phase_ = Phase::open;
  end_.cancel();
  if (fault_ == TlsFault::strange) book_.broken("Weir believes a stranger to be its node");
  if (side_ == TlsSide::client && wants_h2_ && !speaks_h2())
    book_.broken("a client asks for HTTP/2, and Weir does not agree to it");
  if (SSL_session_reused(ssl_.get()) == 1) check_session();
  handler_->on_connected();
}

// Whom a node was taken for when the session began, it is taken for still.
void ModelTls::check_session() {
  book_.struck(side_ == TlsSide::client ? "resumed by a client" : "resumed by Weir");
  if (side_ == TlsSide::client) return;
  void* name = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket_appdata(SSL_get0_session(ssl_.get()), &name, &size);
  const std::string_view before(static_cast<const char*>(name), size);
  if (before != asked_for_)
    book_.broken("a session with {} goes on, and it is {} that is wanted", before, asked_for_);
}

bool ModelTls::speaks_h2() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return as_text(name, size) == "h2";
}

// Weir has time for a handshake; and an attempt of a request that is over gives up its own.
void ModelTls::fail(std::string_view why) {
  phase_ = Phase::failed;
  end_.cancel();
  const bool in_time = now() - begun_at_ < kHeaderTimeout && book_.undisturbed_since() < begun_at_;
  if (!struck_ && side_ == TlsSide::client && in_time)
    book_.broken("a client's handshake failed, and nobody knows why: {}", why);
  book_.tell("the handshake of a {} is over: {}", side_ == TlsSide::client ? "client" : "node", why);
  handler_->on_connect_failed({.reason = base::Reason::internal, .detail = "no TLS"});
}

// --- what goes wrong

void ModelTls::strike() {
  if (!std::exchange(struck_, true)) book_.tell("{}", name_of(side_, fault_));
  book_.struck(name_of(side_, fault_));
  if (memory_ != nullptr && fault_ != TlsFault::without_goodbye) memory_->struck = true;
}

// In place of these, which would have been the first ones.
void ModelTls::strike_at_first(std::string bytes) {
  strike();
  const std::size_t place = manners_.fault_at % bytes.size();
  silent_ = fault_ != TlsFault::flips_a_bit;
  await_end(side_ == TlsSide::client ? kHeaderTimeout : 2 * kConnectTimeout);
  switch (fault_) {
    case TlsFault::stops:
      return send(std::string_view(bytes).substr(0, place));
    case TlsFault::not_tls:
      return send(kNoTls);
    case TlsFault::flips_a_bit:
      bytes[place] = static_cast<char>(bytes[place] ^ (1 << manners_.fault_at % 7));
      return send(bytes);
    case TlsFault::ends:
      send(bytes);
      return inner_->shutdown_write();
    case TlsFault::resets:
      send(bytes);
      inner_->reset();
      return fail("it was reset");
    case TlsFault::clear_http:
      book_.tls_sealed += kClearRequest.size();
      return send(kClearRequest);
    default:
      return;
  }
}

bool ModelTls::strikes_now() const {
  return !struck_ && sent_ >= manners_.fault_at && fault_ >= TlsFault::breaks_record &&
         fault_ <= TlsFault::says_goodbye &&
         (fault_ != TlsFault::floods_keys || SSL_version(ssl_.get()) == TLS1_3_VERSION);
}

// Before these, which are to be sent.
void ModelTls::strike_within(std::string_view& bytes) {
  strike();
  flush();
  switch (fault_) {
    case TlsFault::breaks_record:
      return break_record(bytes);
    case TlsFault::floods_keys:
      return flood_keys();
    case TlsFault::renegotiates:
      SSL_renegotiate(ssl_.get());
      SSL_do_handshake(ssl_.get());
      ERR_clear_error();
      flush();
      break;
    case TlsFault::says_goodbye:
      end_writing();
      break;
    default:
      break;
  }
  ruined_ = true;
}

void ModelTls::break_record(std::string_view bytes) {
  seal(bytes.substr(0, kMostRecord));
  std::string record = take_sealed();
  record.back() = static_cast<char>(record.back() ^ 1);
  send(record);
  silent_ = ruined_ = true;
  // Weir looks at what a node sent when the client has taken what came before.
  await_end(side_ == TlsSide::client ? base::Duration(0s) : kMostHeldBack);
}

void ModelTls::flood_keys() {
  for (int i = 0; i < kFlood; ++i) change_keys();
  flush();
  ruined_ = silent_ = true;
  inner_->pause();
  reading_.set(now() + kFloodPause);
}

void ModelTls::await_end(base::Duration most) {
  awaits_since_ = now();
  most_wait_ = most + book_.most_reaction();
  end_.set(awaits_since_ + most_wait_);
}

void ModelTls::look_for_end() {
  if (phase_ == Phase::closed || phase_ == Phase::failed || wire().left_alone()) return;
  // It may wait outside for so long.
  if (phase_ == Phase::shaking && side_ == TlsSide::client && book_.plan().may_wait_outside()) return;
  awaits_since_ = std::max(awaits_since_, book_.undisturbed_since());
  if (phase_ == Phase::open && wire().unread() > 0) awaits_since_ = now();  // on its way to Weir
  const base::Time due = awaits_since_ + most_wait_;
  if (now() < due) return end_.set(due);
  book_.broken("{}, and its connection goes on", name_of(side_, fault_));
}

// --- what arrives

void ModelTls::on_read(std::string_view bytes) {
  if (phase_ == Phase::failed || read_ended_) return;
  if (phase_ == Phase::shaking && silent_) {
    if (fault_ == TlsFault::clear_http) in_clear_ += bytes;
    return;
  }
  if (SSL_has_pending(ssl_.get()) == 1) inside_record_at_ = now();
  BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  if (phase_ == Phase::shaking) shake();
  if (phase_ == Phase::open) read();
}

void ModelTls::read() {
  std::string plain;
  char part[kMostRecord];
  std::size_t got = 0;
  int outcome = 1;
  ERR_clear_error();
  while ((outcome = SSL_read_ex(ssl_.get(), part, sizeof part, &got)) == 1) plain.append(part, got);
  const int why = SSL_get_error(ssl_.get(), outcome);
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  flush();
  if (side_ == TlsSide::client) book_.tls_opened += plain.size();
  if (fault_ == TlsFault::renegotiates && ruined_ && SSL_is_init_finished(ssl_.get()) == 1 &&
      SSL_renegotiate_pending(ssl_.get()) == 0)
    book_.broken("Weir lets a client renegotiate");
  if (!plain.empty()) handler_->on_read(plain);
  if (phase_ != Phase::open || why == SSL_ERROR_WANT_READ) return;
  read_ended_ = true;
  if (why == SSL_ERROR_ZERO_RETURN) return handler_->on_read_end();
  if (!ruined_) book_.broken("what Weir sends is no TLS: {}", reason != nullptr ? reason : "of no reason");
  handler_->on_read_error({.reason = base::Reason::internal, .detail = "no TLS"});
}

// What ends without a goodbye has been cut.
void ModelTls::on_read_end() {
  if (phase_ == Phase::shaking) {
    const bool answered = in_clear_.starts_with("HTTP/1.1 400 ");
    if (fault_ == TlsFault::clear_http && struck_ && !answered && book_.undisturbed_since() < begun_at_)
      book_.broken("a client that speaks HTTP without TLS is not told so: {}", in_clear_);
    book_.tls_opened += in_clear_.size();
    return fail("Weir ended it");
  }
  if (phase_ != Phase::open || std::exchange(read_ended_, true)) return;
  handler_->on_read_error({.reason = base::Reason::internal, .detail = "ended without a goodbye"});
}

void ModelTls::on_read_error(const base::Error& error) {
  if (phase_ == Phase::shaking) return fail("Weir reset it");
  if (phase_ != Phase::open || std::exchange(read_ended_, true)) return;
  handler_->on_read_error(error);
}

// --- what is sent

std::size_t ModelTls::write(std::span<const std::string_view> pieces) {
  std::size_t size = 0;
  for (std::string_view piece : pieces) {
    while (!piece.empty() && phase_ == Phase::open && !ruined_ && !write_ended_) {
      if (strikes_now()) {
        strike_within(piece);
        continue;
      }
      std::size_t part = std::min(piece.size(), kMostRecord);
      if (manners_.record > 0)
        part = std::min<std::size_t>(part, runtime_.world().random().between(1, manners_.record));
      if (!struck_ && manners_.fault_at > sent_)
        part = std::min<std::size_t>(part, manners_.fault_at - sent_);
      seal(piece.substr(0, part));
      piece.remove_prefix(part);
      size += part;
      if (manners_.new_keys == 0 || sent_ - keyed_at_ < manners_.new_keys) continue;
      keyed_at_ = sent_;
      if (SSL_version(ssl_.get()) != TLS1_3_VERSION) continue;
      book_.struck("new keys");
      change_keys();
    }
  }
  if (phase_ != Phase::open) return size;
  if (manners_.late_tickets && size > 0) send_late_ticket();
  flush();
  return size;
}

void ModelTls::seal(std::string_view bytes) {
  std::size_t taken = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &taken) != 1)
    book_.tell("a {} cannot write: {}", side_ == TlsSide::client ? "client" : "node",
               tls::last_error());  // it has read what broke it
  sent_ += bytes.size();
  if (side_ == TlsSide::client) book_.tls_sealed += taken;
}

// And Weir is to change its own.
void ModelTls::change_keys() {
  SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED);
  SSL_do_handshake(ssl_.get());
  ERR_clear_error();
}

void ModelTls::send_late_ticket() {
  if (SSL_version(ssl_.get()) != TLS1_3_VERSION || late_tickets_ == kMostLateTickets) return;
  ++late_tickets_;
  book_.struck("late tickets");
  SSL_new_session_ticket(ssl_.get());
  SSL_do_handshake(ssl_.get());
  ERR_clear_error();
}

std::string ModelTls::take_sealed() {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &bytes);
  std::string sealed(bytes, static_cast<std::size_t>(size));
  std::ignore = BIO_reset(SSL_get_wbio(ssl_.get()));
  return sealed;
}

void ModelTls::flush() {
  std::string sealed = take_sealed();
  if (silent_ || sealed.empty()) return;
  const bool first = phase_ == Phase::shaking && is_of_handshake(fault_) && !struck_;
  if (first && fault_ == TlsFault::strange) strike();
  if (first && fault_ != TlsFault::strange) return strike_at_first(std::move(sealed));
  send(sealed);
}

void ModelTls::on_sent(std::size_t bytes) {
  if (phase_ == Phase::open) handler_->on_sent(bytes);
}

void ModelTls::on_write_error(const base::Error& error) {
  if (phase_ == Phase::open) handler_->on_write_error(error);
}

// --- its end

void ModelTls::end_writing() {
  if (std::exchange(write_ended_, true) || silent_ || ruined_) return;
  if (fault_ == TlsFault::without_goodbye) return strike();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  flush();
}

void ModelTls::shutdown_write() {
  if (phase_ != Phase::open) return;
  end_writing();
  if (ruined_) return;
  if (fault_ == TlsFault::goodbye_alone) return strike();
  inner_->shutdown_write();
}

void ModelTls::reset() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  inner_->reset();
}

void ModelTls::release() {
  if (phase_ == Phase::open) end_writing();
  phase_ = Phase::closed;
  SSL_set_shutdown(ssl_.get(),
                   SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // its session may go on in any case
  end_.cancel();
  reading_.cancel();
  inner_.reset();
  runtime_.graveyard().retire(std::unique_ptr<ModelTls>(this));
}

// --- what OpenSSL asks

void ModelTls::prepare_client(SSL_CTX& context) {
  SSL_CTX_sess_set_new_cb(&context, keep_session);
}

void ModelTls::prepare_node(SSL_CTX& context) {
  SSL_CTX_set_client_hello_cb(&context, note_name, nullptr);
  SSL_CTX_set_alpn_select_cb(&context, choose_protocol, nullptr);
  SSL_CTX_set_session_ticket_cb(&context, seal_name, open_name, nullptr);
}

int ModelTls::keep_session(SSL* ssl, SSL_SESSION* session) {
  filter_of(ssl).memory_->session.reset(session);
  return 1;
}

int ModelTls::choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* size,
                              const unsigned char* offered, unsigned offered_size, void*) {
  const std::string_view wanted = filter_of(ssl).wants_h2_ ? "\x02h2\x08http/1.1" : "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(wanted.data()),
                            static_cast<unsigned>(wanted.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// By which name the node is asked for (RFC 6066 3); OpenSSL itself would say of a session that goes on what
// it began with.
int ModelTls::note_name(SSL* ssl, int*, void*) {
  constexpr std::size_t kBeforeName = 5;
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) == 1 && size > kBeforeName)
    filter_of(ssl).asked_for_ = as_text(bytes + kBeforeName, size - kBeforeName);
  return SSL_CLIENT_HELLO_SUCCESS;
}

// It goes into each ticket.
int ModelTls::seal_name(SSL* ssl, void*) {
  const std::string& name = filter_of(ssl).asked_for_;
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), name.data(), name.size());
}

SSL_TICKET_RETURN ModelTls::open_name(SSL*, SSL_SESSION*, const unsigned char*, std::size_t,
                                      SSL_TICKET_STATUS status, void*) {
  switch (status) {
    case SSL_TICKET_SUCCESS:
      return SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
      return SSL_TICKET_RETURN_USE_RENEW;
    default:
      return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
}

}  // namespace weir::sim
