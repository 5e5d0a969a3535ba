#include "proxy/codec/h2_limits.h"

#include <algorithm>

#include "proxy/base/check.h"

namespace weir::codec {
namespace {

const H2Rate& rate_of(H2Limit what, const H2Limits& limits) {
  switch (what) {
    case H2Limit::client_resets:
      return limits.client_resets;
    case H2Limit::provoked_resets:
      return limits.provoked_resets;
    case H2Limit::pings:
      return limits.pings;
    case H2Limit::settings:
      return limits.settings;
    case H2Limit::empty_frames:
      return limits.empty_frames;
    case H2Limit::window_updates:
      return limits.window_updates;
    case H2Limit::priorities:
      return limits.priorities;
    default:
      WEIR_CHECK(what == H2Limit::other_frames);
      return limits.other_frames;
  }
}

base::Duration share(const H2Rate& rate) {
  return base::Duration(std::chrono::seconds(1)) / std::max(rate.per_second, 1u);
}

}  // namespace

std::string_view word(H2Limit limit) {
  switch (limit) {
    case H2Limit::none:
      return "-";
    case H2Limit::client_resets:
      return "client_resets";
    case H2Limit::provoked_resets:
      return "provoked_resets";
    case H2Limit::pings:
      return "pings";
    case H2Limit::settings:
      return "settings";
    case H2Limit::empty_frames:
      return "empty_frames";
    case H2Limit::window_updates:
      return "window_updates";
    case H2Limit::priorities:
      return "priorities";
    case H2Limit::other_frames:
      return "other_frames";
    case H2Limit::header:
      return "header";
    case H2Limit::continuations:
      return "continuations";
    case H2Limit::acks:
      return "acks";
  }
  return "-";
}

bool H2Guard::take(H2Limit what, const H2Limits& limits, base::Time now) {
  const H2Rate& rate = rate_of(what, limits);
  base::Time& full_at = full_at_[static_cast<std::size_t>(what)];
  full_at = std::max(full_at, now) + share(rate);
  return full_at - now <= share(rate) * rate.burst;
}

void H2Guard::give(H2Limit what, const H2Limits& limits, std::uint32_t count) {
  full_at_[static_cast<std::size_t>(what)] -= share(rate_of(what, limits)) * count;
}

}  // namespace weir::codec
