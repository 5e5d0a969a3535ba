// What `weir top` shows, and how keys change it: totals, connections, and the nodes sorted, filtered and
// scrolled. Holds the latest answers; draws nothing and reads no clock.
//
//   browsing -- / --> filtering (keys are the filter's text) -- Enter, Esc --> browsing
//   browsing -- h ? --> reading the help -- any key --> browsing
#pragma once

#include <string>
#include <vector>

#include "proxy/console/key_reader.h"
#include "proxy/console/node_table.h"
#include "proxy/console/terminal.h"

namespace weir::console {

struct TopData {
  std::vector<PoolStatus> pools;
  Connections connections;
};

class TopView {
 public:
  enum class After : std::uint8_t { go_on, quit, suspend };

  explicit TopView(std::string address) : address_(std::move(address)) {}

  void show(TopData data);              // left alone while paused
  void show_problem(std::string text);  // "": none; what was shown last stays
  void resize(Size size);
  After on_key(const Key& key);
  // No more than fit, and none wider than the screen.
  std::vector<std::string> lines(Colours colours) const;

 private:
  enum class Mode : std::uint8_t { browsing, filtering, help };
  enum class SortBy : std::uint8_t { rate, errors, latency, in_flight, name, state };
  enum class Order : std::uint8_t { natural, reversed };
  enum class Refresh : std::uint8_t { live, paused };

  struct SortKey;
  static const SortKey kSortKeys[];

  After on_browsing_key(char character);
  void on_filter_key(const Key& key);
  void scroll(const Key& key);
  void sort_by(SortBy by);
  void arrange();
  bool matches(const NodeStatus& node) const;
  std::size_t visible() const;
  std::size_t width() const { return size_.columns - 1; }  // a full line would move the cursor on
  std::vector<std::string> header(Colours colours) const;
  const SortKey& sort_key() const;
  std::string totals() const;
  std::string limits() const;  // of pools, and who waits for them; "": there are none
  std::string status() const;

  const std::string address_;
  TopData data_;
  std::vector<const NodeStatus*> shown_;  // sorted, filtered
  std::string problem_;
  std::string filter_;
  Size size_;
  std::size_t first_ = 0;  // of shown_, on the screen
  Mode mode_ = Mode::browsing;
  SortBy sort_by_ = SortBy::rate;
  Order order_ = Order::natural;
  Columns columns_ = Columns::figures;
  Refresh refresh_ = Refresh::live;
};

}  // namespace weir::console
