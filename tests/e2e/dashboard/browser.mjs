// Debian's chromium without a window, and pages that mind what no page of Weir may do: write errors to the console,
// or ask anybody but the admin port.
import { existsSync } from "node:fs";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const PATIENCE = 20_000 * Number(process.env.WEIR_E2E_SLOW ?? 1);  // milliseconds; a page that is well needs a hundredth
const PLACES = [process.env.WEIR_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch() {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  assert(executablePath, "there is no chromium: install Debian's package `chromium` (./dev test does), or name one in WEIR_CHROMIUM");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"] });
}

// Opens the dashboard and waits for its first event. `complaints` gathers what the page did wrong.
export async function open(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "UTC", locale: "en-GB", ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) page.complaints.push(message.text()); });
  page.on("pageerror", (error) => page.complaints.push(error.stack));
  page.on("request", (request) => { if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("data:")) page.complaints.push(`asked ${request.url()}`); });
  page.on("dialog", (dialog) => { page.complaints.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(`${origin}/`);
  await page.waitForFunction(() => window.weirDashboard?.world.events > 0);
  await page.waitForFunction(() => document.querySelector("#link span")?.textContent === "live");
  return page;
}
