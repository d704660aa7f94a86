// What the tests of the report page share: Debian's Chromium, and a page that must not complain or ask the network.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const root = new URL("../../", import.meta.url);
const { chromium } = createRequire(new URL("ui/report/package.json", root))("playwright-core");

export const REPORTS = process.env.ONNXSLIM_REPORTS; // the folder of the pages
const FLAGS =
  "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
export const PATIENCE = 60_000; // a machine may be busy

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS.split(" "), timeout: PATIENCE });

/** Waits until the page shows what it was told: effects run behind the next frame. */
const settled = (page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)))));

/** Makes every input of a kind wait for what it does. */
function settling(page, device, name) {
  const act = device[name].bind(device);
  device[name] = async (...input) => {
    await act(...input);
    await settled(page);
  };
}

/** Opens a report; `check()` says what went wrong on the page since. */
export async function open(browser, name, { hash = "", ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  await context.setOffline(true);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  for (const name of ["click", "fill"]) settling(page, page, name);
  settling(page, page.keyboard, "press");
  settling(page, page.mouse, "click");
  const complaints = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(String(e)));
  page.on("dialog", (d) => complaints.push(`dialog: ${d.message()}`) && d.dismiss());
  const address = pathToFileURL(`${REPORTS}/${name}.html`).href;
  page.on("request", (r) => {
    if (!r.url().startsWith("blob:") && r.url().split("#")[0] !== address) complaints.push(`request: ${r.url()}`);
  });
  await page.goto(address + hash);
  await page.waitForSelector("main, .empty");
  if (hash === "#graph") await laidOut(page);
  return { page, check: () => assert.deepEqual(complaints, []) };
}

export const laidOut = (page) =>
  page.waitForFunction(() => document.querySelector("canvas.graph") && !document.querySelector('[aria-busy="true"]'));

/** The report as the page holds it. */
export const data = (page) => page.evaluate(() => JSON.parse(document.getElementById("data").textContent));

/** Where a node is on the page, once it is drawn; null: not drawn. */
export const placeOf = (page, side, id) =>
  page.evaluate(
    ([side, id]) => {
      const view = window.onnxslimViews[side];
      const place = view.placeOf(view.tree.itemOf.get(id));
      const area = view.canvas.getBoundingClientRect();
      return place && { x: place.x + area.x, y: place.y + area.y, width: place.width, height: place.height };
    },
    [side, id],
  );

export async function clickNode(page, side, id) {
  const place = await placeOf(page, side, id);
  assert.ok(place, `node ${id} is not drawn`);
  await page.mouse.click(place.x + place.width / 2, place.y + place.height - 3);
}

/** The ids of the nodes that stand out, as soon as there are any. */
export async function emphasized(page, side) {
  await page.waitForFunction((side) => window.onnxslimViews?.[side]?.emphasized.size > 0, side);
  return page.evaluate((side) => [...window.onnxslimViews[side].emphasized].sort((a, b) => a - b), side);
}

/** The colour of a graph's canvas at a place of the page. */
export const colorAt = (page, side, x, y) =>
  page.evaluate(
    ([side, x, y]) => {
      const view = window.onnxslimViews[side];
      view.paint();
      const area = view.canvas.getBoundingClientRect();
      const scale = view.canvas.width / area.width;
      return [...view.canvas.getContext("2d").getImageData((x - area.x) * scale, (y - area.y) * scale, 1, 1).data.slice(0, 3)];
    },
    [side, x, y],
  );

/** WCAG's contrast of two colours as computed styles have them. */
export function contrast(a, b) {
  const light = (color) => {
    const [r, g, bl] = color.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * bl;
  };
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}
