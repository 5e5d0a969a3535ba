// Files, pipes and syslog sockets as the ends of a log: what each takes, what it loses, and that it says why.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "proxy/base/file_sink.h"
#include "proxy/base/syslog_sink.h"
#include "tests/unit/catch.h"

using namespace weir::base;

namespace {

class Folder {
 public:
  Folder() { REQUIRE(::mkdtemp(name_) != nullptr); }
  ~Folder() { std::filesystem::remove_all(name_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const char* name) const { return std::string(name_) + "/" + name; }

 private:
  char name_[32] = "/tmp/weir-sink-XXXXXX";
};

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The whole text, however many calls it takes; "" or why lines were lost, or why it stalled.
std::string write(LogSink& sink, std::string_view lines) {
  while (!lines.empty()) {
    LogSink::Taken taken = sink.take(lines);
    lines.remove_prefix(taken.bytes);
    if (!taken.why.empty()) return std::to_string(taken.lost_lines) + " " + taken.why;
  }
  return "";
}

// Someone who listens like syslog does.
class Listener {
 public:
  Listener(std::string path, int type)
      : path_(std::move(path)), fd_(::socket(AF_UNIX, type | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(fd_, 1) == 0);
  }
  ~Listener() {
    if (peer_ >= 0) ::close(peer_);
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::string datagram() const { return read_from(fd_); }
  std::string stream() {
    if (peer_ < 0) peer_ = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK);
    return read_from(peer_);
  }

 private:
  static std::string read_from(int fd) {
    std::string text(64 * 1024, '\0');
    const ssize_t n = ::recv(fd, text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  const std::string path_;
  const int fd_;
  int peer_ = -1;
};

// A record's line, its header being as it must.
std::string line_of(const std::string& record) {
  const std::string pid = " weir[" + std::to_string(::getpid()) + "]: ";
  const std::size_t at = record.find(pid);
  REQUIRE(at == std::strlen("<30>Nov 25 12:00:00"));
  CHECK(record.starts_with("<30>"));
  CHECK(record[7] == ' ');
  CHECK(record[10] == ' ');
  CHECK((record[13] == ':' && record[16] == ':'));
  return record.substr(at + pid.size());
}

// The process's sockets that are connected to the path send in pieces of a few KiB from now on.
void send_in_pieces(const std::string& path) {
  int found = 0;
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_un peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || path != peer.sun_path) continue;
    const int least = 1;
    found += ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0;
  }
  REQUIRE(found == 1);
}

}  // namespace

TEST_CASE("a file is opened anew where it was moved away") {
  Folder folder;
  const std::string path = folder.path("log");
  auto sink = FileSink::open(path);
  REQUIRE(sink);
  CHECK(write(**sink, "1\n") == "");
  std::filesystem::rename(path, folder.path("old"));
  CHECK(write(**sink, "2\n") == "");
  REQUIRE((*sink)->reopen());
  CHECK(write(**sink, "3\n") == "");
  CHECK(content(folder.path("old")) == "1\n2\n");
  CHECK(content(path) == "3\n");
}

TEST_CASE("a file that cannot be opened anew stays open") {
  Folder folder;
  const std::string path = folder.path("log");
  auto sink = FileSink::open(path);
  REQUIRE(sink);
  std::filesystem::rename(path, folder.path("old"));
  std::filesystem::create_directory(path);
  const auto reopened = (*sink)->reopen();
  REQUIRE_FALSE(reopened);
  CHECK(reopened.error() == "Is a directory");
  CHECK(write(**sink, "1\n") == "");
  CHECK(content(folder.path("old")) == "1\n");
}

TEST_CASE("a full file loses lines, and the next one is whole again") {
  Folder folder;
  const std::string path = folder.path("log");
  auto sink = FileSink::open(path);
  REQUIRE(sink);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK(write(**sink, "12345\n12345\n12345\n") == "2 File too large");
  CHECK(write(**sink, "lost\n") == "1 File too large");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(write(**sink, "whole\n") == "");
  CHECK(content(path) == "12345\n1234\nwhole\n");
}

TEST_CASE("a full disk loses lines and says so") {
  if (::access("/dev/full", W_OK) != 0) return;
  auto sink = FileSink::open("/dev/full");
  REQUIRE(sink);
  CHECK(write(**sink, "1\n2\n") == "2 No space left on device");
}

TEST_CASE("a pipe keeps what comes before its reader") {
  Folder folder;
  const std::string path = folder.path("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  auto sink = FileSink::open(path);
  REQUIRE(sink);
  CHECK(write(**sink, "early\n") == "");
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  char got[16];
  CHECK(std::string_view(got, static_cast<std::size_t>(::read(reader, got, sizeof got))) == "early\n");
  ::close(reader);
}

TEST_CASE("a unix socket is no file, and the way to it is named") {
  Folder folder;
  const std::string path = folder.path("log");
  const Listener listener(path, SOCK_DGRAM);
  const auto refused = FileSink::open(path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == "it is a unix socket; did you mean syslog:" + path + "?");
}

TEST_CASE("lines of two logs stay whole in one pipe that is full again and again") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  constexpr int kEach = 2000;
  const auto fill = [&](char letter) {
    const auto sink = FileSink::copy_of(ends[1]);
    std::string lines;
    for (int i = 0; i < 10; ++i) lines += std::string(static_cast<std::size_t>(300 + 97 * i), letter) + "\n";
    for (int i = 0; i < kEach / 10; ++i)
      for (std::string_view rest = lines; !rest.empty();) rest.remove_prefix(sink->take(rest).bytes);
  };
  std::thread first([&] { fill('a'); });
  std::thread second([&] { fill('b'); });
  int whole = 0;
  std::string text;
  for (char got[1000]; whole < 2 * kEach;) {
    text.append(got, static_cast<std::size_t>(::read(ends[0], got, sizeof got)));
    for (std::size_t end = 0; (end = text.find('\n')) != text.npos; text.erase(0, end + 1)) {
      ++whole;
      if (std::string_view(text).substr(0, end).find_first_not_of(text[0]) != text.npos)
        FAIL(text.substr(0, end));
    }
  }
  first.join();
  second.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a pipe that nobody reads stalls") {
  std::signal(SIGPIPE, SIG_IGN);  // as the process does
  Folder folder;
  const std::string path = folder.path("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  auto sink = FileSink::open(path);
  REQUIRE(sink);
  const std::string line = std::string(999, 'x') + "\n";
  std::string full;
  for (int i = 0; i < 1000 && full.empty(); ++i) full = write(**sink, line);
  CHECK(full == "0 it is full, and nobody reads it");
  ::close(reader);
  CHECK(write(**sink, line) == "1 Broken pipe");
}

TEST_CASE("syslog gets a datagram a line") {
  Folder folder;
  const Listener listener(folder.path("log"), SOCK_DGRAM);
  SyslogSink sink(folder.path("log"));
  CHECK(write(sink, "first\nsecond line\n\n") == "");
  CHECK(line_of(listener.datagram()) == "first");
  CHECK(line_of(listener.datagram()) == "second line");
  CHECK(line_of(listener.datagram()) == "");
  CHECK(listener.datagram() == "");
}

TEST_CASE("a line that is too long for syslog is cut") {
  Folder folder;
  const Listener listener(folder.path("log"), SOCK_DGRAM);
  SyslogSink sink(folder.path("log"));
  CHECK(write(sink, std::string(10'000, 'x') + "\nnext\n") == "");
  const std::string record = listener.datagram();
  CHECK(record.size() == SyslogSink::kMostRecord);
  CHECK(line_of(record).find_first_not_of('x') == std::string::npos);
  CHECK(line_of(listener.datagram()) == "next");
}

TEST_CASE("syslog at a stream socket gets newline-ended records") {
  Folder folder;
  Listener listener(folder.path("log"), SOCK_STREAM);
  SyslogSink sink(folder.path("log"));
  CHECK(write(sink, "first\nsecond\n") == "");
  const std::string records = listener.stream();
  const std::size_t end = records.find('\n') + 1;
  CHECK(line_of(records.substr(0, end)) == "first\n");
  CHECK(line_of(records.substr(end)) == "second\n");
}

TEST_CASE("a stream that took part of a record gets the rest of it later") {
  Folder folder;
  Listener listener(folder.path("log"), SOCK_STREAM);
  SyslogSink sink(folder.path("log"));
  REQUIRE(sink.reopen());
  send_in_pieces(folder.path("log"));
  std::string sent, read, full;
  for (int i = 0; full.empty(); ++i) {
    sent = std::to_string(i) + std::string(7000, 'x');
    full = write(sink, sent + "\n");
  }
  CHECK(full == "0 it is full, and nobody reads it");
  for (std::string some = listener.stream(); !some.empty(); some = listener.stream()) read += some;
  CHECK(write(sink, sent + "\n") == "");  // the writer offers the same line until it is taken
  for (std::string some = listener.stream(); !some.empty(); some = listener.stream()) read += some;
  std::istringstream records(read);
  int count = 0;
  for (std::string record; std::getline(records, record); ++count)
    CHECK(line_of(record) == std::to_string(count) + std::string(7000, 'x'));
  CHECK(sent.starts_with(std::to_string(count - 1) + "x"));
}

TEST_CASE("a syslog that nobody reads stalls, and loses nothing by itself") {
  Folder folder;
  const Listener listener(folder.path("log"), SOCK_DGRAM);
  SyslogSink sink(folder.path("log"));
  std::string full;
  int sent = 0;
  for (; sent < 100'000 && full.empty(); ++sent) full = write(sink, std::to_string(sent) + "\n");
  CHECK(full == "0 it is full, and nobody reads it");
  CHECK(line_of(listener.datagram()) == "0");
  CHECK(write(sink, std::to_string(--sent) + "\n") == "");
  for (int i = 1; i <= sent; ++i) REQUIRE(line_of(listener.datagram()) == std::to_string(i));
}

TEST_CASE("an absent syslog stalls until somebody listens") {
  Folder folder;
  const std::string path = folder.path("log");
  SyslogSink sink(path);
  CHECK(write(sink, "line\n") == "0 No such file or directory");
  const Listener listener(path, SOCK_DGRAM);
  CHECK(write(sink, "line\n") == "");
  CHECK(line_of(listener.datagram()) == "line");
}

TEST_CASE("a line on its way to a syslog that went goes to the next one") {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    Folder folder;
    const std::string path = folder.path("log");
    SyslogSink sink(path);
    {
      Listener listener(path, type);
      CHECK(write(sink, "first\n") == "");
      CHECK(line_of(type == SOCK_DGRAM ? listener.datagram() : listener.stream()).starts_with("first"));
    }
    Listener listener(path, SOCK_DGRAM);  // of either kind, whatever the first was
    CHECK(write(sink, "second\n") == "");
    CHECK(line_of(listener.datagram()) == "second");
  }
}

TEST_CASE("syslog is connected to anew on demand") {
  Folder folder;
  const std::string path = folder.path("log");
  SyslogSink sink(path);
  const auto absent = sink.reopen();
  REQUIRE_FALSE(absent);
  CHECK(absent.error() == "No such file or directory");
  const Listener listener(path, SOCK_DGRAM);
  REQUIRE(sink.reopen());
  CHECK(write(sink, "line\n") == "");
  CHECK(line_of(listener.datagram()) == "line");
}
