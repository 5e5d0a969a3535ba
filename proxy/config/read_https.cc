#include "proxy/config/read_https.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

constexpr std::string_view kRedirect = "true, a listener's name, or a list of names";

bool is_word(const Field& field, std::string_view word) {
  return field.is(Value::Kind::scalar) && field.value.text == word;
}

// What is said of one listener's redirect.
struct Complaint {
  Position at;
  std::size_t listener;
  Report& report;

  void fail(std::string what) const {
    report.error(at, fmt::format("listeners[{}].tls.redirect", listener), std::move(what));
  }
};

void claim(std::vector<Listener>& listeners, std::size_t from, const Complaint& by) {
  std::optional<std::size_t>& to = listeners[from].redirects_to;
  if (!to) {
    to = by.listener;
  } else if (*to != by.listener) {
    by.fail(fmt::format("the listener {} is redirected to the listener {} already",
                        in_quotes(listeners[from].name), in_quotes(listeners[*to].name)));
  }
}

void claim_by_name(std::vector<Listener>& listeners, const std::string& name, const Complaint& by) {
  const auto found = std::find_if(listeners.begin(), listeners.end(),
                                  [&](const Listener& each) { return each.name == name; });
  if (found == listeners.end()) {
    std::vector<std::string_view> names;
    for (const Listener& each : listeners)
      if (!each.tls && each.mode == Mode::http) names.push_back(each.name);
    by.fail(fmt::format("there is no listener {}{}", in_quotes(name), suggestion(name, names)));
  } else if (found->tls) {
    by.fail(fmt::format("the listener {} speaks TLS; those in clear are redirected", in_quotes(name)));
  } else if (found->mode == Mode::tcp) {
    by.fail(fmt::format("the listener {} has mode: tcp; only requests are redirected", in_quotes(name)));
  } else {
    claim(listeners, static_cast<std::size_t>(found - listeners.begin()), by);
  }
}

void claim_all(std::vector<Listener>& listeners, const Complaint& by) {
  std::size_t clear = 0;
  for (std::size_t i = 0; i < listeners.size(); ++i)
    if (!listeners[i].tls && listeners[i].mode == Mode::http) claim(listeners, i, by), ++clear;
  if (clear == 0) by.fail("there is no listener in clear that could be redirected");
}

}  // namespace

void read_redirect(const Field& field, std::optional<Redirect>& out) {
  if (is_word(field, "false")) return;
  if (is_word(field, "true")) return out.emplace(), void();
  Redirect named;
  const auto read_one = [&](const Field& one) {
    if (one.must_be(Value::Kind::scalar, kRedirect)) named.from.push_back(one.value.text);
  };
  if (!field.is(Value::Kind::list)) {
    read_one(field);
  } else if (field.value.items.empty()) {
    return field.refuse(kRedirect);
  } else {
    for (std::size_t i = 0; i < field.value.items.size(); ++i) read_one(field.item(i));
  }
  if (!named.from.empty()) out = std::move(named);
}

void read_hsts(const Field& field, std::optional<Hsts>& out) {
  constexpr DurationRange kMaxAge{0s, 10 * kYear};
  if (is_word(field, "false")) return;
  if (is_word(field, "true")) return out.emplace(), void();
  const Section section(field, keys::kHsts);
  if (!field.is(Value::Kind::map)) return;
  Hsts& hsts = out.emplace();
  section.read("max_age", read_duration, hsts.max_age, kMaxAge);
  section.read("include_subdomains", read_word<bool>, hsts.include_subdomains, std::span(kFalseTrue));
  section.read("preload", read_word<bool>, hsts.preload, std::span(kFalseTrue));
  if (hsts.preload && (hsts.max_age < kYear || !hsts.include_subdomains))
    field.report.warning(field.value.at, field.path,
                         "browsers' lists take nobody with less than a year and without subdomains; preload "
                         "needs max_age: 365d and include_subdomains: true");
}

void settle_redirects(std::vector<Listener>& listeners, const std::vector<Position>& at, Report& report) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const Listener& listener = listeners[i];
    if (!listener.redirect) continue;
    const Complaint by{at[i], i, report};
    if (listener.address.kind != io::Address::Kind::ip)
      by.fail("a unix socket has no port that clients could be sent to");
    else if (listener.redirect->from.empty())
      claim_all(listeners, by);
    else
      for (const std::string& name : listener.redirect->from) claim_by_name(listeners, name, by);
  }
}

}  // namespace weir::config
