#include "proxy/console/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace weir::console {
namespace {

constexpr std::string_view kHideCursor = "\x1b[?25l";
constexpr std::string_view kShowCursor = "\x1b[?25h";
constexpr std::string_view kClear = "\x1b[H\x1b[2J";
constexpr std::string_view kAlternate = "\x1b[?1049h";
constexpr std::string_view kNormal = "\x1b[?1049l";

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

Size terminal_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

Colours colours_for(int fd) {
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  return is_terminal(fd) && !dumb && !is_set("NO_COLOR") ? Colours::on : Colours::off;
}

// A terminal that is gone or stopped takes nothing more; there is nobody to tell.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};
      if (::poll(&writable, 1, 1000) <= 0) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::string frame(const std::vector<std::string>& lines) {
  std::string made = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i)
    made.append(i > 0 ? "\r\n" : "").append(lines[i]).append("\x1b[K");
  return made.append("\x1b[J");
}

TerminalSignals::TerminalSignals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}) sigaddset(&wanted, signal);
  pthread_sigmask(SIG_BLOCK, &wanted, &before_);
  fd_ = ::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
}

TerminalSignals::~TerminalSignals() {
  ::close(fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

TerminalSignals::Kind TerminalSignals::take() {
  signalfd_siginfo info{};
  if (::read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return Kind::none;
  if (info.ssi_signo == SIGWINCH) return Kind::resized;
  return info.ssi_signo == SIGTSTP ? Kind::suspend : Kind::end;
}

FullScreen::FullScreen(int in, int out) : in_(in), out_(out) {
  ::tcgetattr(in_, &before_);
  enter();
}

FullScreen::~FullScreen() {
  leave();
}

void FullScreen::suspend() {
  leave();
  ::kill(::getpid(), SIGSTOP);
  enter();
}

void FullScreen::enter() {
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | INLCR | IXON | ISTRIP);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG | IEXTEN);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(in_, TCSAFLUSH, &raw);
  write_all(out_, kAlternate);
  write_all(out_, kHideCursor);
  write_all(out_, kClear);
}

void FullScreen::leave() {
  write_all(out_, kShowCursor);
  write_all(out_, kNormal);
  ::tcsetattr(in_, TCSAFLUSH, &before_);
}

HiddenCursor::HiddenCursor(int out) : out_(out) {
  enter();
}

HiddenCursor::~HiddenCursor() {
  leave();
}

void HiddenCursor::suspend() {
  leave();
  ::kill(::getpid(), SIGSTOP);
  enter();
}

void HiddenCursor::enter() {
  write_all(out_, kHideCursor);
  write_all(out_, kClear);
}

void HiddenCursor::leave() {
  write_all(out_, kShowCursor);
  write_all(out_, "\r\n");
}

}  // namespace weir::console
