#include "proxy/uv/uv_signals.h"

#include <uv.h>

#include "proxy/uv/uv_runtime.h"

namespace weir::uv {

struct UvSignals::Watch {
  uv_signal_t handle;
  UvSignals* owner;
};

UvSignals::UvSignals(UvRuntime& runtime, std::initializer_list<int> signals,
                     std::function<void(int)> on_signal)
    : runtime_(runtime), on_signal_(std::move(on_signal)) {
  for (int number : signals) {
    auto* watch = new Watch{{}, this};
    uv_signal_init(runtime.loop(), &watch->handle);
    watch->handle.data = watch;
    uv_signal_start(
        &watch->handle,
        [](uv_signal_t* handle, int signal) {
          UvSignals* owner = static_cast<Watch*>(handle->data)->owner;
          UvRuntime& loop = owner->runtime_;
          owner->on_signal_(signal);
          loop.end_callback();
        },
        number);
    watches_.push_back(watch);
  }
}

UvSignals::~UvSignals() {
  for (Watch* watch : watches_)
    uv_close(reinterpret_cast<uv_handle_t*>(&watch->handle),
             [](uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
}

}  // namespace weir::uv
