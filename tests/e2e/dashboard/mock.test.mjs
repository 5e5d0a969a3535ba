// The page against an admin port made of numbers: what it shows, how it is used, what it stands.
import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { MockWeir } from "./mock_weir.mjs";
import { addresses, faint, focused, poolRow, row, told, until } from "./page.mjs";

const SLOW = Number(process.env.WEIR_E2E_SLOW ?? 1);
const SITE = [
  { name: "app", nodes: ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.10:8000"], rate: 300 },
  { name: "images", nodes: ["10.0.1.1:8000"], rate: 50, health: null },
];

let browser, mock, pages = [];
before(async () => { browser = await launch(); });
after(() => browser?.close());
beforeEach(() => { pages = []; });
afterEach(async () => {
  for (const page of pages) await page.context().close();
  await mock.close();
});

async function serve(shape = SITE, options) {
  mock = new MockWeir(shape, options);
  mock.tick();
  mock.tick();
  return mock.listen();
}
async function show(shape, options = {}) {
  const page = await open(browser, await serve(shape), options);
  pages.push(page);
  return page;
}
const clean = (page) => assert.deepEqual(page.complaints, []);

test("asks for a token where one is wanted, again where it is another, and keeps it for the tab alone", async () => {
  const origin = await serve();
  mock.token = "0123456789abcdef";
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  pages.push(page);
  await page.goto(`${origin}/`);
  const asks = page.locator("#token");
  const give = async (text) => { await page.locator("#token-text").fill(text); await page.keyboard.press("Enter"); };
  await asks.waitFor();
  assert.match(await told(asks), /admin\.token/);
  await page.keyboard.press("Escape");
  await asks.waitFor();
  assert.deepEqual(await faint(page), []);
  await give("wrong-wrong-wrong-wrong");
  await until(page, () => /another token/.test(document.querySelector("#token-note").textContent));
  await give(mock.token);
  await asks.waitFor({ state: "hidden" });
  await until(page, () => document.querySelector("#link span")?.textContent === "live");
  await row(page, "10.0.0.1:8000").click();
  await until(page, () => document.querySelector("#detail").open);
  assert.doesNotMatch(await told(page.locator("#detail-note")), /could not be read/);
  await page.reload();
  await until(page, () => document.querySelector("#link span")?.textContent === "live");
  assert(mock.requests.every((url) => !url.includes(mock.token)), mock.requests.join(" "));
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage)), "{}");
  mock.token = "fedcba9876543210";
  await page.keyboard.press("c");
  await asks.waitFor();
});

test("shows what the API tells", async () => {
  const page = await show();
  mock.step();
  await until(page, () => weirDashboard.world.events >= 2);
  assert.equal(await told(page.locator("#version")), "0.1.0");
  assert.equal(await told(page.locator("#uptime")), "1 d 2 h");
  assert.equal(await told(page.locator("#hash")), "9f2c41d7");
  assert.match(await told(page.locator("#tiles")), /Requests .*\d+ \/s .*Errors .*0 \/s none in the last 10 s p99 .* ms .*Eligible nodes 4 of 4 all take requests Connections .* open/);
  assert.match(await told(poolRow(page, "app")), /app round-robin · GET \/healthz every 2s 3 of 3 eligible/);
  assert.match(await told(poolRow(page, "images")), /round-robin · no health check 1 of 1 eligible/);
  assert.match(await told(row(page, "10.0.0.1:8000")), /^up 5 h 10\.0\.0\.1:8000 1 \d+ [\d.]+ 0 [\d.]+ ms [\d.]+ ms \d+ passed [\d.]+ ms$/);
  assert.match(await told(row(page, "10.0.1.1:8000")), /^unknown 1 d/);
  assert.match(await told(page.locator("#listeners")), /web \d+ open 0\.0\.0\.0:8080/);
  assert.equal(await page.locator("#story-empty").isVisible(), true);
  assert.equal(await page.title(), "Weir");
  clean(page);
});

test("tiers are told where there are several, and Weir's own overload while it lasts", async () => {
  const page = await show();
  mock.step();
  await until(page, () => weirDashboard.world.events >= 2);
  assert.doesNotMatch(await told(row(page, "10.0.0.1:8000")), /priority/);
  assert.equal(await told(page.locator("#overload")), "");
  mock.node("app", "10.0.0.2:8000").priority = 1;
  Object.assign(mock.node("app", "10.0.0.10:8000"), { priority: null, backup: true });
  mock.overload = 2;
  mock.step();
  await until(page, () => document.querySelector("#overload").textContent === "overload level 2 of 3");
  assert.match(await told(row(page, "10.0.0.1:8000")), /10\.0\.0\.1:8000 priority 0 1 /);
  assert.match(await told(row(page, "10.0.0.2:8000")), /10\.0\.0\.2:8000 priority 1 1 /);
  assert.doesNotMatch(await told(row(page, "10.0.1.1:8000")), /priority/);
  assert.deepEqual(await faint(page), []);
  mock.fail(mock.node("app", "10.0.0.10:8000"));
  mock.overload = 0;
  mock.step();
  await until(page, () => document.querySelector("#overload").textContent === "");
  assert.match(await told(row(page, "10.0.0.10:8000")), /backup · GET \/healthz answered 503/);
  await page.locator("#filter").fill("backup");
  await until(page, () => document.querySelectorAll(".row.node").length === 1);
  await row(page, "10.0.0.10:8000").click();
  await until(page, () => /app · weight 1 · backup · not eligible/.test(document.querySelector("#detail-pool").textContent));
  clean(page);
});

test("a node that fails drains with its reason, first in its pool, and returns", async () => {
  const page = await show();
  const node = mock.node("app", "10.0.0.10:8000");
  node.held = 3;
  mock.fail(node);
  mock.step();
  await until(page, () => document.querySelector(".row.node.trouble"));
  assert.match(await told(row(page, "10.0.0.10:8000")), /^down draining 3 · 1 s 10\.0\.0\.10:8000 GET \/healthz answered 503 1 3 /);
  assert.deepEqual((await addresses(page)).slice(0, 3), ["10.0.0.10:8000", "10.0.0.1:8000", "10.0.0.2:8000"]);
  assert.match(await told(poolRow(page, "app")), /2 of 3 eligible/);
  assert.match(await told(page.locator("#story")), /^10\.0\.0\.10:8000 \d\d:\d\d:\d\d app · health up → down GET \/healthz answered 503$/);
  assert.match(await page.locator("#heard").textContent(), /10\.0\.0\.10:8000 of app: health down, GET \/healthz answered 503/);
  assert.equal(await page.title(), "(1) Weir");
  node.held = 0;
  mock.step();
  await until(page, () => document.querySelector(".row.node.trouble .state .sub").textContent === "2 s");

  mock.pass(node);
  mock.step();
  await until(page, () => !document.querySelector(".row.node.trouble"));
  assert.match(await told(row(page, "10.0.0.10:8000")), /^up/);
  assert.deepEqual((await addresses(page)).slice(0, 3), ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.10:8000"]);
  assert.equal(await page.locator("#story li").count(), 2);
  assert.equal(await page.title(), "Weir");
  clean(page);
});

test("each word of a node has its own sign and text", async () => {
  const page = await show();
  mock.turn(mock.node("app", "10.0.0.1:8000"), "operator", "drain", "kernel update");
  mock.turn(mock.node("app", "10.0.0.2:8000"), "ejection", "ejected", "5 answers of 5xx in a row");
  mock.turn(mock.node("app", "10.0.0.10:8000"), "ejection", "probation", "30 s are over");
  mock.step();
  await until(page, () => document.querySelectorAll("#story li").length === 3);
  const signs = await page.evaluate(() => [...document.querySelectorAll(".row.node .state")].slice(0, 3).map((cell) =>
    `${cell.querySelector("use").getAttribute("href")} ${cell.querySelector(".word").textContent}`));
  assert.deepEqual(signs, ["#i-bad ejected", "#i-held operator drain", "#i-wait probation"]);
  mock.fail(mock.node("app", "10.0.0.1:8000"), "connect refused");
  mock.step();
  await until(page, () => document.querySelector(".row.node .word").textContent === "down · operator drain");
  mock.turn(mock.node("app", "10.0.0.1:8000"), "agent", "maint", "its answer to a check says so");
  mock.step();
  await until(page, () => document.querySelector(".row.node .word").textContent === "down · operator drain · says maint");
  clean(page);
});

test("a node at its limit is full, and not counted as one that is away", async () => {
  const page = await show();
  Object.assign(mock.node("app", "10.0.0.1:8000"), { eligible: false, full: true, held: 5, max_in_flight: 5, adaptive: true, max_connections: 9 });
  mock.step();
  await until(page, () => [...document.querySelectorAll(".row.node .word")].some((word) => word.textContent === "full"));
  const said = await told(row(page, "10.0.0.1:8000"));
  assert.match(said, /^full/);
  assert.match(said, /it has as much as its limits allow/);
  assert.match(said, /5\/~5/);
  assert.doesNotMatch(said, /draining/);
  assert.equal(await page.title(), "Weir");
  clean(page);
});

test("what the server sends stays text", async () => {
  const evil = `<img src=x onerror="window.hit=1"><script>window.hit=1</script>&amp;"'`;
  const page = await show([{ name: `pool ${evil}`, nodes: [`10.0.0.1:1${evil}`, "__proto__", "x".repeat(4000)], rate: 10, health: evil, strategy: evil }]);
  const before = await page.locator("img, script").count();
  mock.config = mock.version = evil;
  mock.fail(mock.node(`pool ${evil}`, `10.0.0.1:1${evil}`), evil);
  mock.fail(mock.node(`pool ${evil}`, "__proto__"), `javascript:alert(1) ${"long ".repeat(3000)}`);
  mock.step();
  await until(page, () => document.querySelectorAll(".row.node.trouble").length === 2);
  await page.locator(".row.node").first().click();
  await until(page, () => document.querySelector("#detail").open && document.querySelectorAll("#detail-story li").length > 0);
  assert.equal(await page.locator("#detail-title").textContent(), `10.0.0.1:1${evil}`);
  assert.equal(await page.locator(".row.node.trouble .name .sub").first().textContent(), evil);
  assert.equal(await page.locator("img, script").count(), before);
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  clean(page);
});

test("pools without nodes or traffic, and nonsense instead of figures", async () => {
  const page = await show([{ name: "empty", nodes: [] }, { name: "calm", nodes: 2, rate: 0 }]);
  assert.match(await told(poolRow(page, "empty")), /no nodes yet/);
  assert.match(await told(poolRow(page, "calm")), /2 of 2 eligible \d* ?0 0 – – 0$/);
  const shown = mock.take();
  Object.assign(shown.pools[1].nodes[0], { rate: "1e999", errors: null, p50_ms: {}, operator: null, health: undefined, connections: null, last_check: {}, weight: -1 });
  shown.pools[0].nodes = undefined;
  shown.pools.push({});
  await page.evaluate((state) => { weirDashboard.take(state); weirDashboard.ask(1); }, shown);
  await until(page, () => document.querySelectorAll(".row.pool").length === 3);
  clean(page);
});

test("the list of transitions is walked by arrows, and stays where it is when one comes in", async () => {
  const page = await show();
  const nodes = mock.pools[0].nodes;
  for (const node of nodes) { mock.fail(node); mock.tick(); }
  mock.send();
  await until(page, () => document.querySelectorAll("#story li").length === 3);
  await page.locator("#story button").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  const at = () => page.evaluate(() => document.activeElement.querySelector(".mono").textContent);
  assert.equal(await at(), nodes[1].address);
  mock.pass(nodes[0]);
  mock.step();
  await until(page, () => document.querySelectorAll("#story li").length === 4);
  assert.equal(await at(), nodes[1].address);
  assert.equal(await page.locator('#story [tabindex="0"]').count(), 1);
  for (let n = 0; n < 60; n++) { mock.fail(nodes[2], `reason ${n}`); mock.tick(); if (n % 10 === 9) mock.send(); }
  await until(page, () => document.querySelector("#story .why").textContent === "reason 59");
  assert(await page.locator("#story li").count() <= 50);
  await page.locator("#story button").first().focus();
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("#detail-title").textContent === "10.0.0.10:8000" && document.querySelectorAll("#detail-story li").length === 16);
  clean(page);
});

test("filters, sorts, folds", async () => {
  const page = await show();
  await page.keyboard.press("/");
  await page.keyboard.type("app 10.0.0.1");
  await until(page, () => document.querySelectorAll(".row.node").length === 2);
  assert.match(await told(poolRow(page, "app")), /2 nodes match/);
  await page.keyboard.type("zzz");
  await until(page, () => document.querySelector("#none-text").textContent === "No node matches");
  await page.keyboard.press("Escape");
  await until(page, () => document.querySelectorAll(".row.node").length === 4);

  mock.turn(mock.node("app", "10.0.0.2:8000"), "operator", "down", "");
  mock.step();
  await until(page, () => document.querySelector("#only-count").textContent === "1");
  await page.locator("#only").click();
  await until(page, () => document.querySelectorAll(".row.node").length === 1);
  await page.locator("#only").click();
  await until(page, () => document.querySelectorAll(".row.node").length === 4);

  await page.getByRole("columnheader", { name: "Node" }).getByRole("button").click();
  await until(page, () => [...document.querySelectorAll(".row.node .name .mono")].slice(0, 3).map((each) => each.textContent).join() === "10.0.0.1:8000,10.0.0.2:8000,10.0.0.10:8000");
  await page.getByRole("columnheader", { name: "Node" }).getByRole("button").click();
  await until(page, () => document.querySelector(".row.node .mono").textContent === "10.0.1.1:8000");
  assert.equal(await page.getByRole("columnheader", { name: "Node" }).getAttribute("aria-sort"), "descending");
  await page.getByRole("columnheader", { name: "Rate" }).getByRole("button").click();
  await until(page, () => {
    const rates = [...document.querySelectorAll(".row.node")].slice(0, 3).map((each) => each.item.state.rate);
    return rates.every((rate, at) => !at || rates[at - 1] >= rate);
  });

  await poolRow(page, "app").click();
  await until(page, () => document.querySelectorAll(".row.node").length === 1);
  assert.equal(await poolRow(page, "app").getAttribute("aria-expanded"), "false");
  await page.locator("#fold").click();
  await until(page, () => document.querySelectorAll(".row.node").length === 0);
  await page.locator("#fold").click();
  await until(page, () => document.querySelectorAll(".row.node").length === 4);
  clean(page);
});

test("everything is reached by Tab, and shows that it has the focus", async () => {
  const page = await show();
  mock.fail(mock.node("app", "10.0.0.2:8000"));
  mock.step();
  await until(page, () => document.querySelectorAll("#story li").length === 1);
  const seen = [];
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement, style = getComputedStyle(element);
      if (element === document.body) return null;
      return { name: element.id || element.closest("[role=columnheader]")?.dataset.key || element.getAttribute("role") || element.parentNode.tagName, ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 };
    });
    if (!at) break;
    assert.equal(at.ring, true, `${at.name} has no visible focus`);
    seen.push(at.name);
  }
  assert.deepEqual(seen, ["open-config", "theme", "open-keys", "filter", "only", "fold",
    "state", "address", "weight", "in_flight", "rate", "errors", "p50_ms", "p99_ms", "connections", "check", "row", "LI"]);
  clean(page);
});

test("keys walk the nodes, open and close one, and say what they do", async () => {
  const page = await show();
  const node = mock.node("app", "10.0.0.2:8000");
  for (let times = 0; times < 3; times++) { mock.fail(node, `GET /healthz answered ${501 + times}`); mock.tick(); mock.pass(node); mock.tick(); }
  mock.send();
  await until(page, () => document.querySelectorAll("#story li").length === 6);
  await page.keyboard.press("j");
  assert.equal(await focused(page), "app");
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page), "10.0.0.2:8000");
  await page.keyboard.press("k");
  await page.keyboard.press("End");
  assert.equal(await focused(page), "10.0.1.1:8000");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await until(page, () => document.querySelectorAll(".row.node").length === 1);
  assert.equal(await focused(page), "app");
  await page.keyboard.press("ArrowRight");
  await until(page, () => document.querySelectorAll(".row.node").length === 4);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("#detail").open && document.querySelectorAll("#detail-story li").length === 6);
  assert(mock.requests.includes("/api/pools/app"));
  assert.equal(await told(page.locator("#detail-title")), "10.0.0.2:8000");
  assert.match(await told(page.locator("#detail-words")), /operator active for 1 d health up for \d s 2 checks passed ejection none for 1 d agent up for 1 d/);
  await page.keyboard.press("j");
  await until(page, () => document.querySelector("#detail-title").textContent === "10.0.0.10:8000");
  await page.keyboard.press("Escape");
  await until(page, () => !document.querySelector("#detail").open);
  assert.equal(await focused(page), "10.0.0.10:8000");
  mock.step();  // a new second leaves the focus where it is
  await until(page, () => weirDashboard.world.events >= 3);
  assert.equal(await focused(page), "10.0.0.10:8000");
  await page.keyboard.press("?");
  assert.match(await told(page.locator("#keys")), /collapse or expand a pool/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("c");
  await until(page, () => document.querySelector("#config-text").textContent.includes('"strategy": "round-robin"'));
  assert.deepEqual(JSON.parse(await page.locator("#config-text").textContent()), mock.settings());
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator("#copy").click();
  await until(page, () => document.querySelector("#copy").textContent === "Copied");
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), mock.settings());
  clean(page);
});

test("a node that leaves while it is looked at stays readable; a new configuration is read anew", async () => {
  const page = await show();
  await row(page, "10.0.0.2:8000").click();
  mock.pools[0].nodes.splice(1, 1);
  mock.step();
  await until(page, () => !document.querySelector("#detail-gone").hidden);
  await page.keyboard.press("Escape");
  await until(page, () => document.querySelectorAll(".row.node").length === 3);
  await page.keyboard.press("c");
  await until(page, () => document.querySelector("#config-text").textContent !== "");
  mock.config = "next";
  mock.step();
  await until(page, () => document.querySelector("#config-note").textContent.includes("next"));
  assert.equal(mock.requests.filter((path) => path === "/api/config").length, 2);
  clean(page);
});

for (const colorScheme of ["light", "dark"]) {
  test(`${colorScheme}: as the system has it, every text readable; the other one is remembered`, async () => {
    const page = await show(SITE, { colorScheme });
    mock.fail(mock.node("app", "10.0.0.1:8000"));
    mock.turn(mock.node("app", "10.0.0.2:8000"), "operator", "drain", "kernel update");
    mock.turn(mock.node("app", "10.0.0.10:8000"), "ejection", "probation", "30 s are over");
    mock.step();
    await until(page, () => document.querySelectorAll("#story li").length === 3);
    const dark = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor === "rgb(14, 19, 24)");
    assert.equal(await dark(), colorScheme === "dark");
    await page.emulateMedia({ reducedMotion: "reduce", colorScheme });
    assert.deepEqual(await faint(page), []);
    await page.keyboard.press("t");
    assert.equal(await dark(), colorScheme !== "dark");
    await page.reload();
    await until(page, () => weirDashboard.world.events > 0);
    assert.equal(await dark(), colorScheme !== "dark");
    await page.locator("#theme").click();
    assert.equal(await dark(), colorScheme === "dark");
    assert.equal(await page.evaluate(() => localStorage.length), 0);
    clean(page);
  });
}

for (const width of [320, 390, 768, 1100]) {
  test(`${width} pixels are enough`, async () => {
    const page = await show(SITE, { viewport: { width, height: 844 }, isMobile: width < 700, hasTouch: width < 700 });
    mock.fail(mock.node("app", "10.0.0.2:8000"), "GET /healthz answered 503 after much too long a time that goes on and on");
    mock.step();
    await until(page, () => weirDashboard.world.story.length === 1 && document.querySelector("#story li"));
    const over = () => page.evaluate(() => [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility() && !each.closest("svg, .unseen, .cut") && each.getBoundingClientRect().right > innerWidth + 0.5).map((each) => each.className || each.tagName));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    assert.deepEqual(await over(), []);
    await row(page, "10.0.0.2:8000").click();
    await until(page, () => document.querySelector("#detail").open);
    assert.deepEqual(await over(), []);
    clean(page);
  });
}

test("an admin port that is gone is said, and found again", async () => {
  const page = await show();
  mock.fail(mock.node("app", "10.0.0.1:8000"));
  mock.step();
  await until(page, () => document.querySelectorAll("#story li").length === 1);
  const port = mock.port;
  await mock.vanish();
  await until(page, () => ["reconnecting", "lost"].includes(document.querySelector("#link span").textContent));
  const later = (ms) => page.evaluate((by) => { const now = performance.now.bind(performance); performance.now = () => now() + by; }, ms);
  await later(4000);
  await until(page, () => /Weir does not answer\. This is the state of \d\d:\d\d:\d\d/.test(document.querySelector("#notice").innerText));
  await later(7000);
  await until(page, () => document.querySelector("#link span").textContent === "lost");
  mock.now += 12_000;
  await mock.listen(port);
  await until(page, () => document.querySelector("#link span").textContent === "live");
  await until(page, () => document.querySelector("#notice").hidden);
  assert.equal(await page.locator("#story li").count(), 1);
  assert.equal(await page.evaluate(() => Number.isNaN(weirDashboard.world.rates.values[(weirDashboard.world.second - 5) % 120])), true);
  assert.deepEqual(page.complaints.filter((each) => !each.includes("Failed to load resource")), []);
});

// What an event costs the page's thread, in milliseconds of processor time (the quickest quarter of many: whoever shares
// the processor costs time as well), and how often it was laid out for it.
async function cost(page, events, happen) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const read = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  const costs = [];
  for (let n = 0; n < events; n++) {
    happen(n);
    const seen = await page.evaluate(() => weirDashboard.world.events);
    const before = await read();
    mock.step();
    // Seldom asked, so that asking costs little.
    await page.waitForFunction((known) => weirDashboard.world.events > known, seen, { timeout: 60_000, polling: 200 });
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))));
    const now = await read(), ms = (name) => (now[name] - before[name]) * 1000;
    const made = { script: ms("ScriptDuration"), style: ms("RecalcStyleDuration"), layout: ms("LayoutDuration") };
    costs.push({ ...made, all: made.script + made.style + made.layout, layouts: now.LayoutCount - before.LayoutCount });
  }
  return costs.sort((a, b) => a.all - b.all)[Math.floor(events / 4)];
}

// The limits leave room for a machine that is busy with other tests; by itself one needs a fraction of it.
for (const [nodes, pools, limit] of [[1000, 1, 60], [1000, 100, 60], [10000, 4, 600]]) {
  test(`${nodes} nodes in ${pools} pools stay fluid`, async (t) => {
    const page = await show(Array.from({ length: pools }, (_, n) => ({ name: `pool-${n}`, nodes: nodes / pools, rate: 900 })));
    const spent = await cost(page, nodes > 1000 ? 4 : 16, (n) => {
      const pool = mock.pools[n % pools], node = pool.nodes[(n * 7) % pool.nodes.length];
      if (node.failing) mock.pass(node);
      else mock.fail(node);
    });
    t.diagnostic(`${nodes} nodes in ${pools} pools: an event costs ${["script", "style", "layout", "all"].map((part) => `${part} ${spent[part].toFixed(1)} ms`).join(", ")}, ${spent.layouts} layouts`);
    assert(spent.all < limit * SLOW, `an event costs ${spent.all.toFixed(1)} ms`);
    assert(spent.layouts <= 3, `an event is laid out ${spent.layouts} times`);
    assert(await page.locator(".row").count() < 60, "only rows in view are elements");
    await page.locator("#grid .row").first().focus();
    await page.keyboard.press("End");
    await until(page, () => document.activeElement.item === weirDashboard.list.rows.at(-1));
    const seen = await page.evaluate(() => document.activeElement.getBoundingClientRect().bottom <= innerHeight && document.activeElement.getAttribute("aria-rowindex") === document.querySelector("#grid").getAttribute("aria-rowcount"));
    assert(seen, "the last row is in view");
    clean(page);
  });
}
