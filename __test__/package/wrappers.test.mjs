/** The ESM wrappers of the entry points equal the output of scripts/wrappers.mjs, so no export is missing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { staleWrappers, wrappers } from '../../scripts/wrappers.mjs';

describe('the ESM wrappers', () => {
  it('are those that scripts/wrappers.mjs writes', () => {
    const paths = staleWrappers().map(({ path }) => path);
    assert.deepEqual(paths, [], 'run node scripts/wrappers.mjs');
  });

  it('are two per entry point, and name what it exports', () => {
    const all = wrappers();
    const paths = all.map(({ path }) => path);
    assert.deepEqual(
      paths.filter((path) => path.endsWith('.mjs')).map((path) => path.replace(/\.mjs$/, '.d.mts')),
      paths.filter((path) => path.endsWith('.d.mts')),
    );
    const { text } = all.find(({ path }) => path === 'npm/express.mjs');
    assert.match(text, /^import cjs from '\.\/express\.js';$/m);
    assert.match(text, /^ {2}protectApi,$/m);
  });
});
