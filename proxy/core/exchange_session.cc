// The exchange in a pool that is sticky: which node the client's cookie names, and which cookie it gets.
#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
#include "proxy/policy/cookies.h"
#include "proxy/policy/rewrite.h"

namespace weir::core {

using policy::SessionVerdict;

// Of several cookies the first counts that names a node which is no backup. Nodes are told of none.
void Exchange::find_session(const StickyTokens& sticky) {
  if (!request_.fields.has(http::FieldId::cookie)) return;
  bool any = false, known = false;
  policy::each_cookie(request_.fields, sticky.name(), [&](std::string_view value) {
    any = true;
    const auto node = sticky.find(value);
    known |= node.has_value();
    if (node && !session_.node && !pool_->is_backup(*node)) session_.node = node;
  });
  if (!any) return;
  policy::drop_cookies(request_.fields, sticky.name(), text_);
  if (!known) pool_->share().cookies_unknown.add();
}

SessionVerdict Exchange::judge_session() const {
  return pool_->judge_session(*session_.node, path_.runtime().now(),
                              generation_->snapshot->config.drain_timeout);
}

// The node may get this request once more, now.
bool Exchange::takes_more(std::size_t node) const {
  return takes(node) && pool_->endpoint(node).node->has_room();
}

// Full or not.
bool Exchange::takes(std::size_t node) const {
  if (node == Pool::kElsewhere) return false;
  return (node < pool_->size() && pool_->endpoint(node).node->eligible()) ||
         (session_.node == node && judge_session() == SessionVerdict::stays);
}

// Where another try follows at the same node, that may yet make up for it.
void Exchange::note_failed_session() {
  if (session_.node == try_->node) session_.failed = true;
}

// The client is kept at the node that answered, unless its own is only slow, and another one, which was asked
// beside it, was quicker.
void Exchange::settle_session(const StickyTokens& sticky, http::Response& head) {
  PoolShare& share = pool_->share();
  if (session_.node == try_->node) return share.sessions_kept.add();
  // What serves while no other node can keeps nobody, nor does what is to go.
  if (try_->node >= pool_->size() || pool_->is_backup(try_->node)) return;
  if (session_.node) {
    const SessionVerdict verdict = session_.failed ? SessionVerdict::failed : judge_session();
    if (verdict == SessionVerdict::stays) return;
    share.sessions_moved[static_cast<std::size_t>(verdict)].add();
  } else {
    share.sessions_begun.add();
  }
  const auto scheme = request_.fields.get(http::FieldId::x_forwarded_proto);
  const auto secure = scheme == "https" ? StickyTokens::Secure::yes : StickyTokens::Secure::no;
  head.fields.add(http::FieldId::set_cookie, sticky.cookie(try_->node, secure));
  policy::keep_from_shared_caches(head.fields);
}

}  // namespace weir::core
