/** Runs the command line in a worker, so that the page stays alive, on files that exist in memory only. */
import { ConsoleStdout, File, type Inode, OpenFile, PreopenDirectory, WASI } from "@bjorn3/browser_wasi_shim";

export type Named = { name: string; bytes: Uint8Array<ArrayBuffer> };
export type Job = { module: WebAssembly.Module; args: string[]; files: Named[] };
/** `made`: the files that were not there before. */
export type Result = { code: number; output: string; errors: string; made: Named[] };
export type Message = { line: string } | { result: Result } | { crash: string };

const post = (message: Message, transfer: Transferable[] = []) => self.postMessage(message, { transfer });

/** What is written to a stream; the last line so far is what a terminal would show. */
function stream(show?: (line: string) => void) {
  const decoder = new TextDecoder();
  let text = "";
  const device = new ConsoleStdout((bytes) => {
    text += decoder.decode(bytes, { stream: true });
    show?.(text.slice(text.lastIndexOf("\r") + 1).replaceAll("\x1b[K", "").trim());
  });
  // A line that was drawn over is gone.
  return { device, text: () => text.replaceAll("\x1b[K", "").replace(/^.*\r/gm, "") };
}

async function run({ module, args, files }: Job): Promise<Result> {
  const contents = new Map<string, Inode>(files.map(({ name, bytes }) => [name, new File(bytes.buffer, { readonly: true })]));
  const output = stream();
  const errors = stream((line) => post({ line }));
  const folder = new PreopenDirectory("/", contents);
  const wasi = new WASI(["onnxslim", ...args], ["TERM=dumb", "COLUMNS=100"], [
    new OpenFile(new File([])),
    output.device,
    errors.device,
    folder,
  ]);
  const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
  const code = wasi.start(instance as Parameters<WASI["start"]>[0]);
  const given = new Set(files.map(({ name }) => name));
  const made: Named[] = [];
  for (const [name, inode] of folder.dir.contents) {
    if (!given.has(name) && inode instanceof File) made.push({ name, bytes: inode.data as Uint8Array<ArrayBuffer> });
  }
  return { code, output: output.text(), errors: errors.text(), made };
}

self.onmessage = async ({ data }: MessageEvent<Job>) => {
  try {
    const result = await run(data);
    post({ result }, result.made.map(({ bytes }) => bytes.buffer));
  } catch (error) {
    post({ crash: error instanceof Error ? error.message : String(error) });
  }
};
