// Starts a program of WASI preview 1 in node: node node.cjs <program> <arguments…>. Written by cargo xtask.
'use strict';
const fs = require('node:fs');
const { WASI } = require('node:wasi');

const args = process.argv.slice(2);
const wasi = new WASI({
  version: 'preview1',
  args,
  env: process.env,
  preopens: { '/': '/', '.': '.' },
  returnOnExit: true,
});
try {
  const module = new WebAssembly.Module(fs.readFileSync(args[0]));
  const imports = { wasi_snapshot_preview1: wasi.wasiImport };
  process.exitCode = wasi.start(new WebAssembly.Instance(module, imports));
} catch (error) {
  // A trap, such as an access outside of the memory or a panic, ends a program like a signal.
  const trap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  const frames = String(error.stack).split('\n').filter((line) => line.includes('wasm://'));
  const words = trap ? `the program crashed: wasm trap: ${error.message}` : `node cannot start it: ${error.message}`;
  process.stderr.write([words, ...frames.slice(0, 8)].join('\n') + '\n');
  process.exitCode = trap ? 134 : 126;
}
