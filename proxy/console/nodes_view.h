// What `weir nodes` shows of an answer: the table of nodes and a line a pool, or the answer's JSON. Keeps the
// last good answer. Draws nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/console/commands.h"
#include "proxy/console/problem.h"
#include "proxy/console/status.h"
#include "proxy/console/terminal.h"

namespace weir::console {

class NodesView {
 public:
  enum class Medium : std::uint8_t { terminal, pipe };  // a pipe gets whole lines, whatever their width

  NodesView(io::Address admin, NodesOptions::Format format, Medium medium)
      : admin_(std::move(admin)), format_(format), medium_(medium) {}

  // Why there is nothing new to show, or nothing.
  std::optional<Problem> show(const Fetched& fetched);
  std::vector<std::string> lines(Size size, Colours colours) const;
  // The same as far as it fits, below what is wrong at the moment. Where it does not, the pools come first,
  // and nodes that need looking at before others.
  std::vector<std::string> screen(Size size, Colours colours) const;

 private:
  std::optional<Problem> read(const Fetched& fetched);

  const io::Address admin_;
  const NodesOptions::Format format_;
  const Medium medium_;
  std::string problem_;  // of the last answer; "": none
  std::string json_;
  std::vector<PoolStatus> pools_;
};

}  // namespace weir::console
