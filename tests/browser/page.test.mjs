// The page that slims a model in the browser, in Debian's Chromium. From the Python test: ONNXSLIM_PAGE, the page;
// ONNXSLIM_MODELS, a folder with models, with what the native command line made of them in made/.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(new URL("../../ui/browser/package.json", import.meta.url))("playwright-core");
const { ONNXSLIM_PAGE: PAGE, ONNXSLIM_MODELS: MODELS, ONNXSLIM_SHOTS: SHOTS } = process.env;
const FLAGS =
  "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const PATIENCE = 120_000; // a machine may be busy

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS.split(" "), timeout: PATIENCE });
});
after(() => browser?.close());

/** Opens the page; `check()` says what it complained of or asked the network for. */
async function open(options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 900, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const complaints = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(String(e)));
  page.on("request", (r) => /^(blob:|data:)/.test(r.url()) || r.isNavigationRequest() || complaints.push(`request: ${r.url()}`));
  await page.goto(pathToFileURL(PAGE).href);
  await page.waitForSelector("html[data-ready]");
  return { page, check: () => assert.deepEqual(complaints, []) };
}

const model = (name) => join(MODELS, name);
const done = (page, n = 1) =>
  page.waitForFunction((n) => document.querySelectorAll("section[aria-busy=false]").length === n, n);

async function saved(page, name) {
  const waiting = page.waitForEvent("download");
  await page.click(`a[download="${name}"]`);
  return readFileSync(await (await waiting).path());
}

async function same(page, name) {
  assert.deepEqual(await saved(page, name), readFileSync(join(MODELS, "made", name)));
}

test("a chosen model is slimmed, to the same bytes as natively", async () => {
  const { page, check } = await open();
  await page.setInputFiles("#files", model("whole.onnx"));
  await done(page);
  assert.match(await page.textContent(".status"), /^done in /);
  await same(page, "whole.slim.onnx");
  assert.deepEqual(await page.$$eval("tr", (rows) => rows.map((row) => row.innerText.split("\t"))), [
    ["operator", "before", "after", "change"],
    ["MatMul", "3", "1", "-2"],
    ["Transpose", "3", "0", "-3"],
    ["nodes", "6", "1", "-5"],
    ["size", "1.2 MB", "409.7 kB", "-819.4 kB"],
  ]);
  if (SHOTS) await page.screenshot({ path: join(SHOTS, "done.png"), fullPage: true });
  check();
});

test("the report opens, and it may send nothing either", async () => {
  const { page, check } = await open();
  await page.setInputFiles("#files", model("whole.onnx"));
  await done(page);
  const opened = page.context().waitForEvent("page");
  await page.click("text=Open the report");
  const report = await opened;
  const complaints = [];
  report.on("pageerror", (e) => complaints.push(String(e)));
  await report.waitForSelector("main");
  assert.match(await report.textContent("main"), /whole\.onnx|MatMul/);
  await report.evaluate(() => fetch("https://example.org/")).then(() => complaints.push("sent"), () => {});
  assert.deepEqual(complaints, []);
  if (SHOTS) await report.screenshot({ path: join(SHOTS, "report.png") });
  check();
});

test("a model with external data", async () => {
  const { page, check } = await open();
  await page.setInputFiles("#files", [model("split.onnx"), model("split.data")]);
  await done(page);
  await same(page, "split.slim.onnx");
  check();
});

test("a dropped model; options", async () => {
  const { page, check } = await open();
  await page.check("#exact");
  await page.fill("#flags", "--freeze 'N=4'  --external-data=w.data");
  const bytes = readFileSync(model("flags.onnx")).toString("base64");
  const files = await page.evaluateHandle((base64) => {
    const transfer = new DataTransfer();
    const raw = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    transfer.items.add(new File([raw], "flags.onnx"));
    return transfer;
  }, bytes);
  await page.dispatchEvent("#drop", "dragover", { dataTransfer: files });
  assert.ok(await page.$("#drop.over"));
  await page.dispatchEvent("#drop", "drop", { dataTransfer: files });
  await done(page);
  await same(page, "flags.slim.onnx");
  await same(page, "w.data");
  check();
});

test("what is no model, and data that is missing, are errors with a message", async () => {
  const { page, check } = await open();
  await page.setInputFiles("#files", model("bad.onnx"));
  await done(page);
  assert.match(await page.textContent(".error"), /bad\.onnx/);
  assert.equal(await page.$("a[download]"), null);
  await page.setInputFiles("#files", model("split.onnx"));
  await done(page, 2);
  assert.match(await page.textContent("section:first-child .error"), /split\.data/);
  check();
});

test("the page may send nothing", async () => {
  const { page } = await open();
  const refused = await page.evaluate(async () => {
    const seen = [];
    addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
    const quiet = () => {};
    await fetch("https://example.org/", { method: "POST", body: "x", mode: "no-cors" }).catch(quiet);
    navigator.sendBeacon("https://example.org/", "x");
    new Image().src = "https://example.org/x";
    await new Promise((resolve) => setTimeout(resolve, 500));
    return seen;
  });
  assert.deepEqual(refused.sort(), ["connect-src", "connect-src", "img-src"]);
});

test("dark, and on a narrow screen", async () => {
  const { page, check } = await open({ colorScheme: "dark", viewport: { width: 360, height: 740 } });
  await page.setInputFiles("#files", model("whole.onnx"));
  await done(page);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${over} px too wide`);
  if (SHOTS) await page.screenshot({ path: join(SHOTS, "dark.png"), fullPage: true });
  check();
});
