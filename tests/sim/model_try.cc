#include "tests/sim/model_try.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/sim/body_pattern.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;

// In which checks find out that a node is ill, and attempts from before have begun.
constexpr base::Duration kMostNoticing = 1500ms, kMostNoticingByTls = 3s;
// In which a node has read what Weir had for it when a stream ended.
constexpr base::Duration kMostQueued = 10s;

}  // namespace

bool ModelNode::Try::find(std::string_view target) {
  id_ = TrialBook::id_in(target);
  entry_ = node_.book_.find(id_);
  stalled_after_ = received_ = 0;
  if (entry_ == nullptr) node_.book_.broken("a node got a request that nobody sent: {}", target);
  return entry_ != nullptr;
}

// A request that may not be replayed reaches nodes once, any other as often as there are attempts; a kept
// connection that its node ended is none, and at most one of those goes before each that is one. What a node
// declined it has not processed.
void ModelNode::Try::begin(std::string_view method, base::Time head_began) {
  attempt_ = entry_->tries++;
  entry_->nodes.push_back(node_.address_.text());
  if (attempt_ == 0) entry_->tried_at = node_.runtime_.now();
  check_whether_barred(head_began);
  check_time();
  TrialBook& book = node_.book_;
  book.tell("request {} reaches {} (try {})", id_, node_.address_.text(), attempt_ + 1);
  if (method != name_of(request().method)) book.broken("request {} became a {}", id_, method);
  if (request().method == Method::post && !request().keyed && entry_->tries > 1)
    book.broken("request {}, a POST, reached nodes {} times", id_, entry_->tries);
  if (entry_->tries - entry_->crossed > node_.attempts_ ||
      entry_->tries + entry_->declined > 2 * node_.attempts_)
    book.broken("request {} reached nodes {} times; {} attempts are allowed", id_, entry_->tries,
                node_.attempts_);
  if (entry_->ended) book.tell("request {} had been given up by its client", id_);
}

// Nodes hear nothing of sessions.
void ModelNode::Try::check_cookies(const MessageHead& head) const {
  const bool sticky = node_.book_.plan().sticky;
  if (head.get("Cookie") != (sticky && entry_->brings_cookies ? kOtherCookie : std::string_view()))
    node_.book_.broken("request {} reaches a node with the cookies {}", id_, head.get("Cookie"));
}

void ModelNode::Try::decline() {
  ++entry_->declined;
  node_.book_.tell("request {} is declined by {}", id_, node_.address_.text());
  if (entry_->tries + entry_->declined > 2 * node_.attempts_)
    node_.book_.broken(
        "request {} reached nodes {} times, and was declined {} times; {} attempts are allowed", id_,
        entry_->tries, entry_->declined, node_.attempts_);
}

bool ModelNode::Try::answers_early() const {
  const bool early = plan().fault == AnswerFault::early || plan().fault == AnswerFault::early_in_parts;
  return early && request().framing != BodyFraming::none;
}

bool ModelNode::Try::may_end_early() const {
  const ClientPlan& client = *entry_->client;
  // Weir may end what such a client has begun at any time, before the node has answered, too.
  const bool breaks_tls = client.tls && client.tls->fault >= TlsFault::breaks_record;
  return client.fault != ClientFault::none || breaks_tls;
}

void ModelNode::Try::note_crossing() {
  if (entry_) ++std::exchange(entry_, nullptr)->crossed;
}

// Weir has had the time to hear that this node takes no new work; but a process that was replaced hears of no
// operator any more. What the one before knew of it a process goes by until it has found otherwise.
void ModelNode::Try::check_whether_barred(base::Time head_began) const {
  TrialBook& book = node_.book_;
  const std::string& node = node_.address_.text();
  const base::Duration most_noticing = book.plan().tls_nodes.empty() ? kMostNoticing : kMostNoticingByTls;
  // A session stays a while.
  const base::Duration left = entry_->session == node ? book.plan().drain_timeout : 0s;
  // Who drains a node drains it of the pool that there is.
  const bool of_another_pool =
      node_.drained_since_ > book.renamed_at() && entry_->asked_at < book.renamed_at() + book.most_making();
  if (!of_another_pool && node_.drained_since_ < book.left_at(process_) &&
      head_began - std::max(node_.drained_since_, book.undisturbed_since()) > left + book.most_making())
    book.broken("{} drains, and got request {}", node, id_);
  // In panic it may.
  if (node_.is_ill() && book.plan().checks && book.plan().panic == 0 &&
      head_began - std::max(node_.ill_since_, book.settled_since()) > most_noticing + book.most_reaction())
    book.broken("{} fails its checks, and got request {}", node, id_);
  const auto said = node_.said_to_.find(process_);
  const bool says = node_.word_ == OwnWord::drain || node_.word_ == OwnWord::maint;
  if (says && said != node_.said_to_.end() && said->second.size() == kHeard &&
      head_began - std::max(said->second.back(), book.settled_since()) >
          (node_.word_ == OwnWord::drain ? left : 0s) + most_noticing + book.most_reaction())
    book.broken("{} says that it takes no new work, and got request {}", node, id_);
  if (book.began_without(process_, node) && !node_.well_to_.contains(process_) && book.plan().panic == 0)
    book.broken("{} was not up to the process before, and got request {} of the next one unchecked", node,
                id_);
}

void ModelNode::Try::check_time() const {
  TrialBook& book = node_.book_;
  if (book.plan().request_timeout == 0s || !entry_ || request().upgrade) return;
  const base::Duration took = node_.runtime_.now() - std::max(entry_->tried_at, book.undisturbed_since());
  if (took > book.plan().request_timeout + book.most_reaction())
    book.broken("request {} is under way after {} ms", id_,
                std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
}

void ModelNode::Try::strikes(std::string_view fault) const {
  node_.book_.struck(fault);
  node_.book_.tell("request {}: {}", id_, fault);
}

void ModelNode::Try::add_to_body(std::string_view bytes, BodyRole role) {
  entry_->moved_at = node_.runtime_.now();
  if (!BodyPattern::matches(bytes, body_stream(id_, role), received_))
    node_.book_.broken("the body of request {} has other bytes than were sent, after {}", id_, received_);
  received_ += bytes.size();
}

void ModelNode::Try::check_whole() const {
  if (received_ != request().size && !request().upgrade)
    node_.book_.broken("request {} ended after {} bytes of its body as if it were whole; it has {}", id_,
                       received_, request().size);
}

void ModelNode::Try::await_end(base::Duration most, std::uint64_t stalled_after) {
  stalled_after_ = stalled_after;
  waits_since_ = node_.runtime_.now();
  most_wait_ = most + node_.book_.most_reaction();
}

base::Time ModelNode::Try::judge_wait(std::size_t unread, std::size_t incoming) {
  const base::Time now = node_.runtime_.now();
  waits_since_ = std::max(waits_since_, node_.book_.undisturbed_since());
  // Who still gets a body is not waited for.
  waits_since_ = std::max(waits_since_, entry_->moved_at);
  // What was sent before is still on its way, to Weir or to the client.
  if (unread > 0) waits_since_ = now;
  if (entry_->read_size < stalled_after_ && !entry_->ended) waits_since_ = now;
  if (stalled_after_ > 0) waits_since_ = std::max(waits_since_, entry_->read_at);
  // Its client is, until it has sent the whole of it.
  if (received_ < request().size)
    most_wait_ = std::max(most_wait_, kBodyTimeout + node_.book_.most_reaction());
  if (now - waits_since_ < most_wait_) return wait_over();
  if (incoming > 0 && now - waits_since_ < most_wait_ + kMostQueued) return now + 10ms;
  node_.book_.broken("request {} waits for {}, which is silent, for more than {} ms", id_,
                     node_.address_.text(),
                     std::chrono::duration_cast<std::chrono::milliseconds>(most_wait_).count());
  return base::kNever;
}

}  // namespace weir::sim
