// What the pictures in the README show: a small site on a working day, one node just failed, one taken out by hand.
import { MockWeir } from "./mock_weir.mjs";

export function site() {
  const mock = new MockWeir([
    { name: "app", nodes: ["10.0.1.11:8000", "10.0.1.12:8000", "10.0.1.13:8000", "10.0.1.14:8000"], rate: 640, p50: 3.1, strategy: "least-connections" },
    { name: "api", nodes: ["10.0.2.21:9000", "10.0.2.22:9000", "10.0.2.23:9000"], rate: 212, p50: 11.4 },
    { name: "static", nodes: ["unix:/run/static.sock"], rate: 96, p50: 0.4, health: null },
  ]);
  for (let second = 0; second < 90; second++) mock.tick();
  mock.show(story(mock));
  return mock;
}

// Two minutes of states, with what happens in them.
function story(mock) {
  const failed = mock.node("app", "10.0.1.12:8000"), held = mock.node("api", "10.0.2.22:9000"), flapped = mock.node("api", "10.0.2.23:9000");
  const script = {
    18: () => { flapped.noisy = 0.3; },
    24: () => { flapped.noisy = 0; mock.turn(flapped, "ejection", "ejected", "5 answers of 5xx in a row"); },
    54: () => mock.turn(flapped, "ejection", "probation", "30 s are over"),
    66: () => mock.turn(flapped, "ejection", "none", "answered well for 10 s"),
    92: () => { mock.turn(held, "operator", "drain", "kernel update"); held.held = 2; },
    108: () => { failed.noisy = 0.4; },
    114: () => { failed.noisy = 0; failed.held = 3; mock.fail(failed); },
  };
  const states = [];
  for (let second = 1; second <= 118; second++) {
    mock.tick();
    script[second]?.();
    states.push(mock.take());
  }
  return states;
}
