// One client connection: a transport and the codec of what the client speaks, HTTP/1.1 or HTTP/2, and the
// clocks that no exchange keeps (the TLS handshake, waiting for a request, for the rest of its head, for the
// client to take the end of an answer, for a lingering close). Owned by its worker's DataPath; loop thread
// only. Idle, it holds no buffer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/codec/h1_server.h"
#include "proxy/codec/h2_server.h"
#include "proxy/config/config.h"
#include "proxy/core/arrival.h"
#include "proxy/core/client_connection.h"
#include "proxy/core/late_flush.h"
#include "proxy/io/runtime.h"
#include "proxy/observe/shares.h"
#include "proxy/tls/tls_transport.h"

namespace weir::core {

class DataPath;

class DownstreamConnection final : public ClientConnection,
                                   io::TransportHandler,
                                   HostJudge,
                                   codec::ServerCodecOwner,
                                   io::TimerHandler,
                                   io::Flushable {
 public:
  DownstreamConnection(DataPath& path, io::TransportPtr transport, observe::ListenerShare& listener,
                       const ListenerTerms& terms);
  // The same over TLS, whose handshake is to come.
  DownstreamConnection(DataPath& path, tls::TlsTransport& transport, observe::ListenerShare& listener,
                       const ListenerTerms& terms);
  ~DownstreamConnection() override;

  // The next answer says Connection: close; until a request comes, it stays open for `idle` at most.
  void drain(base::Duration idle) override;
  // The first request after this time is the last over HTTP/1.1, and one of the last over HTTP/2.
  void leave_at(base::Time time) { leave_at_ = time; }
  void close();  // retires; no callback follows
  // Ends whatever is under way, visibly: what has not been sent whole ends by RST.
  void cut(const base::Error& error) override;
  base::Time idle_since() const override;
  void end_idle() override;
  std::size_t held() const override;
  void resume();  // goes on with bytes that were held back

 private:
  static constexpr std::size_t kLingerBytes = 256 * 1024;
  static constexpr base::Duration kLingerTime = std::chrono::seconds(2);
  // Of answers: before the next pipelined request is looked at, and before more is framed of HTTP/2, so that
  // an urgent one does not wait long.
  static constexpr std::size_t kMostPending = 64 * 1024;
  static constexpr std::size_t kMostFramed = 32 * 1024;
  // A client of HTTP/2 that answers no PING loses what is left of the time to begin requests.
  static constexpr base::Duration kDrainNotice = std::chrono::seconds(3);

  void begin();
  void speak_h2();
  bool is_undecided(std::string_view& bytes);
  bool is_misdirected(std::string_view authority) override;
  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;
  http::StreamHandler& on_stream(http::Stream& stream) override;
  void on_refused(http::Stream& stream, const base::Error& error) override;
  void on_codec_changed() override;
  void on_timer() override;
  void flush() override;
  // Each for one codec or the other, known when it is compiled: what HTTP/1.1 costs is to be what it costs
  // alone.
  template <class Codec>
  void flush(Codec& codec);
  template <class Codec>
  bool write(Codec& codec);
  template <class Codec>
  void settle(Codec& codec);
  template <class Codec>
  void set_clock(Codec& codec);
  void linger();
  void cut_orphans();
  void restart_starving();
  void note_limit();

  // What a handshake has told.
  struct Encounter {
    std::optional<io::Identity> identity;
    std::string host;  // that it was asked for last, and may be
  };

  enum class Waiting : std::uint8_t { handshake, request, head, exchange, tunnel, client, lingering };
  static observe::ClientState state_of(Waiting waiting);
  void wait_for(Waiting what);
  void watch_head(std::int32_t stream);
  void set_due(base::Time at);
  void refuse_head();
  void await_tail();

  DataPath& path_;
  io::TransportPtr transport_;
  tls::TlsTransport* tls_ = nullptr;  // the transport, if it is one
  std::unique_ptr<Encounter> encounter_;
  Arrival arrival_;
  codec::H1Server h1_;
  std::unique_ptr<codec::H2Server> h2_;
  std::unique_ptr<LateFlush> late_;  // of HTTP/2
  codec::ServerCodec* codec_ = &h1_;
  std::unique_ptr<std::string> first_;  // bytes, as long as they may become the preface of HTTP/2
  io::Timer timer_;
  base::Time due_ = base::kNever;         // of what it waits for
  base::Time head_until_ = base::kNever;  // over HTTP/2, of a head beside that
  ClientPace pace_;                       // of the latest request's route
  base::Time tail_until_ = base::kNever;  // by when the client has to have taken the end of its answer
  base::Time leave_at_ = base::kNever;
  base::Time drained_at_ = base::kNever;
  base::Time idle_since_{};                  // in Waiting::request; later for who has not asked yet
  base::Time starved_since_ = base::kNever;  // answers have waited for the client alone since then
  std::uint32_t lingered_ = 0;
  std::int32_t awaited_head_ = 0;  // of which stream of HTTP/2
  Waiting waiting_ = Waiting::request;
  bool undecided_ : 1 = false;  // what the client speaks is told by its first bytes
  bool h2_alone_ : 1 = false;   // whatever the client asks for by ALPN, if it does
  bool draining_ : 1 = false;
  bool lingering_ : 1 = false;
  bool read_ended_ : 1 = false;
  bool closed_ : 1 = false;
  bool to_resume_ : 1 = false;  // the path will call resume()
};

}  // namespace weir::core
