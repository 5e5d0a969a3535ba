// grpc-js on both sides of Weir. Messages are bytes, so that no compiler of protocols is needed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as pass } from "node:timers/promises";
import grpc from "@grpc/grpc-js";
import { HOST, PATIENCE, SLOW, authority, hash, noise, soon, weir } from "./stage.mjs";

const same = (bytes) => bytes;
const method = (path, requestStream, responseStream) => ({
  path, requestStream, responseStream,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
});
const Echo = {
  unary: method("/test.Echo/Unary", false, false),
  collect: method("/test.Echo/Collect", true, false),
  count: method("/test.Echo/Count", false, true),
  chat: method("/test.Echo/Chat", true, true),
  refuse: method("/test.Echo/Refuse", false, false),
  hang: method("/test.Echo/Hang", false, false),
  nap: method("/test.Echo/Nap", false, false),
};
const Health = { check: method("/grpc.health.v1.Health/Check", false, false) };
const Client = grpc.makeGenericClientConstructor(Echo, "Echo");
const { status } = grpc;

// A server for one test: `calls` counts, `hanging` has what never answers.
async function server(t, options = {}) {
  const made = { calls: 0, peers: new Set(), hanging: [], serving: true, checks: [], waiting: null };
  const counted = (handler) => (call, callback) => { made.calls += 1; made.peers.add(call.getPeer()); handler(call, callback); };
  made.server = new grpc.Server();
  made.server.addService(Echo, {
    unary: counted((call, callback) => {
      const initial = new grpc.Metadata();
      for (const name of ["x-asked", "x-raw-bin"]) for (const value of call.metadata.get(name)) initial.add(`${name.replace(/^x/, "x-got")}`, value);
      call.sendMetadata(initial);
      const last = new grpc.Metadata();
      last.set("x-last", "good");
      last.set("x-last-bin", Buffer.from([0, 255, 10, 13]));
      callback(null, call.request, last);
    }),
    collect: counted((call, callback) => {
      const pieces = [];
      call.on("data", (piece) => pieces.push(piece));
      call.on("end", () => callback(null, Buffer.from(`${pieces.length} ${hash(Buffer.concat(pieces))}`)));
    }),
    count: counted(async (call) => {
      const wanted = Number(call.request);
      for (let n = 0; n < wanted; n++) if (!call.write(Buffer.from(`number ${n}`))) await once(call, "drain");
      call.end();
    }),
    chat: counted((call) => {
      call.on("data", (piece) => call.write(piece));
      call.on("end", () => call.end());
    }),
    refuse: counted((call, callback) => {
      const details = new grpc.Metadata();
      details.set("grpc-status-details-bin", Buffer.from([8, 9, 18, 2, 110, 111]));
      details.set("x-why", "not today");
      callback({ code: status.FAILED_PRECONDITION, details: "no: 100 % müde\n", metadata: details });
    }),
    hang: counted((call) => {
      made.hanging.push({ call, cancelled: new Promise((resolve) => call.on("cancelled", resolve)) });
      made.waiting?.();
    }),
    nap: counted((call, callback) => setTimeout(() => callback(null, call.request), 20)),
  });
  if (options.health) {
    made.server.addService(Health, { check: (call, callback) => {
      made.checks.push(call.request.toString("latin1"));
      callback(null, Buffer.from([8, made.serving ? 1 : 2]));
    } });
  }
  const port = await new Promise((resolve, reject) =>
    made.server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => error ? reject(error) : resolve(bound)));
  made.address = `127.0.0.1:${port}`;
  made.hangs = () => made.hanging.length ? Promise.resolve(made.hanging[0]) : new Promise((resolve) => { made.waiting = () => resolve(made.hanging[0]); });
  made.leave = () => new Promise((resolve, reject) => made.server.tryShutdown((error) => error ? reject(error) : resolve()));
  t.after(() => made.server.forceShutdown());
  return made;
}

const pool = (nodes, more = {}) => ({ app: { protocol: "h2", nodes: nodes.map((node) => node.address ?? node), ...more } });

function channel(t, address, scheme) {
  const made = scheme === "tls"
    ? new Client(address, grpc.credentials.createSsl(authority), { "grpc.ssl_target_name_override": HOST, "grpc.default_authority": HOST })
    : new Client(address, grpc.credentials.createInsecure());
  t.after(() => made.close());
  return made;
}

const patience = () => ({ deadline: Date.now() + PATIENCE });

// A call with one answer: its message, or its error, and what metadata came.
function call(client, name, message, metadata = new grpc.Metadata(), options = patience()) {
  return new Promise((resolve) => {
    const got = {};
    got.call = client[name](message, metadata, options, (error, answer) => { got.error = error; got.answer = answer; });
    got.call.on("metadata", (initial) => { got.initial = initial; });
    got.call.on("status", (last) => { got.status = last; setImmediate(() => resolve(got)); });
  });
}

async function received(stream) {
  const pieces = [];
  stream.on("data", (piece) => pieces.push(piece));
  const last = new Promise((resolve, reject) => {
    stream.on("status", resolve);
    stream.on("error", reject);
  });
  return { pieces, status: await soon("a stream's status", last) };
}

for (const scheme of ["clear", "tls"]) {
  test(`calls of every shape (${scheme})`, async (t) => {
    const node = await server(t);
    const front = await weir(t, { pools: pool([node]) });
    const client = channel(t, front[scheme], scheme);

    await t.test("one message each way, with metadata", async () => {
      const metadata = new grpc.Metadata();
      metadata.add("x-asked", "one");
      metadata.add("x-asked", "two");
      metadata.set("x-raw-bin", Buffer.from([0, 1, 254, 255]));
      const got = await call(client, "unary", Buffer.from("hello"), metadata);
      assert.equal(got.error, null);
      assert.equal(got.answer.toString(), "hello");
      assert.deepEqual(got.initial.get("x-got-asked").join(", ").split(", "), ["one", "two"]);
      assert.deepEqual(got.initial.get("x-got-raw-bin"), [Buffer.from([0, 1, 254, 255])]);
      assert.deepEqual(got.status.metadata.get("x-last"), ["good"]);
      assert.deepEqual(got.status.metadata.get("x-last-bin"), [Buffer.from([0, 255, 10, 13])]);
    });

    await t.test("an empty message, and one of 3 MiB", async () => {
      for (const size of [0, 3 << 20]) {
        const message = noise(size);
        const got = await call(client, "unary", message);
        assert.equal(got.error, null);
        assert.equal(hash(got.answer), hash(message));
      }
    });

    await t.test("many messages of the client's", async () => {
      const pieces = Array.from({ length: 200 }, (_, n) => noise(n * 100));
      const answer = await new Promise((resolve, reject) => {
        const stream = client.collect(new grpc.Metadata(), patience(), (error, got) => error ? reject(error) : resolve(got));
        (async () => {
          for (const piece of pieces) if (!stream.write(piece)) await once(stream, "drain");
          stream.end();
        })();
      });
      assert.equal(answer.toString(), `200 ${hash(Buffer.concat(pieces))}`);
    });

    await t.test("many messages of the server's", async () => {
      const { pieces, status: last } = await received(client.count(Buffer.from("2000"), new grpc.Metadata(), patience()));
      assert.equal(last.code, status.OK);
      assert.deepEqual(pieces.map(String), Array.from({ length: 2000 }, (_, n) => `number ${n}`));
    });

    await t.test("many messages both ways", async () => {
      const stream = client.chat(new grpc.Metadata(), patience());
      for (let n = 0; n < 100; n++) {  // by turns
        stream.write(Buffer.from(`turn ${n}`));
        const [piece] = await soon("an echo", once(stream, "data"));
        assert.equal(piece.toString(), `turn ${n}`);
      }
      const burst = Array.from({ length: 1000 }, (_, n) => Buffer.alloc(1000, n & 255));  // and at once
      const rest = received(stream);
      for (const piece of burst) stream.write(piece);
      stream.end();
      const { pieces, status: last } = await rest;
      assert.equal(last.code, status.OK);
      assert.equal(pieces.length, 1000);
      assert.equal(hash(Buffer.concat(pieces)), hash(Buffer.concat(burst)));
    });

    await t.test("an error with its details", async () => {
      const { error } = await call(client, "refuse", Buffer.alloc(0));
      assert.deepEqual([error.code, error.details], [status.FAILED_PRECONDITION, "no: 100 % müde\n"]);
      assert.deepEqual(error.metadata.get("x-why"), ["not today"]);
      assert.deepEqual(error.metadata.get("grpc-status-details-bin"), [Buffer.from([8, 9, 18, 2, 110, 111])]);
    });

    await t.test("a deadline", async () => {
      const { error } = await call(client, "hang", Buffer.alloc(0), new grpc.Metadata(), { deadline: Date.now() + 300 * SLOW });
      assert.equal(error.code, status.DEADLINE_EXCEEDED);
      const hung = await soon("the call at the server", node.hangs());
      await soon("its end", hung.cancelled);
      node.hanging.length = 0;
    });

    await t.test("a call that is cancelled, and the others go on", async () => {
      const other = call(client, "nap", Buffer.from("other"));
      const going = call(client, "hang", Buffer.alloc(0));
      const hung = await soon("the call at the server", node.hangs());
      const abandoned = client.chat(new grpc.Metadata(), patience());
      abandoned.write(Buffer.from("hello"));
      await soon("an echo", once(abandoned, "data"));
      abandoned.on("error", () => {});
      abandoned.cancel();
      hung.call.emit("error", { code: status.ABORTED, details: "enough" });
      assert.equal((await going).error.code, status.ABORTED);
      assert.equal((await other).answer.toString(), "other");
      node.hanging.length = 0;
    });

    await t.test("a cancelled call ends at the server", async () => {
      const cancelled = new Promise((resolve) => {
        const it = client.hang(Buffer.alloc(0), new grpc.Metadata(), patience(), (error) => resolve(error));
        node.hangs().then(() => it.cancel());
      });
      assert.equal((await soon("the cancellation", cancelled)).code, status.CANCELLED);
      await soon("the end at the server", (await node.hangs()).cancelled);
    });

    await t.test("a method that the server does not have", async () => {
      const Other = grpc.makeGenericClientConstructor({ none: method("/test.Echo/None", false, false) }, "Other");
      const other = new Other("ignored", grpc.credentials.createInsecure(), { channelOverride: client.getChannel() });
      assert.equal((await call(other, "none", Buffer.alloc(0))).error.code, status.UNIMPLEMENTED);
    });
  });
}

test("no node", async (t) => {
  const front = await weir(t, { pools: pool([]) });
  const { error } = await call(channel(t, front.clear), "unary", Buffer.alloc(0));
  assert.equal(error.code, status.UNAVAILABLE);
  assert.match(error.details, /^no_node/);
});

test("a node that is not there", async (t) => {
  const gone = await server(t);
  gone.server.forceShutdown();
  const front = await weir(t, { pools: pool([gone]) });
  const { error } = await call(channel(t, front.clear), "unary", Buffer.alloc(0));
  assert.equal(error.code, status.UNAVAILABLE);
  assert.match(error.details, /^connect_refused/);
});

test("the calls of one channel are spread", async (t) => {
  const nodes = [await server(t), await server(t)];
  const front = await weir(t, { pools: pool(nodes), workers: 1 });
  const client = channel(t, front.clear);
  const all = await Promise.all(Array.from({ length: 40 }, () => call(client, "unary", Buffer.alloc(0))));
  assert(all.every((each) => each.error === null));
  assert.deepEqual(nodes.map((node) => node.calls), [20, 20]);
});

test("health checks", async (t) => {
  const node = await server(t, { health: true });
  const front = await weir(t, { pools: pool([node], { panic: "0%", health: { grpc: "test.Echo", interval: "50ms", fall: 1, rise: 1 } }) });
  const client = channel(t, front.clear);
  await front.heard("is up: gRPC health check answered SERVING");
  assert.equal(node.checks[0], "\n\x09test.Echo");
  assert.equal((await call(client, "unary", Buffer.from("x"))).error, null);
  node.serving = false;
  await front.heard("is down: gRPC health check answered NOT_SERVING");
  assert.equal((await call(client, "unary", Buffer.from("x"))).error.code, status.UNAVAILABLE);
  node.serving = true;
  await front.heard("is up again");
  assert.equal((await call(client, "unary", Buffer.from("x"))).error, null);
});

test("health checks of the server as a whole", async (t) => {
  const node = await server(t, { health: true });
  const front = await weir(t, { pools: pool([node], { health: { grpc: true, interval: "50ms" } }) });
  await front.heard("is up: gRPC health check answered SERVING");
  assert.equal(node.checks[0], "");
});

// Callers that do not cease: `width` calls at a time, until `end` is done. The calls that failed, and how many did not.
async function callers(client, width, end) {
  let going = true;
  let done = 0;
  const failed = [];
  const crew = Array.from({ length: width }, async () => {
    while (going) {
      const { error, answer } = await call(client, "nap", Buffer.from("still there"));
      if (error || answer.toString() !== "still there") failed.push(error?.message ?? String(answer)); else done += 1;
    }
  });
  await end(() => done);
  going = false;
  await Promise.all(crew);
  return { failed, done };
}

const grows = async (count, by) => { const begun = count(); while (count() < begun + by) await pass(5); };

test("a server that leaves loses no call while another stands", async (t) => {
  const nodes = [await server(t), await server(t)];
  const front = await weir(t, { pools: pool(nodes) });
  const { failed } = await callers(channel(t, front.clear), 20, async (count) => {
    await grows(count, 100);
    await soon("the server's end", nodes[0].leave());
    const then = nodes[0].calls;
    await grows(count, 100);
    assert.equal(nodes[0].calls, then);
  });
  assert.deepEqual(failed, []);
  assert(nodes.every((node) => node.calls >= 50), "both had calls");
});

test("connections that are asked to make room lose no call", async (t) => {
  const node = await server(t);
  const listeners = [{ address: "127.0.0.1:0", max_connection_age: "100ms" }];
  const front = await weir(t, { listeners, pools: pool([node], { keepalive: { max_lifetime: "100ms" } }) });
  const { failed } = await callers(channel(t, front.clear), 10, async (count) => {
    while ((await front.metric("weir_listener_connections_total")) < 4 || node.peers.size < 4) await grows(count, 20);
  });
  assert.deepEqual(failed, []);
});

test("a Weir that ends waits for its calls", async (t) => {
  const node = await server(t);
  const front = await weir(t, { pools: pool([node]) });
  const client = channel(t, front.clear);
  const stream = client.chat(new grpc.Metadata(), patience());
  stream.write(Buffer.from("before"));
  await soon("an echo", once(stream, "data"));
  await front.signal("SIGTERM");
  await front.heard("SIGTERM: no new connections");
  stream.write(Buffer.from("after"));
  assert.equal((await soon("an echo", once(stream, "data")))[0].toString(), "after");
  const rest = received(stream);
  stream.end();
  assert.equal((await rest).status.code, status.OK);
});
