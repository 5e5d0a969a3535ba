// What the scripts have in common: Weirs, which node_clients.py starts at the other end of descriptor 3, and waiting.
// A Weir that a test starts ends with it, and must end well.
import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const SLOW = Number(process.env.WEIR_E2E_SLOW ?? 1);
export const PATIENCE = 10_000 * SLOW;  // milliseconds; what is well needs a hundredth

const place = (name) => fileURLToPath(new URL(`../../tls/${name}`, import.meta.url));
export const certificate = { cert: place("a-ecdsa.pem"), key: place("a-ecdsa.key") };  // a.test's
export const authority = readFileSync(certificate.cert);
export const HOST = "a.test";
// A listener in clear, and one over TLS.
export const LISTENERS = [{ address: "127.0.0.1:0" }, { address: "127.0.0.1:0", tls: { certificates: [certificate] } }];

const stage = new Socket({ fd: 3 });
const answers = createInterface({ input: stage })[Symbol.asyncIterator]();
stage.unref();
let turn = Promise.resolve();

function ask(question) {
  const mine = turn.then(async () => {
    stage.ref();
    stage.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await answers.next();
    stage.unref();
    assert(!done, "nobody starts Weirs: these scripts are run by test_*.py");
    const answer = JSON.parse(value);
    assert(!answer.error, answer.error);
    return answer;
  });
  turn = mine.catch(() => {});
  return mine;
}

// A Weir with these settings (harness.config's, and a listener in clear and one over TLS), for one test.
export async function weir(t, settings) {
  const { weir: id, addresses } = await ask({ what: "start", settings: { listeners: LISTENERS, ...settings } });
  let stopped;
  const made = {
    clear: addresses[0],
    tls: addresses[1],
    heard: (pattern, count = 1) => ask({ what: "wait", weir: id, pattern, count }),
    // A metric, summed over its labels.
    async metric(name) {
      const [admin] = (await made.heard(/admin port on (\S+)/.source)).lines;
      const text = await (await fetch(`http://${admin}/metrics`)).text();
      return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))].reduce((sum, each) => sum + Number(each[1]), 0);
    },
    signal: (name) => ask({ what: "signal", weir: id, name }),
    stop: () => stopped ??= ask({ what: "stop", weir: id }),
  };
  t.after(async () => assert.deepEqual((await made.stop()).complaints, []));
  return made;
}

// Settles as `promise` does, or fails by name where that takes too long.
export async function soon(what, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE); });
  try { return await Promise.race([promise, late]); } finally { clearTimeout(timer); }
}

export function listening(server) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(`127.0.0.1:${server.address().port}`));
  });
}

export const noise = (size) => randomFillSync(Buffer.alloc(size));
export const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

export async function whole(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
