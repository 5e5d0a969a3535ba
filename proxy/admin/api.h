// What the admin port answers: path by path, as docs/api.md and docs/openapi.json have it. Whoever bears no
// token hears of health and readiness alone, where one is wanted; what changes something is audited. Texts
// that take long to make come from the Reporter; the control thread only passes them on. Control thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/admin/api_path.h"
#include "proxy/admin/audit.h"
#include "proxy/admin/operations.h"
#include "proxy/admin/order_body.h"
#include "proxy/admin/port.h"
#include "proxy/admin/reload_report.h"
#include "proxy/admin/reporter.h"
#include "proxy/admin/token.h"

namespace weir::admin {

// What the API asks of the process.
class ApiHost {
 public:
  // leaving: it takes clients, and asks them and whoever sends them to go elsewhere.
  enum class Phase : std::uint8_t { starting, ready, leaving, draining };
  virtual Phase phase() const = 0;
  // `author` is for logs and histories. `done` is called once, now or later, unless the process ends before.
  virtual void reload(std::string author, std::function<void(const ReloadReport&)> done) = 0;
  // Likewise; nothing changes, it is only said what a reload would do.
  virtual void diff(std::function<void(const ReloadReport&)> done) = 0;
  virtual void rollback(std::string author, std::function<void(const ReloadReport&)> done) = 0;
  virtual void order(NodeOrder order, std::function<void(const OrderReport&)> done) = 0;
  virtual std::vector<HistoryEntry> history() const = 0;  // the latest first
  // /ready says 503, and clients are asked to come back on other connections, for so long.
  // The error says why not now.
  virtual base::Result<void, std::string> drain_self(base::Duration time) = 0;
  // Another process of the binary's present file takes over. The error says why it did not.
  virtual void upgrade(std::function<void(const base::Result<void, std::string>&)> done) = 0;

 protected:
  ~ApiHost() = default;
};

class Api final : public PortHandler, io::TimerHandler {
 public:
  Api(io::Runtime& runtime, ApiHost& host, std::shared_ptr<const Scene> scene);
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Takes requests that come to this socket; `address` is where it listens, as bound. See Port.
  void open(io::ListenSocket socket, AllowedHosts hosts, Token token);
  void stop_listening();  // who has come is still answered
  void publish(std::shared_ptr<const Scene> scene);
  // From now on; where the token is another, those that follow events have to come again.
  void allow(AllowedHosts hosts, Token token);
  void on_nodes_changed();  // those that follow events hear of it at once
  // What nodes' answers took lately; `then` comes later, unless this goes before. False if too many ask
  // already.
  [[nodiscard]] bool read_latencies(std::function<void(Latencies)> then);

  struct Served {
    http::Method method;
    std::string_view path;
  };
  static std::vector<Served> served();  // all that there is, HEAD aside

 private:
  using Id = std::uint64_t;
  struct Call {
    const Request& request;
    PathNames names;
  };
  struct Operation {
    http::Method method;
    std::string_view path;
    void (Api::*serve)(Id id, const Call& call);
  };
  static const Operation kOperations[];
  struct Found {
    const Operation* operation = nullptr;
    PathNames names;
    std::string allow;  // the methods that the path has; "": it is none
  };
  static Found find(const Request& request);

  std::optional<Answer> refusal(const Request& request) const override;
  void on_request(Id id, const Request& request) override;
  void on_timer() override;
  void dashboard(Id id, const Call& call);
  void healthz(Id id, const Call& call);
  void ready(Id id, const Call& call);
  void metrics(Id id, const Call& call);
  void pools(Id id, const Call& call);
  void pool(Id id, const Call& call);
  void node(Id id, const Call& call);
  void config(Id id, const Call& call);
  void connections(Id id, const Call& call);
  void events(Id id, const Call& call);
  void diff(Id id, const Call& call);
  void history(Id id, const Call& call);

  // What changes something (api_changes.cc).
  void change_node(Id id, const Call& call);
  void add_node(Id id, const Call& call);
  void remove_node(Id id, const Call& call);
  void reload(Id id, const Call& call);
  void rollback(Id id, const Call& call);
  void drain_self(Id id, const Call& call);
  void upgrade(Id id, const Call& call);
  void place(Id id, const Call& call, FromBody<NodeOrder> wanted);
  void conclude(Id id, const Audit& audit, const NodeOrder& order, OrderReport report);
  void refuse(Id id, const Audit& audit, const BodyError& error);  // an order's
  void refuse_body(Id id, const Audit& audit, const BodyError& error);
  // False, and answered, if there is a body that says something.
  bool says_nothing(Id id, const Call& call);
  std::function<void(const ReloadReport&)> reload_told(Id id, const Call& call);
  // Made by the Reporter, then given to `then` on the control thread.
  // False if too much is being made already.
  [[nodiscard]] bool make(Reporter::Make make, std::function<void(std::string)> then);
  void answer_made(Id id, std::string_view type, Reporter::Make make);

  io::Runtime& runtime_;
  ApiHost& host_;
  std::shared_ptr<const Scene> scene_;
  Token token_;
  std::unique_ptr<Port> port_;
  io::Timer timer_;                   // the next event, while somebody follows
  base::Time event_at_{};             // when the latest event was asked for
  std::int64_t event_ms_ = 0;         // the same by the wall clock
  bool changed_ = false;              // nodes have, since then
  const std::shared_ptr<Api*> self_;  // held weakly by what may be answered later than it lives
  Reporter reporter_;                 // ends first
};

}  // namespace weir::admin
