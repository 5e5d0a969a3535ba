// One request at a node, as far as it is the same in every version of HTTP: whether it may have come here, as
// often as it did; its body; how it is to be answered; and how long Weir may wait for that.
#pragma once

#include <string_view>

#include "tests/sim/message_reader.h"
#include "tests/sim/model_node.h"

namespace weir::sim {

class ModelNode::Try {
 public:
  Try(ModelNode& node, std::uint32_t process) : node_(node), process_(process) {}

  // A request that nobody sent is none.
  bool find(std::string_view target);
  void forget() { entry_ = nullptr; }
  // Its head has been read, which began to come at `head_began`, and the node takes it.
  void begin(std::string_view method, base::Time head_began);
  // What it says in that.
  void check_cookies(const MessageHead& head) const;
  // The node does not.
  void decline();
  bool found() const { return entry_ != nullptr; }
  RequestId id() const { return id_; }
  RequestEntry& entry() { return *entry_; }
  const RequestPlan& request() const { return *entry_->plan; }
  // How it is answered: now; and if it is declined or begun next.
  const AnswerPlan& plan() const { return entry_->plan->answers[attempt_ > 0 ? 1 : 0]; }
  const AnswerPlan& next_plan() const {
    return entry_->plan->answers[entry_->tries + entry_->declined > 0 ? 1 : 0];
  }
  AnswerFault fault() const { return node_.fault_ != AnswerFault::none ? node_.fault_ : plan().fault; }
  std::uint32_t attempt() const { return attempt_; }
  std::uint64_t& whole_size() {
    if (entry_->whole_sizes.size() <= attempt_)
      entry_->whole_sizes.resize(attempt_ + 1, RequestEntry::kNever);
    return entry_->whole_sizes[attempt_];
  }
  bool answers_early() const;
  bool may_end_early() const;  // its client ends its tunnel as it likes

  void begin_body() { received_ = 0; }
  void add_to_body(std::string_view bytes, BodyRole role);
  std::uint64_t received() const { return received_; }
  void check_whole() const;
  // A kept connection that the node ended without a word costs no attempt: it says nothing of the request.
  void note_crossing();
  // A request is over by its deadline.
  void check_time() const;
  void strikes(std::string_view fault) const;
  // Weir has to give up on this node after `most`, counted from now; after a part of an answer's body, from
  // when its client has it.
  void await_end(base::Duration most, std::uint64_t stalled_after);
  // When to look again; kNever: it took too long, and the book knows. `unread`: bytes on their way to Weir;
  // `incoming`: from there, where the stream's end may be behind what others sent.
  base::Time judge_wait(std::size_t unread, std::size_t incoming = 0);
  base::Time wait_over() const { return waits_since_ + most_wait_; }

 private:
  void check_whether_barred(base::Time head_began) const;

  ModelNode& node_;
  const std::uint32_t process_;  // of Weir
  RequestId id_ = 0;
  RequestEntry* entry_ = nullptr;
  std::uint32_t attempt_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t stalled_after_ = 0;  // bytes of the answer's body
  base::Time waits_since_{};         // Weir, for this node to go on
  base::Duration most_wait_{};
};

}  // namespace weir::sim
