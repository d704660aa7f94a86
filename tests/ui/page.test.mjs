// The page as a whole: opens, is quiet, light and dark, on paper, with odd models.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { contrast, data, laidOut, launch, open } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

for (const name of ["small", "hostile", "empty", "bodies", "flat"])
  test(`${name} opens without a complaint and without the network`, async () => {
    const { page, check } = await open(browser, name);
    const report = await data(page);
    assert.match(await page.textContent("h1"), new RegExp(`^${name}\\.onnx`));
    const figures = await page.textContent(".figures");
    for (const n of [report.nodes.before, report.nodes.after]) assert.ok(figures.includes(n.toLocaleString("en-US")), figures);
    await page.click("nav >> text=Graph");
    await laidOut(page);
    const panes = await page.locator(".pane h2").allTextContents();
    assert.deepEqual(panes.map((t) => t.replace(/,/g, "")), [`Before ${report.nodes.before} nodes`, `After ${report.nodes.after} nodes`]);
    check();
  });

test("the tables hold what the report says", async () => {
  const { page, check } = await open(browser, "small");
  const report = await data(page);
  const fired = report.passes.filter((p) => p.fired);
  const rows = await page.locator("table.passes tbody tr").allTextContents();
  assert.equal(rows.length, fired.length);
  fired.forEach((p, i) => assert.ok(rows[i].includes(p.name) && rows[i].includes(String(p.fired)), rows[i]));
  const ops = await page.locator("table.operators tbody tr th").allTextContents();
  assert.deepEqual([...ops].sort(), report.ops.map((o) => o.op_type).sort());
  assert.match(await page.textContent(".figures"), /keep every bit/);
  check();
});

test("the treemap shows the constants, and enters a scope", async () => {
  const { page, check } = await open(browser, "small");
  assert.ok((await page.locator(".tile.leaf").count()) > 2);
  await page.click(".tile.scope .label >> nth=0");
  assert.equal(await page.locator(".trail button").count(), 2);
  await page.click(".trail button >> nth=0");
  assert.equal(await page.locator(".trail button").count(), 1);
  check();
});

const shade = (page, name) =>
  page.evaluate((name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    probe.remove();
    return found;
  }, name);

for (const colorScheme of ["light", "dark"])
  test(`${colorScheme}, as the system says or as is chosen, and readable`, async () => {
    const { page, check } = await open(browser, "small", { colorScheme, hash: "#graph" });
    const dark = async () => contrast(await shade(page, "page"), [255, 255, 255]) > 10;
    assert.equal(await dark(), colorScheme === "dark");
    const other = colorScheme === "dark" ? "Light" : "Dark";
    await page.click(`.themes >> text=${other}`);
    assert.equal(await dark(), colorScheme === "light");
    await page.click(".themes >> text=Auto");
    assert.equal(await dark(), colorScheme === "dark");
    for (const ground of ["page", "surface", "canvas"])
      for (const ink of ["text", "muted", "accent", "less", "more", "good", "bad"]) {
        const found = contrast(await shade(page, ink), await shade(page, ground));
        assert.ok(found >= 4.5, `${ink} on ${ground}: ${found}`);
      }
    for (const fate of ["kept", "changed", "fused", "gone", "new"]) {
      const found = contrast(await shade(page, "text"), await shade(page, `${fate}-fill`));
      assert.ok(found >= 4.5, `text on ${fate}: ${found}`);
      assert.ok(contrast(await shade(page, `${fate}-stroke`), await shade(page, "canvas")) >= 2.4, fate);
    }
    check();
  });

test("prints the overview, light, without what only a screen can do", async () => {
  const { page, check } = await open(browser, "small", { colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  assert.ok(contrast(await shade(page, "page"), [0, 0, 0]) > 15);
  for (const gone of [".top", ".segmented"]) assert.equal(await page.locator(gone).first().isVisible(), false, gone);
  assert.equal(await page.locator(".treemap").isVisible(), true);
  await page.emulateMedia({ media: null });
  const pdf = await page.pdf({ format: "A4" });
  assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
  assert.ok(pdf.length > 10_000);
  check();
});

test("prints the graph that is open", async () => {
  const { page, check } = await open(browser, "small", { hash: "#graph" });
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("canvas.graph").first().isVisible(), true);
  assert.equal(await page.locator(".toolbar").isVisible(), false);
  check();
});

test("names that look like markup stay names", async () => {
  const { page, check } = await open(browser, "hostile", { hash: "#graph" });
  const report = await data(page);
  assert.equal(await page.locator("script").count(), 2);
  for (const node of report.history.after.nodes) {
    await page.keyboard.press("/");
    await page.fill(".search input", node.name.slice(0, 24));
    await page.keyboard.press("Enter");
    await page.waitForSelector(".details h3");
    assert.equal(await page.textContent(".details .full"), node.name);
  }
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  check();
});

test("a report without graphs has no page for them", async () => {
  const { page, check } = await open(browser, "plain");
  assert.equal(await page.locator("nav >> text=Graph").count(), 0);
  assert.equal(await page.locator("table.operators").isVisible(), true);
  await page.keyboard.press("/");
  check();
});

test("the template alone says what it is", async () => {
  const { page, check } = await open(browser, "template");
  assert.match(await page.textContent("#app"), /--report/);
  check();
});

test("fits a narrow window", async () => {
  const { page, check } = await open(browser, "small", { viewport: { width: 420, height: 800 } });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await page.click("nav >> text=Graph");
  await laidOut(page);
  assert.equal(await page.locator(".pane").count(), 1);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  check();
});
