// WebSockets in all four mixes of HTTP/1.1 and HTTP/2, framed by `ws` on both sides. `ws` itself knows HTTP/1.1 alone: over
// HTTP/2 it is given the stream of an extended CONNECT (RFC 8441) as its socket.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import http2 from "node:http2";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { HOST, PATIENCE, authority, hash, listening, noise, soon, weir } from "./stage.mjs";

const OPTIONS = { allowSynchronousEvents: true, maxPayload: 16 << 20, maxBufferedChunks: 0, maxFragments: 0, skipUTF8Validation: false };

// A WebSocket on a stream of HTTP/2. The constructor without an address makes a server's end.
function on(stream, end) {
  const made = new WebSocket(null, undefined, { autoPong: true, closeTimeout: PATIENCE });
  made._isServer = end === "server";
  made.setSocket(stream, Buffer.alloc(0), OPTIONS);
  return made;
}

// What a server does with a socket: says everything again, and closes on request. `record` gets it.
function echo(socket, record) {
  const seen = { socket, pings: [], closed: once(socket, "close") };
  socket.on("message", (data, binary) => {
    if (String(data.subarray(0, 6)) === "close ") socket.close(Number(data.subarray(6)), "as you like");
    else if (String(data) === "terminate") socket.terminate();
    else socket.send(data, { binary });
  });
  socket.on("ping", (data) => seen.pings.push(String(data)));
  socket.on("error", () => {});
  record(seen);
}

const servers = {
  async h1(t, record, options = {}) {
    const server = createServer((_, response) => response.end("plain"));
    const sockets = new WebSocketServer({ server, ...options });
    sockets.on("connection", (socket, request) => echo(socket, (seen) => record({ ...seen, path: request.url, fields: request.headers })));
    t.after(() => { for (const each of sockets.clients) each.terminate(); server.closeAllConnections(); server.close(); });
    return listening(server);
  },
  async h2(t, record) {
    const server = http2.createServer({ settings: { enableConnectProtocol: true } });
    const sessions = new Set();
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream, fields) => {
      stream.on("error", () => {});
      if (fields[":method"] !== "CONNECT" || fields[":protocol"] !== "websocket") { stream.respond({ ":status": 200 }); stream.end("plain"); return; }
      stream.respond({ ":status": 200, "sec-websocket-protocol": fields["sec-websocket-protocol"] });
      echo(on(stream, "server"), (seen) => record({ ...seen, path: fields[":path"], fields }));
    });
    t.after(() => { for (const each of sessions) each.destroy(); server.close(); });
    return listening(server);
  },
};

const clients = {
  async h1(t, front, scheme, path) {
    const socket = scheme === "tls"
      ? new WebSocket(`wss://${front.tls}${path}`, ["chat"], { ca: authority, servername: HOST, headers: { host: HOST } })
      : new WebSocket(`ws://${front.clear}${path}`, ["chat"]);
    t.after(() => socket.terminate());
    await soon("the handshake", once(socket, "open"));
    assert.equal(socket.protocol, "chat");
    return socket;
  },
  async h2(t, front, scheme, path) {
    const session = await connect(t, front, scheme);
    const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": path, ":authority": HOST,
      "sec-websocket-version": "13", "sec-websocket-protocol": "chat" }, { endStream: false });
    const [fields] = await soon("the handshake", once(stream, "response"));
    assert.deepEqual([fields[":status"], fields["sec-websocket-protocol"]], [200, "chat"]);
    assert.equal(fields["sec-websocket-accept"], undefined);
    return on(stream, "client");
  },
};

// A session whose server's settings are known, without which there is no extended CONNECT.
async function connect(t, front, scheme) {
  const session = scheme === "tls" ? http2.connect(`https://${front.tls}`, { ca: authority, servername: HOST }) : http2.connect(`http://${front.clear}`);
  session.on("error", () => {});
  t.after(() => session.destroy());
  await soon("the settings", once(session, "remoteSettings"));
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
  return session;
}

const says = async (socket, data) => {
  const back = once(socket, "message");
  socket.send(data);
  const [got, binary] = await soon("an echo", back);
  return { got, binary };
};

async function conversation(t, front, node, from, scheme, seen) {
  const open = async (path = "/chat?room=1&x=%20") => {
    const socket = await clients[from](t, front, scheme, path);
    await soon("the socket at the server", (async () => { while (!seen.length) await new Promise(setImmediate); })());
    return { socket, other: seen.shift() };
  };

  const { socket, other } = await open();
  assert.equal(other.path, "/chat?room=1&x=%20");
  assert.equal(other.fields["x-forwarded-proto"], scheme === "tls" ? "https" : "http");
  if (node === "h1") {
    assert.equal(Buffer.from(other.fields["sec-websocket-key"], "base64").length, 16);
  } else {
    assert.equal(other.fields["sec-websocket-key"], undefined);
  }
  for (const text of ["", "hello", "ünïcödé ☂", "x".repeat(70_000)]) {
    const { got, binary } = await says(socket, text);
    assert.deepEqual([got.toString(), binary], [text, false]);
  }
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
    const data = noise(size);
    const { got, binary } = await says(socket, data);
    assert.deepEqual([hash(got), binary], [hash(data), true]);
  }
  const pong = once(socket, "pong");
  socket.ping("are you there");
  assert.equal(String((await soon("a pong", pong))[0]), "are you there");
  assert.deepEqual(other.pings, ["are you there"]);
  const reply = once(other.socket, "pong");
  other.socket.ping("and you");
  assert.equal(String((await soon("a pong", reply))[0]), "and you");

  // Many at once, in order.
  const got = [];
  const all = new Promise((resolve) => socket.on("message", (data) => { if (got.push(String(data)) === 1000) resolve(); }));
  for (let n = 0; n < 1000; n++) socket.send(`message ${n}`);
  await soon("1000 echoes", all);
  assert.deepEqual(got, Array.from({ length: 1000 }, (_, n) => `message ${n}`));

  // The client closes, then the server does, then one of them goes without a word.
  const closed = once(socket, "close");
  socket.close(4001, "enough");
  for (const end of [closed, other.closed]) {
    const [code, reason] = await soon("the end", end);
    assert.deepEqual([code, String(reason)], [4001, "enough"]);
  }
  const second = await open();
  const ended = once(second.socket, "close");
  second.socket.send("close 4002");
  assert.deepEqual((await soon("the end", ended)).map(String), ["4002", "as you like"]);
  assert.equal((await soon("the end", second.other.closed))[0], 4002);
  const third = await open();
  const gone = once(third.socket, "close");
  third.socket.on("error", () => {});
  third.socket.send("terminate");
  assert.equal((await soon("the end", gone))[0], 1006);
  const fourth = await open();
  fourth.socket.terminate();
  assert.equal((await soon("the end at the server", fourth.other.closed))[0], 1006);
}

for (const node of ["h1", "h2"]) {
  test(`to a server of ${node}`, async (t) => {
    const seen = [];
    const address = await servers[node](t, (each) => seen.push(each));
    const front = await weir(t, { pools: { app: { nodes: [address], protocol: node } } });
    for (const from of ["h1", "h2"]) {
      for (const scheme of ["clear", "tls"]) {
        await t.test(`by ${from} (${scheme})`, (inner) => conversation(inner, front, node, from, scheme, seen));
      }
    }
  });
}

test("what both ends compress", async (t) => {
  const seen = [];
  const address = await servers.h1(t, (each) => seen.push(each), { perMessageDeflate: { threshold: 0 } });
  const front = await weir(t, { pools: { app: { nodes: [address] } } });
  const socket = await clients.h1(t, front, "clear", "/");
  assert.match(socket.extensions, /permessage-deflate/);
  const text = "again and again ".repeat(100_000);
  assert.equal((await says(socket, text)).got.toString(), text);
});

test("many sockets on one connection", async (t) => {
  const seen = [];
  const address = await servers.h1(t, (each) => seen.push(each));
  const front = await weir(t, { pools: { app: { nodes: [address] } } });
  const session = await connect(t, front, "tls");
  await Promise.all(Array.from({ length: 100 }, async (_, n) => {
    const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": `/${n}`, ":authority": HOST, "sec-websocket-version": "13" },
      { endStream: false });
    await soon("the handshake", once(stream, "response"));
    const socket = on(stream, "client");
    for (let turn = 0; turn < 5; turn++) assert.equal((await says(socket, `${n} ${turn}`)).got.toString(), `${n} ${turn}`);
    const closed = once(socket, "close");
    socket.close(1000);
    assert.equal((await soon("the end", closed))[0], 1000);
  }));
  assert.equal(seen.length, 100);
});

test("servers that want no socket", async (t) => {
  const server = createServer();
  const sockets = new WebSocketServer({ server, verifyClient: (_, done) => done(false, 403, "Not you") });
  t.after(() => { sockets.close(); server.closeAllConnections(); server.close(); });
  const plain = http2.createServer((_, response) => response.end("plain"));
  t.after(() => plain.close());
  const nodes = [await listening(server), await listening(plain)];
  for (const [protocol, status] of [["h1", 403], ["h2", 502]]) {
    await t.test(`of ${protocol}`, async (inner) => {
      const front = await weir(inner, { pools: { app: { nodes: [nodes[protocol === "h1" ? 0 : 1]], protocol } } });
      const socket = new WebSocket(`ws://${front.clear}/`);
      const [error] = await soon("an error", once(socket, "error"));
      assert.match(error.message, new RegExp(`\\b${status}\\b`));
      const session = await connect(inner, front, "clear");
      const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/", ":authority": HOST, "sec-websocket-version": "13" });
      const [fields] = await soon("an answer", once(stream, "response"));
      assert.equal(fields[":status"], status);
      stream.resume();
      await soon("its end", once(stream, "close"));
    });
  }
});
