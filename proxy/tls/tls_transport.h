// TLS as a filter: io::Transport over another one. What the peer sends is decrypted into one buffer that all
// of a loop share; what is written becomes records of up to 16 KiB, all of a turn's in one write below. Opens
// no socket, starts no timer, and holds no buffer while idle. It belongs to its TransportPtr; loop thread
// only.
//
//   connecting (to a node) -> shaking -> open -> closed      connecting, shaking -> failed -> closed
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/io/identity.h"
#include "proxy/io/runtime.h"
#include "proxy/io/transport.h"
#include "proxy/tls/client_settings.h"
#include "proxy/tls/handshake.h"
#include "proxy/tls/server_settings.h"

namespace weir::tls {

// Of one loop.
struct Scratch {
  // A record, as those who write count it.
  struct Record {
    std::size_t wire;   // bytes of it that have not left
    std::size_t plain;  // bytes that it carries
  };

  std::string plain;            // decrypted, lent until the flush of this turn
  std::string gathered;         // small pieces on their way into one record
  std::string wire;             // encrypted, on their way down
  std::vector<Record> records;  // of `wire`
};

// How a node is spoken to.
struct Dial {
  std::shared_ptr<const ClientSettings> settings{};  // nullptr: in clear, and the rest does not matter
  Scratch* scratch = nullptr;
  std::string_view host{};         // the node, as it is configured
  SessionSlot* session = nullptr;  // may be
  std::string_view greeting{};     // what the connection begins with, before TLS too; "": nothing
  Offer offer = Offer::http;

  // As io::Runtime::connect() does.
  io::TransportPtr connect(io::Runtime& runtime, const io::Address& address,
                           io::TransportHandler& handler) const;
};

class TlsTransport final : public io::Transport, io::TransportHandler, io::Deferred {
 public:
  // A client's connection. The handler that is set next hears on_connected once the handshake is over, or
  // on_connect_failed. All but `inner` outlive it.
  static TlsTransport* accept(io::Runtime& runtime, Scratch& scratch, io::TransportPtr inner,
                              std::shared_ptr<const ServerSettings> settings);
  // To a node, as `dial` says: io::Runtime::connect(), and the handshake besides. All but the settings and
  // the greeting outlive it.
  static io::TransportPtr connect(io::Runtime& runtime, const Dial& dial, const io::Address& address,
                                  io::TransportHandler& handler);
  // For ClientSettings.
  static int keep_session(ssl_st* ssl, ssl_session_st* session);
  ~TlsTransport();

  // Once the handshake is over.
  Version version() const;
  bool resumed() const;
  std::string_view protocol() const override;
  std::string_view server_name() const;  // that the client asked for; "": none
  // Of a client that has shown a certificate.
  std::optional<io::Identity> identity() const;
  // Whether it may be asked for this host: see ServerSettings.
  bool serves(std::string_view host) const;
  // Once it has failed.
  Failure failure() const { return failure_; }
  // What is below, for an answer without TLS to who speaks none; this is of no more use.
  io::TransportPtr take_inner() { return std::move(inner_); }

  void set_handler(io::TransportHandler& handler) override;
  std::size_t write(std::span<const std::string_view> pieces) override;
  void keep_little_unsent() override { inner_->keep_little_unsent(); }
  std::size_t unacknowledged() const override { return inner_->unacknowledged(); }
  std::size_t pending() const override { return waiting_ ? waiting_->plain : 0; }
  bool quiet() override { return phase_ == Phase::open && !read_over_ && inner_->quiet(); }
  void pause() override;
  void resume() override;
  void shutdown_write() override;
  void reset() override;
  const io::Ip& peer() const override { return peer_; }
  std::uint16_t peer_port() const override { return peer_port_; }
  io::IpPort local() const override { return inner_ ? inner_->local() : io::IpPort{}; }
  void release() override;

 private:
  enum class Phase : std::uint8_t { connecting, shaking, open, failed, closed };
  enum class Role : std::uint8_t { server, client };
  // Records that wait below.
  struct Waiting {
    std::deque<Scratch::Record> records;
    std::size_t plain = 0;
  };
  struct Bio;

  TlsTransport(io::Runtime& runtime, Scratch& scratch, Role role, ssl_st* ssl,
               std::shared_ptr<const void> settings);

  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;
  void run_deferred() override;
  bool is_other_protocol(std::string_view first);
  void shake();
  void fail(Failure failure);
  base::Error error_of_failure() const;
  void read();
  void end_reading(bool broken);
  void seal(std::string_view bytes);
  void note_record(std::size_t plain);
  std::size_t send_down();
  void say_goodbye();

  io::Runtime& runtime_;
  Scratch& scratch_;
  io::TransportPtr inner_;
  const std::shared_ptr<const void> settings_;
  ssl_st* const ssl_;
  SessionSlot* session_ = nullptr;  // of a client
  io::TransportHandler* handler_ = nullptr;
  std::unique_ptr<Waiting> waiting_;
  std::string_view arrived_;  // encrypted, within on_read
  io::Ip peer_;
  std::uint16_t peer_port_ = 0;
  const Role role_;
  Phase phase_ = Phase::shaking;
  Failure failure_ = Failure::none;
  bool begun_ = false;          // bytes have come
  bool read_over_ = false;      // nothing more will be read
  bool end_is_untold_ = false;  // and the handler does not know
  bool broken_ = false;         // it ended by an error
  bool write_ended_ = false;
  bool write_failed_ = false;
  bool failure_is_untold_ = false;  // of writing
};

}  // namespace weir::tls
