#include "tests/sim/sim_link.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/sim/sim_listener.h"
#include "tests/sim/sim_transport.h"

namespace weir::sim {

namespace {

constexpr std::size_t kBacklog = 4096;
constexpr base::Duration kSynRetry = std::chrono::seconds(1);

}  // namespace

SimLink::SimLink(SimWorld& world, const io::Address& to, SimWorld::Fate fate)
    : world_(world), to_(to), client_port_(world.next_client_port()) {
  const SimRules& rules = world.rules();
  for (Flow& flow : flows_) flow.room = world.random().between(rules.min_buffer, rules.max_buffer);
  world.links().push_back(*this);
  switch (fate) {
    case SimWorld::Fate::natural:
      schedule(What::syn, kConnected, world.network_delay());
      break;
    case SimWorld::Fate::refused:
      outcome_ = Outcome::refused;
      schedule(What::answer, kConnected, 2 * world.network_delay());
      break;
    case SimWorld::Fate::fails_at_once:
      outcome_ = Outcome::refused;
      schedule(What::answer, kConnected, base::Duration::zero());
      break;
    case SimWorld::Fate::black_hole:
      in_black_hole_since_ = world.now();
      break;
  }
}

void SimLink::on_event(std::uint32_t event) {
  const Side side = event & 1;
  switch (static_cast<What>(event >> 1)) {
    case What::syn:
      return arrive_at_listener();
    case What::answer:
      return tell(side);
    case What::deliver:
      return deliver(side);
    case What::reset:
      return be_reset(side);
    case What::writable:
      return writable(side);
  }
}

void SimLink::schedule(What what, Side side, base::Duration after) {
  world_.schedule(*this, world_.now() + after, static_cast<std::uint32_t>(what) << 1 | side);
}

void SimLink::arrive_at_listener() {
  if (ends_[kConnected].closed) return;
  SimListenSocket* socket = world_.listening_at(to_);
  if (socket == nullptr) {
    outcome_ = Outcome::refused;
  } else if (socket->queue.size() >= kBacklog) {
    return schedule(What::syn, kConnected, kSynRetry);
  } else {
    outcome_ = Outcome::connected;
    socket->queue.push_back(this);
    SimListener::wake(world_, *socket);
  }
  schedule(What::answer, kConnected, world_.network_delay());
}

std::size_t SimLink::read(Side side, char* to, std::size_t most) {
  Flow& flow = flows_[1 - side];
  std::size_t n = std::min(flow.arrived, most);
  n = split(n);
  std::memcpy(to, flow.bytes.data() + flow.head, n);
  flow.consume(n);
  if (ends_[1 - side].wants_to_write) let_write(1 - side);
  return n;
}

// How much of what is there goes now.
std::size_t SimLink::split(std::size_t bytes) {
  if (bytes <= 1 || !world_.random().percent(world_.rules().split_percent)) return bytes;
  ++world_.mischief().splits;
  return world_.random().between(1, bytes);
}

void SimLink::Flow::consume(std::size_t n) {
  head += n;
  arrived -= n;
  if (head == bytes.size()) {
    bytes.clear();
    head = 0;
  } else if (head > 65'536 && head > bytes.size() / 2) {
    bytes.erase(0, head);
    head = 0;
  }
}

SimLink::End SimLink::read_end(Side side) const {
  if (flows_[1 - side].fin_arrived) return End::fin;
  return ends_[side].was_reset ? End::reset : End::none;
}

std::size_t SimLink::write(Side side, std::string_view bytes) {
  Flow& flow = flows_[side];
  Endpoint& end = ends_[side];
  if (end.was_reset || end.closed || flow.fin_sent) return 0;
  const std::size_t free = flow.room - std::min(flow.room, flow.held());
  std::size_t n = std::min(free, bytes.size());
  if (n > 0 && world_.random().percent(world_.rules().short_write_percent)) {
    n = world_.random().between(0, n);
    ++world_.mischief().short_writes;
  }
  flow.bytes.append(bytes.substr(0, n));
  end.wants_to_write = n < bytes.size();
  if (end.wants_to_write && n < free) let_write(side);
  if (n > 0) move(side);
  return n;
}

void SimLink::let_write(Side side) {
  Endpoint& end = ends_[side];
  if (end.writable_due) return;
  end.writable_due = true;
  schedule(What::writable, side, world_.network_delay());
}

void SimLink::writable(Side side) {
  ends_[side].writable_due = false;
  if (std::exchange(ends_[side].wants_to_write, false)) tell(side);
}

void SimLink::shutdown(Side side) {
  if (flows_[side].fin_sent || ends_[side].was_reset) return;
  flows_[side].fin_sent = true;
  move(side);
}

void SimLink::close(Side side) {
  if (ends_[side].closed) return;
  const bool unread = readable(side) > 0;
  if (unread) return reset(side);
  ends_[side].closed = true;
  ends_[side].transport = nullptr;
  shutdown(side);
  end_if_closed();
}

void SimLink::reset(Side side) {
  Endpoint& end = ends_[side];
  end.closed = true;
  end.transport = nullptr;
  // Some of what was on its way had left the kernel, and arrives before the RST.
  Flow& flow = flows_[side];
  flow.drop_on_the_way(world_.random().between(0, flow.on_the_way()));
  flow.fin_sent = false;
  if (flow.on_the_way() > 0) flow.arrived = flow.held();
  if (!end.was_reset && !end.reset_sent) {
    end.reset_sent = true;
    schedule(What::reset, 1 - side, world_.network_delay());
  }
  end_if_closed();
}

void SimLink::be_reset(Side side) {
  ends_[side].was_reset = true;
  flows_[side].bytes.resize(flows_[side].head + flows_[side].arrived);
  if (flows_[1 - side].on_the_way() > 0) flows_[1 - side].drop_on_the_way(0);
  tell(side);
}

void SimLink::move(Side from) {
  Flow& flow = flows_[from];
  if (flow.moving) return;
  flow.moving = true;
  schedule(What::deliver, from, world_.network_delay());
}

void SimLink::deliver(Side from) {
  Flow& flow = flows_[from];
  flow.moving = false;
  if (ends_[1 - from].was_reset) return;
  if (ends_[1 - from].closed) {  // nobody is there any more
    if (flow.on_the_way() > 0) reset(1 - from);
    return;
  }
  std::size_t n = flow.on_the_way();
  n = split(n);
  flow.arrived += n;
  if (flow.on_the_way() > 0) {
    move(from);
  } else if (flow.fin_sent) {
    flow.fin_arrived = true;
  }
  tell(1 - from);
}

void SimLink::tell(Side side) {
  if (ends_[side].transport != nullptr) ends_[side].transport->be_ready();
}

void SimLink::end_if_closed() {
  if (!ends_[0].closed) return;
  const bool never_accepted = outcome_ != Outcome::connected;
  if (!ends_[1].closed && !never_accepted) return;
  base::ListHook<LinkTag>::unlink();
  retire();
}

}  // namespace weir::sim
