// An admin port made of numbers: what docs/api.md says, for as many pools and nodes as a test wants, with a second
// that comes when the test says so or by itself. It can fail nodes, vanish, and come back on its port.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const PAGE = new URL("../../../proxy/admin/dashboard.html", import.meta.url);
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HOUR = 3600e3;

// A small generator with a seed, so that two runs show the same figures.
function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const written = (state) => `event: state\ndata: ${JSON.stringify(state)}\n\n`;

export class MockWeir {
  // shape: [{ name, nodes: N | [address], rate, p50, strategy, health }]
  constructor(shape, { seed = 7, start = Date.now(), quiet = false } = {}) {
    this.random = dice(seed);
    this.now = start;
    this.quiet = quiet;
    this.uptime = 93784;
    this.overload = 0;
    this.streams = new Set();
    this.sockets = new Set();
    this.requests = [];
    this.config = "9f2c41d7a0b3";
    this.pools = shape.map((each, index) => this.makePool(each, index));
    this.version = "0.1.0";
    this.wave = 0;
  }

  makePool({ name, nodes, rate = 0, p50 = 1.2, strategy = "round-robin", health = "GET /healthz every 2s" }, index) {
    const addresses = typeof nodes === "number" ? Array.from({ length: nodes }, (_, n) => `10.${index}.${n >> 8}.${n & 255}:8000`) : nodes;
    const since = new Date(this.now - 26 * HOUR).toISOString();
    const make = (address) => ({
      address, eligible: true, full: false,
      operator: { state: "active", since, reason: "" },
      health: health ? { state: "up", since: new Date(this.now - 5 * HOUR).toISOString(), reason: "" } : { state: "unknown", since, reason: "" },
      ejection: { state: "none", since, reason: "" },
      agent: { state: "up", since, reason: "" },
      weight: 1, priority: 0, backup: false, in_flight: 0, rate: 0, errors: 0, p50_ms: null, p99_ms: null, requests: 0, failures: 0, retries: 0,
      connections: { open: 0, idle: 0 }, checks: { passed: 0, failed: 0 }, last_check: null, transitions: [],
      skew: 0.85 + this.random() * 0.3,
    });
    return { name, strategy, health, rate, p50, nodes: addresses.map(make) };
  }

  node(pool, address) {
    return this.pools.find((each) => each.name === pool).nodes.find((each) => each.address === address);
  }

  // Changes one of a node's four words, the way Weir would tell it.
  turn(node, word, state, reason = "") {
    const time = new Date(this.now).toISOString();
    node.transitions.unshift({ time, word, from: node[word].state, to: state, reason });
    node.transitions.length = Math.min(node.transitions.length, 16);
    node[word] = { state, since: time, reason };
    node.eligible = node.operator.state === "active" && node.health.state !== "down" && node.ejection.state !== "ejected" && node.agent.state === "up";
    node.changed = true;
  }

  fail(node, reason = "GET /healthz answered 503") {
    this.turn(node, "health", "down", reason);
    node.failing = reason;
  }

  pass(node) {
    node.failing = null;
    this.turn(node, "health", "up", "2 checks passed");
  }

  // A second goes by.
  tick() {
    this.now += 1000;
    this.uptime++;
    this.wave++;
    for (const pool of this.pools) this.load(pool);
  }

  load(pool) {
    const able = pool.nodes.filter((node) => node.eligible);
    const swell = this.quiet ? 0 : 1 + 0.18 * Math.sin(this.wave / 17 + pool.name.length) + 0.1 * Math.sin(this.wave / 5) + 0.12 * (this.random() - 0.5);
    for (const node of pool.nodes) {
      const share = node.eligible ? (pool.rate * swell * node.skew) / Math.max(able.length, 1) : 0;
      node.rate = node.eligible ? share : node.rate > 0.5 ? node.rate * 0.55 : 0;
      node.errors = node.failing ? (node.errors > 0.05 ? node.errors * 0.6 : 0) : node.noisy ? share * node.noisy * this.random() : 0;
      const busy = node.rate > 0.05;
      node.p50_ms = busy ? pool.p50 * node.skew * (0.95 + this.random() * 0.1) : null;
      node.p99_ms = busy ? node.p50_ms * (3 + this.random() * 1.4) : null;
      node.in_flight = node.held ?? Math.round((node.rate * (node.p50_ms ?? 0)) / 1000 + this.random() * (busy ? 1.6 : 0));
      node.connections = { open: busy ? 4 + node.in_flight : node.in_flight, idle: busy ? 4 : 0 };
      node.requests += Math.round(node.rate);
      node.failures += Math.round(node.errors);
      if (pool.health && this.wave % 2 === 0) this.check(node);
    }
  }

  check(node) {
    node.checks[node.failing ? "failed" : "passed"]++;
    node.last_check = {
      time: new Date(this.now - 100 - this.random() * 800).toISOString(), passed: !node.failing,
      outcome: node.failing || "GET /healthz answered 200", duration_ms: 0.4 + this.random(),
    };
  }

  poolState(pool, pick) {
    const total = (key) => pool.nodes.reduce((sum, node) => sum + node[key], 0);
    const most = (key) => pool.nodes.reduce((top, node) => (node[key] > (top ?? 0) ? node[key] : top), null);
    const { name, strategy, health } = pool;
    const nodes = pool.nodes.map(({ skew, failing, noisy, held, changed, transitions, ...node }) => (pick(changed) ? { ...node, transitions } : node));
    const eligible = pool.nodes.filter((node) => node.eligible).length, full = pool.nodes.filter((node) => node.full).length;
    return {
      name, strategy, health, size: nodes.length, eligible, full, in_flight: total("in_flight"), rate: total("rate"), errors: total("errors"),
      p50_ms: most("p50_ms"), p99_ms: most("p99_ms"), nodes,
    };
  }

  listeners() {
    const open = this.quiet ? 0 : 38 + Math.round(4 * Math.sin(this.wave / 9) + 3 * this.random());
    const active = this.quiet ? 0 : Math.min(open, 3 + Math.round(3 * this.random())), tunnel = this.quiet ? 0 : 2;
    return [{
      name: "web", address: "0.0.0.0:8080", open, states: { idle: open - active - tunnel, reading: 0, active, tunnel, closing: 0 },
      accepted: 4020 + this.wave * 3, requests: 81002 + this.wave * 400,
    }];
  }

  state(pick) {
    return {
      time: new Date(this.now).toISOString(), version: this.version, uptime_s: this.uptime, config: this.config, overload: this.overload,
      listeners: this.listeners(), pools: this.pools.map((pool) => this.poolState(pool, pick)),
    };
  }

  // From now on whoever follows gets these states at once, and then the last of them each second: a scene that stands.
  show(states) {
    const texts = states.map(written);
    this.scene = texts.join("");
    this.clock = setInterval(() => {
      for (const stream of this.streams) stream.write(texts.at(-1));
    }, 1000);
  }

  // The present state as the next event tells it: transitions stand at the nodes that changed since the last one.
  take() {
    const state = structuredClone(this.state((changed) => changed));
    for (const pool of this.pools) for (const node of pool.nodes) node.changed = false;
    return state;
  }

  send() {
    const text = written(this.take());
    for (const stream of this.streams) stream.write(text);
  }

  step() {
    this.tick();
    this.send();
  }

  play(every = 1000) {
    this.clock = setInterval(() => this.step(), every);
  }

  pause() {
    clearInterval(this.clock);
  }

  async listen(port = 0) {
    this.server = createServer((request, response) => this.answer(request, response));
    this.server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    await new Promise((resolve) => this.server.listen(port, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
    return this.origin;
  }

  // Goes away, as a process does that was killed.
  async vanish() {
    const gone = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    this.streams.clear();
    await gone;
  }

  async close() {
    this.pause();
    await this.vanish();
  }

  answer(request, response) {
    this.requests.push(request.url);
    const json = (status, value) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    if (request.url === "/") {
      return response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY }).end(readFileSync(PAGE));
    }
    if (this.token && request.headers.authorization !== `Bearer ${this.token}`) return json(401, { error: "this needs a token" });
    if (request.url === "/api/config") return json(200, this.settings());
    if (request.url === "/api/events") return this.follow(request, response);
    const pool = this.pools.find((each) => request.url === `/api/pools/${encodeURIComponent(each.name)}`);
    if (pool) return json(200, { time: new Date(this.now).toISOString(), pools: [this.poolState(pool, () => true)] });
    return json(404, { error: `there is no ${request.url}` });
  }

  follow(request, response) {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(this.scene ?? written(this.state(() => true)));
    this.streams.add(response);
    request.on("close", () => this.streams.delete(response));
  }

  settings() {
    const pools = Object.fromEntries(this.pools.map(({ name, strategy, nodes }) =>
      [name, { nodes: nodes.map(({ address, weight }) => ({ address, weight })), strategy, health: { http: "/healthz", interval: "2s", timeout: "1s", fall: 3, rise: 2 } }]));
    return { listeners: [{ address: "0.0.0.0:8080", name: "web" }], pools, routes: [{ pool: this.pools[0]?.name }], workers: 2 };
  }
}
