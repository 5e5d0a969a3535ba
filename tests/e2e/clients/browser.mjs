// Chromium, and a page that comes to it through Weir.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import http2 from "node:http2";
import { after, before, test } from "node:test";
import { WebSocketServer } from "ws";
import { PATIENCE, launch } from "../dashboard/browser.mjs";
import { hash, listening, noise, weir, whole } from "./stage.mjs";

const PIECES = Array.from({ length: 50 }, (_, n) => noise(1000 + n * 2000));
const PIXEL = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
const PAGE = `<!doctype html><title>Behind Weir</title><link rel="icon" href="data:,">
${Array.from({ length: 50 }, (_, n) => `<img src="/image/${n}" alt="">`).join("\n")}`;

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

async function site(t, protocol, upgrades) {
  const server = (protocol === "h2" ? http2.createServer : createServer)(async (request, response) => {
    const [, kind, number] = request.url.split("/");
    response.setHeader("cache-control", "no-store");
    if (kind === "image") {
      response.setHeader("content-type", "image/gif");
      response.end(PIXEL);
    } else if (kind === "piece") {
      const piece = PIECES[Number(number)];
      response.setHeader("content-length", piece.length);
      response.end(piece);
    } else if (kind === "up") {
      response.end(hash(await whole(request)));
    } else if (kind === "events") {
      response.setHeader("content-type", "text/event-stream");
      for (let n = 0; n < 3; n++) response.write(`data: event ${n}\n\n`);
    } else {
      response.setHeader("content-type", "text/html");
      response.end(PAGE);
    }
  });
  const sessions = new Set();
  server.on("session", (session) => sessions.add(session));
  if (protocol === "h1") {
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket, request) => {
      upgrades.push(request.headers.via);
      socket.on("message", (data, binary) => socket.send(data, { binary }));
    });
  }
  t.after(() => { for (const each of sessions) each.destroy(); server.closeAllConnections?.(); server.close(); });
  return listening(server);
}

for (const protocol of ["h1", "h2"]) {
  test(`a page of a node of ${protocol}`, async (t) => {
    const upgrades = [];
    const front = await weir(t, { pools: { app: { nodes: [await site(t, protocol, upgrades)], protocol } } });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    const complaints = [];
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
    page.on("pageerror", (error) => complaints.push(error.stack));
    await page.goto(`https://${front.tls}/`, { waitUntil: "load" });

    // One that it left because of the certificate, and one that it took in spite of it.
    const connections = await front.metric("weir_listener_connections_total");
    assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
    assert(await page.evaluate(() => [...document.images].length === 50 && [...document.images].every((each) => each.naturalWidth === 1)), "all images are there");

    const got = await page.evaluate(async () => Promise.all(Array.from({ length: 50 }, async (_, n) => {
      const body = await (await fetch(`/piece/${n}`)).arrayBuffer();
      const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
      return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
    })));
    assert.deepEqual(got, PIECES.map(hash));
    assert(await page.evaluate(() => performance.getEntriesByType("resource").every((each) => each.nextHopProtocol === "h2")), "all came by HTTP/2");
    assert.equal(await front.metric("weir_listener_connections_total"), connections, "one connection served for all");

    const up = await page.evaluate(async () => (await fetch("/up", { method: "POST", body: new Uint8Array(3_000_000).fill(7) })).text());
    assert.equal(up, hash(Buffer.alloc(3_000_000, 7)));

    // A stream of events that the page closes.
    assert.equal(await page.evaluate(() => new Promise((resolve, reject) => {
      const events = new EventSource("/events");
      let count = 0;
      events.onmessage = ({ data }) => { if (++count === 3) { events.close(); resolve(data); } };
      events.onerror = () => reject(new Error("the stream of events broke"));
    })), "event 2");

    if (protocol === "h1") {
      const echoed = await page.evaluate(() => new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://${location.host}/chat`);
        socket.binaryType = "arraybuffer";
        socket.onopen = () => { socket.send("hello"); socket.send(new Uint8Array(1 << 20)); };
        const seen = [];
        socket.onmessage = ({ data }) => { if (seen.push(typeof data === "string" ? data : data.byteLength) === 2) socket.close(4000, "enough"); };
        socket.onclose = ({ code }) => resolve([...seen, code]);
        socket.onerror = () => reject(new Error("the socket failed"));
      }));
      assert.deepEqual(echoed, ["hello", 1 << 20, 4000]);
      // Chromium asks on its connection of HTTP/2 where that was announced, or makes one of HTTP/1.1.
      assert.equal(upgrades.length, 1);
      t.diagnostic(`the WebSocket came by HTTP/${upgrades[0].startsWith("2") ? "2 (extended CONNECT)" : "1.1"}: ${upgrades[0]}`);
    }
    assert.deepEqual(complaints, []);
  });
}
