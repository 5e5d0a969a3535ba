#include "proxy/config/read_reload.h"

#include "proxy/config/scalar.h"

namespace weir::config {
namespace {

void read_guard(const Field& field, Duration& out) {
  Duration guard = out;
  read_duration(field, guard, {100ms, 1h, DurationRange::Off::allowed});
  out = guard == kOff ? Duration::zero() : guard;
}

}  // namespace

void read_reload(const Field& field, Reload& out) {
  const Section section(field, keys::kReload);
  section.read("guard", read_guard, out.guard);
  section.read("min_healthy", read_percent, out.min_healthy, 100);
}

}  // namespace weir::config
