// `npm run docs`: writes the generated tables of docs/*.md and the API reference in docs/api/.
// `npm run docs -- --check` writes nothing, and exits with 1 if something is out of date.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { buildApi, contentOf } from './docs/api.mjs';
import { pages } from './docs/pages.mjs';
import { root } from './setup.mjs';

const API = join(root, 'docs', 'api');
const isCheck = process.argv.includes('--check');

const stale = [...pageTables(), ...apiReference()];
for (const path of stale) console.log(`${isCheck ? 'out of date' : 'written'}: ${path}`);
if (stale.length === 0) console.log('The documents are current.');
else if (isCheck) {
  console.log('Run: npm run docs');
  process.exitCode = 1;
}

function pageTables() {
  const changed = pages().filter(({ text, current }) => text !== current);
  if (!isCheck) for (const { path, current } of changed) writeFileSync(path, current);
  return changed.map(({ path }) => relative(root, path));
}

/** Built beside the old one, so that a failed build leaves the old one in place. */
function apiReference() {
  const folder = mkdtempSync(join(tmpdir(), 'monocloud-docs-'));
  try {
    const { isClean, output } = buildApi(folder);
    if (!isClean) {
      console.error(output);
      process.exit(1);
    }
    const [built, kept] = [contentOf(folder), existsSync(API) ? contentOf(API) : new Map()];
    const changed = [...new Set([...built.keys(), ...kept.keys()])].filter(
      (name) => built.get(name) !== kept.get(name),
    );
    if (changed.length > 0 && !isCheck) {
      rmSync(API, { recursive: true, force: true });
      buildApi(API);
    }
    return changed.map((name) => `docs/api/${name}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
