// The terminal that a command shows itself on. FullScreen takes all of it and gives it back as it was,
// however its owner ends; the signals that end or resize a program are read here as values, so that nothing
// is left half done. One thread.
#pragma once

#include <termios.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/console/table.h"

namespace weir::console {

struct Size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

bool is_terminal(int fd);
Size terminal_size(int fd);                     // 80 by 24 where it does not say
Colours colours_for(int fd);                    // on a terminal that is not dumb, unless NO_COLOR is set
bool write_all(int fd, std::string_view text);  // false: not all of it could be written; errno says why
// The screen from its first line on: these lines, and nothing behind them. Draws over what is there, so that
// nothing flickers.
std::string frame(const std::vector<std::string>& lines);

// Signals as bytes to poll for. They are blocked as long as this lives, in threads started meanwhile too.
class TerminalSignals {
 public:
  enum class Kind : std::uint8_t { none, end, resized, suspend };

  TerminalSignals();
  ~TerminalSignals();
  TerminalSignals(const TerminalSignals&) = delete;
  TerminalSignals& operator=(const TerminalSignals&) = delete;

  int fd() const { return fd_; }
  Kind take();  // none: there is none left

 private:
  sigset_t before_;
  int fd_;
};

// The alternate screen without a cursor, and keys as they are pressed.
class FullScreen {
 public:
  FullScreen(int in, int out);
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  void suspend();  // gives the terminal back, stops the process, takes the terminal when it goes on

 private:
  void enter();
  void leave();

  const int in_;
  const int out_;
  termios before_{};
};

// No cursor on a screen that is redrawn from its first line.
class HiddenCursor {
 public:
  explicit HiddenCursor(int out);
  ~HiddenCursor();
  HiddenCursor(const HiddenCursor&) = delete;
  HiddenCursor& operator=(const HiddenCursor&) = delete;

  void suspend();

 private:
  void enter();
  void leave();

  const int out_;
};

}  // namespace weir::console
