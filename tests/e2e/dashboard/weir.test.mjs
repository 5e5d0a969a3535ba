// The page against a real Weir with its demo servers: WEIR_ADMIN is its admin port's origin, WEIR_TRAFFIC its listener's,
// WEIR_NODE the address of a demo server that may be failed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { poolRow, row, told, until } from "./page.mjs";

const { WEIR_ADMIN: admin, WEIR_TRAFFIC: traffic, WEIR_NODE: node } = process.env;
const SLOW = Number(process.env.WEIR_E2E_SLOW ?? 1);
let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

test("a node that is failed is shown draining, with its reason, within two seconds, and returns", async (t) => {
  const page = await open(browser, admin);
  await until(page, () => document.querySelectorAll(".row.node .word").length === 3 && [...document.querySelectorAll(".row.node .word")].every((each) => each.textContent === "up"));
  assert.match(await told(poolRow(page, "app")), /app round-robin · GET \/healthz every 200ms 3 of 3 eligible/);
  const slow = Array.from({ length: 6 }, () => fetch(`${traffic}/slow?ms=${5000 * SLOW}`).then((answer) => answer.text()));
  await until(page, () => weirDashboard.world.total.in_flight === 6);

  const start = performance.now();
  await fetch(`http://${node}/fail`, { method: "POST" });
  await until(page, (address) => [...document.querySelectorAll(".row.node.trouble")].some((each) =>
    each.querySelector(".name .mono").textContent === address && each.querySelector(".word").textContent === "down" &&
    /^draining \d · \d+ s$/.test(each.querySelector(".state .sub").textContent)), node);
  const noticed = performance.now() - start;
  t.diagnostic(`shown ${Math.round(noticed)} ms after it failed`);
  assert(noticed < 2000 * SLOW, `shown after ${noticed} ms`);
  assert.match(await told(row(page, node)), /GET \/healthz answered 500/);
  assert.match(await told(page.locator("#story li").first()), new RegExp(`^${node} [\\d:]+ app · health up → down GET /healthz answered 500`));
  assert.match(await told(poolRow(page, "app")), /2 of 3 eligible/);

  await Promise.all(slow);
  await until(page, () => weirDashboard.world.total.in_flight === 0);
  await fetch(`http://${node}/recover`, { method: "POST" });
  await until(page, () => !document.querySelector(".row.node.trouble"));
  assert.match(await told(page.locator("#story li").first()), /app · health down → up/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("traffic moves the figures; the configuration and a node's story are there", async () => {
  const page = await open(browser, admin);
  for (let n = 0; n < 60; n++) await (await fetch(`${traffic}/`)).text();
  await until(page, () => weirDashboard.world.total.rate > 0 && weirDashboard.world.slow.peak() > 0);
  await until(page, () => /\d ms/.test(document.querySelector(".row.node").textContent));
  assert.match(await told(page.locator("#version")), /^\d+\.\d+\.\d+/);
  assert.match(await told(page.locator("#listeners")), /idle \d+ reading \d+ active \d+ tunnel \d+ closing \d+ [\d,]+ accepted · [\d,]+ requests$/);
  await row(page, node).click();
  await until(page, () => document.querySelectorAll("#detail-story li").length >= 2);
  assert.match(await told(page.locator("#detail-check")), /^Passed: GET \/healthz answered 200$/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("c");
  await until(page, () => document.querySelector("#config-text").textContent.includes('"/healthz"'));
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
