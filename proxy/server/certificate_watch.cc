#include "proxy/server/certificate_watch.h"

#include <fmt/format.h>

#include <ctime>
#include <string_view>
#include <utility>

#include "proxy/base/log.h"

namespace weir::server {
namespace {

std::string_view name_of(const tls::Certificate& certificate) {
  return certificate.names().empty() ? std::string_view("nobody") : certificate.names().front();
}

// The same certificate, as it was served with.
const tls::Certificate* find(const tls::ServerSettings& settings, const tls::Certificate& certificate) {
  for (const auto& each : settings.certificates())
    if (each->fingerprint() == certificate.fingerprint()) return each.get();
  return nullptr;
}

void tell_of_staple(std::string_view listener, const tls::Certificate* before, const tls::Certificate& now) {
  const std::int64_t time = std::time(nullptr);
  const auto old = before != nullptr ? before->staple(time) : nullptr;
  const auto fresh = now.staple(time);
  if (!now.staple_complaint().empty() &&
      (before == nullptr || before->staple_complaint() != now.staple_complaint()))
    base::log_warning("listener {}: {}; the certificate for {} is served without", listener,
                      now.staple_complaint(), name_of(now));
  else if (fresh && (!old || old->der != fresh->der))
    base::log_info("listener {}: what is stapled to the certificate for {} was read anew", listener,
                   name_of(now));
}

}  // namespace

void CertificateWatch::watch(const Listeners& listeners) {
  watched_ = std::make_shared<All>();
  for (const Listening& listening : listeners.all()) {
    const auto settings = listening.reception->terms()->tls;
    if (!listening.config.tls || !settings) continue;
    const std::string stamp = settings->stamp();
    watched_->push_back({called(listening), *listening.config.tls, listening.reception, stamp, stamp});
  }
  if (watched_->empty()) return timer_.cancel();
  timer_.set(base::deadline(runtime_.now(), kLook));
}

void CertificateWatch::stop() {
  timer_.cancel();
  watched_.reset();
}

// Listeners that a reload has changed meanwhile are another list's, and this one's settings come too late.
void CertificateWatch::on_timer() {
  executor_.run([this, watched = watched_, &runtime = runtime_] {
    for (Watched& each : *watched) look(each);
    runtime.post([this, watched] {
      if (watched != watched_) return;
      timer_.set(base::deadline(runtime_.now(), kLook));
      looked_();
    });
  });
}

// A file whose time is over was good when it was read.
void CertificateWatch::look_at_staples(Watched& watched) {
  const auto settings = watched.reception->terms()->tls;
  if (!settings) return;
  for (const auto& certificate : settings->certificates()) {
    if (certificate->files().stapling != tls::Stapling::file || !certificate->staple_complaint().empty())
      continue;
    if (certificate->staple(std::time(nullptr)))
      watched.lapsed.erase(certificate->fingerprint());
    else if (watched.lapsed.insert(certificate->fingerprint()).second)
      base::log_warning("listener {}: {}: its time is over; the certificate for {} is served without",
                        watched.listener, certificate->files().ocsp, name_of(*certificate));
  }
}

void CertificateWatch::look(Watched& watched) {
  look_at_staples(watched);
  std::string stamp = tls::stamp_of(watched.options);
  const bool still = stamp == watched.seen;
  watched.seen = std::move(stamp);
  if (!still || watched.seen == watched.read) return;
  watched.read = watched.seen;
  const auto before = watched.reception->terms();
  if (!before->tls) return;
  const auto renewed = tls::ServerSettings::renew(watched.options, *before->tls);
  for (const std::string& complaint : renewed.complaints)
    base::log_error("listener {}: {}; what was read before stays in service", watched.listener, complaint);
  if (!renewed.settings) return;
  watched.reception->renew_tls(before, renewed.settings);
  tell(watched, *before->tls, *renewed.settings);
}

void CertificateWatch::tell(const Watched& watched, const tls::ServerSettings& before,
                            const tls::ServerSettings& now) {
  for (const auto& certificate : now.certificates()) {
    const tls::Certificate* known = find(before, *certificate);
    if (known == nullptr)
      base::log_info("listener {}: the certificate for {} was read anew", watched.listener,
                     name_of(*certificate));
    tell_of_staple(watched.listener, known, *certificate);
  }
  if (now.client_trust() && now.client_trust()->digest() != before.client_trust()->digest())
    base::log_info("listener {}: the authorities of clients, and what they revoke, were read anew",
                   watched.listener);
  if (now.ticket_keys() && now.ticket_keys()->digest() != before.ticket_keys()->digest())
    base::log_info("listener {}: the keys of tickets were read anew", watched.listener);
}

}  // namespace weir::server
