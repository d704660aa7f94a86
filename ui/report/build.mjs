// Bundles src/ into one page: dist/report.html, or the file given as argument. The page holds no data yet: the
// report goes, as JSON, into its <script id="data">.
import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const shared = { bundle: true, minify: true, write: false, target: "es2022", legalComments: "none", absWorkingDir: here };

const code = async (options) => (await build({ ...shared, ...options })).outputFiles[0].text.trimEnd();

/** `import source from "worker:./file.ts"`: the bundled text of a worker. */
const workers = {
  name: "workers",
  setup(on) {
    on.onResolve({ filter: /^worker:/ }, (args) => ({
      path: join(args.resolveDir, args.path.slice("worker:".length)),
      namespace: "worker",
    }));
    on.onLoad({ filter: /.*/, namespace: "worker" }, async (args) => ({
      contents: await code({ entryPoints: [args.path], format: "iife" }),
      loader: "text",
    }));
  },
};

/** What stands in <script> or <style> must not end it. */
const inline = (text) => {
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error("an end tag or a comment in the bundle");
  return text;
};

const page = await readFile(join(here, "src/page.html"), "utf8");
const script = await code({
  entryPoints: ["src/main.tsx"],
  format: "iife",
  jsx: "automatic",
  jsxImportSource: "preact",
  plugins: [workers],
});
const style = await code({ entryPoints: ["src/style/page.css"], loader: { ".css": "css" } });
const out = process.argv[2] ?? join(here, "dist/report.html");
await mkdir(dirname(out), { recursive: true });
const html = page.replace("/*STYLE*/", () => inline(style)).replace("/*SCRIPT*/", () => inline(script));
await writeFile(out, html.endsWith("\n") ? html : html + "\n");
console.log(`${out}: ${Math.round(Buffer.byteLength(html) / 1024)} kB`);
