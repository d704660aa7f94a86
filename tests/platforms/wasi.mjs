// Runs a WASI program in Node, once for each line of standard input, a JSON array of its arguments. Each run is a
// fresh instance. Prints a JSON array [exit code, standard output, standard error] for each.
//   node wasi.mjs PROGRAM.wasm FOLDER    (the folder is all that the program sees, as /)
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WASI } from 'node:wasi';

const [program, folder] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(program));
const scratch = mkdtempSync(join(tmpdir(), 'wasi-'));
const names = ['in', 'out', 'err'].map((name) => join(scratch, name));

for await (const line of createInterface({ input: process.stdin })) {
  const { args, stdin } = JSON.parse(line);
  const input = stdin ? join(folder, stdin) : '/dev/null';
  const [fdIn, fdOut, fdErr] = [openSync(input, 'r'), openSync(names[1], 'w'), openSync(names[2], 'w')];
  const wasi = new WASI({
    version: 'preview1',
    args: ['onnxslim', ...args],
    preopens: { '/': folder },
    returnOnExit: true,
    stdin: fdIn,
    stdout: fdOut,
    stderr: fdErr,
  });
  let code;
  try {
    code = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
  } catch (error) {
    code = `${error.stack}`; // a trap
  }
  [fdIn, fdOut, fdErr].forEach((fd) => closeSync(fd));
  const [out, err] = names.slice(1).map((name) => readFileSync(name));
  console.log(JSON.stringify([code, out.toString('base64'), err.toString('base64')]));
}
rmSync(scratch, { recursive: true });
