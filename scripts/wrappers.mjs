// `node scripts/wrappers.mjs`: writes the ESM wrapper of every entry point of the package, and its type declarations.
// `-- --check` writes nothing and exits with 1 if one of them is not current.
//
// The entry points are CommonJS. An ESM wrapper names each export, so that `import { name }` works in every runtime
// and bundler, and both module systems share one copy of the code. `exports` in package.json lists the entry points.
// The add-on must be built, because the names are those that each entry point really exports.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path/posix';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main();

function main() {
  const stale = staleWrappers();
  if (process.argv.includes('--check')) {
    for (const { path } of stale) console.error(`${path} is not current: run node scripts/wrappers.mjs`);
    process.exitCode = stale.length > 0 ? 1 : 0;
    return;
  }
  for (const { path, text } of stale) {
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
  if (stale.length === 0) console.log('Every wrapper is current.');
}

/** The wrappers whose file differs from what this script would write, or is missing. */
export function staleWrappers() {
  return wrappers().filter(({ path, text }) => textOf(path) !== text);
}

/** Every wrapper as `{ path, text }`, its path relative to the repository. */
export function wrappers() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.values(exports).flatMap((entry) =>
    typeof entry === 'object' ? [codeWrapper(entry), typesWrapper(entry)] : [],
  );
}

function codeWrapper(entry) {
  const path = entry.import.default;
  const names = Object.keys(require(join(root, entry.require.default))).sort();
  const text = [
    `import cjs from '${target(path, entry.require.default)}';`,
    '',
    'export const {',
    ...names.filter((name) => name !== 'default').map((name) => `  ${name},`),
    '} = cjs;',
    ...(names.includes('default') ? ['export default cjs;'] : []),
    '',
  ];
  return { path: withoutDot(path), text: text.join('\n') };
}

function typesWrapper(entry) {
  const path = entry.import.types;
  // TypeScript finds `a.d.ts` by the name of the JavaScript file that it describes.
  const types = entry.require.types.replace(/\.d\.ts$/, '.js');
  const from = target(path, types);
  const all = require(join(root, entry.require.default));
  return {
    path: withoutDot(path),
    text: Object.hasOwn(all, 'default') ? namedTypes(from, all) : `export * from '${from}';\n`,
  };
}

/** The types of an entry point that is a function itself (`export =`), with its other exports as members. */
function namedTypes(from, all) {
  const names = Object.keys(all).filter((name) => name !== 'default');
  const lines = names.map((name) => `export declare const ${name}: typeof cjs.${name};`);
  return [`import cjs from '${from}';`, '', 'export default cjs;', ...lines, ''].join('\n');
}

function target(from, to) {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

function withoutDot(path) {
  return path.replace(/^\.\//, '');
}

function textOf(path) {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}
