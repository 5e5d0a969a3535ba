#include "tests/sim/sim_runtime.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/sim/sim_listener.h"
#include "tests/sim/sim_transport.h"

namespace weir::sim {

struct SimRuntime::Alarm final : SimActor {
  explicit Alarm(SimRuntime& runtime) : owner(runtime) {}
  void on_event(std::uint32_t what) override { owner.on_event(what); }
  SimRuntime& owner;
};

SimRuntime::SimRuntime(SimWorld& world, std::uint32_t process)
    : world_(world), process_(process), alarm_(new Alarm(*this)) {
  wheel_.advance(world.now());
  world.join(*this);
}

SimRuntime::~SimRuntime() {
  while (!mail_.empty()) {  // the end of one may bring another
    const Mail mail = std::move(mail_.front());
    mail_.pop_front();
  }
  graveyard_.clear();
  free_buried();
  alarm_->retire();
  world_.leave(*this);
}

io::TransportPtr SimRuntime::connect(const io::Address& address, io::TransportHandler& handler) {
  return SimTransport::connect(*this, address, handler);
}

std::unique_ptr<io::Listener> SimRuntime::listen(io::ListenSocket socket, io::AcceptHandler& handler) {
  return std::make_unique<SimListener>(*this, world_.socket(socket), handler);
}

void SimRuntime::resolve(const std::string& host, Resolved done) {
  const std::vector<io::Ip>* ips = world_.find_name(host);
  base::Result<std::vector<io::Ip>, std::string> answer = base::unexpected(std::string("unknown name"));
  if (ips != nullptr) answer = *ips;
  const base::Time at = world_.now() + world_.network_delay();
  found_.push_back({at, [answer = std::move(answer), done = std::move(done)] { done(answer); }});
  world_.schedule(*alarm_, at, kFound);
}

void SimRuntime::defer(io::Deferred& task) {
  if (!task.linked()) deferred_.push_back(task);
  if (!turning_) wake();
}

void SimRuntime::touch(io::Flushable& item) {
  if (!item.linked()) touched_.push_back(item);
  if (!turning_) wake();
}

// A mailbox is a queue: what was posted later never overtakes.
void SimRuntime::post(std::function<void()> task) {
  base::Time at = world_.now() + world_.up_to(world_.rules().max_mail_delay);
  if (at > world_.now()) ++world_.mischief().late_mails;
  if (!mail_.empty()) at = std::max(at, mail_.back().at);
  mail_.push_back({at, std::move(task)});
  world_.schedule(*alarm_, at, kMail);
}

// The order in which one poll finds things is the seed's.
void SimRuntime::ready(SimPollable& item) {
  if (item.linked()) return;
  if (world_.rules().max_lag > base::Duration::zero() && world_.random().percent(50)) {
    ready_.push_front(item);
  } else {
    ready_.push_back(item);
  }
  wake();
}

void SimRuntime::wake() {
  if (std::exchange(woken_, true)) return;
  world_.schedule_in(*alarm_, world_.rules().max_lag, kPoll);
}

void SimRuntime::on_event(std::uint32_t what) {
  if (what == kPoll) {
    if (!woken_) return;  // it has turned already
    if (world_.now() < paused_until_) return world_.schedule(*alarm_, paused_until_, kPoll);
    turn();
  } else {
    if (what == kTimer) armed_ = base::kNever;
    wake();
  }
}

bool SimRuntime::turn_if_due() {
  if (!woken_ || turning_ || world_.now() < paused_until_) return false;
  turn();
  return true;
}

void SimRuntime::turn() {
  woken_ = false;
  turning_ = true;
  world_.turn_begins();
  set_turn(world_.now());
  base::IntrusiveList<SimPollable, ReadyTag> found;
  found.splice(ready_);
  while (!found.empty()) found.pop_front().poll();
  deliver_answers();
  end_turn();
  deliver_mail();
  if (wheel_.next() <= now()) {
    wheel_.advance(now());
    end_turn();
  }
  turning_ = false;
  forget_turn();
  world_.turn_ends();
  free_buried();
  arm_timer();
}

void SimRuntime::deliver_answers() {
  std::vector<Mail> due;
  for (Mail& answer : found_) {
    if (answer.at <= now()) due.push_back(std::move(answer));
  }
  std::erase_if(found_, [](const Mail& answer) { return answer.task == nullptr; });
  for (const Mail& answer : due) {
    answer.task();
    end_callback();
  }
}

void SimRuntime::deliver_mail() {
  std::vector<std::function<void()>> batch;
  for (; !mail_.empty() && mail_.front().at <= now(); mail_.pop_front())
    batch.push_back(std::move(mail_.front().task));
  for (const auto& task : batch) {
    task();
    end_callback();
  }
  if (!batch.empty()) end_turn();
}

void SimRuntime::end_callback() {
  while (!touched_.empty()) touched_.pop_front().flush();
  constexpr char kSpoilt = '\xdd';
  std::memset(read_buffer_.data(), kSpoilt, std::exchange(lent_, 0));
  if (lent_by_filters_ != nullptr && !lent_by_filters_->empty() && lent_by_filters_->front() != kSpoilt)
    std::fill(lent_by_filters_->begin(), lent_by_filters_->end(), kSpoilt);
  if (turning_) world_.preempt();
}

void SimRuntime::bury(SimTransport& closed) {
  buried_.push_back(&closed);
  if (!turning_) free_buried();
}

void SimRuntime::free_buried() {
  for (SimTransport* closed : std::exchange(buried_, {})) closed->free();
}

void SimRuntime::end_turn() {
  end_callback();
  while (!deferred_.empty()) {
    deferred_.pop_front().run_deferred();
    end_callback();
  }
  graveyard_.clear();
}

void SimRuntime::arm_timer() {
  const base::Time next = wheel_.next();
  if (next >= armed_) return;
  armed_ = next;
  const base::Duration most = world_.rules().max_timer_lag;
  world_.schedule(*alarm_, most > base::Duration{} ? next + world_.up_to(most) : next, kTimer);
}

}  // namespace weir::sim
