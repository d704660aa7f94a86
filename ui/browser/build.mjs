// Bundles this folder and onnxslim.wasm into one page that needs nothing else: node build.mjs PROGRAM.wasm OUT.html
import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [program, out] = process.argv.slice(2).map((path) => resolve(path));
const shared = { bundle: true, minify: true, write: false, target: "es2022", legalComments: "none", absWorkingDir: here };
const bundle = async (options) => (await build({ ...shared, ...options })).outputFiles[0].text.trimEnd();

const workers = {
  name: "workers",
  setup(on) {
    on.onResolve({ filter: /^worker:/ }, ({ path, resolveDir }) => ({ path: join(resolveDir, path.slice("worker:".length)), namespace: "worker" }));
    on.onLoad({ filter: /.*/, namespace: "worker" }, async ({ path }) => ({
      contents: await bundle({ entryPoints: [path], format: "iife" }),
      loader: "text",
    }));
  },
};

const parts = {
  STYLE: await bundle({ entryPoints: ["style.css"] }),
  PROGRAM: (await readFile(program)).toString("base64"),
  SCRIPT: await bundle({ entryPoints: ["main.ts"], format: "iife", plugins: [workers] }),
};
const page = (await readFile(join(here, "page.html"), "utf8")).replace(/\/\*(STYLE|PROGRAM|SCRIPT)\*\//g, (_, name) => {
  if (/<\/(script|style)|<!--/i.test(parts[name])) throw new Error(`${name} has an end tag or a comment in it`);
  return parts[name];
});
await mkdir(dirname(out), { recursive: true });
await writeFile(out, page);
