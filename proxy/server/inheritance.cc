#include "proxy/server/inheritance.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "proxy/epoll/messages.h"
#include "proxy/epoll/system_error.h"
#include "proxy/server/handover_messages.h"
#include "proxy/server/service_manager.h"

namespace weir::server {
namespace {

constexpr base::Duration kPatience = std::chrono::seconds(10);

// Nothing where the environment names no line, or something else has that number.
epoll::Descriptor line_of_environment() {
  const char* text = std::getenv(Inheritance::kLine);
  if (text == nullptr) return {};
  int fd = -1;
  const std::string_view number = text;
  std::from_chars(number.data(), number.data() + number.size(), fd);
  ::unsetenv(Inheritance::kLine);
  struct stat found{};
  if (fd <= STDERR_FILENO || ::fstat(fd, &found) != 0 || !S_ISSOCK(found.st_mode)) return {};
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return epoll::Descriptor(fd);
}

base::Result<std::string, std::string> contents(int fd) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return base::unexpected(std::string(epoll::in_words(errno)));
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::pread(fd, text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (got <= 0) return base::unexpected(std::string("the hand-over is cut"));
    size += static_cast<std::size_t>(got);
  }
  return text;
}

base::Result<std::vector<epoll::Descriptor>, std::string> ask_for_more(int line) {
  if (!epoll::send_message(line, handover_messages::kMore))
    return base::unexpected(std::string("the process before has gone"));
  auto message = epoll::await_message(line, kPatience);
  if (!message)
    return base::unexpected(std::string(message.error() == epoll::NoMessage::yet
                                            ? "the process before hands nothing over"
                                            : "the process before has gone"));
  if (message->text != handover_messages::kDescriptors || message->descriptors.empty())
    return base::unexpected(std::string("the process before hands nothing over"));
  return std::move(message->descriptors);
}

// libstdc++'s steady clock is the kernel's monotonic one, as the runtime's is.
base::Time monotonic_now() {
  return base::Time(std::chrono::steady_clock::now().time_since_epoch());
}

std::size_t total(const std::vector<Handover::Sockets>& groups) {
  std::size_t count = 0;
  for (const auto& group : groups) count += group.count;
  return count;
}

}  // namespace

base::Result<Inheritance, std::string> Inheritance::take() {
  Inheritance inheritance;
  if (epoll::Descriptor line = line_of_environment()) {
    if (const auto taken = inheritance.take_over(std::move(line)); !taken) {
      inheritance.refuse(taken.error());
      return base::unexpected(fmt::format("cannot take over: {}", taken.error()));
    }
  } else {
    for (SocketGroup& group : ServiceManager::take_sockets()) inheritance.sockets_.add(std::move(group));
  }
  return inheritance;
}

base::Result<void, std::string> Inheritance::take_over(epoll::Descriptor line) {
  line_ = std::move(line);
  auto first = ask_for_more(line_.get());
  if (!first) return base::unexpected(first.error());
  const auto document = contents(first->front().get());
  if (!document) return base::unexpected(document.error());
  first->erase(first->begin());
  return take_sockets(*document, monotonic_now(), std::move(*first));
}

base::Result<void, std::string> Inheritance::take_sockets(std::string_view document, base::Time now,
                                                          std::vector<epoll::Descriptor> descriptors) {
  auto handover = read_handover(document, now);
  if (!handover) return base::unexpected(handover.error());
  const std::size_t wanted = total(handover->sockets);
  while (descriptors.size() < wanted) {
    auto more = ask_for_more(line_.get());
    if (!more) return base::unexpected(more.error());
    for (epoll::Descriptor& each : *more) descriptors.push_back(std::move(each));
  }
  auto next = descriptors.begin();
  for (const Handover::Sockets& each : handover->sockets) {
    SocketGroup group{each.use, each.maker, each.wanted, each.bound, {}};
    for (std::size_t i = 0; i < each.count; ++i) group.sockets.push_back(std::move(*next++));
    if (!group.sockets.empty()) sockets_.add(std::move(group));
  }
  handover_ = std::move(*handover);
  return {};
}

// Whoever cannot be told will see that this process ends.
void Inheritance::refuse(std::string_view reason) const {
  if (line_)
    std::ignore = epoll::send_message(line_.get(), fmt::format("{}{}", handover_messages::kRefused, reason));
}

void Inheritance::be_ready(epoll::EpollRuntime& runtime, std::function<void()> in_charge) {
  watch_ = std::make_unique<epoll::DescriptorWatch>(
      runtime, line_.get(), [this, in_charge = std::move(in_charge)] { on_line(in_charge); });
  std::ignore = epoll::send_message(line_.get(), handover_messages::kReady);
}

// Where the other one has gone without a word, nobody else is in charge.
void Inheritance::on_line(const std::function<void()>& in_charge) {
  const auto message = epoll::receive_message(line_.get());
  if (!message && message.error() == epoll::NoMessage::yet) return;
  if (message && message->text != handover_messages::kYours) return;
  watch_.reset();
  line_ = {};
  in_charge();
}

}  // namespace weir::server
