// index.cjs and index.d.cts are index.js and index.d.ts for `require`.
import { readFileSync, writeFileSync } from 'node:fs';

export const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

export const commonJs = () =>
  `'use strict';\n${read('index.js').replace('export function connect', 'function connect')}\nmodule.exports = { connect };\n`;

export const outputs = () => ({ 'index.cjs': commonJs(), 'index.d.cts': read('index.d.ts') });

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const [name, text] of Object.entries(outputs())) writeFileSync(new URL(name, import.meta.url), text);
}
