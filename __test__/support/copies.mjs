// How does a test load the package a second time: another copy on disk, or the same files in another realm?

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

/** A copy of the package in its own folder, as in a monorepo. `load` requires its files. */
export function copyOnDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'monocloud-copy-'));
  for (const name of ['package.json', 'npm']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  return {
    load: (name) => require(join(folder, 'npm', name)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The same files, evaluated again in this realm, as after `jest.resetModules()`. */
export function freshCopy() {
  return loader((source, filename) => vm.compileFunction(source, PARAMETERS, { filename }));
}

/** The same files in a realm with its own `Promise`, `Error`, `Object` …, as Jest evaluates every test file. */
export function inRealm(globals = {}) {
  const context = vm.createContext({ ...HOST, ...globals });
  return loader((source, filename) => vm.compileFunction(source, PARAMETERS, { filename, parsingContext: context }));
}

const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname'];
/** Globals that Node, and Jest too, add to a realm. */
const HOST = Object.fromEntries(
  [
    'AbortController',
    'Buffer',
    'Response',
    'TextDecoder',
    'URL',
    'URLSearchParams',
    'clearTimeout',
    'performance',
    'process',
    'queueMicrotask',
    'setTimeout',
    'structuredClone',
  ].map((name) => [name, globalThis[name]]),
);

/** A `require` for the files of `npm/` that uses `compile`. Node's own modules, JSON and the add-on are shared. */
function loader(compile) {
  const loaded = new Map();
  const load = (path) => {
    if (!loaded.has(path)) {
      const module = { exports: {} };
      loaded.set(path, module);
      const outer = createRequire(path);
      const inner = (name) => (name.startsWith('.') && name.endsWith('.js') ? load(outer.resolve(name)) : outer(name));
      compile(readFileSync(path, 'utf8'), path)(module.exports, inner, module, path, dirname(path));
    }
    return loaded.get(path).exports;
  };
  return (name) => load(join(ROOT, 'npm', name));
}
