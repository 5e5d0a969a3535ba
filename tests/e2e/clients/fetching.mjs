// undici: a pool of HTTP/1.1 connections, and HTTP/2 over TLS. The node is node's own server, of either version.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import http2 from "node:http2";
import { createServer as createSecureServer } from "node:https";
import { createConnection } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Agent, Client, Pool, fetch } from "undici";
import { HOST, authority, certificate, hash, listening, noise, soon, weir, whole } from "./stage.mjs";

const DOWN = noise(3 << 20);
const PIECES = Array.from({ length: 60 }, (_, n) => noise(1000 + n * 2000));

// A node that tells what came, sends DOWN, is slow without end, and knows who went away.
async function node(t, protocol) {
  const made = { requests: 0, abandoned: [], waiting: [] };
  const left = (what) => { made.abandoned.push(what); for (const each of made.waiting) each(); };
  // By default node refuses more streams than it has 10 MB for.
  const server = (protocol === "h2" ? (listener) => http2.createServer({ maxSessionMemory: 1000 }, listener) : createServer)(async (request, response) => {
    made.requests += 1;
    const path = request.url;
    response.on("error", () => {});
    request.on("error", () => {});
    response.on("close", () => { if (!response.writableEnded) left(path); });
    if (path === "/down") {
      response.setHeader("content-length", DOWN.length);
      response.end(DOWN);
    } else if (path.startsWith("/piece/")) {
      const piece = PIECES[Number(path.slice("/piece/".length))];
      response.setHeader("content-length", piece.length);
      response.end(piece);
    } else if (path === "/pieces") {
      for (let n = 0; n < 50; n++) { response.write(`piece ${n}\n`); await new Promise(setImmediate); }
      response.end();
    } else if (path.startsWith("/endless")) {
      response.write("first");
      const more = setInterval(() => response.write("more"), 20);
      response.on("close", () => clearInterval(more));
    } else if (path.startsWith("/silent")) {
      request.resume();
    } else {
      try {
        const body = await whole(request);
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ method: request.method, size: body.length, hash: hash(body), connection: request.socket?.remotePort, fields: request.headers }));
      } catch { /* it went away */ }
    }
  });
  const sessions = new Set();
  server.on("session", (session) => sessions.add(session));
  t.after(() => { for (const each of sessions) each.destroy(); server.closeAllConnections?.(); server.close(); });
  made.address = await listening(server);
  made.gone = (path) => new Promise((resolve) => {
    const look = () => { if (made.abandoned.includes(path)) resolve(); };
    made.waiting.push(look);
    look();
  });
  return made;
}

const connect = { ca: authority, servername: HOST };
const ways = {
  h1: (front) => ({ origin: `http://${front.clear}`, options: { connections: 4, pipelining: 1 } }),
  "h1 over TLS": (front) => ({ origin: `https://${front.tls}`, options: { connections: 4, connect } }),
  h2: (front) => ({ origin: `https://${front.tls}`, options: { connections: 1, allowH2: true, pipelining: 100, connect } }),
};

for (const protocol of ["h1", "h2"]) {
  test(`a node of ${protocol}`, async (t) => {
    const it = await node(t, protocol);
    const front = await weir(t, { pools: { app: { nodes: [it.address], protocol } } });
    for (const [way, of] of Object.entries(ways)) await t.test(`by ${way}`, (inner) => exchange(inner, it, of(front), way));
  });
}

async function exchange(t, it, { origin, options }, way) {
  const pool = new Pool(origin, options);
  t.after(() => pool.destroy());
  const get = async (path, more = {}) => {
    const { statusCode, headers, body } = await soon(path, pool.request({ path, method: "GET", ...more }));
    return { status: statusCode, headers, body: await soon(`${path}'s body`, whole(body)) };
  };

  await t.test("one after the other, and many at once", async () => {
    for (let n = 0; n < 20; n++) assert.equal((await get(`/${n}`)).status, 200);
    const all = await Promise.all(Array.from({ length: 60 }, (_, n) => get(`/many/${n}`)));
    assert(all.every((each) => each.status === 200));
    const { fields } = JSON.parse(all[0].body);
    assert.match(fields.via, way === "h2" ? /^2/ : /^1\.1/);
  });

  await t.test("bodies down", async () => {
    const got = await get("/down");
    assert.deepEqual([got.headers["content-length"], hash(got.body)], [String(DOWN.length), hash(DOWN)]);
    assert.equal((await get("/pieces")).body.toString(), Array.from({ length: 50 }, (_, n) => `piece ${n}\n`).join(""));
    const several = await Promise.all(Array.from({ length: 4 }, () => get("/down")));
    assert(several.every((each) => hash(each.body) === hash(DOWN)));
  });

  // Where they fill a connection's window, node's server ends some of them by a reset instead of END_STREAM.
  await t.test("many bodies down at once", async () => {
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(PIECES.map((_, n) => get(`/piece/${n}`)));
      assert(all.every((each, n) => each.body.equals(PIECES[n])));
    }
  });

  await t.test("bodies up, of a known length and as a stream", async () => {
    const body = noise(2 << 20);
    const known = JSON.parse((await get("/up", { method: "POST", body })).body);
    assert.deepEqual([known.method, known.size, known.hash, known.fields["content-length"]], ["POST", body.length, hash(body), String(body.length)]);
    const pieces = Array.from({ length: 32 }, (_, n) => body.subarray(n * 65_536, (n + 1) * 65_536));
    const streamed = JSON.parse((await get("/up", { method: "PUT", body: Readable.from(pieces) })).body);
    assert.deepEqual([streamed.method, streamed.hash], ["PUT", hash(body)]);
  });

  await t.test("a request that is given up before its answer", async () => {
    const stop = new AbortController();
    const path = `/silent/${way.replaceAll(" ", "-")}`;
    const before = it.requests;
    const request = pool.request({ path, method: "GET", signal: stop.signal });
    await soon("the request at the node", (async () => { while (it.requests === before) await new Promise(setImmediate); })());
    stop.abort();
    await assert.rejects(request);
    // HTTP/1.1 has a FIN for it, which behind a whole request may as well be of a client that waits for its answer.
    if (way === "h2") await soon("its end at the node", it.gone(path));
    assert.equal((await get("/after")).status, 200);
  });

  await t.test("one that is given up in its answer", async () => {
    const stop = new AbortController();
    const path = `/endless/${way.replaceAll(" ", "-")}`;
    const { body } = await soon("the answer", pool.request({ path, method: "GET", signal: stop.signal }));
    const reader = body[Symbol.asyncIterator]();
    assert.equal(String((await soon("its first bytes", reader.next())).value), "first");
    const rest = reader.next();
    stop.abort();
    await assert.rejects(rest);
    await soon("its end at the node", it.gone(path));
    assert.equal((await get("/after")).status, 200);
  });
}

test("fetch", async (t) => {
  const it = await node(t, "h1");
  const front = await weir(t, { pools: { app: { nodes: [it.address] } } });
  for (const allowH2 of [false, true]) {
    await t.test(allowH2 ? "by HTTP/2" : "by HTTP/1.1", async (inner) => {
      const dispatcher = new Agent({ allowH2, connect });
      inner.after(() => dispatcher.destroy());
      const body = noise(300_000);
      const pieces = new ReadableStream({ start(controller) {
        for (let at = 0; at < body.length; at += 10_000) controller.enqueue(body.subarray(at, at + 10_000));
        controller.close();
      } });
      const answer = await soon("fetch", fetch(`https://${front.tls}/up`, { method: "POST", body: pieces, duplex: "half", dispatcher }));
      const told = await answer.json();
      assert.deepEqual([answer.status, told.hash], [200, hash(body)]);
      assert.match(told.fields.via, allowH2 ? /^2/ : /^1\.1/);
      const down = await (await fetch(`https://${front.tls}/down`, { dispatcher })).arrayBuffer();
      assert.equal(hash(Buffer.from(down)), hash(DOWN));
    });
  }
});

test("a kept connection is one", async (t) => {
  const it = await node(t, "h1");
  const front = await weir(t, { pools: { app: { nodes: [it.address] } }, workers: 1 });
  const client = new Client(`http://${front.clear}`);
  t.after(() => client.destroy());
  const connections = new Set();
  for (let n = 0; n < 50; n++) connections.add((await (await client.request({ path: "/", method: "GET" })).body.json()).connection);
  assert.equal(connections.size, 1);
});

test("clients that do not read hold up nobody else at a node of h2", async (t) => {
  const large = Buffer.alloc(20 << 20);
  const server = http2.createServer({ maxSessionMemory: 10_000 }, (request, response) => { request.resume(); response.end(request.url === "/large" ? large : "small"); });
  const sessions = new Set();
  server.on("session", (session) => sessions.add(session));
  t.after(() => { for (const each of sessions) each.destroy(); server.close(); });
  const front = await weir(t, { workers: 1, pools: { app: { nodes: [await listening(server)], protocol: "h2" } } });
  const slow = Array.from({ length: 30 }, () => {
    const socket = createConnection(Number(front.clear.split(":")[1]), "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /large HTTP/1.1\r\nHost: a.test\r\n\r\n");
    t.after(() => socket.destroy());
    return soon("an answer's beginning", once(socket, "readable"));
  });
  await Promise.all(slow);
  const client = new Client(`http://${front.clear}`);
  t.after(() => client.destroy());
  for (let n = 0; n < 100; n++) {
    const { statusCode, body } = await soon("a small answer", client.request({ path: "/small", method: "GET" }));
    assert.deepEqual([statusCode, await soon("its body", body.text())], [200, "small"]);
  }
  assert.equal(sessions.size, 1);
});

test("nodes over TLS, by what they agree to", async (t) => {
  const files = { cert: authority, key: readFileSync(certificate.key) };
  const say = (request, response) => { request.resume(); response.end(request.httpVersion); };
  for (const [version, server] of [["2.0", http2.createSecureServer({ ...files, allowHTTP1: true }, say)], ["1.1", createSecureServer(files, say)]]) {
    await t.test(version, async (inner) => {
      const sessions = new Set();
      server.on("session", (session) => sessions.add(session));
      inner.after(() => { for (const each of sessions) each.destroy(); server.closeAllConnections?.(); server.close(); });
      const nodes = [await listening(server)];
      const front = await weir(inner, { pools: { app: { nodes, protocol: "auto", tls: { ca: certificate.cert, sni: HOST } } } });
      for (const [origin, options] of [[`http://${front.clear}`, {}], [`https://${front.tls}`, { allowH2: true, connect }]]) {
        const client = new Client(origin, options);
        inner.after(() => client.destroy());
        for (let n = 0; n < 3; n++) {
          const { statusCode, body } = await soon("an answer", client.request({ path: "/", method: "POST", body: "hello" }));
          assert.deepEqual([statusCode, await body.text()], [200, version]);
        }
      }
    });
  }
});
