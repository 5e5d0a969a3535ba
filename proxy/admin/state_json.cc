#include "proxy/admin/state_json.h"

#include "proxy/admin/pools_json.h"

namespace weir::admin {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string as_text(const Json& value) {
  return dump(value) + "\n";
}

Json listeners_json(const Scene& scene, const std::vector<core::ConnectionStates>& states) {
  Json list = Json::array();
  for (std::size_t i = 0; i < scene.listeners.size(); ++i) {
    const SceneListener& listener = scene.listeners[i];
    const core::ConnectionStates& now = i < states.size() ? states[i] : core::ConnectionStates{};
    const auto total = [&](observe::Count observe::ListenerShare::* count) {
      return listener.counts->sum([&](const observe::ListenerShare& share) { return (share.*count).get(); });
    };
    list.push_back({{"name", listener.name},
                    {"address", listener.address},
                    {"open", observe::open_connections(*listener.counts)},
                    {"states",
                     {{"idle", now.idle},
                      {"reading", now.reading},
                      {"active", now.active},
                      {"tunnel", now.tunnel},
                      {"closing", now.closing}}},
                    {"accepted", total(&observe::ListenerShare::accepted)},
                    {"requests", total(&observe::ListenerShare::requests)}});
  }
  return list;
}

std::string state_event(const Scene& scene, const Recent& recent,
                        const std::vector<core::ConnectionStates>& states, std::int64_t since_ms) {
  const std::int64_t now = wall_ms();
  Json state = {{"time", utc(now)},
                {"version", scene.version},
                {"uptime_s", (now - scene.started_ms) / 1000},
                {"config", scene.config_hash},
                {"listeners", listeners_json(scene, states)},
                {"pools", pools_json(scene, recent, since_ms)}};
  return "event: state\ndata: " + dump(state) + "\n\n";
}

}  // namespace weir::admin
