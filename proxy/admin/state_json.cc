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

Json listeners_json(const Scene& scene) {
  Json list = Json::array();
  for (const SceneListener& listener : scene.listeners) {
    const auto total = [&](auto get) { return listener.counts->sum(get); };
    Json states = Json::object();
    for (std::size_t i = 0; i < observe::kClientStates.size(); ++i)
      states[std::string(observe::kClientStates[i])] =
          total([i](const observe::ListenerShare& share) { return share.clients[i].get(); });
    list.push_back({{"name", listener.name},
                    {"address", listener.address},
                    {"open", observe::open_connections(*listener.counts)},
                    {"states", std::move(states)},
                    {"accepted", total([](const auto& share) { return share.accepted.get(); })},
                    {"requests", total([](const auto& share) { return share.requests.get(); })}});
  }
  return list;
}

std::string state_event(const Scene& scene, const Recent& recent, std::int64_t since_ms) {
  const std::int64_t now = wall_ms();
  Json state = {{"time", utc(now)},
                {"version", scene.version},
                {"uptime_s", (now - scene.started_ms) / 1000},
                {"config", scene.reloads.hash},
                {"overload", scene.overload().level},
                {"listeners", listeners_json(scene)},
                {"pools", pools_json(scene, recent, since_ms)}};
  return "event: state\ndata: " + dump(state) + "\n\n";
}

}  // namespace weir::admin
