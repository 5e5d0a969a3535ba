#include "proxy/policy/waiting_line.h"

#include <cstring>

namespace weir::policy {

using base::Time;

ClientKey client_key(const io::Ip& client) {
  const io::Ip who = client.family == io::Ip::Family::v6 ? client.network(64) : client;
  std::uint64_t words[2] = {};
  static_assert(sizeof words == sizeof who.bytes);
  std::memcpy(words, who.bytes.data(), sizeof words);
  return {words[0], words[1] ^ static_cast<std::uint64_t>(who.family)};
}

WaitingLine::Entry WaitingLine::add(Waiting& one, const ClientKey& client, Time now) {
  Entry entry;
  const auto [found, is_new] = clients_.try_emplace(client);
  WaitingClient& its = found->second;
  its.key = client;
  if (aged_ + returned_ + called_ >= most_) {
    entry.sent_away = newest_of_longest(its.size + 2);
    if (entry.sent_away == nullptr) {
      if (its.size == 0) clients_.erase(found);
      look(now);
      return entry;
    }
    remove(*entry.sent_away);
  }
  entry.admitted = true;
  one.came_back_ = false;
  one.since_ = now;
  one.turn_ = one.round_ = 0;
  one.spot_ = Waiting::Spot::in_line;
  link(one, its);
  look(now);
  return entry;
}

void WaitingLine::add_back(Waiting& one, Time now) {
  one.since_ = now;
  one.client_ = nullptr;
  one.came_back_ = true;
  one.turn_ = one.round_ = 0;
  one.spot_ = Waiting::Spot::in_line;
  insert_first(one);
}

void WaitingLine::link(Waiting& one, WaitingClient& client) {
  one.client_ = &client;
  if (client.size++ == 0) turns_.push_back(client);
  if (client.size > longest_) longest_ = client.size;
  client.waiting.push_back(one);
  ages_.push_back(one);
  ++aged_;
}

void WaitingLine::unlink(Waiting& one) {
  one.base::ListHook<LineTag>::unlink();
  if (one.client_ == nullptr) {
    --returned_;
    return;
  }
  one.base::ListHook<AgeTag>::unlink();
  --aged_;
  WaitingClient& client = *std::exchange(one.client_, nullptr);
  if (--client.size == 0) clients_.erase(client.key);
}

// First what comes back from a node, then who was called in vain. Those are few, so it is looked from behind.
void WaitingLine::insert_first(Waiting& one) {
  base::IntrusiveList<Waiting, LineTag> behind;
  while (!first_.empty() && first_.back().turn_ > one.turn_) {
    Waiting& last = first_.back();
    last.base::ListHook<LineTag>::unlink();
    behind.push_front(last);
  }
  first_.push_back(one);
  first_.splice(behind);
  ++returned_;
}

// The bound may be too high, since it is not lowered as they leave; who looks finds out.
Waiting* WaitingLine::newest_of_longest(std::size_t least) {
  if (longest_ < least) return nullptr;
  WaitingClient* longest = nullptr;
  for (auto& [key, client] : clients_)
    if (longest == nullptr || client.size > longest->size) longest = &client;
  longest_ = longest != nullptr ? longest->size : 0;
  return longest_ >= least ? &longest->waiting.back() : nullptr;
}

Waiting* WaitingLine::call() {
  Waiting* one = of_first();
  if (one == nullptr) one = of_clients();
  if (one == nullptr) return nullptr;
  unlink(*one);
  if (one->turn_ == 0) one->turn_ = ++turn_;
  one->spot_ = Waiting::Spot::called;
  ++called_;
  return one;
}

Waiting* WaitingLine::of_first() {
  return first_.find([this](const Waiting& one) { return one.round_ != round_; });
}

Waiting* WaitingLine::of_clients() {
  if (turns_.empty()) return nullptr;
  WaitingClient& client = turns_.front();
  client.base::ListHook<TurnTag>::unlink();
  turns_.push_back(client);
  return stands_ ? &client.waiting.back() : &client.waiting.front();
}

void WaitingLine::return_called(Waiting& one) {
  --called_;
  one.client_ = nullptr;
  one.round_ = round_;
  one.spot_ = Waiting::Spot::in_line;
  insert_first(one);
}

void WaitingLine::remove(Waiting& one) {
  if (one.spot_ == Waiting::Spot::called)
    --called_;
  else if (one.spot_ == Waiting::Spot::in_line)
    unlink(one);
  one.spot_ = Waiting::Spot::outside;
}

bool WaitingLine::nobody_else(const Waiting& one) const {
  const std::size_t own = one.spot_ == Waiting::Spot::outside ? 0 : 1;
  return aged_ + returned_ + called_ == own;
}

// Whether it stands is looked at whenever something happens to the line, so that between two looks the oldest
// has only become older.
void WaitingLine::look(Time now) {
  const bool above = !ages_.empty() && now - ages_.front().since_ > target_;
  if (!above)
    above_since_ = base::kNever;
  else if (above_since_ == base::kNever)
    above_since_ = ages_.front().since_ + target_;
  stands_ = above && now - above_since_ >= interval_;
}

Waiting* WaitingLine::shed(Time now) {
  look(now);
  if (!stands_ || now - ages_.front().since_ <= interval_) return nullptr;
  Waiting& oldest = ages_.front();
  remove(oldest);
  look(now);
  return &oldest;
}

Waiting* WaitingLine::turn_away() {
  if (aged_ + returned_ + called_ <= most_) return nullptr;
  Waiting* newest = ages_.empty() ? nullptr : &ages_.back();
  if (newest == nullptr)
    first_.for_each([&](Waiting& one) {
      if (!one.came_back_) newest = &one;
    });
  if (newest != nullptr) remove(*newest);
  return newest;
}

}  // namespace weir::policy
