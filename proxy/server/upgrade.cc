#include "proxy/server/upgrade.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/epoll/system_error.h"
#include "proxy/server/handover_messages.h"
#include "proxy/server/inheritance.h"
#include "proxy/server/service_manager.h"

namespace weir::server {
namespace {

base::Duration patience_of_environment() {
  const char* text = std::getenv("WEIR_UPGRADE_TIMEOUT");
  double seconds = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), seconds);
  if (seconds <= 0 || seconds > 3600) return Upgrade::kPatience;
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

// This process's, without what was said to it alone.
std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable = *each;
    const auto is_of = [&](std::string_view name) { return variable.starts_with(name); };
    if (std::none_of(std::begin(ServiceManager::kForThisProcess), std::end(ServiceManager::kForThisProcess),
                     is_of))
      variables.emplace_back(variable);
  }
  return variables;
}

// In memory, under a descriptor; none: errno says why.
epoll::Descriptor file_of(std::string_view text) {
  epoll::Descriptor file(::memfd_create("weir-handover", MFD_CLOEXEC));
  while (file && !text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written <= 0) return {};
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return file;
}

}  // namespace

Upgrade::Upgrade(epoll::EpollRuntime& runtime, base::Executor& executor, Program program, UpgradeHost& host)
    : runtime_(runtime),
      executor_(executor),
      program_(std::move(program)),
      host_(host),
      patience_(patience_of_environment()),
      self_(std::make_shared<Upgrade*>(this)),
      timer_(runtime.timers(), *this) {}

void Upgrade::begin(Done done) {
  if (state_ != State::resting) {
    const std::string why =
        state_ == State::over ? "another process has taken over already" : "an upgrade is under way already";
    base::log_error("upgrade: {}", why);
    return done(base::unexpected(why));
  }
  base::log_info("upgrade: starting {}", program_.path);
  state_ = State::settling;
  done_ = std::move(done);
  host_.hold_still([this] {
    if (state_ == State::settling) start();
  });
}

// Large documents take long.
void Upgrade::start() {
  if (const std::string why = host_.objection(); !why.empty()) return rest(why);
  state_ = State::starting;
  Estate estate = host_.estate();
  to_give_ = {-1};
  to_give_.insert(to_give_.end(), estate.sockets.begin(), estate.sockets.end());
  given_ = 0;
  executor_.run([estate = std::move(estate), now = runtime_.now(), &runtime = runtime_,
                 weak = std::weak_ptr(self_)]() mutable {
    estate.handover.legacy.nodes = known_nodes(*estate.snapshot, estate.latencies, now);
    estate.snapshot.reset();
    auto document = std::make_shared<Document>(write(estate.handover));
    runtime.post([weak, document] {
      if (const auto self = weak.lock()) (*self)->on_document(std::move(*document));
    });
  });
}

Upgrade::Document Upgrade::write(const Handover& handover) {
  epoll::Descriptor document = file_of(text_of(handover));
  if (document) return document;
  return base::unexpected(fmt::format("cannot write the hand-over: {}", epoll::in_words(errno)));
}

void Upgrade::on_document(Document document) {
  if (state_ != State::starting) return;  // this process ends
  if (!document) return rest(document.error());
  if (const std::string why = start_child(std::move(*document)); !why.empty()) return rest(why);
  state_ = State::talking;
  to_give_.front() = started_->document.get();
  timer_.set(base::deadline(runtime_.now(), patience_));
  line_watch_ =
      std::make_unique<epoll::DescriptorWatch>(runtime_, started_->line.get(), [this] { on_line(); });
  child_watch_ =
      std::make_unique<epoll::DescriptorWatch>(runtime_, started_->child.over(), [this] { on_child_over(); });
}

// By this thread and not by the executor's, whose low priority a process that it starts would have for good.
std::string Upgrade::start_child(epoll::Descriptor document) {
  auto pair = epoll::open_message_pair();
  if (!pair) return fmt::format("cannot talk to another process: {}", pair.error());
  std::vector<std::string> variables = environment();
  variables.push_back(fmt::format("{}={}", Inheritance::kLine, pair->theirs.get()));
  auto child = ChildProcess::start(program_, variables, pair->theirs.get());
  if (!child) return child.error();
  started_.emplace(std::move(document), std::move(pair->ours), std::move(*child));
  return {};
}

void Upgrade::on_line() {
  while (state_ == State::talking) {
    const auto message = epoll::receive_message(started_->line.get());
    if (message) {
      on_message(*message);
      continue;
    }
    if (message.error() == epoll::NoMessage::any_more) line_watch_.reset();  // its end says how it went
    return;
  }
}

void Upgrade::on_message(const epoll::Message& message) {
  if (message.text == handover_messages::kMore) return give_more();
  if (message.text == handover_messages::kReady) return on_ready();
  if (message.text.starts_with(handover_messages::kRefused))
    return fail(message.text.substr(handover_messages::kRefused.size()));
  fail("the new process says what this one does not understand");
}

void Upgrade::give_more() {
  const auto batch =
      std::span(to_give_).subspan(given_, std::min(to_give_.size() - given_, epoll::kMostPassed));
  if (batch.empty() || !epoll::send_message(started_->line.get(), handover_messages::kDescriptors, batch))
    return fail("the sockets could not be handed over");
  given_ += batch.size();
}

void Upgrade::on_ready() {
  state_ = State::over;
  timer_.cancel();
  line_watch_.reset();
  const pid_t pid = started_->child.pid();
  host_.on_replaced(pid);
  if (!epoll::send_message(started_->line.get(), handover_messages::kYours))
    base::log_error("upgrade: process {} cannot be told that it is in charge", pid);
  started_->child.let_go();
  std::exchange(done_, nullptr)({});
}

void Upgrade::on_child_over() {
  const auto how = started_->child.ended();
  if (!how) return;
  if (state_ == State::talking) on_line();  // it may have said why
  if (state_ == State::over) return base::log_warning("the process that took over is gone: {}", *how);
  rest(reason_.empty() ? fmt::format("the new process did not become ready: {}", *how) : reason_);
}

// Clients may have come to it by now, so it is asked first.
void Upgrade::fail(std::string reason) {
  state_ = State::ending;
  reason_ = std::move(reason);
  line_watch_.reset();
  started_->child.end();
  timer_.set(base::deadline(runtime_.now(), std::min(kEnding, patience_)));
}

void Upgrade::on_timer() {
  if (state_ == State::talking)
    return fail(fmt::format("the new process was not ready within {} s",
                            std::chrono::duration<double>(patience_).count()));
  started_->child.kill();
}

void Upgrade::rest(const std::string& reason) {
  state_ = State::resting;
  timer_.cancel();
  line_watch_.reset();
  child_watch_.reset();
  started_.reset();
  reason_.clear();
  base::log_error("upgrade: {}; all goes on as before", reason);
  host_.on_upgrade_failed();
  std::exchange(done_, nullptr)(base::unexpected(reason));
}

void Upgrade::stop() {
  if (state_ == State::over) return;
  state_ = State::over;
  timer_.cancel();
  line_watch_.reset();
  child_watch_.reset();
  if (started_) started_->child.end();
}

}  // namespace weir::server
