// The graph: searching, picking, passes, groups, keys.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { clickNode, colorAt, data, emphasized, laidOut, launch, open, placeOf } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const graph = () => open(browser, "small", { hash: "#graph" });
const title = (page) => page.textContent(".details h3");

test("search finds a node, opens what is around it, and shows it in both graphs", async () => {
  const { page, check } = await open(browser, "deep", { hash: "#graph" });
  const report = await data(page);
  const wanted = report.history.after.nodes.find((n) => n.name === "/block.12/deep/act/Relu");
  assert.equal(await placeOf(page, "after", wanted.id), null);
  await page.keyboard.press("/");
  await page.keyboard.type("block.12 relu");
  assert.match(await page.textContent(".hits .note"), /^1 match/);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".details h3")?.textContent === "Relu");
  assert.equal(await page.textContent(".details .full"), wanted.name);
  for (const side of ["before", "after"]) {
    await page.waitForFunction(([side, id]) => window.onnxslimViews[side].placeOf(window.onnxslimViews[side].tree.itemOf.get(id)), [side, wanted.id]);
    const place = await placeOf(page, side, wanted.id);
    const area = await page.locator(`section[aria-label="${side === "before" ? "Before" : "After"}"] canvas.graph`).boundingBox();
    assert.ok(place.x > area.x && place.x + place.width < area.x + area.width, side);
    assert.ok(place.y > area.y && place.y + place.height < area.y + area.height, side);
  }
  check();
});

test("search walks by arrow keys, says when there is nothing, and closes", async () => {
  const { page, check } = await graph();
  await page.keyboard.press("/");
  await page.keyboard.type("relu");
  await page.keyboard.press("ArrowDown");
  const second = await page.locator('#hits [aria-selected="true"]').getAttribute("title");
  assert.equal(await page.locator("#hits li").nth(1).getAttribute("title"), second);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".details .full");
  assert.equal(await page.textContent(".details .full"), second);
  await page.fill(".search input", "no such thing");
  assert.match(await page.textContent(".hits .note"), /^0 matches/);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".hits").count(), 0);
  check();
});

test("a pass chosen in the overview shows its rewrites in both graphs", async () => {
  const { page, check } = await open(browser, "small");
  const report = await data(page);
  const pass = "fuse_conv_batchnorm";
  await page.click(`table.passes >> text=${pass}`);
  await laidOut(page);
  const steps = report.history.rewrites.filter((s) => s.pass === pass);
  const original = new Set(report.history.before.nodes.map((n) => n.id));
  const removed = steps.flatMap((s) => s.removed).filter((id) => original.has(id));
  assert.ok(removed.length >= 2);
  const shown = await emphasized(page, "before");
  for (const id of removed) assert.ok(shown.includes(id));
  assert.deepEqual(await emphasized(page, "after"), steps.flatMap((s) => s.made).sort((a, b) => a - b));
  assert.equal(await page.locator(".steplist .step").count(), steps.length);
  // Drawn in full, and not as it was.
  const place = await placeOf(page, "before", removed[0]);
  const at = [place.x + 8, place.y + place.height / 2];
  const marked = await colorAt(page, "before", ...at);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => window.onnxslimViews.before.emphasized.size === 0);
  const plain = await colorAt(page, "before", ...at);
  assert.ok(Math.max(...marked.map((v, i) => Math.abs(v - plain[i]))) > 60, `${marked} ${plain}`);
  check();
});

test("a rewrite says what it removed and made; next and previous walk", async () => {
  const { page, check } = await graph();
  const report = await data(page);
  const at = report.history.rewrites.findIndex((s) => s.pass === "fuse_conv_batchnorm");
  await page.click(".details .legend >> text=fuse_conv_batchnorm");
  await page.click(".steplist .step >> nth=0");
  assert.match(await title(page), new RegExp(`^Rewrite ${at + 1} of ${report.history.rewrites.length}$`));
  const step = report.history.rewrites[at];
  const text = await page.textContent(".details .body");
  assert.ok(text.includes(`Removed (${step.removed.length})`) && text.includes(`Made (${step.made.length})`), text);
  assert.ok(text.includes("rounds"));
  assert.deepEqual(await emphasized(page, "after"), step.made);
  await page.click(at ? ".steps >> text=Previous" : ".steps >> text=Next");
  await page.waitForFunction((old) => document.querySelector(".details h3")?.textContent !== old, `Rewrite ${at + 1} of ${report.history.rewrites.length}`);
  assert.match(await title(page), new RegExp(`^Rewrite ${at ? at : 2} of`));
  check();
});

test("a click on a node says what became of it, and links to it", async () => {
  const { page, check } = await graph();
  const report = await data(page);
  const norm = report.history.before.nodes.find((n) => n.op === "BatchNormalization");
  const step = report.history.rewrites.find((s) => s.removed?.includes(norm.id));
  await clickNode(page, "before", norm.id);
  assert.equal(await title(page), "BatchNormalization");
  const text = await page.textContent(".details .body");
  assert.ok(text.includes("replaced by other nodes") && text.includes("Became") && text.includes(step.rule), text);
  assert.deepEqual(await emphasized(page, "after"), step.made);
  await page.click('.details .part:has(h4:text("Became")) .node');
  assert.equal(await title(page), "Conv");
  assert.ok((await page.textContent(".details .body")).includes("Stands for"));
  assert.ok((await emphasized(page, "before")).includes(norm.id));
  check();
});

test("a click on a constant beside a node picks the constant; beside everything, nothing", async () => {
  const { page, check } = await graph();
  const report = await data(page);
  const constant = report.history.before.nodes.find((n) => n.op === "Constant");
  const place = await placeOf(page, "before", constant.id);
  await page.mouse.click(place.x + 4, place.y + place.height / 2);
  assert.equal(await title(page), "Constant");
  assert.equal(await page.textContent(".details .full"), constant.name);
  const area = await page.locator("canvas.graph").first().boundingBox();
  await page.mouse.click(area.x + 4, area.y + area.height - 4);
  assert.equal(await page.locator(".details h3").count(), 0);
  check();
});

test("an operator of the overview and a fate of the legend stand out", async () => {
  const { page, check } = await open(browser, "small");
  const report = await data(page);
  await page.click("table.operators >> text=Relu");
  await laidOut(page);
  const of = (side) => report.history[side].nodes.filter((n) => n.op === "Relu").map((n) => n.id).sort((a, b) => a - b);
  for (const side of ["before", "after"]) assert.deepEqual(await emphasized(page, side), of(side));
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => window.onnxslimViews.after.emphasized.size === 0);
  await page.click(".legend >> text=made by onnxslim");
  const before = new Set(report.history.before.nodes.map((n) => n.id));
  const fresh = report.history.after.nodes.map((n) => n.id).filter((id) => !before.has(id));
  assert.deepEqual(await emphasized(page, "after"), fresh.sort((a, b) => a - b));
  check();
});

test("groups open and close, by double click and all at once", async () => {
  const { page, check } = await open(browser, "deep", { hash: "#graph" });
  const deep = (await data(page)).history.after.nodes.find((n) => n.name === "/block.12/deep/act/Relu").id;
  assert.equal(await placeOf(page, "after", deep), null);
  await page.click('button[title^="Open all"]');
  await page.waitForFunction((id) => window.onnxslimViews.after.placeOf(window.onnxslimViews.after.tree.itemOf.get(id)), deep);
  await page.click('button[title^="Close the groups"]');
  await page.waitForFunction((id) => !window.onnxslimViews.after.placeOf(window.onnxslimViews.after.tree.itemOf.get(id)), deep);
  await page.click('button[title^="Fit"]');
  const group = () =>
    page.evaluate((id) => {
      const view = window.onnxslimViews.after;
      let at = view.tree.itemOf.get(id);
      while (!view.placeOf(at)) at = at.parent;
      const place = view.placeOf(at);
      const area = view.canvas.getBoundingClientRect();
      return { title: at.title, x: place.x + area.x, y: place.y + area.y, width: place.width, height: place.height };
    }, deep);
  const closed = await group();
  await page.mouse.dblclick(closed.x + closed.width / 2, closed.y + closed.height / 2);
  await page.waitForFunction(
    ([id, title]) => {
      const view = window.onnxslimViews.after;
      let at = view.tree.itemOf.get(id);
      while (!view.placeOf(at)) at = at.parent;
      return at.title !== title;
    },
    [deep, closed.title],
  );
  check();
});

test("keys: tab reaches the graphs, arrows walk, Enter opens, Escape clears", async () => {
  const { page, check } = await graph();
  await page.focus(".search input");
  const reached = [];
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent));
    if (reached[reached.length - 1].startsWith("The graph after")) break;
  }
  assert.ok(reached.findIndex((t) => t.startsWith("The graph before")) >= 0, reached.join());
  assert.ok(await page.evaluate(() => document.activeElement.matches(":focus-visible")));
  await page.keyboard.press("Enter");
  const first = await page.textContent(".details .full");
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction((first) => document.querySelector(".details .full")?.textContent !== first, first);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".details h3").count(), 0);
  const scale = () => page.evaluate(() => window.onnxslimViews.after.overview()).then((o) => o.right - o.left);
  const before = await scale();
  await page.keyboard.press("+");
  assert.ok((await scale()) < before);
  await page.keyboard.press("0");
  const { root, left, right } = await page.evaluate(() => {
    const o = window.onnxslimViews.after.overview();
    return { root: o.root.w, left: o.left, right: o.right };
  });
  assert.ok(left <= 0 && right >= root);
  check();
});

test("bodies are groups inside of the nodes that hold them", async () => {
  const { page, check } = await open(browser, "bodies", { hash: "#graph" });
  const report = await data(page);
  const inside = report.history.before.nodes.find((n) => n.graph);
  const path = await page.evaluate((id) => {
    const found = [];
    for (let at = window.onnxslimViews.before.tree.itemOf.get(id); at; at = at.parent) found.push(at.title);
    return found;
  }, inside.id);
  assert.ok(path.includes("If"), path.join());
  check();
});

test("a long flat graph is cut into pieces", async () => {
  const { page, check } = await open(browser, "flat", { hash: "#graph" });
  const { children, nodes } = await page.evaluate(() => {
    const { root } = window.onnxslimViews.before.tree;
    return { children: root.children.length, nodes: root.size };
  });
  assert.equal(nodes, 600);
  assert.ok(children < 60);
  check();
});
