#include "proxy/server/certificate_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"

namespace weir::server {
namespace {

std::string stamp_of(const tls::ServerOptions& options) {
  std::string all;
  const auto certificates = tls::certificates_of(options);
  if (!certificates) return certificates.error();
  for (const tls::CertificateFiles& files : *certificates) all += tls::stamp_of(files) + "\n";
  return all;
}

std::string stamp_of(const tls::ServerSettings& settings) {
  std::string all;
  for (const auto& certificate : settings.certificates()) all += certificate->stamp() + "\n";
  return all;
}

bool serves(const std::shared_ptr<const tls::ServerSettings>& settings, const tls::Certificate& certificate) {
  if (!settings) return false;
  const auto& all = settings->certificates();
  return std::any_of(all.begin(), all.end(),
                     [&](const auto& each) { return each->fingerprint() == certificate.fingerprint(); });
}

}  // namespace

void CertificateWatch::watch(const Listeners& listeners) {
  watched_ = std::make_shared<All>();
  for (const Listening& listening : listeners.all()) {
    const auto settings = listening.reception->terms()->tls;
    if (!listening.config.tls || !settings) continue;
    const std::string stamp = stamp_of(*settings);
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
      if (watched == watched_) timer_.set(base::deadline(runtime_.now(), kLook));
    });
  });
}

void CertificateWatch::look(Watched& watched) {
  std::string stamp = stamp_of(watched.options);
  const bool still = stamp == watched.seen;
  watched.seen = std::move(stamp);
  if (!still || watched.seen == watched.read) return;
  watched.read = watched.seen;
  const auto before = watched.reception->terms();
  auto made = tls::ServerSettings::load(watched.options);
  if (!made)
    return base::log_error("listener {}: {}; the certificates from before stay in service", watched.listener,
                           made.error());
  watched.reception->renew_tls(before, *made);
  for (const auto& certificate : (*made)->certificates()) {
    if (serves(before->tls, *certificate)) continue;
    base::log_info("listener {}: the certificate for {} was read anew", watched.listener,
                   certificate->names().empty() ? "nobody" : certificate->names().front());
  }
}

}  // namespace weir::server
