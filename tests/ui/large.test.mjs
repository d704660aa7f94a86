// BERT-large as PyTorch exports it: 2860 nodes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { data, launch, open, placeOf } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

test("opens, is laid out, and answers", async (t) => {
  const started = Date.now();
  const { page, check } = await open(browser, "bert_large", { hash: "#graph" });
  t.diagnostic(`open and laid out: ${Date.now() - started} ms`);
  assert.equal((await data(page)).nodes.before, 2860);
  await page.keyboard.press("/");
  await page.keyboard.type("layer.23 softmax");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".details h3")?.textContent === "Softmax");
  await page.click(".details .node >> nth=0");
  await page.waitForFunction(() => document.querySelector(".fate")?.textContent);
  check();
});

test("all groups open at once, and it still draws quickly", async (t) => {
  const { page, check } = await open(browser, "bert_large", { hash: "#graph" });
  const deepest = (await data(page)).history.before.nodes.find((n) => /layer\.23\/.*Softmax/.test(n.name)).id;
  const started = Date.now();
  await page.click('button[title^="Open all"]');
  await page.waitForFunction((id) => window.onnxslimViews.before.placeOf(window.onnxslimViews.before.tree.itemOf.get(id)), deepest);
  t.diagnostic(`all groups: ${Date.now() - started} ms`);
  assert.ok(await placeOf(page, "before", deepest));
  const times = await page.evaluate(() => {
    const view = window.onnxslimViews.before;
    const found = [];
    for (let i = 0; i < 21; i++) {
      const start = performance.now();
      view.paint();
      found.push(performance.now() - start);
    }
    return found.sort((a, b) => a - b);
  });
  t.diagnostic(`a picture: ${times[10].toFixed(1)} ms`);
  assert.ok(times[0] < 50, `${times}`);
  check();
});
