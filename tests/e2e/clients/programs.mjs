// Programs: curl of each version, nghttp, h2load, openssl s_client.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HOST, PATIENCE, certificate, hash, listening, noise, soon, weir, whole } from "./stage.mjs";

const UP = noise(5_000_000);
const DOWN = noise(5_000_000);

async function node(t, protocol) {
  // By default node refuses more streams than it has 10 MB for.
  const server = (protocol === "h2" ? (listener) => http2.createServer({ maxSessionMemory: 1000 }, listener) : createServer)(async (request, response) => {
    response.setHeader("x-by", protocol);
    if (request.url === "/down") { response.end(DOWN); return; }
    const body = await whole(request);
    response.end(body.length ? hash(body) : "hello");
  });
  const sessions = new Set();
  server.on("session", (session) => sessions.add(session));
  t.after(() => { for (const each of sessions) each.destroy(); server.closeAllConnections?.(); server.close(); });
  return listening(server);
}

// What a program says, once it ends well.
function run(program, args) {
  return new Promise((resolve, reject) => execFile(program, args, { timeout: PATIENCE, maxBuffer: 1 << 26 }, (error, out, err) =>
    error ? reject(new Error(`${program} ${args.join(" ")}: ${error.message}\n${out}\n${err}`)) : resolve({ out, err })));
}

const folder = (t) => {
  const made = mkdtempSync(join(tmpdir(), "weir-programs-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
};

for (const protocol of ["h1", "h2"]) {
  test(`a node of ${protocol}`, async (t) => {
    const front = await weir(t, { pools: { app: { nodes: [await node(t, protocol)], protocol } } });
    const port = front.tls.split(":")[1];
    const secure = ["--cacert", certificate.cert, "--resolve", `${HOST}:${port}:127.0.0.1`];
    const files = folder(t);
    const [up, down] = [join(files, "up"), join(files, "down")];
    writeFileSync(up, UP);

    for (const [name, origin, args, version] of [
      ["--http1.1", `http://${front.clear}`, ["--http1.1"], "1.1"],
      ["--http1.1 over TLS", `https://${HOST}:${port}`, ["--http1.1", ...secure], "1.1"],
      ["--http2 over TLS", `https://${HOST}:${port}`, ["--http2", ...secure], "2"],
      ["--http2-prior-knowledge", `http://${front.clear}`, ["--http2-prior-knowledge"], "2"],
      ["--http2 in clear, which asks for an upgrade", `http://${front.clear}`, ["--http2"], "1.1"],
    ]) {
      if (protocol === "h2" && name.includes("clear")) continue;  // that is between curl and Weir alone
      await t.test(`curl ${name}`, async () => {
        const all = ["-sS", "--fail", "--max-time", String(PATIENCE / 1000), "-w", "%{http_version} %{num_connects} ", ...args];
        assert.match((await run("curl", [...all, "-o", down, `${origin}/down`])).out, new RegExp(`^${version.replace(".", "\\.")} `));
        assert.equal(hash(readFileSync(down)), hash(DOWN));
        assert.equal((await run("curl", [...all, "--data-binary", `@${up}`, "-w", "", `${origin}/up`])).out, hash(UP));
        // Of no length that is known: chunked in HTTP/1.1.
        const piped = spawn("curl", [...all, "-T", "-", "-w", "", `${origin}/up`], { stdio: ["pipe", "pipe", "inherit"] });
        piped.stdin.end(UP);
        assert.equal(String(await soon("curl", whole(piped.stdout))), hash(UP));
        if (name === "--http2-prior-knowledge") return;  // Debian's curl 7.88 cannot use such a connection again
        // One connection for several.
        const many = Array.from({ length: 10 }, (_, n) => ["-o", join(files, String(n)), `${origin}/${n}`]).flat();
        const { out } = await run("curl", [...all, ...many]);
        assert.deepEqual(out.trim().split(" ").filter((_, n) => n % 2), ["1", ...Array(9).fill("0")]);
        assert.equal(readFileSync(join(files, "9"), "utf8"), "hello");
      });
    }

    await t.test("curl -Z over HTTP/2: many downloads at once on one connection", async () => {
      const many = Array.from({ length: 5 }, (_, n) => ["-o", join(files, String(n)), `https://${HOST}:${port}/down`]).flat();
      await run("curl", ["-sS", "--fail", "--http2", "-Z", ...secure, ...many]);
      for (let n = 0; n < 5; n++) assert.equal(hash(readFileSync(join(files, String(n)))), hash(DOWN));
    });

    await t.test("nghttp", async () => {
      for (const origin of [`http://${front.clear}`, `https://${front.tls}`]) {
        const { out } = await run("nghttp", ["-ns", "-m", "4", `${origin}/down`, `${origin}/x`]);
        const statuses = [...out.matchAll(/\s(\d{3})\s+\S+\s+\/(?:down|x)/g)].map((each) => each[1]);
        assert.equal(statuses.length, 8, out);
        assert(statuses.every((each) => each === "200"), out);
        assert.match((await run("nghttp", ["-d", up, `${origin}/up`])).out, new RegExp(hash(UP)));
      }
    });

    await t.test("h2load, with bodies", async () => {
      const body = join(files, "body");
      writeFileSync(body, UP.subarray(0, 20_000));
      for (const [origin, args] of [[`http://${front.clear}`, []], [`https://${front.tls}`, []], [`http://${front.clear}`, ["--h1"]]]) {
        const { out } = await run("h2load", ["-n200", "-c5", "-m10", "-d", body, ...args, `${origin}/up`]);
        assert.match(out, /200 succeeded, 0 failed, 0 errored/);
        assert.match(out, /status codes: 200 2xx/);
      }
    });

    if (protocol === "h1") await t.test("openssl s_client", async () => {
      const talk = (args, text) => new Promise((resolve) => {
        const it = spawn("openssl", ["s_client", "-connect", front.tls, "-servername", HOST, "-CAfile", certificate.cert, "-verify_return_error", ...args]);
        let said = "";
        it.stdout.on("data", (piece) => { said += piece; });
        it.stderr.on("data", () => {});
        it.on("close", (code) => resolve({ code, said }));
        it.stdin.end(text);
      });
      for (const version of ["-tls1_2", "-tls1_3"]) {
        const h2 = await soon("openssl", talk(["-alpn", "h2,http/1.1", version], ""));
        assert.match(h2.said, /ALPN protocol: h2/);
        assert.match(h2.said, /Verify return code: 0/);
        const h1 = await soon("openssl", talk(["-alpn", "http/1.1", "-ign_eof", version], `GET /x HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`));
        assert.match(h1.said, /ALPN protocol: http\/1\.1/);
        assert.match(h1.said, /HTTP\/1\.1 200 OK[^]*hello/);
        const none = await soon("openssl", talk(["-ign_eof", version], `GET /x HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`));
        assert.match(none.said, /No ALPN negotiated[^]*HTTP\/1\.1 200 OK/);
      }
    });
  });
}
