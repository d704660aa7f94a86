// Runs a WASI program in Node, once for each line of standard input, a JSON array of its arguments. Each run is a
// fresh instance. Prints a JSON array [exit code, standard output, standard error] for each.
//   node wasi.mjs PROGRAM.wasm FOLDER    (the folder is all that the program sees, as /)
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WASI } from 'node:wasi';

const [program, folder] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(program));
const scratch = mkdtempSync(join(tmpdir(), 'wasi-'));
// Node closes the descriptors of a WASI object when it collects it: they must not be others' by then.
const kept = [];

for await (const line of createInterface({ input: process.stdin })) {
  const { args, stdin } = JSON.parse(line);
  const streams = ['out', 'err'].map((name) => join(scratch, `${kept.length}.${name}`));
  const wasi = new WASI({
    version: 'preview1',
    args: ['onnxslim', ...args],
    preopens: { '/': folder },
    returnOnExit: true,
    stdin: openSync(stdin ? join(folder, stdin) : '/dev/null', 'r'),
    stdout: openSync(streams[0], 'w'),
    stderr: openSync(streams[1], 'w'),
  });
  kept.push(wasi);
  let code;
  try {
    code = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
  } catch (error) {
    code = `${error.stack}`; // a trap
  }
  console.log(JSON.stringify([code, ...streams.map((name) => readFileSync(name).toString('base64'))]));
}
rmSync(scratch, { recursive: true });
