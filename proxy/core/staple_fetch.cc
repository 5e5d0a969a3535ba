#include "proxy/core/staple_fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "proxy/base/log.h"
#include "proxy/tls/staple_book.h"

namespace weir::core {
namespace {

std::string name_of(const tls::Certificate& certificate) {
  return certificate.names().empty() ? "nobody" : certificate.names().front();
}

}  // namespace

StapleFetch::StapleFetch(io::Runtime& runtime)
    : runtime_(runtime),
      timer_(runtime.timers(), *this),
      fields_{{"Content-Type", "application/ocsp-request"}} {}

StapleFetch::~StapleFetch() = default;

void StapleFetch::want(const std::vector<std::shared_ptr<const tls::Certificate>>& certificates) {
  std::map<std::string, Task> tasks;
  std::set<std::string> fingerprints;
  for (const auto& certificate : certificates) {
    if (certificate->files().stapling != tls::Stapling::fetch) continue;
    fingerprints.insert(certificate->fingerprint());
    const auto known = tasks_.find(certificate->fingerprint());
    Task& task = tasks[certificate->fingerprint()];
    task = known != tasks_.end() ? known->second : Task{.certificate = {}, .due = runtime_.now()};
    task.certificate = certificate;
  }
  tasks_ = std::move(tasks);
  tls::StapleBook::of_process().keep(fingerprints);
  if (!present_.empty() && !tasks_.contains(present_)) {
    call_.reset();
    look_up_.reset();
    present_.clear();
  }
  if (present_.empty()) arm();
}

void StapleFetch::arm() {
  base::Time next = base::kNever;
  for (const auto& [fingerprint, task] : tasks_) next = std::min(next, task.due);
  if (next == base::kNever) return timer_.cancel();
  timer_.set(next);
}

// The one that has been due for longest; or the question under way took too long, its name's look-up that is.
void StapleFetch::on_timer() {
  if (!present_.empty()) return failed("the responder's name is not resolved in time");
  const auto first = std::min_element(
      tasks_.begin(), tasks_.end(), [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
  if (first == tasks_.end()) return;
  if (first->second.due > runtime_.now()) return arm();
  begin(first->first);
}

void StapleFetch::begin(const std::string& fingerprint) {
  present_ = fingerprint;
  auto question = tasks_.at(fingerprint).certificate->staple_question();
  if (!question) return failed(question.error());
  question_ = std::move(*question);
  if (const auto ip = io::Ip::parse(question_.host)) return call(*ip);
  look_up_ = std::make_shared<StapleFetch*>(this);
  timer_.set(base::deadline(runtime_.now(), kTimeout));
  runtime_.resolve(question_.host, [weak = std::weak_ptr(look_up_)](const Found& found) {
    if (const auto fetch = weak.lock()) (*fetch)->on_resolved(found);
  });
}

void StapleFetch::on_resolved(const Found& found) {
  look_up_.reset();
  timer_.cancel();
  if (!found || found->empty())
    return failed(
        fmt::format("cannot resolve {}{}{}", question_.host, found ? "" : ": ", found ? "" : found.error()));
  call((*found)[tasks_.at(present_).looked_up++ % found->size()]);
}

void StapleFetch::call(const io::Ip& ip) {
  io::Address address;
  address.kind = io::Address::Kind::ip;
  address.ip = ip;
  address.port = question_.port;
  answer_.clear();
  status_ = 0;
  call_ = HttpCall::start(runtime_, scratch_, *this, address,
                          {.method = "POST",
                           .target = question_.target,
                           .host = question_.authority,
                           .fields = fields_,
                           .body = question_.body},
                          {.timeout = kTimeout, .body = kMostBytes});
}

void StapleFetch::on_call_end(const CallEnd& end) {
  call_.reset();
  if (end.kind == CallEnd::Kind::too_large) return failed("the answer is too large");
  if (end.kind != CallEnd::Kind::answered)
    return failed(end.error.detail.empty() ? "it does not answer" : end.error.detail);
  if (end.status != 200) return failed(fmt::format("it answers {}", end.status));
  auto staple = tasks_.at(present_).certificate->read_staple(std::move(answer_), runtime_.wall_ms() / 1000);
  if (!staple) return failed(staple.error());
  take(std::move(*staple));
}

void StapleFetch::take(tls::StaplePtr staple) {
  Task& task = tasks_.at(present_);
  const std::chrono::seconds left(staple->until - runtime_.wall_ms() / 1000);
  task.due = runtime_.now() + std::clamp<base::Duration>(left / 2, kSoonest, kLatest);
  task.wait = {};
  if (!tls::StapleBook::of_process().find(present_))
    base::log_info("the certificate for {} is served with what its authority says of it (OCSP)",
                   name_of(*task.certificate));
  tls::StapleBook::of_process().put(present_, std::move(staple));
  present_.clear();
  arm();
}

void StapleFetch::failed(std::string_view why) {
  look_up_.reset();
  Task& task = tasks_.at(present_);
  task.wait = std::clamp<base::Duration>(task.wait * 2, kSoonest, kLongestWait);
  task.due = runtime_.now() + task.wait;
  const auto known = tls::StapleBook::of_process().find(present_);
  const bool holds = known && known->holds_at(runtime_.wall_ms() / 1000);
  base::log_warning("what the authority says of the certificate for {} (OCSP) cannot be had: {}{}; {}",
                    name_of(*task.certificate), question_.authority.empty() ? "" : question_.authority + ": ",
                    why, holds ? "what it said before is served with it" : "it is served without");
  present_.clear();
  question_ = {};
  arm();
}

}  // namespace weir::core
