// In which order those have their turn that wait for a place at a pool, and who is sent away: fair between
// clients, each of which has its oldest served in turn, so that one with a thousand waiting requests delays
// another by one turn. Once the oldest of all has waited for longer than a target during an interval, the
// line *stands*: more comes than is served, and whoever is served in the order of coming has waited for
// longer than others will. Then each client's newest has its turn, and all are sent away that have waited for
// longer than an interval: they have little hope, and are to hear so early. Target and interval are CoDel's
// (RFC 8289); its control law is not used, since it is for senders that slow down. Decides alone: time is
// passed in, and it is not to be used by two threads at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "proxy/base/intrusive_list.h"
#include "proxy/base/time.h"
#include "proxy/io/address.h"

namespace weir::policy {

struct WaitingClient;
struct LineTag;
struct AgeTag;
struct TurnTag;

// Who is told apart from others: an IPv4 address, an IPv6 /64, all peers without an address together.
using ClientKey = std::pair<std::uint64_t, std::uint64_t>;
ClientKey client_key(const io::Ip& client);

// One that waits. Stays where it is while it is in the line.
class Waiting : public base::ListHook<LineTag>, public base::ListHook<AgeTag> {
 public:
  enum class Spot : std::uint8_t { outside, in_line, called };

  Spot spot() const { return spot_; }

 private:
  friend class WaitingLine;
  base::Time since_{};
  WaitingClient* client_ = nullptr;  // nullptr: it goes before all clients' turns
  std::uint64_t turn_ = 0;           // it has had one: which; 0: none
  std::uint64_t round_ = 0;          // in which it could not use its turn
  Spot spot_ = Spot::outside;
  bool came_back_ = false;  // from a node
};

// Of one client, all that wait.
struct WaitingClient : base::ListHook<TurnTag> {
  base::IntrusiveList<Waiting, LineTag> waiting;  // the oldest first
  std::size_t size = 0;
  ClientKey key;
};

class WaitingLine {
 public:
  // The target and the interval are these shares of the longest wait, and no less than so much.
  static constexpr int kTargetShare = 10, kIntervalShare = 5;
  static constexpr base::Duration kTarget = std::chrono::milliseconds(20);
  static constexpr base::Duration kInterval = std::chrono::milliseconds(100);

  WaitingLine() = default;
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;

  // So many may wait, without those that come back.
  void set_size(std::size_t most) { most_ = most; }
  // Nobody waits for longer: a burst that is served in a part of that is none that stands.
  void set_longest_wait(base::Duration wait) {
    target_ = std::max(wait / kTargetShare, kTarget);
    interval_ = std::max(wait / kIntervalShare, kInterval);
  }

  struct Entry {
    bool admitted = false;
    Waiting* sent_away = nullptr;  // in its favour: the newest of the client with most that wait
  };
  // Behind all others of its client. A full line takes one more of a client that has two less in it than some
  // other one has.
  Entry add(Waiting& one, const ClientKey& client, base::Time now);
  // Before all that have not had a turn, however many wait: it has been served in part already.
  void add_back(Waiting& one, base::Time now);

  // A place has come free, or may have: from now on all that wait may be called again.
  void begin_round() { ++round_; }
  // Whose turn it is; it is called from then on, and not in the line. nullptr: nobody's in this round.
  Waiting* call();
  // One that was called could not use its turn: it has the next one again, but not in this round.
  void return_called(Waiting& one);
  // However it is in: out.
  void remove(Waiting& one);

  // One that is to be sent away: it is out. nullptr: nobody is.
  Waiting* shed(base::Time now);

  // Of those past the size, which was made less, the newest: it is out. nullptr: there is none. What came
  // back from a node stays, and who is called.
  Waiting* turn_away();

  bool nobody_else(const Waiting& one) const;  // neither waits nor is called
  bool nobody_called() const { return called_ == 0; }
  std::size_t size() const { return aged_; }  // without those that come back or were called
  bool stands() const { return stands_; }     // as it was when the time was last told

 private:
  void look(base::Time now);
  void link(Waiting& one, WaitingClient& client);
  void unlink(Waiting& one);
  void insert_first(Waiting& one);
  Waiting* newest_of_longest(std::size_t least);
  Waiting* of_first();
  Waiting* of_clients();

  std::map<ClientKey, WaitingClient> clients_;
  base::IntrusiveList<WaitingClient, TurnTag> turns_;  // clients, the next one first
  base::IntrusiveList<Waiting, LineTag> first_;        // by the turns that they have had
  base::IntrusiveList<Waiting, AgeTag> ages_;          // of those of clients, the oldest first
  std::size_t longest_ = 0;                            // no client has more that wait
  base::Duration target_ = kTarget, interval_ = kInterval;
  std::size_t most_ = 0;
  std::size_t aged_ = 0;
  std::size_t returned_ = 0;  // in first_
  std::size_t called_ = 0;
  std::uint64_t turn_ = 0, round_ = 1;
  base::Time above_since_ = base::kNever;  // the oldest has waited for longer than the target
  bool stands_ = false;
};

}  // namespace weir::policy
