// Makes the README's pictures of the dashboard anew: node tests/e2e/dashboard/pictures.mjs [FOLDER]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, open } from "./browser.mjs";
import { site } from "./scenes.mjs";

const folder = process.argv[2] ?? new URL("../../../docs/images", import.meta.url).pathname;
const desk = { viewport: { width: 1280, height: 820 } }, phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const PICTURES = {
  "dashboard-light": { ...desk, colorScheme: "light" },
  "dashboard-dark": { ...desk, colorScheme: "dark" },
  "dashboard-phone": { ...phone, colorScheme: "light", deviceScaleFactor: 1.5 },
};

mkdirSync(folder, { recursive: true });
const browser = await launch(), mock = site(), origin = await mock.listen();
for (const [name, options] of Object.entries(PICTURES)) {
  const page = await open(browser, origin, { ...options, reducedMotion: "reduce" });
  await page.waitForFunction(() => document.querySelectorAll(".row.node.trouble").length > 0);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.context().close();
}
await browser.close();
await mock.close();
