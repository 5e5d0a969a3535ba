// A node's connection over TLS: its handshake, and then whatever version of HTTP was agreed on.
#include <utility>

#include "tests/sim/model_node.h"

namespace weir::sim {

class ModelNode::TlsVisit final : public Visit, io::TransportHandler {
 public:
  TlsVisit(ModelNode& node, Line line, std::size_t turn) : node_(node), line_(std::move(line)), turn_(turn) {
    const std::vector<TlsManners>& manners = node.book_.plan().tls_nodes;
    line_.tls = ModelTls::accept(node.runtime_, std::move(line_.transport), manners[turn % manners.size()],
                                 node.book_);
    line_.transport.reset(line_.tls);
    line_.tls->set_handler(*this);
  }

  bool over() const override { return inside_ ? inside_->over() : !line_.transport; }
  void reset() override {
    if (inside_) return inside_->reset();
    if (!line_.transport) return;
    line_.transport->reset();
    line_.transport.reset();
  }

 private:
  void on_connected() override {
    const std::vector<H2Manners>& manners = node_.book_.plan().h2_nodes;
    inside_ = line_.tls->speaks_h2() ? node_.welcome_h2(std::move(line_), manners[turn_ % manners.size()])
                                     : node_.welcome_h1(std::move(line_));
  }
  void on_connect_failed(const base::Error&) override { line_.transport.reset(); }
  void on_read(std::string_view) override {}
  void on_read_end() override {}
  void on_read_error(const base::Error&) override {}
  void on_sent(std::size_t) override {}
  void on_write_error(const base::Error&) override {}

  ModelNode& node_;
  Line line_;
  const std::size_t turn_;
  std::unique_ptr<Visit> inside_;
};

std::unique_ptr<ModelNode::Visit> ModelNode::welcome_tls(Line line, std::size_t turn) {
  return std::make_unique<TlsVisit>(*this, std::move(line), turn);
}

}  // namespace weir::sim
