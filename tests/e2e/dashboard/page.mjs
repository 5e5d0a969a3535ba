// What the tests ask of an open dashboard.

import { PATIENCE } from "./browser.mjs";

// The row of a node, as it stands in the list.
export const row = (page, address) => page.locator(".row.node").filter({ has: page.locator(".name .mono", { hasText: address }) });
export const poolRow = (page, name) => page.locator(".row.pool").filter({ has: page.locator(".name", { hasText: name }) });
export const told = async (locator) => (await locator.innerText()).replace(/\s+/g, " ").trim();

// Waits until `check` says yes inside the page, looking at each frame.
export const until = (page, check, argument, timeout = PATIENCE) => page.waitForFunction(check, argument, { timeout, polling: "raf" });

export const addresses = (page) => page.locator(".row.node .name .mono").allInnerTexts();
export const focused = (page) => page.evaluate(() => {
  const at = document.activeElement, row = at.closest(".row");
  return (row?.querySelector(".name .mono") ?? row?.querySelector(".name"))?.textContent ?? at.id;
});

// The texts in view whose contrast with what lies behind them is under WCAG's AA (4.5, or 3 for large ones).
export const faint = (page) => page.evaluate(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (rgb) => {
    const [r, g, b] = [...rgb].slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const ground = rgba(getComputedStyle(at).backgroundColor);
      if (ground[3] === 255) return ground;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!own || !element.checkVisibility() || element.closest("svg, script, style, .unseen")) continue;
    const style = getComputedStyle(element), a = light(rgba(style.color)), b = light(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) found.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
});
