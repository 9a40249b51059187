// Do members of `Object.prototype` matter? A vulnerable library may let an attacker write there. Then every object
// has a member that nobody set.
//
// Each name that the JavaScript code reads is put there with meaningful values, and every kind of decision is made
// again (decisions.mjs).

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SHIMS = fileURLToPath(new URL('../../npm', import.meta.url));
const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
const PROCESSES = 2;

test('the names that the JavaScript code reads are found', () => {
  const names = namesIn(`
    const { a, b: c = 1, ...d } = options; // .comment
    function f({ e }) { return options.g?.['h-i'] + own(options, 'j'); }
  `);
  for (const name of ['a', 'b', 'e', 'g', 'h-i', 'j']) assert.ok(names.has(name), name);
  assert.equal(names.has('comment'), false);
  const ours = [...namesOfShims()];
  assert.ok(ours.length > 400);
  for (const name of ['scopes', 'authorization', 'exp', 'jwks', 'fetcher', 'toJSON', 'validateCertificateBinding']) {
    assert.ok(ours.includes(name), name);
  }
});

describe('no decision changes', { concurrency: PROCESSES }, () => {
  const names = [
    ...namesOfShims(),
    'number',
    'binding',
    'HTTPS_PROXY',
    'SSL_CERT_FILE',
    'MONOCLOUD_BACKEND_TENANT_DOMAIN',
  ];
  for (let part = 0; part < PROCESSES; part += 1) {
    const mine = names.filter((_, i) => i % PROCESSES === part);
    test(`whichever of the names that the code reads are polluted (${part + 1} of ${PROCESSES})`, async () => {
      const env = { ...process.env, NAMES: JSON.stringify(mine) };
      const { stdout } = await run(process.execPath, [CHILD], { env, maxBuffer: 2 ** 26 });
      const { decisions, changed } = JSON.parse(stdout);
      assert.ok(decisions > 100);
      assert.deepEqual(changed, []);
    });
  }
});

function namesOfShims() {
  const files = readdirSync(SHIMS, { recursive: true }).filter((name) =>
    /^[^/\\]+\.js$|^(?!doctor)[\w-]+[/\\][^/\\]+\.js$/.test(name),
  );
  return new Set(files.flatMap((name) => [...namesIn(readFileSync(`${SHIMS}/${name}`, 'utf8'))]));
}

/** Members, destructured names, and quoted words, which code may look up. */
function namesIn(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
  const parts = [...code.matchAll(/\{([^{}]*)\}\s*(?:=|\))/g)].flatMap(([, list]) => list.split(','));
  return new Set([
    ...[...code.matchAll(/\.([a-zA-Z_$][\w$]*)/g)].map(([, name]) => name),
    ...parts.map((part) => /^\s*([a-zA-Z_$][\w$]*)/.exec(part)?.[1]).filter(Boolean),
    ...[...code.matchAll(/'([\w-]+)'/g)].map(([, name]) => name),
  ]);
}
