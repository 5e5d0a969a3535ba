// The same bytes through Weir and through a reader that shares nothing with it and repairs nothing. What both
// understand, nodes must have read as it was sent, or Weir must have refused it; what that reader does not
// understand, Weir must have refused.
#include <algorithm>
#include <optional>

#include "proxy/http/uri.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/world.h"

namespace weir::fuzz {
namespace {

class Comparison {
 public:
  explicit Comparison(const World& world)
      : told_(world.told()), at_nodes_(world.at_nodes()), answers_(world.answers()) {}
  void run();

 private:
  bool is_over() const { return settled_ > 0 && answers_[settled_ - 1].closes; }
  void settle(const Message& request);
  void settle_rest();
  void settle_repaired(const Message* last);
  void settle_refusal(const Message* request);
  void read_in_part(const Message& request);

  const Told& told_;
  const std::vector<Message>& at_nodes_;
  const std::vector<World::Answer>& answers_;
  std::size_t settled_ = 0;    // requests that are understood and answered
  std::size_t forwarded_ = 0;  // what nodes have read of them
};

// As Weir forwards it; nothing where it may not.
std::optional<Message> forwarded(const Message& request) {
  const auto target = http::parse_target(http::method_of(request.method), request.target);
  if (!target) return std::nullopt;
  Message at_node = request;
  http::normalise(target->path_and_query, at_node.target);
  if (target->form == http::Target::Form::absolute) at_node.host = target->authority;
  return at_node;
}

// A node is told its own name where the client named none.
bool same_head(const Message& at_node, const std::optional<Message>& expected) {
  return expected && at_node.method == expected->method && at_node.target == expected->target &&
         (at_node.host == expected->host || expected->host.empty());
}

bool is_plain_text(std::string_view text, std::string_view and_those) {
  return text.size() < 1000 && std::all_of(
                                   text.begin(), text.end(),
                                   [and_those](char c) {
                                     return (c >= 'a' && c <= 'z') ||
                                            and_those.find(c) != std::string_view::npos;
                                   });
}

// Beyond any reason to refuse it.
bool is_plain(const Message& request) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"};
  return std::find(std::begin(kMethods), std::end(kMethods), request.method) != std::end(kMethods) &&
         request.target.starts_with('/') && is_plain_text(request.target, "/0123456789") &&
         !request.host.empty() && is_plain_text(request.host, ".") && request.other_fields == 0 &&
         request.length.size() <= 5;
}

// A client's fault: nodes do well here, and nothing takes any time.
bool is_refusal(int status) {
  constexpr int kRefusals[] = {400, 405, 413, 414, 417, 421, 431, 501, 505};
  return std::find(std::begin(kRefusals), std::end(kRefusals), status) != std::end(kRefusals);
}

bool goes_no_further(const Message& request) {
  const std::string& left = request.max_forwards;
  return request.method == "OPTIONS" && !left.empty() && left.find_first_not_of('0') == std::string::npos;
}

void Comparison::run() {
  for (const Message& request : told_.requests)
    if (request.whole && !is_over()) settle(request);
  if (!is_over()) return settle_rest();
  must(answers_.size() == settled_, "an answer behind the last one");
  must(at_nodes_.size() == forwarded_, "a request behind the last answer");
}

void Comparison::settle(const Message& request) {
  must(settled_ < answers_.size(), "a whole request that was not answered");
  const World::Answer& answer = answers_[settled_];
  must(answer.whole, "an answer without its end");
  if (answer.status != World::kStatusOfNodes) return settle_refusal(&request);
  ++settled_;
  must(forwarded_ < at_nodes_.size(), "an answer to what no node has read");
  const Message& read = at_nodes_[forwarded_++];
  must(same_head(read, forwarded(request)), "a node reads another request than was sent");
  must(read.whole && read.body == request.body, "a node reads another body than was sent");
  must(answer.body == (request.method == "HEAD" ? "" : "ok"), "another answer than the node's");
}

// `request` is what the reader understands of it, if anything.
void Comparison::settle_refusal(const Message* request) {
  const World::Answer& answer = answers_[settled_++];
  const bool answers_itself = answer.status == 204 && request && goes_no_further(*request);
  must(answers_itself || is_refusal(answer.status), "an answer that is neither the node's nor a refusal");
  must(!request || !request->whole || !is_plain(*request), "a plain request is refused");
  must(answer.closes || (request && request->whole),
       "a refusal of what has no end, and the connection goes on");
  if (!answer.closes || forwarded_ == at_nodes_.size()) return;
  must(request != nullptr, "a node reads what has no head");
  read_in_part(*request);
}

void Comparison::read_in_part(const Message& request) {
  must(forwarded_ < at_nodes_.size(), "no node reads what is being sent");
  const Message& read = at_nodes_[forwarded_++];
  must(same_head(read, forwarded(request)), "a node reads another request than is being sent");
  must(!read.whole && request.body.starts_with(read.body), "a node reads another body than is being sent");
}

// Behind the whole requests: the last one, if part of it came, or what is no HTTP.
void Comparison::settle_rest() {
  const Message* last = settled_ < told_.requests.size() ? &told_.requests.back() : nullptr;
  if (told_.end == Told::End::repaired) return settle_repaired(last);
  if (settled_ < answers_.size()) {
    settle_refusal(last);
  } else {
    must(told_.end != Told::End::bad, "what is no HTTP is not refused");
    if (last) read_in_part(*last);
  }
  must(answers_.size() == settled_, "an answer to no request");
  must(at_nodes_.size() == forwarded_, "a node reads a request that nobody sent");
}

// Up to the place from which on only Weir understands it.
void Comparison::settle_repaired(const Message* last) {
  if (!last || forwarded_ == at_nodes_.size()) return;
  const Message& read = at_nodes_[forwarded_];
  must(same_head(read, forwarded(*last)), "a node reads another request than was begun");
  must(read.body.starts_with(last->body) || (!read.whole && last->body.starts_with(read.body)),
       "a node reads another body than was begun");
}

void counts_agree(const World& world) {
  must(world.at_nodes().size() == world.requests_of_weir() - world.refused_by_weir(),
       "nodes read other requests than Weir forwards by its own count");
}

void differential(std::string_view bytes) {
  const unsigned how = take_byte(bytes);
  World world(World::Nodes::answer);
  world.client_sends(bytes, 1 + how);
  counts_agree(world);
  must(world.answers().size() + world.under_way() == world.requests_of_weir(), "a request is lost");
  Comparison(world).run();
  world.end();
  counts_agree(world);
  Comparison(world).run();
}

const Target kDifferential("differential", differential);

}  // namespace
}  // namespace weir::fuzz
