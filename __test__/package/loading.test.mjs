// Which files does each entry point load? An application pays for what it uses, and for nothing else.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What each framework needs besides the index. */
const SHARED = [
  'protect/authorize',
  'protect/challenge',
  'protect/credentials',
  'protect/headers',
  'protect/preflight',
  'protect/origin',
  'protect/renewal',
  'protect/requirements',
  'protect/resolver',
  'protect/response',
  'protect/admit',
  'protect/api-options',
  'protect/route',
  'protect/route-responses',
];
const FRAMEWORKS = ['express', 'fastify', 'koa', 'nestjs', 'node', 'web', 'ws'];
/** What a framework has for itself. `./ws` stands on `./node`. */
const OWN = {
  express: ['protect/middleware'],
  nestjs: ['protect/nest'],
  ws: ['node', 'ws/connection', 'ws/refusal', 'ws/socket-io', 'ws/upgrade'],
};

/** The files of `npm/` that a process has loaded after `script`. */
function loadedBy(script) {
  const print = 'console.log(JSON.stringify(Object.keys(require.cache)));';
  const text = execFileSync(process.execPath, ['-e', `${script};${print}`], { cwd: ROOT, encoding: 'utf8' });
  return JSON.parse(text)
    .map((file) => relative(join(ROOT, 'npm'), file).replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.replace(/\.js$/, ''))
    .sort();
}

const requiring = (subpath) => `require('@monocloud/backend-node${subpath}')`;
const index = loadedBy(requiring(''));

describe('importing', () => {
  test('the index loads nothing that protects a framework', () => {
    const ofFrameworks = index.filter((file) => FRAMEWORKS.includes(file) || /^(?:protect|ws)\//.test(file));
    assert.deepEqual(ofFrameworks, []);
  });

  test('nothing loads the explanations, which the first call of explain() does', () => {
    const uses = [...FRAMEWORKS.map((name) => `/${name}`), '', '/mcp'].map(requiring).join(';');
    const explanations = (script) => loadedBy(script).filter((file) => file.startsWith('explain/'));
    assert.deepEqual(explanations(uses), []);
    const options = "{ tenantDomain: 'https://issuer.test', audience: 'a' }";
    const call = `new (${requiring('')}.MonoCloudBackendNodeClient)(${options}).explain('').then(() => {`;
    const text = execFileSync(
      process.execPath,
      ['-e', `${call}console.log(Object.keys(require.cache).filter((f) => /npm.explain/.test(f)).length)})`],
      { cwd: ROOT, encoding: 'utf8' },
    );
    assert.ok(Number(text) > 3);
  });

  for (const name of FRAMEWORKS) {
    test(`./${name} loads its own files and what every framework shares, and nothing else`, () => {
      const more = loadedBy(requiring(`/${name}`)).filter((file) => !index.includes(file));
      assert.deepEqual(more, [name, ...(OWN[name] ?? []), ...SHARED].sort());
    });
  }
});
