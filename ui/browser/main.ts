/** The page: takes models, has them slimmed by a worker, shows what became of them and hands them back. */
import source from "worker:./worker.ts";
import type { Job, Message, Named, Result } from "./worker.ts";

type Change = { before: number; after: number };
type Report = { nodes: Change; bytes: Change; ops: (Change & { domain: string; op_type: string })[] };

/** What the program writes besides the model: numbers for the table here, and a page with all of it. */
const NUMBERS = "report.json";
const PAGE = "report.html";

function find<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as T;
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let i = 0;
  while (Math.abs(bytes) >= 1000 && i < units.length - 1) {
    bytes /= 1000;
    i++;
  }
  return `${i ? bytes.toFixed(1) : bytes} ${units[i]}`;
}

/** The words of a command line; '…' and "…" keep spaces. */
export function words(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

/* --- the program, compiled once --- */

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const program = WebAssembly.compile(decode(find("program").textContent.trim()));
const script = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));

/** A worker for each run: what it took goes with it. */
async function run(args: string[], files: Named[], progress: (line: string) => void): Promise<Result> {
  const module = await program;
  const worker = new Worker(script);
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Message>) => {
        if ("line" in data) progress(data.line);
        else if ("result" in data) resolve(data.result);
        else reject(new Error(data.crash));
      };
      worker.onerror = (event) => reject(new Error(event.message));
      const job: Job = { module, args, files };
      worker.postMessage(job, files.map(({ bytes }) => bytes.buffer));
    });
  } finally {
    worker.terminate();
  }
}

/* --- results --- */

function table({ ops, nodes, bytes }: Report): HTMLTableElement {
  const row = (tag: "th" | "td", ...cells: string[]) =>
    make("tr", {}, ...cells.map((cell, i) => make(i ? tag : "th", {}, cell)));
  const counts = (name: string, { before, after }: Change) =>
    row("td", name, String(before), String(after), (after - before).toLocaleString("en", { signDisplay: "exceptZero" }));
  const sizes = row("td", "size", size(bytes.before), size(bytes.after), size(bytes.after - bytes.before));
  return make(
    "table", {},
    make("thead", {}, row("th", "operator", "before", "after", "change")),
    make("tbody", {}, ...ops.map((op) => counts(op.domain ? `${op.domain}::${op.op_type}` : op.op_type, op))),
    make("tfoot", {}, counts("nodes", nodes), sizes),
  );
}

const address = ({ bytes }: Named, type: string) => URL.createObjectURL(new Blob([bytes], { type }));

const saving = (file: Named) =>
  make(
    "a",
    { href: address(file, "application/octet-stream"), download: file.name, className: "button" },
    `Save ${file.name} (${size(file.bytes.length)})`,
  );

const opening = (file: Named) =>
  make("a", { href: address(file, "text/html"), target: "_blank", className: "button" }, "Open the report");

function show(section: HTMLElement, result: Result): void {
  const made = new Map(result.made.map((file) => [file.name, file]));
  const numbers = made.get(NUMBERS);
  const page = made.get(PAGE);
  made.delete(NUMBERS);
  made.delete(PAGE);
  const messages = result.errors.trim();
  if (messages) section.append(make("pre", { className: result.code ? "error" : "note" }, messages));
  if (result.code && !messages) section.append(make("pre", { className: "error" }, `exit code ${result.code}`));
  if (result.code) return;
  const links = [...[...made.values()].map(saving), ...(page ? [opening(page)] : [])];
  section.append(make("p", { className: "links" }, ...links));
  if (numbers) section.append(table(JSON.parse(new TextDecoder().decode(numbers.bytes)) as Report));
}

/* --- models in --- */

function flags(): string[] {
  const chosen = [...words(find<HTMLInputElement>("flags").value)];
  if (find<HTMLInputElement>("exact").checked) chosen.push("--exact");
  const target = find<HTMLSelectElement>("target").value;
  if (target) chosen.push(`--target=${target}`);
  return chosen;
}

const slimmed = (name: string) => name.replace(/(\.onnx)?$/i, ".slim.onnx");

async function slim(model: globalThis.File, beside: globalThis.File[]): Promise<void> {
  const section = make("section", {}, make("h2", {}, model.name));
  const status = make("p", { className: "status", role: "status" } as object, "reading");
  section.append(status);
  find("results").prepend(section);
  section.ariaBusy = "true";
  try {
    const files = await Promise.all(
      [model, ...beside].map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })),
    );
    const started = performance.now();
    const args = [model.name, slimmed(model.name), "-q", "--json", NUMBERS, "--report", PAGE, ...flags()];
    status.textContent = "slimming";
    const result = await run(args, files, (line) => (status.textContent = line || "slimming"));
    status.textContent = result.code ? "failed" : `done in ${((performance.now() - started) / 1000).toFixed(2)} s`;
    show(section, result);
  } catch (error) {
    status.textContent = "failed";
    section.append(make("pre", { className: "error" }, error instanceof Error ? error.message : String(error)));
  } finally {
    section.ariaBusy = "false";
  }
}

/** Each .onnx file is a model; what else comes with it is its external data. */
async function take(files: globalThis.File[]): Promise<void> {
  const models = files.filter(({ name }) => /\.onnx$/i.test(name));
  const others = files.filter((file) => !models.includes(file));
  if (!models.length && others.length === 1) return slim(others[0]!, []);
  if (!models.length && others.length) find("results").prepend(make("pre", { className: "error" }, "none of these files ends in .onnx"));
  for (const model of models) await slim(model, others);
}

const input = find<HTMLInputElement>("files");
input.onchange = () => {
  const files = [...(input.files ?? [])];
  input.value = ""; // the same file again is a change, too
  void take(files);
};

const zone = find("drop");
addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) zone.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  void take([...(event.dataTransfer?.files ?? [])]);
});

program.then(
  () => (document.documentElement.dataset.ready = "yes"),
  (error) => find("results").prepend(make("pre", { className: "error" }, `This browser cannot run onnxslim: ${error}`)),
);
